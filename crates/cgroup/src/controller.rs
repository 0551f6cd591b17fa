//! The kernel's resource controllers.

use serde::{Deserialize, Serialize};
use std::fmt;

/// Names a resource controller, whichever version of cgroups it is used through.
///
/// `Devices`, `Freezer`, `PerfEvent` and `Cpuacct` are controllers on v1 only; on v2 every group has what
/// they did (a BPF program, `cgroup.freeze`, perf by path, `cpu.stat`). See cgroups(7).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Controller {
    /// Shares CPU time and limits it.
    Cpu,
    /// Accounts for CPU time.
    Cpuacct,
    /// Binds to CPUs and memory nodes.
    Cpuset,
    /// Limits and accounts for memory.
    Memory,
    /// Allows and denies device nodes.
    Devices,
    /// Suspends and resumes all processes of a group.
    Freezer,
    /// Marks packets with a class.
    NetCls,
    /// Weighs and throttles block I/O: `blkio` on v1, `io` on v2.
    Io,
    /// Lets perf monitor a group.
    PerfEvent,
    /// Sets the priority of packets per interface.
    NetPrio,
    /// Limits huge pages.
    Hugetlb,
    /// Limits the number of tasks.
    Pids,
    /// Limits RDMA handles and objects.
    Rdma,
    /// Limits scalar resources of the host, such as encrypted address space ids.
    Misc,
}

/// Tells the two generations of the cgroup interface apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Version {
    /// One tree for a set of controllers, or a named tree without any.
    V1,
    /// The unified tree.
    V2,
}

impl Controller {
    /// Lists all controllers.
    pub const ALL: [Self; 14] = [
        Self::Cpu,
        Self::Cpuacct,
        Self::Cpuset,
        Self::Memory,
        Self::Devices,
        Self::Freezer,
        Self::NetCls,
        Self::Io,
        Self::PerfEvent,
        Self::NetPrio,
        Self::Hugetlb,
        Self::Pids,
        Self::Rdma,
        Self::Misc,
    ];

    /// Returns the name that the kernel uses in `version`.
    pub fn name(self, version: Version) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::Cpuacct => "cpuacct",
            Self::Cpuset => "cpuset",
            Self::Memory => "memory",
            Self::Devices => "devices",
            Self::Freezer => "freezer",
            Self::NetCls => "net_cls",
            Self::Io if version == Version::V1 => "blkio",
            Self::Io => "io",
            Self::PerfEvent => "perf_event",
            Self::NetPrio => "net_prio",
            Self::Hugetlb => "hugetlb",
            Self::Pids => "pids",
            Self::Rdma => "rdma",
            Self::Misc => "misc",
        }
    }

    /// Finds the controller that the kernel calls `name` in either version.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|c| c.name(Version::V1) == name || c.name(Version::V2) == name)
    }

    /// Tells whether every v2 group can do this controller's work without it being enabled.
    pub fn is_core_on_v2(self) -> bool {
        matches!(self, Self::Devices | Self::Freezer | Self::PerfEvent | Self::Cpuacct)
    }

    /// Tells whether v2 has nothing that takes this controller's place.
    pub fn is_v1_only(self) -> bool {
        matches!(self, Self::NetCls | Self::NetPrio)
    }
}

impl fmt::Display for Controller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name(Version::V2))
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if *self == Self::V1 { "v1" } else { "v2" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_names_of_io_are_known() {
        assert_eq!(Controller::from_name("blkio"), Some(Controller::Io));
        assert_eq!(Controller::from_name("io"), Some(Controller::Io));
        assert_eq!(Controller::from_name("name=systemd"), None);
    }

    #[test]
    fn every_name_leads_back() {
        for controller in Controller::ALL {
            for version in [Version::V1, Version::V2] {
                assert_eq!(Controller::from_name(controller.name(version)), Some(controller));
            }
        }
    }
}
