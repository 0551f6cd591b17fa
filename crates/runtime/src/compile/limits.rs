//! `linux.resources`: the specification's numbers as typed limits.

use std::collections::BTreeMap;

use palisade_cgroup::limits as model;
use palisade_cgroup::{Controller, Knob, Limit, Limits, Refusal, Version};
use palisade_oci::{self as oci, Spec};

use super::{Draft, devices};

const POINTER: &str = "/linux/resources";

/// Reads all resources.
pub(super) fn read(draft: &mut Draft<'_>, spec: &Spec) -> Limits {
    let mut limits = Limits::default();
    let resources = &spec.linux.resources;
    limits.memory = read_memory(draft, &resources.memory);
    drop_kernel_memory(draft, &mut limits.memory);
    limits.cpu = read_cpu(draft, &resources.cpu);
    let some = |list: &String| (!list.is_empty()).then(|| list.clone());
    limits.cpuset = model::Cpuset { cpus: some(&resources.cpu.cpus), mems: some(&resources.cpu.mems) };
    limits.pids = resources.pids.limit.and_then(|limit| read_pids(draft, &spec.version, limit));
    limits.io = read_io(draft, &resources.block_io);
    for huge in &resources.hugepage_limits {
        let limit = if huge.limit == u64::MAX { Limit::Max } else { Limit::Value(huge.limit) };
        // Reservations are what the limit is on, where the kernel counts them; faults are limited, too, as by runc.
        let entry = model::Hugetlb { limit: Some(limit), reserved: Some(limit) };
        limits.hugetlb.insert(huge.page_size.clone(), entry);
    }
    limits.net_cls = resources.network.class_id.filter(|class| *class != 0);
    let priorities = resources.network.priorities.iter();
    limits.net_prio = priorities.map(|entry| (entry.name.clone(), entry.priority)).collect();
    limits.rdma = read_rdma(&resources.rdma);
    limits.unified = resources.unified.iter().map(|(key, value)| (key.clone(), value.clone())).collect();
    limits.devices = devices::policy(draft, &resources.devices);
    limits
}

/// Reads a number of which -1 means no limit and, as runc has it, 0 means nothing is asked.
fn signed(draft: &mut Draft<'_>, name: &str, value: Option<i64>) -> Option<Limit> {
    match value? {
        0 => None,
        -1 => Some(Limit::Max),
        value => match u64::try_from(value) {
            Ok(value) => Some(Limit::Value(value)),
            Err(_) => {
                let message = format!("{value} is negative; -1 alone means no limit");
                draft.violations.add(format!("{POINTER}/{name}"), message);
                None
            }
        },
    }
}

/// Reads the limit of processes. Since version 1.3 of the specification 0 is a limit; engines that write an older one
/// mean by it that there is none.
fn read_pids(draft: &mut Draft<'_>, version: &str, value: i64) -> Option<Limit> {
    /// The most that the kernel lets pids.max be, `PIDS_MAX` of kernel/cgroup/pids.c.
    const PIDS_MAX: i64 = 4 * 1024 * 1024;
    if value > PIDS_MAX {
        let message = format!(
            "{value} is more processes than a machine can have; the most is {PIDS_MAX}, -1 is no limit"
        );
        draft.violations.add(format!("{POINTER}/pids/limit"), message);
        return None;
    }
    let minor = version.split('.').nth(1).and_then(|minor| minor.parse::<u32>().ok());
    if value == 0 && minor.is_some_and(|minor| minor >= 3) {
        return Some(Limit::Value(0));
    }
    signed(draft, "pids/limit", Some(value))
}

fn read_memory(draft: &mut Draft<'_>, memory: &oci::Memory) -> model::Memory {
    let mut read = |name: &str, value| signed(draft, &format!("memory/{name}"), value);
    model::Memory {
        limit: read("limit", memory.limit),
        reservation: read("reservation", memory.reservation),
        swap: read("swap", memory.swap),
        kernel: read("kernel", memory.kernel),
        kernel_tcp: read("kernelTCP", memory.kernel_tcp),
        swappiness: memory.swappiness,
        oom_killer: memory.disable_oom_killer.filter(|disable| *disable).map(|_| model::OomKiller::Off),
        hierarchical: memory.use_hierarchy,
        spare_usage: memory.check_before_update.unwrap_or(false),
    }
}

/// Leaves out v1's limit of the kernel's own memory where the kernel would take the number and limit nothing by it.
fn drop_kernel_memory(draft: &mut Draft<'_>, memory: &mut model::Memory) {
    const WITHOUT_IT: (u32, u32) = (5, 16);
    let is_v1 = draft.host.cgroups.version(Controller::Memory) == Some(Version::V1);
    if is_v1 && draft.host.kernel >= WITHOUT_IT && memory.kernel.take().is_some() {
        let why = "left out: since Linux 5.16 the kernel does not limit its own memory apart";
        draft.warnings.push(format!("{POINTER}/memory/kernel: {why}"));
    }
}

fn read_cpu(draft: &mut Draft<'_>, cpu: &oci::Cpu) -> model::Cpu {
    let idle = match cpu.idle {
        None => None,
        Some(value @ (0 | 1)) => Some(value == 1),
        Some(value) => {
            draft.violations.add(format!("{POINTER}/cpu/idle"), format_args!("{value} is neither 0 nor 1"));
            None
        }
    };
    model::Cpu {
        shares: cpu.shares.filter(|shares| *shares != 0),
        weight: None,
        quota: signed(draft, "cpu/quota", cpu.quota),
        period: cpu.period.filter(|period| *period != 0),
        burst: cpu.burst,
        realtime_runtime: cpu.realtime_runtime.filter(|runtime| *runtime != 0),
        realtime_period: cpu.realtime_period.filter(|period| *period != 0),
        idle,
    }
}

fn read_io(draft: &mut Draft<'_>, io: &oci::BlockIo) -> model::Io {
    let mut out = model::Io {
        weight: io.weight.filter(|weight| *weight != 0),
        leaf_weight: io.leaf_weight.filter(|weight| *weight != 0),
        ..model::Io::default()
    };
    for (index, entry) in io.weight_device.iter().enumerate() {
        let place = format!("weightDevice/{index}");
        if let Some(device) = block_device(draft, &place, entry.major, entry.minor) {
            let (weight, leaf_weight) = (entry.weight, entry.leaf_weight);
            if weight.is_none() && leaf_weight.is_none() {
                let message = "neither weight nor leafWeight is given";
                draft.violations.add(format!("{POINTER}/blockIO/{place}"), message);
            }
            out.device_weights.push(model::DeviceWeight { device, weight, leaf_weight });
        }
    }
    for (name, rate, list) in [
        ("throttleReadBpsDevice", model::Rate::ReadBytes, &io.throttle_read_bps_device),
        ("throttleWriteBpsDevice", model::Rate::WriteBytes, &io.throttle_write_bps_device),
        ("throttleReadIOPSDevice", model::Rate::ReadOperations, &io.throttle_read_iops_device),
        ("throttleWriteIOPSDevice", model::Rate::WriteOperations, &io.throttle_write_iops_device),
    ] {
        for (index, entry) in list.iter().enumerate() {
            let place = format!("{name}/{index}");
            if let Some(device) = block_device(draft, &place, entry.major, entry.minor) {
                let limit = if entry.rate == 0 { Limit::Max } else { Limit::Value(entry.rate) };
                out.throttles.push(model::Throttle { device, rate, limit });
            }
        }
    }
    out
}

fn block_device(draft: &mut Draft<'_>, place: &str, major: i64, minor: i64) -> Option<model::BlockDevice> {
    match (u32::try_from(major), u32::try_from(minor)) {
        (Ok(major), Ok(minor)) => Some(model::BlockDevice { major, minor }),
        _ => {
            let message = format!("{major}:{minor} is no device number");
            draft.violations.add(format!("{POINTER}/blockIO/{place}"), message);
            None
        }
    }
}

fn read_rdma(listed: &BTreeMap<String, oci::Rdma>) -> BTreeMap<String, model::Rdma> {
    let limit = |value: Option<u32>| value.map(|value| Limit::Value(u64::from(value)));
    let entry =
        |rdma: &oci::Rdma| model::Rdma { handles: limit(rdma.hca_handles), objects: limit(rdma.hca_objects) };
    listed.iter().map(|(device, rdma)| (device.clone(), entry(rdma))).collect()
}

/// Names the field of a limit, below `/linux/resources`.
pub(crate) fn field(knob: Knob) -> &'static str {
    match knob {
        Knob::MemoryLimit => "memory/limit",
        Knob::MemoryReservation => "memory/reservation",
        Knob::MemorySwap => "memory/swap",
        Knob::MemoryKernel => "memory/kernel",
        Knob::MemoryKernelTcp => "memory/kernelTCP",
        Knob::MemorySwappiness => "memory/swappiness",
        Knob::MemoryOomKiller => "memory/disableOOMKiller",
        Knob::MemoryHierarchical => "memory/useHierarchy",
        Knob::CpuShares | Knob::CpuWeight => "cpu/shares",
        Knob::CpuQuota => "cpu/quota",
        Knob::CpuPeriod => "cpu/period",
        Knob::CpuBurst => "cpu/burst",
        Knob::CpuRealtimeRuntime => "cpu/realtimeRuntime",
        Knob::CpuRealtimePeriod => "cpu/realtimePeriod",
        Knob::CpuIdle => "cpu/idle",
        Knob::CpusetCpus => "cpu/cpus",
        Knob::CpusetMems => "cpu/mems",
        Knob::Pids => "pids/limit",
        Knob::IoWeight => "blockIO/weight",
        Knob::IoLeafWeight => "blockIO/leafWeight",
        Knob::IoDeviceWeight => "blockIO/weightDevice",
        Knob::IoThrottle => "blockIO",
        Knob::Hugetlb => "hugepageLimits",
        Knob::NetCls => "network/classID",
        Knob::NetPrio => "network/priorities",
        Knob::Rdma => "rdma",
        Knob::Misc | Knob::Unified => "unified",
        Knob::Devices => "devices",
    }
}

/// Leads a limit that this machine cannot give back to its place in config.json, with what is said of it there.
pub(super) fn place(refusal: &Refusal) -> (String, String) {
    let field = field(refusal.knob);
    match (refusal.knob, &refusal.item) {
        (Knob::Rdma | Knob::Unified, Some(key)) => {
            let key = key.replace('~', "~0").replace('/', "~1");
            (format!("{POINTER}/{field}/{key}"), refusal.reason.clone())
        }
        (_, Some(item)) => (format!("{POINTER}/{field}"), format!("{item}: {}", refusal.reason)),
        (_, None) => (format!("{POINTER}/{field}"), refusal.reason.clone()),
    }
}
