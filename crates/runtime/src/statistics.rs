//! What a container uses, in the fields that runc's `events` has for it: containerd, Docker and cAdvisor parse them.
//!
//! A number that is zero is left out where runc leaves it out.

mod resctrl;

use std::collections::BTreeMap;

use palisade_cgroup::stats::{self as model, Counter, Pressure, Resource};
use palisade_cgroup::{Limit, Version};
pub(crate) use resctrl::IntelRdt;
use serde::Serialize;

/// What a v1 file says of no limit: the largest number of whole pages.
const NO_LIMIT_V1: u64 = 9_223_372_036_854_771_712;

/// What a container uses.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Statistics {
    cpu: Cpu,
    cpuset: Cpuset,
    memory: Memory,
    pids: Pids,
    blkio: Blkio,
    hugetlb: BTreeMap<String, Hugetlb>,
    intel_rdt: IntelRdt,
    network_interfaces: Option<Vec<Interface>>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize)]
struct Cpu {
    usage: CpuUsage,
    throttling: Throttling,
    #[serde(skip_serializing_if = "Option::is_none")]
    psi: Option<Psi>,
}

/// Times in nanoseconds.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
struct CpuUsage {
    #[serde(skip_serializing_if = "is_zero")]
    total: u64,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    percpu: Vec<u64>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    percpu_kernel: Vec<u64>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    percpu_user: Vec<u64>,
    kernel: u64,
    user: u64,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
struct Throttling {
    #[serde(skip_serializing_if = "is_zero")]
    periods: u64,
    #[serde(skip_serializing_if = "is_zero")]
    throttled_periods: u64,
    #[serde(skip_serializing_if = "is_zero")]
    throttled_time: u64,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize)]
struct Cpuset {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    cpus: Vec<u16>,
    cpu_exclusive: i64,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    mems: Vec<u16>,
    mem_hardwall: i64,
    mem_exclusive: i64,
    memory_migrate: i64,
    memory_spread_page: i64,
    memory_spread_slab: i64,
    memory_pressure: i64,
    sched_load_balance: i64,
    sched_relax_domain_level: i64,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize)]
struct Memory {
    #[serde(skip_serializing_if = "is_zero")]
    cache: u64,
    usage: Entry,
    swap: Entry,
    kernel: Entry,
    #[serde(rename = "kernelTCP")]
    kernel_tcp: Entry,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    raw: BTreeMap<String, u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    psi: Option<Psi>,
    event_count: BTreeMap<String, u64>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize)]
struct Entry {
    limit: u64,
    #[serde(skip_serializing_if = "is_zero")]
    usage: u64,
    #[serde(skip_serializing_if = "is_zero")]
    max: u64,
    failcnt: u64,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize)]
struct Pids {
    #[serde(skip_serializing_if = "is_zero")]
    current: u64,
    #[serde(skip_serializing_if = "is_zero")]
    limit: u64,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
struct Blkio {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    io_service_bytes_recursive: Vec<BlkioEntry>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    io_serviced_recursive: Vec<BlkioEntry>,
    #[serde(skip_serializing_if = "Option::is_none")]
    psi: Option<Psi>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize)]
struct BlkioEntry {
    #[serde(skip_serializing_if = "is_zero")]
    major: u64,
    #[serde(skip_serializing_if = "is_zero")]
    minor: u64,
    op: &'static str,
    #[serde(skip_serializing_if = "is_zero")]
    value: u64,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize)]
struct Hugetlb {
    #[serde(skip_serializing_if = "is_zero")]
    usage: u64,
    #[serde(skip_serializing_if = "is_zero")]
    max: u64,
    failcnt: u64,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize)]
struct Psi {
    some: Stall,
    full: Stall,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize)]
struct Stall {
    avg10: f64,
    avg60: f64,
    avg300: f64,
    total: u64,
}

/// What went through a network interface.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Interface {
    name: String,
    rx_bytes: u64,
    rx_packets: u64,
    rx_errors: u64,
    rx_dropped: u64,
    tx_bytes: u64,
    tx_packets: u64,
    tx_errors: u64,
    tx_dropped: u64,
}

impl Statistics {
    /// Puts together what was read. `memory` is where the memory controller lives.
    pub(crate) fn new(
        stats: model::Stats,
        memory: Version,
        intel_rdt: IntelRdt,
        network_interfaces: Option<Vec<Interface>>,
    ) -> Self {
        let psi = |resource| stats.pressure.get(&resource).map(Psi::of);
        let pids = stats.pids.unwrap_or_default();
        Self {
            cpu: Cpu::of(stats.cpu.unwrap_or_default(), psi(Resource::Cpu)),
            cpuset: Cpuset::of(stats.cpuset.unwrap_or_default()),
            blkio: Blkio { psi: psi(Resource::Io), ..Blkio::of(&stats.io) },
            memory: Memory {
                psi: psi(Resource::Memory),
                ..stats.memory.map(|stats| Memory::of(stats, memory)).unwrap_or_default()
            },
            // No limit is left out, as runc has it.
            pids: Pids { current: pids.current, limit: number(pids.limit, 0) },
            hugetlb: stats.hugetlb.iter().map(|(size, pages)| (size.clone(), Hugetlb::of(pages))).collect(),
            intel_rdt,
            network_interfaces,
        }
    }
}

impl Cpu {
    fn of(cpu: model::Cpu, psi: Option<Psi>) -> Self {
        let usage = CpuUsage {
            total: cpu.usage,
            percpu: cpu.per_cpu,
            percpu_kernel: cpu.per_cpu_system,
            percpu_user: cpu.per_cpu_user,
            kernel: cpu.system,
            user: cpu.user,
        };
        let throttling = Throttling {
            periods: cpu.periods,
            throttled_periods: cpu.throttled_periods,
            throttled_time: cpu.throttled,
        };
        Self { usage, throttling, psi }
    }
}

impl Cpuset {
    fn of(cpuset: model::Cpuset) -> Self {
        let setting = |name: &str| cpuset.settings.get(name).copied().unwrap_or(0);
        Self {
            cpu_exclusive: setting("cpu_exclusive"),
            mem_hardwall: setting("mem_hardwall"),
            mem_exclusive: setting("mem_exclusive"),
            memory_migrate: setting("memory_migrate"),
            memory_spread_page: setting("memory_spread_page"),
            memory_spread_slab: setting("memory_spread_slab"),
            memory_pressure: setting("memory_pressure"),
            sched_load_balance: setting("sched_load_balance"),
            sched_relax_domain_level: setting("sched_relax_domain_level"),
            cpus: cpuset.cpus,
            mems: cpuset.mems,
        }
    }
}

impl Memory {
    fn of(memory: model::Memory, version: Version) -> Self {
        let unlimited = if version == Version::V1 { NO_LIMIT_V1 } else { u64::MAX };
        let entry =
            |counter: Option<Counter>| counter.map_or_else(Entry::default, |c| Entry::of(c, unlimited));
        let usage = Counter {
            usage: memory.usage,
            limit: memory.limit,
            peak: memory.peak,
            failures: memory.failures,
        };
        Self {
            cache: memory.file,
            usage: entry(Some(usage)),
            swap: entry(memory.with_swap),
            kernel: entry(memory.kernel_counter),
            kernel_tcp: entry(memory.kernel_tcp),
            raw: memory.stat,
            psi: None,
            event_count: memory.events.into_iter().filter(|(_, count)| *count != 0).collect(),
        }
    }
}

impl Entry {
    fn of(counter: Counter, unlimited: u64) -> Self {
        Self {
            limit: number(counter.limit, unlimited),
            usage: counter.usage,
            max: counter.peak.unwrap_or(0),
            failcnt: counter.failures,
        }
    }
}

impl Blkio {
    fn of(devices: &BTreeMap<palisade_cgroup::limits::BlockDevice, model::Io>) -> Self {
        let mut blkio = Self::default();
        for (device, io) in devices {
            let entry = |op, value| BlkioEntry {
                major: u64::from(device.major),
                minor: u64::from(device.minor),
                op,
                value,
            };
            let (bytes, operations) = (
                [io.read_bytes, io.write_bytes, io.discard_bytes],
                [io.read_operations, io.write_operations, io.discard_operations],
            );
            let waiting = io
                .waited_for
                .map(|by| ([by.sync_bytes, by.async_bytes], [by.sync_operations, by.async_operations]));
            // The rows are those of a v1 file, in its order; v2 does not have two of them.
            let rows = |[read, write, discard]: [u64; 3], waiting: Option<[u64; 2]>| {
                let waiting = waiting.map(|[sync, other]| [entry("Sync", sync), entry("Async", other)]);
                let mut rows = vec![entry("Read", read), entry("Write", write)];
                rows.extend(waiting.into_iter().flatten());
                rows.extend([entry("Discard", discard), entry("Total", total([read, write, discard]))]);
                rows
            };
            blkio.io_service_bytes_recursive.extend(rows(bytes, waiting.map(|(bytes, _)| bytes)));
            blkio.io_serviced_recursive.extend(rows(operations, waiting.map(|(_, operations)| operations)));
        }
        blkio
    }
}

impl Hugetlb {
    /// Reservations count where the kernel knows them, as the limits are on them.
    fn of(pages: &model::Hugetlb) -> Self {
        match pages.reserved {
            Some(Counter { usage, peak, failures, .. }) => {
                Self { usage, max: peak.unwrap_or(0), failcnt: failures.max(pages.failures) }
            }
            None => Self { usage: pages.usage, max: pages.peak.unwrap_or(0), failcnt: pages.failures },
        }
    }
}

impl Psi {
    fn of(pressure: &Pressure) -> Self {
        Self { some: Stall::of(pressure.some), full: pressure.full.map(Stall::of).unwrap_or_default() }
    }
}

impl Stall {
    fn of(stall: model::Stall) -> Self {
        Self { avg10: stall.avg10, avg60: stall.avg60, avg300: stall.avg300, total: stall.total }
    }
}

/// Reads the text of `/proc/PID/net/dev`, proc_pid_net(5), but for the loopback interface.
pub(crate) fn interfaces(text: &str) -> Vec<Interface> {
    let parse = |line: &str| {
        let (name, numbers) = line.split_once(':')?;
        let numbers: Vec<u64> = numbers.split_whitespace().map_while(|word| word.parse().ok()).collect();
        let number = |index: usize| numbers.get(index).copied();
        Some(Interface {
            name: name.trim().to_owned(),
            rx_bytes: number(0)?,
            rx_packets: number(1)?,
            rx_errors: number(2)?,
            rx_dropped: number(3)?,
            tx_bytes: number(8)?,
            tx_packets: number(9)?,
            tx_errors: number(10)?,
            tx_dropped: number(11)?,
        })
    };
    text.lines().filter_map(parse).filter(|interface| interface.name != "lo").collect()
}

fn number(limit: Option<Limit>, unlimited: u64) -> u64 {
    match limit {
        Some(Limit::Value(value)) => value,
        Some(Limit::Max) => unlimited,
        None => 0,
    }
}

fn total(parts: [u64; 3]) -> u64 {
    parts.into_iter().fold(0, u64::saturating_add)
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

#[cfg(test)]
mod tests;
