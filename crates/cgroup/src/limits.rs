//! What a group may use, in terms that belong to neither version.

use crate::device::DevicePolicy;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;

/// Holds a limit: a number, or none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Limit {
    /// No limit, which v2 files spell `max` and most v1 files `-1`.
    Max,
    /// The largest value that is allowed.
    Value(u64),
}

/// Holds all limits of a group; the default sets none.
///
/// A field that is `None`, or an empty map, leaves the kernel's value as it is. A number means itself, zero too:
/// where an input format uses zero for "not set", the caller leaves the field `None`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Limits {
    /// Memory and swap.
    pub memory: Memory,
    /// CPU time.
    pub cpu: Cpu,
    /// CPUs and memory nodes.
    pub cpuset: Cpuset,
    /// How many tasks the group may hold.
    pub pids: Option<Limit>,
    /// Block I/O.
    pub io: Io,
    /// Huge pages by page size as the kernel writes it: `2MB`, `1GB`.
    pub hugetlb: BTreeMap<String, Hugetlb>,
    /// The class of the group's packets; v1 only.
    pub net_cls: Option<u32>,
    /// The priority of the group's packets by network interface; v1 only.
    pub net_prio: BTreeMap<String, u32>,
    /// RDMA resources by device name.
    pub rdma: BTreeMap<String, Rdma>,
    /// Scalar resources by name, such as `sev`.
    pub misc: BTreeMap<String, Limit>,
    /// Which devices may be used; `None` leaves what the parent has.
    pub devices: Option<DevicePolicy>,
    /// Values for v2 files by file name, written as they are, after all other limits.
    pub unified: BTreeMap<String, String>,
}

/// Holds the limits on memory, in bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Memory {
    /// The hard limit (`memory.limit_in_bytes`, `memory.max`).
    pub limit: Option<Limit>,
    /// What reclaim spares (`memory.soft_limit_in_bytes`, `memory.low`).
    pub reservation: Option<Limit>,
    /// **Memory and swap together**, as OCI and v1 count it; v2 gets the difference to `limit`.
    ///
    /// Where `limit` is [`Limit::Max`] and this is `None`, it counts as [`Limit::Max`], as runc has it.
    pub swap: Option<Limit>,
    /// Kernel memory; v1 only, and refused by kernels from 5.16 on.
    pub kernel: Option<Limit>,
    /// TCP buffers; v1 only.
    pub kernel_tcp: Option<Limit>,
    /// How readily anonymous pages are swapped out, 0 to 100; v1 only.
    pub swappiness: Option<u64>,
    /// What happens at the limit; [`OomKiller::Off`] exists on v1 only.
    pub oom_killer: Option<OomKiller>,
    /// Whether children count towards their parent; v2 always counts them.
    pub hierarchical: Option<bool>,
    /// Whether a limit below what is in use is refused; v1 refuses it anyway, v2 would kill for it.
    pub spare_usage: bool,
}

/// Says what happens to a task that needs memory at the limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OomKiller {
    /// A task of the group is killed.
    On,
    /// Tasks sleep until there is memory.
    Off,
}

/// Holds the limits on CPU time; times are in microseconds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Cpu {
    /// The weight in v1's unit, 2 to 262144, 1024 by default.
    pub shares: Option<u64>,
    /// The weight in v2's unit, 1 to 10000, 100 by default; on v2 it goes before `shares`, on v1 after.
    pub weight: Option<u64>,
    /// CPU time per period; a quota of twice the period is two CPUs.
    pub quota: Option<Limit>,
    /// The length of a period, 1000 to 1000000; 100000 by default.
    pub period: Option<u64>,
    /// How much unused quota may be saved up; kernel 5.14.
    pub burst: Option<u64>,
    /// Time for realtime tasks per realtime period; v1 only.
    pub realtime_runtime: Option<i64>,
    /// The length of a realtime period; v1 only.
    pub realtime_period: Option<u64>,
    /// Whether the group runs only when nothing else wants to; kernel 5.15.
    pub idle: Option<bool>,
}

/// Holds the CPUs and memory nodes of a group, as lists such as `0-2,5`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Cpuset {
    /// The CPUs.
    pub cpus: Option<String>,
    /// The memory nodes.
    pub mems: Option<String>,
}

/// Names a block device by its numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct BlockDevice {
    /// The major number.
    pub major: u32,
    /// The minor number.
    pub minor: u32,
}

/// Holds the weights and throttles of block I/O.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Io {
    /// The weight in OCI's unit, 10 to 1000.
    pub weight: Option<u16>,
    /// The weight against the group's own children, 10 to 1000; v1 only, gone since kernel 5.0.
    pub leaf_weight: Option<u16>,
    /// Weights for single devices.
    pub device_weights: Vec<DeviceWeight>,
    /// Throttles for single devices.
    pub throttles: Vec<Throttle>,
}

/// Holds the weights of a group at one device.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceWeight {
    /// The device.
    pub device: BlockDevice,
    /// As [`Io::weight`].
    pub weight: Option<u16>,
    /// As [`Io::leaf_weight`].
    pub leaf_weight: Option<u16>,
}

/// Limits one rate at one device.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Throttle {
    /// The device.
    pub device: BlockDevice,
    /// What is limited.
    pub rate: Rate,
    /// How much of it a second; zero is refused.
    pub limit: Limit,
}

/// Names what a throttle counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rate {
    /// Bytes read.
    ReadBytes,
    /// Bytes written.
    WriteBytes,
    /// Read operations.
    ReadOperations,
    /// Write operations.
    WriteOperations,
}

/// Holds the limits on huge pages of one size, in bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Hugetlb {
    /// What may be faulted in.
    pub limit: Option<Limit>,
    /// What may be reserved; left out without a word on a kernel before 5.7, which cannot count it.
    pub reserved: Option<Limit>,
}

/// Holds the limits on one RDMA device.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Rdma {
    /// How many HCA handles may be open.
    pub handles: Option<Limit>,
    /// How many HCA objects may be made.
    pub objects: Option<Limit>,
}

impl Limit {
    /// Writes the limit as v1 files take it.
    pub(crate) fn v1(self) -> String {
        match self {
            Self::Max => "-1".to_owned(),
            Self::Value(value) => value.to_string(),
        }
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Max => f.write_str("max"),
            Self::Value(value) => value.fmt(f),
        }
    }
}

impl fmt::Display for BlockDevice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.major, self.minor)
    }
}

impl Rate {
    /// Returns the v1 file of this throttle.
    pub(crate) fn v1_file(self) -> &'static str {
        match self {
            Self::ReadBytes => "blkio.throttle.read_bps_device",
            Self::WriteBytes => "blkio.throttle.write_bps_device",
            Self::ReadOperations => "blkio.throttle.read_iops_device",
            Self::WriteOperations => "blkio.throttle.write_iops_device",
        }
    }

    /// Returns the key of this throttle in `io.max`.
    pub(crate) fn v2_key(self) -> &'static str {
        match self {
            Self::ReadBytes => "rbps",
            Self::WriteBytes => "wbps",
            Self::ReadOperations => "riops",
            Self::WriteOperations => "wiops",
        }
    }
}
