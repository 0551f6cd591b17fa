//! The limits of a cgroup: config-linux.md#control-groups.

use std::collections::BTreeMap;

use crate::DeviceKind;
use crate::record::records;

records! {
    /// The limits of a cgroup.
    pub struct Resources {
        /// Which devices may be used, the last rule that fits deciding.
        optional devices: Vec<DeviceRule> = "devices",
        /// Memory.
        optional memory: Memory = "memory",
        /// CPU time.
        optional cpu: Cpu = "cpu",
        /// The number of processes.
        optional pids: Pids = "pids",
        /// I/O of block devices.
        optional block_io: BlockIo = "blockIO",
        /// Huge pages.
        optional hugepage_limits: Vec<HugepageLimit> = "hugepageLimits",
        /// Marks on network traffic.
        optional network: Network = "network",
        /// RDMA, by device.
        optional rdma: BTreeMap<String, Rdma> = "rdma",
        /// Files of version 2 with what is written to them.
        optional unified: BTreeMap<String, String> = "unified",
    }

    /// A rule about devices.
    pub struct DeviceRule {
        /// Whether it allows or denies.
        required allow: bool = "allow",
        /// The kind; any where absent.
        optional kind: Option<DeviceKind> = "type",
        /// The major number; any where absent or -1.
        optional major: Option<i64> = "major",
        /// The minor number; any where absent or -1.
        optional minor: Option<i64> = "minor",
        /// What may be done: letters out of `rwm`; all where empty.
        optional access: String = "access",
    }

    /// Limits of memory in bytes; -1 is none.
    pub struct Memory {
        /// The limit.
        optional limit: Option<i64> = "limit",
        /// What is left to the group when memory is short.
        optional reservation: Option<i64> = "reservation",
        /// The limit of memory and swap together.
        optional swap: Option<i64> = "swap",
        /// The limit of the kernel's own memory.
        optional kernel: Option<i64> = "kernel",
        /// The limit of the kernel's TCP buffers.
        optional kernel_tcp: Option<i64> = "kernelTCP",
        /// How readily memory is swapped out, 0 to 100.
        optional swappiness: Option<u64> = "swappiness",
        /// Whether a process that finds no memory waits where it would be killed.
        optional disable_oom_killer: Option<bool> = "disableOOMKiller",
        /// Whether the memory of groups below counts.
        optional use_hierarchy: Option<bool> = "useHierarchy",
        /// Whether a limit below present use is refused.
        optional check_before_update: Option<bool> = "checkBeforeUpdate",
    }

    /// Limits of CPU time; times are in microseconds.
    pub struct Cpu {
        /// The group's weight beside others, 2 to 262144.
        optional shares: Option<u64> = "shares",
        /// The time that it may run a period; -1 is no limit.
        optional quota: Option<i64> = "quota",
        /// How much time may be saved up for later periods.
        optional burst: Option<u64> = "burst",
        /// The length of a period.
        optional period: Option<u64> = "period",
        /// The real-time processes' share of a real-time period.
        optional realtime_runtime: Option<i64> = "realtimeRuntime",
        /// The length of a real-time period.
        optional realtime_period: Option<u64> = "realtimePeriod",
        /// The CPUs, as `0-3,7`.
        optional cpus: String = "cpus",
        /// The memory nodes, as `0-3,7`.
        optional mems: String = "mems",
        /// 1 for a group that runs only when no other would.
        optional idle: Option<i64> = "idle",
    }

    /// The number of processes.
    pub struct Pids {
        /// The most; -1 is no limit.
        optional limit: Option<i64> = "limit",
    }

    /// I/O of block devices.
    pub struct BlockIo {
        /// The group's weight beside others, 10 to 1000.
        optional weight: Option<u16> = "weight",
        /// Its own processes' weight beside groups below.
        optional leaf_weight: Option<u16> = "leafWeight",
        /// Weights by device.
        optional weight_device: Vec<WeightDevice> = "weightDevice",
        /// The most bytes read a second.
        optional throttle_read_bps_device: Vec<ThrottleDevice> = "throttleReadBpsDevice",
        /// The most bytes written a second.
        optional throttle_write_bps_device: Vec<ThrottleDevice> = "throttleWriteBpsDevice",
        /// The most reads a second.
        optional throttle_read_iops_device: Vec<ThrottleDevice> = "throttleReadIOPSDevice",
        /// The most writes a second.
        optional throttle_write_iops_device: Vec<ThrottleDevice> = "throttleWriteIOPSDevice",
    }

    /// A weight on one device.
    pub struct WeightDevice {
        /// The device's major number.
        required major: i64 = "major",
        /// The device's minor number.
        required minor: i64 = "minor",
        /// The group's weight beside others.
        optional weight: Option<u16> = "weight",
        /// Its own processes' weight beside groups below.
        optional leaf_weight: Option<u16> = "leafWeight",
    }

    /// A throttle of one device.
    pub struct ThrottleDevice {
        /// The device's major number.
        required major: i64 = "major",
        /// The device's minor number.
        required minor: i64 = "minor",
        /// Bytes or operations a second.
        required rate: u64 = "rate",
    }

    /// A limit of huge pages of one size.
    pub struct HugepageLimit {
        /// The size, as `2MB`.
        filled page_size: String = "pageSize",
        /// The most bytes in such pages; all ones is no limit.
        required limit: u64 = "limit",
    }

    /// Marks on network traffic.
    pub struct Network {
        /// The class of packets.
        optional class_id: Option<u32> = "classID",
        /// Priorities by interface.
        optional priorities: Vec<InterfacePriority> = "priorities",
    }

    /// A priority on one interface.
    pub struct InterfacePriority {
        /// The interface.
        filled name: String = "name",
        /// The priority.
        required priority: u32 = "priority",
    }

    /// Limits of one RDMA device.
    pub struct Rdma {
        /// The most handles.
        optional hca_handles: Option<u32> = "hcaHandles",
        /// The most objects.
        optional hca_objects: Option<u32> = "hcaObjects",
    }
}
