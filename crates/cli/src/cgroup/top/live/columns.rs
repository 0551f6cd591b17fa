//! The columns of the view, and which of them fit.

use palisade_cgroup::Limit;

use crate::arguments::cgroup::SortKey;
use crate::cgroup::top::once::{bytes, count, limit, per_second, percent};
use crate::cgroup::top::sampler::Row;

/// A column beside the name.
pub(super) struct Column {
    pub(super) title: &'static str,
    pub(super) width: u16,
    /// Those with small numbers stay longest where it gets narrow.
    rank: u8,
    /// What sorts by it.
    pub(super) key: Option<SortKey>,
    pub(super) cell: fn(&Row) -> String,
    pub(super) heat: fn(&Row) -> Heat,
}

/// How much a cell has to be noticed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Heat {
    Plain,
    Warm,
    Hot,
}

/// The name needs so much.
const NAME: u16 = 13;

const fn column(
    title: &'static str,
    width: u16,
    rank: u8,
    key: Option<SortKey>,
    cell: fn(&Row) -> String,
    heat: fn(&Row) -> Heat,
) -> Column {
    Column { title, width, rank, key, cell, heat }
}

const COLUMNS: [Column; 14] = [
    column("CPU%", 6, 0, Some(SortKey::Cpu), |row| percent(row.rates.cpu), plain),
    column("THROT%", 6, 8, None, |row| percent(row.rates.throttled), |row| warm(row.rates.throttled, 0.1)),
    column("MEMORY", 6, 1, Some(SortKey::Memory), |row| bytes(row.counters.memory), full),
    column("LIMIT", 6, 5, None, |row| limit(row.counters.memory_limit, bytes), plain),
    column("ANON", 6, 6, None, |row| bytes(row.counters.anon), plain),
    column("FILE", 6, 7, None, |row| bytes(row.counters.file), plain),
    column("KERNEL", 6, 11, None, |row| bytes(row.counters.kernel), plain),
    column("READ/s", 7, 3, Some(SortKey::Io), |row| per_second(row.rates.read_bytes), plain),
    column("WRITE/s", 7, 4, Some(SortKey::Io), |row| per_second(row.rates.write_bytes), plain),
    column("TASKS", 6, 2, Some(SortKey::Tasks), |row| count(row.counters.tasks), crowded),
    column(
        "CPU-W%",
        6,
        9,
        Some(SortKey::Pressure),
        |row| percent(row.rates.cpu_pressure),
        |row| warm(row.rates.cpu_pressure, 50.0),
    ),
    column(
        "MEM-W%",
        6,
        9,
        Some(SortKey::Pressure),
        |row| percent(row.rates.memory_pressure),
        |row| warm(row.rates.memory_pressure, 5.0),
    ),
    column(
        "IO-W%",
        6,
        9,
        Some(SortKey::Pressure),
        |row| percent(row.rates.io_pressure),
        |row| warm(row.rates.io_pressure, 20.0),
    ),
    column(
        "OOM",
        4,
        10,
        Some(SortKey::Oom),
        |row| count(row.counters.oom_kills),
        |row| {
            if row.counters.oom_kills > Some(0) { Heat::Hot } else { Heat::Plain }
        },
    ),
];

/// Returns the columns that fit, in their order, and what is left for the name.
pub(super) fn fitting(width: u16) -> (u16, Vec<&'static Column>) {
    static ALL: [Column; 14] = COLUMNS;
    let mut by_rank: Vec<usize> = (0..ALL.len()).collect();
    by_rank.sort_by_key(|index| ALL[*index].rank);
    let mut left = width;
    let mut taken = Vec::new();
    for index in by_rank {
        let needed = ALL[index].width + 1;
        if left < NAME + needed {
            break;
        }
        left -= needed;
        taken.push(index);
    }
    taken.sort_unstable();
    (left, taken.into_iter().map(|index| &ALL[index]).collect())
}

fn plain(_: &Row) -> Heat {
    Heat::Plain
}

fn warm(value: Option<f64>, from: f64) -> Heat {
    if value.is_some_and(|value| value >= from) { Heat::Warm } else { Heat::Plain }
}

/// Memory near its limit.
fn full(row: &Row) -> Heat {
    near(row.counters.memory, row.counters.memory_limit)
}

fn crowded(row: &Row) -> Heat {
    near(row.counters.tasks, row.counters.tasks_limit)
}

fn near(value: Option<u64>, limit: Option<Limit>) -> Heat {
    let (Some(value), Some(Limit::Value(limit))) = (value, limit) else { return Heat::Plain };
    let (value, limit) = (u128::from(value) * 100, u128::from(limit));
    match () {
        () if value >= limit * 95 => Heat::Hot,
        () if value >= limit * 80 => Heat::Warm,
        () => Heat::Plain,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_fit_and_the_name_keeps_its_part() {
        for width in 0..300 {
            let (name, columns) = fitting(width);
            let all: u16 = columns.iter().map(|column| column.width + 1).sum();
            assert_eq!(name + all, width);
            assert!(columns.is_empty() || name >= NAME, "{width}");
        }
        let titles = |width| fitting(width).1.iter().map(|column| column.title).collect::<Vec<_>>();
        assert_eq!(titles(20), ["CPU%"]);
        assert_eq!(titles(45), ["CPU%", "MEMORY", "READ/s", "TASKS"]);
        assert_eq!(titles(200).len(), COLUMNS.len());
    }

    #[test]
    fn what_is_near_its_limit_is_marked() {
        let heat = |value| near(Some(value), Some(Limit::Value(100)));
        assert_eq!([heat(79), heat(80), heat(95)], [Heat::Plain, Heat::Warm, Heat::Hot]);
        assert_eq!(near(Some(5), Some(Limit::Max)), Heat::Plain);
    }
}
