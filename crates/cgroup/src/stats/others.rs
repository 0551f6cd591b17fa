//! Statistics of the smaller controllers, and pressure.

use super::read::{Reader, keyed};
use super::{Counter, Hugetlb, Pids, Pressure, Rdma, Resource, Stall};
use crate::{Error, Version};
use std::collections::BTreeMap;

/// Where the kernel lists the sizes that it has huge pages of.
const HUGE_PAGES: &str = "/sys/kernel/mm/hugepages";

pub(super) fn pids(reader: &Reader<'_>) -> Result<Option<Pids>, Error> {
    let Some(current) = reader.number("pids.current")? else {
        return Ok(None);
    };
    let events = reader.table("pids.events")?;
    Ok(Some(Pids {
        current,
        limit: reader.limit("pids.max")?,
        peak: reader.number("pids.peak")?,
        failures: events.get("max").copied().unwrap_or(0),
    }))
}

pub(super) fn hugetlb(reader: &Reader<'_>) -> Result<BTreeMap<String, Hugetlb>, Error> {
    let mut sizes = BTreeMap::new();
    for size in page_sizes() {
        let read = |prefix: &str| pages(reader, &format!("hugetlb.{size}{prefix}"));
        let reserved = read(".rsvd")?;
        let stats = read("")?.map(|Counter { usage, peak, failures, .. }| Hugetlb {
            usage,
            peak,
            failures,
            reserved,
        });
        if let Some(stats) = stats {
            sizes.insert(size, stats);
        }
    }
    Ok(sizes)
}

/// Reads the counter of one kind of page; `None` where the kernel does not count it.
fn pages(reader: &Reader<'_>, prefix: &str) -> Result<Option<Counter>, Error> {
    let file = |name: &str| format!("{prefix}.{name}");
    match reader.version() {
        Version::V1 => {
            let Some(usage) = reader.number(&file("usage_in_bytes"))? else { return Ok(None) };
            let limit = reader.limit(&file("limit_in_bytes"))?;
            let peak = reader.number(&file("max_usage_in_bytes"))?;
            let failures = reader.number(&file("failcnt"))?.unwrap_or(0);
            Ok(Some(Counter { usage, limit, peak, failures }))
        }
        Version::V2 => {
            let Some(usage) = reader.number(&file("current"))? else { return Ok(None) };
            // Reservations have no events of their own.
            let failures = reader.table(&file("events"))?.get("max").copied().unwrap_or(0);
            Ok(Some(Counter { usage, limit: reader.limit(&file("max"))?, peak: None, failures }))
        }
    }
}

/// Lists the page sizes of this machine; a kernel without huge pages has no such directory, and so none.
fn page_sizes() -> Vec<String> {
    let entries = std::fs::read_dir(HUGE_PAGES).into_iter().flatten().flatten();
    entries.filter_map(|entry| page_size(entry.file_name().to_str()?)).collect()
}

/// Turns `hugepages-2048kB` into `2MB`, as the names of cgroup files have it.
fn page_size(name: &str) -> Option<String> {
    let kilobytes: u64 = name.strip_prefix("hugepages-")?.strip_suffix("kB")?.parse().ok()?;
    Some(match kilobytes {
        size if size >= 1 << 20 => format!("{}GB", size >> 20),
        size if size >= 1 << 10 => format!("{}MB", size >> 10),
        size => format!("{size}KB"),
    })
}

pub(super) fn rdma(reader: &Reader<'_>) -> Result<BTreeMap<String, Rdma>, Error> {
    let text = reader.text("rdma.current")?.unwrap_or_default();
    let device = |line: &str| {
        let name = line.split_whitespace().next()?.to_owned();
        let value = |key| keyed(line, key).unwrap_or(0);
        Some((name, Rdma { handles: value("hca_handle"), objects: value("hca_object") }))
    };
    Ok(text.lines().filter_map(device).collect())
}

pub(super) fn pressure(reader: &Reader<'_>) -> Result<BTreeMap<Resource, Pressure>, Error> {
    let mut found = BTreeMap::new();
    let files = [
        (Resource::Cpu, "cpu.pressure"),
        (Resource::Memory, "memory.pressure"),
        (Resource::Io, "io.pressure"),
    ];
    for (resource, file) in files {
        if let Some(pressure) = reader.text(file)?.as_deref().and_then(parse_pressure) {
            found.insert(resource, pressure);
        }
    }
    Ok(found)
}

fn parse_pressure(text: &str) -> Option<Pressure> {
    let stall = |kind: &str| text.lines().find_map(|line| parse_stall(line.strip_prefix(kind)?));
    Some(Pressure { some: stall("some ")?, full: stall("full ") })
}

/// Parses `avg10=0.00 avg60=0.00 avg300=0.00 total=0`.
fn parse_stall(line: &str) -> Option<Stall> {
    let average = |key: &str| {
        line.split(' ').find_map(|word| word.strip_prefix(key)?.strip_prefix('=')?.parse::<f64>().ok())
    };
    Some(Stall {
        avg10: average("avg10")?,
        avg60: average("avg60")?,
        avg300: average("avg300")?,
        total: keyed(line, "total")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn page_sizes_take_the_names_of_the_files() {
        for (name, size) in
            [("hugepages-2048kB", "2MB"), ("hugepages-1048576kB", "1GB"), ("hugepages-64kB", "64KB")]
        {
            assert_eq!(page_size(name).as_deref(), Some(size));
        }
        assert_eq!(page_size("other"), None);
    }

    #[test]
    fn pressure_without_the_full_line() {
        let text = "some avg10=1.50 avg60=0.25 avg300=0.00 total=4711\n";
        let some = Stall { avg10: 1.5, avg60: 0.25, avg300: 0.0, total: 4711 };
        assert_eq!(parse_pressure(text), Some(Pressure { some, full: None }));
        assert_eq!(parse_pressure("nonsense"), None);
    }
}
