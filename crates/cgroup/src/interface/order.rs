//! The order in which the kernel takes values that it checks against each other.

use super::set::{Pending, Piece};
use super::{Amount, Unit};
use crate::Operation;

/// Puts the writes into an order in which each is valid, given what the files have now.
pub(super) fn in_order(mut pending: Vec<Pending>) -> Vec<Operation> {
    // One exchange may undo another.
    for (first, second) in PAIRS.iter().cycle().take(3 * PAIRS.len()) {
        let find = |file: &str| pending.iter().position(|one| one.file == *file);
        if let (Some(a), Some(b)) = (find(first), find(second)) {
            let wanted = if is_first(&pending[a], &pending[b]) { (a, b) } else { (b, a) };
            if wanted.0 > wanted.1 {
                pending.swap(a, b);
            }
        }
    }
    // An idle group takes no weight.
    let idle = |one: &Pending| one.file == "cpu.idle";
    let rank = |one: &Pending| match one.value {
        Piece::Whole(ref value) if idle(one) => {
            if value == "0" {
                0
            } else {
                2
            }
        }
        _ => 1,
    };
    pending.sort_by_key(rank);
    let write = |one: Pending| match one.value {
        Piece::Whole(value) | Piece::Word(_, value) | Piece::Pair(_, value) => {
            Operation::write(&one.place, &one.file, &value).with_way_back()
        }
    };
    pending.into_iter().map(write).collect()
}

/// Files whose values depend on each other.
const PAIRS: &[(&str, &str)] = &[
    // The first is never above the second.
    ("memory.limit_in_bytes", "memory.memsw.limit_in_bytes"),
    ("cpu.cfs_burst_us", "cpu.cfs_quota_us"),
    ("cpu.max.burst", "cpu.max"),
    // The ratio is never above that of the group above, so it has to sink or to stay first.
    ("cpu.cfs_quota_us", "cpu.cfs_period_us"),
    ("cpu.rt_runtime_us", "cpu.rt_period_us"),
];

/// Tells whether the write `a` is the first of two.
fn is_first(a: &Pending, b: &Pending) -> bool {
    let bound = match b.file.as_str() {
        // Lower time goes first, a longer period before more time.
        "cpu.cfs_period_us" | "cpu.rt_period_us" => current(a),
        // What is valid against the bound that holds goes first.
        _ => current(b),
    };
    new(a) <= bound
}

fn new(one: &Pending) -> u64 {
    match &one.value {
        Piece::Whole(value) | Piece::Word(_, value) | Piece::Pair(_, value) => number(value),
    }
}

fn current(one: &Pending) -> u64 {
    one.place.read_raw(&one.file).map_or(u64::MAX, |text| number(&text))
}

/// Reads the first word; no limit is the largest number.
fn number(text: &str) -> u64 {
    let word = text.split_whitespace().next().unwrap_or_default();
    match Unit::BytesV1.read(word) {
        Some(Amount::Number(number)) => number,
        _ => u64::MAX,
    }
}
