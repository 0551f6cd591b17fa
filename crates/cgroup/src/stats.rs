//! What a group uses, in terms that belong to neither version.

mod blocks;
mod cpuset;
mod memory;
mod others;
mod read;
mod time;

use crate::limits::BlockDevice;
use crate::{Controller, Error, Group, Limit};
use read::Reader;
use serde::Serialize;
use std::collections::BTreeMap;

/// Holds what a group uses; `None` for what no controller here counts.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Stats {
    /// Memory and swap.
    pub memory: Option<Memory>,
    /// CPU time.
    pub cpu: Option<Cpu>,
    /// CPUs and memory nodes.
    pub cpuset: Option<Cpuset>,
    /// Tasks.
    pub pids: Option<Pids>,
    /// Block I/O by device; as text the device is `8:0`.
    #[serde(serialize_with = "by_number")]
    pub io: BTreeMap<BlockDevice, Io>,
    /// Huge pages by page size.
    pub hugetlb: BTreeMap<String, Hugetlb>,
    /// RDMA resources by device.
    pub rdma: BTreeMap<String, Rdma>,
    /// Scalar resources by name.
    pub misc: BTreeMap<String, u64>,
    /// How long tasks waited for a resource; v2 only.
    pub pressure: BTreeMap<Resource, Pressure>,
}

/// Holds memory use in bytes; of the group with all groups below it.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Memory {
    /// All memory that is charged.
    pub usage: u64,
    /// The limit on `usage`.
    pub limit: Option<Limit>,
    /// The most that `usage` has been; on v2 kernel 5.19.
    pub peak: Option<u64>,
    /// Anonymous memory.
    pub anon: u64,
    /// Page cache, shared memory included.
    pub file: u64,
    /// Memory of the kernel's own.
    pub kernel: Option<u64>,
    /// What reclaim would take first: page cache not used lately.
    pub inactive_file: u64,
    /// Swap alone.
    pub swap_usage: Option<u64>,
    /// The limit on `swap_usage`.
    pub swap_limit: Option<Limit>,
    /// How often usage hit the limit.
    pub failures: u64,
    /// How often swap, or on v1 memory and swap together, hit the limit. Where v1 has the same limit on both, newer
    /// kernels count in neither; `oom_kills` is to be relied on.
    pub swap_failures: u64,
    /// How many tasks the OOM killer ended; on v1 kernel 4.13.
    pub oom_kills: u64,
    /// Memory and swap together; `None` where swap is not accounted for.
    pub with_swap: Option<Counter>,
    /// Memory of the kernel's own, with its own limit; v1 only.
    pub kernel_counter: Option<Counter>,
    /// TCP buffers; v1 only.
    pub kernel_tcp: Option<Counter>,
    /// The whole of `memory.events`, under the kernel's names; v2 only.
    pub events: BTreeMap<String, u64>,
    /// The whole of `memory.stat`, under the kernel's names.
    pub stat: BTreeMap<String, u64>,
}

/// Holds what one counter of memory has counted, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Counter {
    /// What is in use.
    pub usage: u64,
    /// How much may be.
    pub limit: Option<Limit>,
    /// The most that was.
    pub peak: Option<u64>,
    /// How often the limit was hit.
    pub failures: u64,
}

/// Holds CPU time in nanoseconds.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Cpu {
    /// All CPU time.
    pub usage: u64,
    /// In user mode.
    pub user: u64,
    /// In the kernel.
    pub system: u64,
    /// `usage` by CPU; v1 only.
    pub per_cpu: Vec<u64>,
    /// `user` by CPU; v1 only.
    pub per_cpu_user: Vec<u64>,
    /// `system` by CPU; v1 only.
    pub per_cpu_system: Vec<u64>,
    /// How many periods of a quota have passed.
    pub periods: u64,
    /// In how many the quota was used up.
    pub throttled_periods: u64,
    /// For how long tasks were kept from running by that.
    pub throttled: u64,
}

/// Holds the CPUs and memory nodes that the group may use.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Cpuset {
    /// The CPUs.
    pub cpus: Vec<u16>,
    /// The memory nodes.
    pub mems: Vec<u16>,
    /// The other settings of a v1 cpuset, under the kernel's names without the prefix; v2 has none.
    pub settings: BTreeMap<String, i64>,
}

/// Holds the number of tasks.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Pids {
    /// How many there are.
    pub current: u64,
    /// How many there may be.
    pub limit: Option<Limit>,
    /// The most there have been; kernel 6.1.
    pub peak: Option<u64>,
    /// How many forks the limit has refused.
    pub failures: u64,
}

/// Holds block I/O at one device.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the names say it")]
pub struct Io {
    pub read_bytes: u64,
    pub write_bytes: u64,
    pub discard_bytes: u64,
    pub read_operations: u64,
    pub write_operations: u64,
    pub discard_operations: u64,
    /// The same counted as what somebody waits for and what nobody does; v1 only.
    pub waited_for: Option<Waiting>,
}

/// Holds block I/O by whether somebody waits for it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Waiting {
    pub sync_bytes: u64,
    pub async_bytes: u64,
    pub sync_operations: u64,
    pub async_operations: u64,
}

/// Holds the use of huge pages of one size, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Hugetlb {
    /// What is in use.
    pub usage: u64,
    /// The most that was; v1 only.
    pub peak: Option<u64>,
    /// How often the limit refused a page.
    pub failures: u64,
    /// What is reserved; kernel 5.7.
    pub reserved: Option<Counter>,
}

/// Holds the use of one RDMA device.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the names say it")]
pub struct Rdma {
    pub handles: u64,
    pub objects: u64,
}

/// Names a resource that tasks wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "the names say it")]
pub enum Resource {
    Cpu,
    Memory,
    Io,
}

/// Holds pressure stall information; see psi.rst of the kernel. Kernel 4.20.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Pressure {
    /// Some tasks waited.
    pub some: Stall,
    /// All tasks waited at once; for CPU kernel 5.13.
    pub full: Option<Stall>,
}

/// Holds for how long tasks waited.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Stall {
    /// Percent of the last 10 seconds.
    pub avg10: f64,
    /// Percent of the last minute.
    pub avg60: f64,
    /// Percent of the last five minutes.
    pub avg300: f64,
    /// Microseconds since the group was made.
    pub total: u64,
}

/// Writes the devices as the keys of an object, which have to be text.
fn by_number<S: serde::Serializer>(io: &BTreeMap<BlockDevice, Io>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(io.iter().map(|(device, io)| (device.to_string(), io)))
}

impl Group {
    /// Reads what the group uses.
    ///
    /// # Errors
    /// Fails if the group has gone, or if a file is there and cannot be read.
    pub fn stats(&self) -> Result<Stats, Error> {
        let reader = |controller| self.find_home(controller).map(|directory| Reader::new(self, directory));
        let unified = self.directories().find(|directory| directory.version == crate::Version::V2);
        Ok(Stats {
            memory: reader(Controller::Memory).map(|r| memory::read(&r)).transpose()?.flatten(),
            cpu: time::read(reader(Controller::Cpuacct), reader(Controller::Cpu))?,
            cpuset: reader(Controller::Cpuset).map(|r| cpuset::read(&r)).transpose()?.flatten(),
            pids: reader(Controller::Pids).map(|r| others::pids(&r)).transpose()?.flatten(),
            io: reader(Controller::Io).map(|r| blocks::read(&r)).transpose()?.unwrap_or_default(),
            hugetlb: reader(Controller::Hugetlb)
                .map(|r| others::hugetlb(&r))
                .transpose()?
                .unwrap_or_default(),
            rdma: reader(Controller::Rdma).map(|r| others::rdma(&r)).transpose()?.unwrap_or_default(),
            misc: reader(Controller::Misc).map(|r| r.table("misc.current")).transpose()?.unwrap_or_default(),
            pressure: unified
                .map(|d| others::pressure(&Reader::new(self, d)))
                .transpose()?
                .unwrap_or_default(),
        })
    }

    /// Returns how many tasks of the group and of those below it the OOM killer has ended.
    ///
    /// # Errors
    /// Fails if the group has gone or has no memory controller.
    pub fn oom_count(&self) -> Result<u64, Error> {
        let directory = self.home(Controller::Memory)?;
        let count = memory::oom_kills(&Reader::new(self, directory))?;
        if directory.version == crate::Version::V2 {
            return Ok(count);
        }
        // On v1 each group counts its own alone.
        let mut total = count;
        let mut below = self.children(&directory.path)?;
        while let Some(path) = below.pop() {
            below.extend(self.children(&path)?);
            let child = crate::recipe::Directory { path, ..directory.clone() };
            total += memory::oom_kills(&Reader::new(self, &child))?;
        }
        Ok(total)
    }
}
