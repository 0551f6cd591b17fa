//! The table of interface files: every property of a group, what v1 calls it and what v2 does.
//!
//! The names are those of the kernel's Documentation/admin-guide: cgroup-v1/*.rst and cgroup-v2.rst.

use super::slot::{Place, Side, Slot, no};
use super::unit::Unit;
use super::{Property, Purpose};
use crate::Controller::{
    self, Cpu, Cpuacct, Cpuset, Freezer, Hugetlb, Io, Memory, Misc, NetCls, NetPrio, Pids, Rdma,
};
use Unit::{
    ByteRateV1, Bytes, BytesV1, BytesWithMemory, FreezerWord, IoWeightV1, Nanoseconds, Number, NumberV1,
    RateV1, Shares, Text, Ticks,
};

/// Every property, in the order that they are listed and saved in; a `*` in a name stands for a page size.
pub const TABLE: &[Property] = &[
    // Memory, in bytes. v2 limits swap alone, v1 memory and swap together.
    limit("memory-max", Memory, file("memory.limit_in_bytes", BytesV1), file("memory.max", Bytes), MAX),
    limit("memory-swap-max", Memory, file("memory.memsw.limit_in_bytes", MEMSW), SWAP_MAX, MAX),
    limit("memory-low", Memory, file("memory.soft_limit_in_bytes", BytesV1), LOW, &["0", "max"]),
    limit("memory-min", Memory, no("memory-low is v1's soft limit"), file("memory.min", Bytes), &["0"]),
    limit("memory-high", Memory, no("use memory-max"), file("memory.high", Bytes), MAX),
    limit("memory-swap-high", Memory, no("use memory-swap-max"), file("memory.swap.high", Bytes), MAX),
    limit("memory-zswap-max", Memory, no("v1 does not count it"), file("memory.zswap.max", Bytes), MAX),
    limit("memory-oom-group", Memory, no("v1 kills one by one"), file("memory.oom.group", Number), &["0"]),
    inherited("memory-swappiness", Memory, file("memory.swappiness", Number), no("use memory-swap-max")),
    limit("memory-oom-kill-disable", Memory, OOM_KILL_DISABLE, no("use memory-high"), &["0"]),
    inherited("memory-use-hierarchy", Memory, file("memory.use_hierarchy", Number), no("v2 always does")),
    limit("memory-kmem-max", Memory, file("memory.kmem.limit_in_bytes", BytesV1), no(COUNTED), MAX),
    limit("memory-kmem-tcp-max", Memory, file("memory.kmem.tcp.limit_in_bytes", BytesV1), no(COUNTED), MAX),
    limit("memory-move-charge", Memory, file("memory.move_charge_at_immigrate", Number), no(NEVER), &["0"]),
    trigger("memory-force-empty", Memory, file("memory.force_empty", Number), no("use memory.reclaim=SIZE")),
    trigger("memory-reclaim", Memory, no("use memory.force_empty=0"), file("memory.reclaim", Bytes)),
    reading("memory-current", Memory, file("memory.usage_in_bytes", Number), file("memory.current", Number)),
    reading("memory-peak", Memory, file("memory.max_usage_in_bytes", Number), file("memory.peak", Number)),
    reading("memory-swap-current", Memory, file("memory.memsw.usage_in_bytes", MEMSW_USAGE), SWAP_CURRENT),
    reading("memory-kmem-current", Memory, file("memory.kmem.usage_in_bytes", Number), KERNEL),
    reading("memory-kmem-tcp-current", Memory, file("memory.kmem.tcp.usage_in_bytes", Number), SOCK),
    reading("memory-low-events", Memory, no(EVENTS), field("memory.events", "low", Number)),
    reading("memory-high-events", Memory, no(EVENTS), field("memory.events", "high", Number)),
    reading("memory-failures", Memory, file("memory.failcnt", Number), field("memory.events", "max", Number)),
    reading("memory-oom-events", Memory, no(EVENTS), field("memory.events", "oom", Number)),
    reading("memory-oom-kills", Memory, OOM_KILLS_V1, field("memory.events", "oom_kill", Number)),
    reading("memory-under-oom", Memory, field("memory.oom_control", "under_oom", Number), no(NEVER)),
    reading("memory-swap-failures", Memory, file("memory.memsw.failcnt", Number), SWAP_FAILURES),
    reading("memory-stat", Memory, file("memory.stat", Text), file("memory.stat", Text)),
    reading("memory-numa-stat", Memory, file("memory.numa_stat", Text), file("memory.numa_stat", Text)),
    reading("memory-pressure", Memory, no(PRESSURE), file("memory.pressure", Text)),
    // CPU time, in microseconds.
    limit("cpu-weight", Cpu, file("cpu.shares", Shares), file("cpu.weight", Number), &["100"]),
    trigger("cpu-weight-nice", Cpu, no("use cpu.weight"), file("cpu.weight.nice", Text)),
    limit("cpu-quota", Cpu, file("cpu.cfs_quota_us", NumberV1), word("cpu.max", 0, Number), MAX),
    limit("cpu-period", Cpu, file("cpu.cfs_period_us", Number), word("cpu.max", 1, Number), &["100000"]),
    limit("cpu-burst", Cpu, file("cpu.cfs_burst_us", Number), file("cpu.max.burst", Number), &["0"]),
    limit("cpu-idle", Cpu, file("cpu.idle", Number), file("cpu.idle", Number), &["0"]),
    limit("cpu-rt-period", Cpu, file("cpu.rt_period_us", Number), no(REALTIME), &["1000000"]),
    limit("cpu-rt-runtime", Cpu, file("cpu.rt_runtime_us", Text), no(REALTIME), &["0"]),
    limit("cpu-uclamp-min", Cpu, file("cpu.uclamp.min", Text), file("cpu.uclamp.min", Text), &["0.00"]),
    limit("cpu-uclamp-max", Cpu, file("cpu.uclamp.max", Text), file("cpu.uclamp.max", Text), MAX),
    reading(
        "cpu-usage",
        Cpuacct,
        file("cpuacct.usage", Nanoseconds),
        field("cpu.stat", "usage_usec", Number),
    ),
    reading("cpu-user", Cpuacct, Side::FirstOf(USER_V1), field("cpu.stat", "user_usec", Number)),
    reading("cpu-system", Cpuacct, Side::FirstOf(SYSTEM_V1), field("cpu.stat", "system_usec", Number)),
    reading("cpu-usage-percpu", Cpuacct, file("cpuacct.usage_percpu", Text), no(PER_CPU)),
    reading("cpu-usage-all", Cpuacct, file("cpuacct.usage_all", Text), no(PER_CPU)),
    reading("cpu-periods", Cpu, field("cpu.stat", "nr_periods", Number), PERIODS),
    reading("cpu-throttled-periods", Cpu, field("cpu.stat", "nr_throttled", Number), THROTTLED),
    reading("cpu-throttled", Cpu, field("cpu.stat", "throttled_time", Nanoseconds), THROTTLED_TIME),
    reading("cpu-pressure", Cpu, no(PRESSURE), file("cpu.pressure", Text)),
    // CPUs and memory nodes.
    inherited("cpuset-cpus", Cpuset, file("cpuset.cpus", Text), file("cpuset.cpus", Text)),
    inherited("cpuset-mems", Cpuset, file("cpuset.mems", Text), file("cpuset.mems", Text)),
    limit("cpuset-cpus-partition", Cpuset, no(EXCLUSIVE), file("cpuset.cpus.partition", Text), &["member"]),
    limit("cpuset-cpus-exclusive", Cpuset, no(EXCLUSIVE), file("cpuset.cpus.exclusive", Text), EMPTY),
    limit("cpuset-cpu-exclusive", Cpuset, file("cpuset.cpu_exclusive", Number), no(PARTITION), &["0"]),
    limit("cpuset-mem-exclusive", Cpuset, file("cpuset.mem_exclusive", Number), no(NEVER), &["0"]),
    limit("cpuset-mem-hardwall", Cpuset, file("cpuset.mem_hardwall", Number), no(NEVER), &["0"]),
    limit(
        "cpuset-memory-migrate",
        Cpuset,
        file("cpuset.memory_migrate", Number),
        no("v2 always does"),
        &["0"],
    ),
    limit("cpuset-spread-page", Cpuset, file("cpuset.memory_spread_page", Number), no(NEVER), &["0"]),
    limit("cpuset-spread-slab", Cpuset, file("cpuset.memory_spread_slab", Number), no(NEVER), &["0"]),
    limit("cpuset-load-balance", Cpuset, file("cpuset.sched_load_balance", Number), no(PARTITION), &["1"]),
    limit("cpuset-relax-domain-level", Cpuset, RELAX_DOMAIN, no(NEVER), &["-1"]),
    limit("cpuset-clone-children", Cpuset, file("cgroup.clone_children", Number), no(CLONE), &["0"]),
    reading("cpuset-cpus-effective", Cpuset, file("cpuset.effective_cpus", Text), CPUS_EFFECTIVE),
    reading("cpuset-mems-effective", Cpuset, file("cpuset.effective_mems", Text), MEMS_EFFECTIVE),
    // Tasks.
    limit("pids-max", Pids, file("pids.max", Number), file("pids.max", Number), MAX),
    reading("pids-current", Pids, file("pids.current", Number), file("pids.current", Number)),
    reading("pids-peak", Pids, file("pids.peak", Number), file("pids.peak", Number)),
    reading("pids-failures", Pids, field("pids.events", "max", Number), field("pids.events", "max", Number)),
    // Block I/O. Who weighs has its own files: iocost on v2, BFQ on both, before kernel 5.0 CFQ.
    limit("io-weight", Io, Side::FirstOf(WEIGHT_V1), Side::FirstOf(WEIGHT_V2), &["100", "910"]),
    limit("io-device-weight", Io, Side::FirstOf(DEVICE_V1), Side::FirstOf(DEVICE_V2), EMPTY),
    limit("io-leaf-weight", Io, file("blkio.leaf_weight", Number), no(LEAVES), &["500"]),
    limit(
        "io-read-bps-max",
        Io,
        lines("blkio.throttle.read_bps_device", ByteRateV1),
        pair("rbps", Bytes),
        EMPTY,
    ),
    limit(
        "io-write-bps-max",
        Io,
        lines("blkio.throttle.write_bps_device", ByteRateV1),
        pair("wbps", Bytes),
        EMPTY,
    ),
    limit(
        "io-read-iops-max",
        Io,
        lines("blkio.throttle.read_iops_device", RateV1),
        pair("riops", Number),
        EMPTY,
    ),
    limit(
        "io-write-iops-max",
        Io,
        lines("blkio.throttle.write_iops_device", RateV1),
        pair("wiops", Number),
        EMPTY,
    ),
    limit("io-latency", Io, no("use one of io-*-max"), lines_as_text("io.latency"), EMPTY),
    limit("io-prio-class", Io, file("blkio.prio.class", Text), file("io.prio.class", Text), &["no-change"]),
    trigger("io-reset", Io, file("blkio.reset_stats", Number), no("the numbers of io.stat only rise")),
    reading("io-bytes", Io, file("blkio.throttle.io_service_bytes", Text), no(STAT)),
    reading("io-bytes-recursive", Io, file("blkio.throttle.io_service_bytes_recursive", Text), no(STAT)),
    reading("io-operations", Io, file("blkio.throttle.io_serviced", Text), no(STAT)),
    reading("io-operations-recursive", Io, file("blkio.throttle.io_serviced_recursive", Text), no(STAT)),
    reading("io-stat", Io, no("use io-bytes-recursive, io-operations-recursive"), file("io.stat", Text)),
    reading("io-pressure", Io, no(PRESSURE), file("io.pressure", Text)),
    // Huge pages by size, in bytes.
    limit(
        "hugetlb-*-max",
        Hugetlb,
        file("hugetlb.*.limit_in_bytes", BytesV1),
        file("hugetlb.*.max", Bytes),
        MAX,
    ),
    limit("hugetlb-*-rsvd-max", Hugetlb, file("hugetlb.*.rsvd.limit_in_bytes", BytesV1), RESERVED_MAX, MAX),
    reading("hugetlb-*-current", Hugetlb, file("hugetlb.*.usage_in_bytes", Number), HUGE_CURRENT),
    reading("hugetlb-*-rsvd-current", Hugetlb, file("hugetlb.*.rsvd.usage_in_bytes", Number), RESERVED),
    reading("hugetlb-*-failures", Hugetlb, file("hugetlb.*.failcnt", Number), HUGE_FAILURES),
    reading("hugetlb-*-peak", Hugetlb, file("hugetlb.*.max_usage_in_bytes", Number), no(NEVER)),
    // RDMA and scalar resources.
    limit("rdma-max", Rdma, lines_as_text("rdma.max"), lines_as_text("rdma.max"), EMPTY),
    reading("rdma-current", Rdma, file("rdma.current", Text), file("rdma.current", Text)),
    limit("misc-max", Misc, lines("misc.max", Number), lines("misc.max", Number), EMPTY),
    reading("misc-current", Misc, file("misc.current", Text), file("misc.current", Text)),
    reading("misc-capacity", Misc, file("misc.capacity", Text), file("misc.capacity", Text)),
    // Packets.
    limit("net-cls-classid", NetCls, file("net_cls.classid", Unit::Class), no(PACKETS), &["0"]),
    limit("net-prio-ifpriomap", NetPrio, lines("net_prio.ifpriomap", Number), no(PACKETS), EMPTY),
    reading("net-prio-prioidx", NetPrio, file("net_prio.prioidx", Number), no(PACKETS)),
    // What v2 has in every group.
    trigger("cgroup-freeze", Freezer, file("freezer.state", FreezerWord), file("cgroup.freeze", Number)),
    trigger("cgroup-kill", Freezer, no("use pal cgroup kill"), file("cgroup.kill", Number)),
    limit("cgroup-max-depth", Freezer, no("v1 has no such limit"), file("cgroup.max.depth", Number), MAX),
    limit("cgroup-max-descendants", Freezer, no("v1 has no such limit"), DESCENDANTS, MAX),
];

const MAX: &[&str] = &["max"];
const EMPTY: &[&str] = &[""];

const NEVER: &str = "v2 has nothing in its place";
const COUNTED: &str = "memory-max counts it there";
const EVENTS: &str = "v1 tells through eventfd: use pal cgroup watch";
const PRESSURE: &str = "v1 groups have none: /proc/pressure has the machine's";
const REALTIME: &str = "v2 does not share out realtime: chrt(1), sysctl kernel.sched_rt_runtime_us";
const PER_CPU: &str = "v2 does not count by CPU: use cpu-usage";
const PARTITION: &str = "use cpuset.cpus.partition";
const EXCLUSIVE: &str = "use cpuset.cpu_exclusive";
const CLONE: &str = "a v2 group whose set is empty uses that of the group above";
const LEAVES: &str = "only groups without groups below hold processes there";
const STAT: &str = "use io.stat";
const PACKETS: &str = "match the group's path in a packet filter: pal cgroup net GROUP count|drop|mark";

const MEMSW: Unit = BytesWithMemory("memory.limit_in_bytes");
const MEMSW_USAGE: Unit = BytesWithMemory("memory.usage_in_bytes");
const SWAP_MAX: Side = file("memory.swap.max", Bytes);
const LOW: Side = file("memory.low", Bytes);
const SWAP_CURRENT: Side = file("memory.swap.current", Number);
const SWAP_FAILURES: Side = field("memory.swap.events", "max", Number);
const KERNEL: Side = field("memory.stat", "kernel", Number);
const SOCK: Side = field("memory.stat", "sock", Number);
const OOM_KILLS_V1: Side = field("memory.oom_control", "oom_kill", Number);
const OOM_KILL_DISABLE: Side = Side::FirstOf(&[Slot {
    file: "memory.oom_control",
    place: Place::Switch("oom_kill_disable"),
    unit: Number,
}]);
const PERIODS: Side = field("cpu.stat", "nr_periods", Number);
const THROTTLED: Side = field("cpu.stat", "nr_throttled", Number);
const THROTTLED_TIME: Side = field("cpu.stat", "throttled_usec", Number);
const USER_V1: &[Slot] = &[
    Slot { file: "cpuacct.usage_user", place: Place::Whole, unit: Nanoseconds },
    Slot { file: "cpuacct.stat", place: Place::Field("user"), unit: Ticks },
];
const SYSTEM_V1: &[Slot] = &[
    Slot { file: "cpuacct.usage_sys", place: Place::Whole, unit: Nanoseconds },
    Slot { file: "cpuacct.stat", place: Place::Field("system"), unit: Ticks },
];
const RELAX_DOMAIN: Side = file("cpuset.sched_relax_domain_level", Text);
const CPUS_EFFECTIVE: Side = file("cpuset.cpus.effective", Text);
const MEMS_EFFECTIVE: Side = file("cpuset.mems.effective", Text);
const WEIGHT_V1: &[Slot] = &[
    Slot { file: "blkio.weight", place: Place::General, unit: IoWeightV1 },
    Slot { file: "blkio.bfq.weight", place: Place::General, unit: IoWeightV1 },
];
const WEIGHT_V2: &[Slot] = &[
    Slot { file: "io.bfq.weight", place: Place::General, unit: IoWeightV1 },
    Slot { file: "io.weight", place: Place::General, unit: Number },
];
const DEVICE_V1: &[Slot] = &[
    Slot { file: "blkio.weight_device", place: Place::Lines, unit: IoWeightV1 },
    Slot { file: "blkio.bfq.weight_device", place: Place::Lines, unit: IoWeightV1 },
];
const DEVICE_V2: &[Slot] = &[
    Slot { file: "io.bfq.weight", place: Place::Lines, unit: IoWeightV1 },
    Slot { file: "io.weight", place: Place::Lines, unit: Number },
];
const RESERVED_MAX: Side = file("hugetlb.*.rsvd.max", Bytes);
const HUGE_CURRENT: Side = file("hugetlb.*.current", Number);
const RESERVED: Side = file("hugetlb.*.rsvd.current", Number);
const HUGE_FAILURES: Side = field("hugetlb.*.events", "max", Number);
const DESCENDANTS: Side = file("cgroup.max.descendants", Number);

const fn limit(
    name: &'static str,
    controller: Controller,
    v1: Side,
    v2: Side,
    defaults: &'static [&'static str],
) -> Property {
    Property { name, controller, v1, v2, purpose: Purpose::Limit(defaults) }
}

const fn inherited(name: &'static str, controller: Controller, v1: Side, v2: Side) -> Property {
    Property { name, controller, v1, v2, purpose: Purpose::Inherited }
}

const fn trigger(name: &'static str, controller: Controller, v1: Side, v2: Side) -> Property {
    Property { name, controller, v1, v2, purpose: Purpose::Trigger }
}

const fn reading(name: &'static str, controller: Controller, v1: Side, v2: Side) -> Property {
    Property { name, controller, v1, v2, purpose: Purpose::Reading }
}

const fn file(file: &'static str, unit: Unit) -> Side {
    Side::At(Slot { file, place: Place::Whole, unit })
}

const fn field(file: &'static str, key: &'static str, unit: Unit) -> Side {
    Side::At(Slot { file, place: Place::Field(key), unit })
}

const fn word(file: &'static str, index: usize, unit: Unit) -> Side {
    Side::At(Slot { file, place: Place::Word(index), unit })
}

const fn lines(file: &'static str, unit: Unit) -> Side {
    Side::At(Slot { file, place: Place::Lines, unit })
}

const fn lines_as_text(file: &'static str) -> Side {
    Side::At(Slot { file, place: Place::Lines, unit: Text })
}

const fn pair(key: &'static str, unit: Unit) -> Side {
    Side::At(Slot { file: "io.max", place: Place::Pair(key), unit })
}
