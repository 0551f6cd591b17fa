//! Limits that cannot be had on a machine, and why.

use crate::{Controller, Home};
use serde::Serialize;
use std::fmt;

/// Names a single limit, so that a caller can lead back to where its user wrote it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "each is the field of Limits with the same name")]
pub enum Knob {
    MemoryLimit,
    MemoryReservation,
    MemorySwap,
    MemoryKernel,
    MemoryKernelTcp,
    MemorySwappiness,
    MemoryOomKiller,
    MemoryHierarchical,
    CpuShares,
    CpuWeight,
    CpuQuota,
    CpuPeriod,
    CpuBurst,
    CpuRealtimeRuntime,
    CpuRealtimePeriod,
    CpuIdle,
    CpusetCpus,
    CpusetMems,
    Pids,
    IoWeight,
    IoLeafWeight,
    IoDeviceWeight,
    IoThrottle,
    Hugetlb,
    NetCls,
    NetPrio,
    Rdma,
    Misc,
    Devices,
    Unified,
}

/// Says which limit is refused and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Refusal {
    /// The limit.
    pub knob: Knob,
    /// The device, page size, interface, resource, file or rule that the limit is about, where it is one of many.
    pub item: Option<String>,
    /// Why, and where it helps what to do.
    pub reason: String,
}

impl Knob {
    /// Returns the name, `memory.swap`.
    pub fn name(self) -> &'static str {
        match self {
            Self::MemoryLimit => "memory.limit",
            Self::MemoryReservation => "memory.reservation",
            Self::MemorySwap => "memory.swap",
            Self::MemoryKernel => "memory.kernel",
            Self::MemoryKernelTcp => "memory.kernel_tcp",
            Self::MemorySwappiness => "memory.swappiness",
            Self::MemoryOomKiller => "memory.oom_killer",
            Self::MemoryHierarchical => "memory.hierarchical",
            Self::CpuShares => "cpu.shares",
            Self::CpuWeight => "cpu.weight",
            Self::CpuQuota => "cpu.quota",
            Self::CpuPeriod => "cpu.period",
            Self::CpuBurst => "cpu.burst",
            Self::CpuRealtimeRuntime => "cpu.realtime_runtime",
            Self::CpuRealtimePeriod => "cpu.realtime_period",
            Self::CpuIdle => "cpu.idle",
            Self::CpusetCpus => "cpuset.cpus",
            Self::CpusetMems => "cpuset.mems",
            Self::Pids => "pids",
            Self::IoWeight => "io.weight",
            Self::IoLeafWeight => "io.leaf_weight",
            Self::IoDeviceWeight => "io.device_weights",
            Self::IoThrottle => "io.throttles",
            Self::Hugetlb => "hugetlb",
            Self::NetCls => "net_cls",
            Self::NetPrio => "net_prio",
            Self::Rdma => "rdma",
            Self::Misc => "misc",
            Self::Devices => "devices",
            Self::Unified => "unified",
        }
    }
}

impl Refusal {
    pub(crate) fn new(knob: Knob, reason: impl Into<String>) -> Self {
        Self { knob, item: None, reason: reason.into() }
    }

    pub(crate) fn of(knob: Knob, item: impl fmt::Display, reason: impl Into<String>) -> Self {
        Self { knob, item: Some(item.to_string()), reason: reason.into() }
    }

    /// Refuses a limit because its controller has no home here.
    pub(crate) fn homeless(knob: Knob, controller: Controller, home: Home) -> Self {
        let name = controller.name(crate::Version::V1);
        let reason = match home {
            Home::Disabled => format!("the {name} controller is disabled (cgroup_disable= at boot)"),
            Home::Absent => format!("the kernel has no {name} controller"),
            Home::NotMounted | Home::Hierarchy(_) => {
                let v1 = format!("mount -t cgroup -o {name} none DIRECTORY");
                format!("no mounted hierarchy has the {name} controller; `{v1}` would give one")
            }
        };
        Self::new(knob, reason)
    }
}

impl fmt::Display for Knob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.item {
            Some(item) => write!(f, "{}[{item}]: {}", self.knob, self.reason),
            None => write!(f, "{}: {}", self.knob, self.reason),
        }
    }
}

impl std::error::Error for Refusal {}
