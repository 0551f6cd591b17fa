//! Which file tells what, and how it is read.

use super::{Counters, Metrics};
use crate::{Controller, Home, Layout, Limit, Version};

/// v1 has no word for no limit and shows the largest number of whole pages; no machine has half of that.
const UNLIMITED: u64 = 1 << 62;
const NANOSECONDS_PER_MICROSECOND: u64 = 1000;

type Parse = fn(&[u8], &mut Counters);

/// A file of each group in one hierarchy.
#[derive(Clone, Copy, Debug)]
pub(super) struct Source {
    /// The index among the trees of the survey.
    pub(super) tree: usize,
    pub(super) metrics: Metrics,
    pub(super) file: &'static str,
    pub(super) parse: Parse,
    /// Whether it leaves out the groups below, which the other version counts.
    pub(super) alone: bool,
}

/// Where a file is to be found.
#[derive(Clone, Copy, PartialEq, Eq)]
enum In {
    /// Where this controller lives.
    Home(Controller),
    /// In each group of the v2 tree.
    Every,
}

struct File {
    place: In,
    metrics: Metrics,
    name: &'static str,
    parse: Parse,
}

const fn file(place: In, metrics: Metrics, name: &'static str, parse: Parse) -> File {
    File { place, metrics, name, parse }
}

const V1: [File; 12] = [
    file(In::Home(Controller::Cpuacct), Metrics::CPU, "cpuacct.usage", |text, to| to.cpu = number(text)),
    file(In::Home(Controller::Cpu), Metrics::THROTTLED, "cpu.stat", throttled_v1),
    file(In::Home(Controller::Memory), Metrics::MEMORY, "memory.usage_in_bytes", memory),
    file(In::Home(Controller::Memory), Metrics::MEMORY_LIMIT, "memory.limit_in_bytes", memory_limit),
    file(In::Home(Controller::Memory), Metrics::MEMORY_PARTS, "memory.stat", parts_v1),
    file(In::Home(Controller::Memory), Metrics::MEMORY_PARTS, "memory.kmem.usage_in_bytes", kernel_v1),
    file(In::Home(Controller::Memory), Metrics::OOM_KILLS, "memory.oom_control", oom_kills),
    file(In::Home(Controller::Io), Metrics::IO_BYTES, "blkio.throttle.io_service_bytes_recursive", bytes_v1),
    file(
        In::Home(Controller::Io),
        Metrics::IO_OPERATIONS,
        "blkio.throttle.io_serviced_recursive",
        operations_v1,
    ),
    file(In::Home(Controller::Pids), Metrics::TASKS, "pids.current", tasks),
    file(In::Home(Controller::Pids), Metrics::TASKS_LIMIT, "pids.max", tasks_limit),
    file(In::Home(Controller::Freezer), Metrics::FROZEN, "freezer.state", frozen_v1),
];

const IO: Metrics = Metrics::IO_BYTES.and(Metrics::IO_OPERATIONS);

const V2: [File; 13] = [
    file(In::Home(Controller::Cpuacct), Metrics::CPU, "cpu.stat", time_v2),
    file(In::Home(Controller::Cpu), Metrics::THROTTLED, "cpu.stat", time_v2),
    file(In::Home(Controller::Memory), Metrics::MEMORY, "memory.current", memory),
    file(In::Home(Controller::Memory), Metrics::MEMORY_LIMIT, "memory.max", memory_limit),
    file(In::Home(Controller::Memory), Metrics::MEMORY_PARTS, "memory.stat", parts_v2),
    file(In::Home(Controller::Memory), Metrics::OOM_KILLS, "memory.events", oom_kills),
    file(In::Home(Controller::Io), IO, "io.stat", io_v2),
    file(In::Home(Controller::Pids), Metrics::TASKS, "pids.current", tasks),
    file(In::Home(Controller::Pids), Metrics::TASKS_LIMIT, "pids.max", tasks_limit),
    file(In::Home(Controller::Freezer), Metrics::FROZEN, "cgroup.events", frozen_v2),
    file(In::Every, Metrics::PRESSURE, "cpu.pressure", |text, to| to.pressure.cpu = stalled(text)),
    file(In::Every, Metrics::PRESSURE, "memory.pressure", |text, to| to.pressure.memory = stalled(text)),
    file(In::Every, Metrics::PRESSURE, "io.pressure", |text, to| to.pressure.io = stalled(text)),
];

/// Lists the files of one hierarchy that tell any of `metrics`.
pub(super) fn of(layout: &Layout, hierarchy: usize, metrics: Metrics, tree: usize) -> Vec<Source> {
    let Some(version) = layout.hierarchies.get(hierarchy).map(|hierarchy| hierarchy.version) else {
        return Vec::new();
    };
    let files: &[File] = if version == Version::V1 { &V1 } else { &V2 };
    let here = |place: In| match place {
        In::Home(controller) => layout.home(controller) == Home::Hierarchy(hierarchy),
        In::Every => true,
    };
    let mut sources: Vec<Source> = Vec::new();
    for file in files.iter().filter(|file| file.metrics.meets(metrics) && here(file.place)) {
        // One file for two metrics is read once.
        if let Some(last) = sources.last_mut().filter(|last| last.file == file.name) {
            last.metrics = last.metrics | file.metrics;
            continue;
        }
        // On v1 a group counts the kills among its own tasks.
        let alone = version == Version::V1 && file.metrics == Metrics::OOM_KILLS;
        sources.push(Source { tree, metrics: file.metrics, file: file.name, parse: file.parse, alone });
    }
    sources
}

fn memory(text: &[u8], to: &mut Counters) {
    to.memory = number(text);
}

fn memory_limit(text: &[u8], to: &mut Counters) {
    to.memory_limit = limit(text);
}

fn tasks(text: &[u8], to: &mut Counters) {
    to.tasks = number(text);
}

fn tasks_limit(text: &[u8], to: &mut Counters) {
    to.tasks_limit = limit(text);
}

fn kernel_v1(text: &[u8], to: &mut Counters) {
    to.kernel = number(text);
}

fn oom_kills(text: &[u8], to: &mut Counters) {
    to.oom_kills = pairs(text).find(|(name, _)| *name == b"oom_kill").map(|(_, count)| count);
}

fn throttled_v1(text: &[u8], to: &mut Counters) {
    to.throttled = pairs(text).find(|(name, _)| *name == b"throttled_time").map(|(_, time)| time);
}

/// Takes what the file has: without the controller it has no throttling.
fn time_v2(text: &[u8], to: &mut Counters) {
    for (name, microseconds) in pairs(text) {
        let field = match name {
            b"usage_usec" => &mut to.cpu,
            b"throttled_usec" => &mut to.throttled,
            _ => continue,
        };
        *field = Some(microseconds.saturating_mul(NANOSECONDS_PER_MICROSECOND));
    }
}

fn parts_v1(text: &[u8], to: &mut Counters) {
    for (name, bytes) in pairs(text) {
        let field = match name {
            b"total_rss" => &mut to.anon,
            b"total_cache" => &mut to.file,
            b"total_swap" => &mut to.swap,
            _ => continue,
        };
        *field = Some(bytes);
    }
}

fn parts_v2(text: &[u8], to: &mut Counters) {
    // The sum came with kernel 5.18; before that the parts have to do.
    let mut parts = None;
    for (name, bytes) in pairs(text) {
        match name {
            b"anon" => to.anon = Some(bytes),
            b"file" => to.file = Some(bytes),
            b"kernel" => to.kernel = Some(bytes),
            b"kernel_stack" | b"pagetables" | b"percpu" | b"slab" => {
                *parts.get_or_insert(0_u64) += bytes;
            }
            _ => {}
        }
    }
    to.kernel = to.kernel.or(parts);
}

/// Adds up lines such as `8:0 Read 4096` of all devices.
fn v1_by_kind(text: &[u8]) -> [Option<u64>; 2] {
    let (mut reads, mut writes) = (0_u64, 0_u64);
    for line in text.split(|byte| *byte == b'\n') {
        let mut words = line.split(|byte| *byte == b' ');
        let (Some(_), Some(kind), Some(value)) = (words.next(), words.next(), words.next()) else { continue };
        let value = number(value).unwrap_or(0);
        match kind {
            b"Read" => reads = reads.saturating_add(value),
            b"Write" => writes = writes.saturating_add(value),
            _ => {}
        }
    }
    [Some(reads), Some(writes)]
}

fn bytes_v1(text: &[u8], to: &mut Counters) {
    [to.read_bytes, to.write_bytes] = v1_by_kind(text);
}

fn operations_v1(text: &[u8], to: &mut Counters) {
    [to.read_operations, to.write_operations] = v1_by_kind(text);
}

/// Adds up the `8:0 rbytes=4096 wbytes=0 rios=1 wios=0 …` of all devices.
fn io_v2(text: &[u8], to: &mut Counters) {
    let mut sums = [0_u64; 4];
    for word in text.split(|byte| matches!(byte, b' ' | b'\n')) {
        let Some(equals) = word.iter().position(|byte| *byte == b'=') else { continue };
        let sum = match &word[..equals] {
            b"rbytes" => &mut sums[0],
            b"wbytes" => &mut sums[1],
            b"rios" => &mut sums[2],
            b"wios" => &mut sums[3],
            _ => continue,
        };
        *sum = sum.saturating_add(number(&word[equals + 1..]).unwrap_or(0));
    }
    [to.read_bytes, to.write_bytes, to.read_operations, to.write_operations] = sums.map(Some);
}

fn frozen_v1(text: &[u8], to: &mut Counters) {
    to.frozen = Some(text.starts_with(b"FROZEN"));
}

fn frozen_v2(text: &[u8], to: &mut Counters) {
    to.frozen = pairs(text).find(|(name, _)| *name == b"frozen").map(|(_, value)| value == 1);
}

/// Finds the `total=` of the line that begins with `some`.
fn stalled(text: &[u8]) -> Option<u64> {
    let line = text.split(|byte| *byte == b'\n').find(|line| line.starts_with(b"some "))?;
    line.split(|byte| *byte == b' ').find_map(|word| number(word.strip_prefix(b"total=")?))
}

/// Reads lines of a name and a number.
fn pairs(text: &[u8]) -> impl Iterator<Item = (&[u8], u64)> {
    text.split(|byte| *byte == b'\n').filter_map(|line| {
        let space = line.iter().position(|byte| *byte == b' ')?;
        Some((&line[..space], number(&line[space + 1..])?))
    })
}

fn limit(text: &[u8]) -> Option<Limit> {
    if text.starts_with(b"max") {
        return Some(Limit::Max);
    }
    Some(match number(text)? {
        UNLIMITED.. => Limit::Max,
        value => Limit::Value(value),
    })
}

/// Reads the digits that a text begins with.
fn number(text: &[u8]) -> Option<u64> {
    let digits = text.iter().take_while(|byte| byte.is_ascii_digit());
    let mut value = None;
    for digit in digits {
        let so_far: u64 = value.unwrap_or(0);
        value = Some(so_far.checked_mul(10)?.checked_add(u64::from(digit - b'0'))?);
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(parse: Parse, text: &str) -> Counters {
        let mut counters = Counters::default();
        parse(text.as_bytes(), &mut counters);
        counters
    }

    #[test]
    fn both_versions_tell_the_same() {
        let v1 = read(parts_v1, "cache 1\nrss 2\ntotal_cache 10\ntotal_rss 20\n");
        let v2 = read(parts_v2, "anon 20\nfile 10\nkernel 7\nslab 5\n");
        assert_eq!((v1.anon, v1.file, v1.kernel), (Some(20), Some(10), None));
        assert_eq!((v2.anon, v2.file, v2.kernel), (Some(20), Some(10), Some(7)));
        assert_eq!(read(parts_v2, "slab 5\nkernel_stack 2\n").kernel, Some(7));
        let v1 = read(throttled_v1, "nr_periods 3\nnr_throttled 1\nthrottled_time 5000\n");
        let v2 = read(time_v2, "usage_usec 9\nnr_throttled 1\nthrottled_usec 5\n");
        assert_eq!((v1.throttled, v2.throttled, v2.cpu), (Some(5000), Some(5000), Some(9000)));
        let v1 = read(bytes_v1, "8:0 Read 1\n8:0 Write 2\n8:0 Sync 9\n8:16 Read 4\nTotal 7\n");
        let v2 = read(io_v2, "8:0 rbytes=1 wbytes=2 rios=8 wios=0 dbytes=0 dios=0\n8:16 rbytes=4 wbytes=0\n");
        assert_eq!((v1.read_bytes, v1.write_bytes), (Some(5), Some(2)));
        assert_eq!((v2.read_bytes, v2.write_bytes, v2.read_operations), (Some(5), Some(2), Some(8)));
        for (parse, text) in [(frozen_v1 as Parse, "FROZEN\n"), (frozen_v2, "populated 1\nfrozen 1\n")] {
            assert_eq!(read(parse, text).frozen, Some(true));
        }
    }

    #[test]
    fn limits_and_numbers() {
        assert_eq!(limit(b"max\n"), Some(Limit::Max));
        assert_eq!(limit(b"9223372036854771712\n"), Some(Limit::Max));
        assert_eq!(limit(b"4096\n"), Some(Limit::Value(4096)));
        for bad in ["", "\n", "x", "99999999999999999999"] {
            assert_eq!(number(bad.as_bytes()), None, "{bad:?}");
        }
    }

    #[test]
    fn pressure_is_the_first_line() {
        let text =
            "some avg10=1.50 avg60=0.25 avg300=0.00 total=4711\nfull avg10=0 avg60=0 avg300=0 total=1\n";
        assert_eq!(stalled(text.as_bytes()), Some(4711));
        assert_eq!(stalled(b"nonsense"), None);
    }
}
