//! What is Linux's own: config-linux.md.

use std::collections::BTreeMap;

use crate::record::{records, words};
use crate::{Resources, Seccomp};

records! {
    /// What is Linux's own.
    pub struct Linux {
        /// The user ids of a new user namespace.
        optional uid_mappings: Vec<IdMapping> = "uidMappings",
        /// The group ids of a new user namespace.
        optional gid_mappings: Vec<IdMapping> = "gidMappings",
        /// Kernel parameters.
        optional sysctl: BTreeMap<String, String> = "sysctl",
        /// The limits of the cgroup.
        optional resources: Resources = "resources",
        /// Where the cgroup is.
        optional cgroups_path: String = "cgroupsPath",
        /// The namespaces that are not the runtime's own.
        optional namespaces: Vec<Namespace> = "namespaces",
        /// Nodes below /dev beside the default ones.
        optional devices: Vec<Device> = "devices",
        /// Network devices that are moved into the container, by their names on the host.
        optional net_devices: BTreeMap<String, NetDevice> = "netDevices",
        /// Which system calls are allowed.
        optional seccomp: Option<Seccomp> = "seccomp",
        /// How mounts spread from and to the root: `shared`, `slave`, `private`, `unbindable` or their r… forms.
        optional rootfs_propagation: String = "rootfsPropagation",
        /// Paths that are hidden.
        optional masked_paths: Vec<String> = "maskedPaths",
        /// Paths that are read-only.
        optional readonly_paths: Vec<String> = "readonlyPaths",
        /// The SELinux label of the mounts.
        optional mount_label: String = "mountLabel",
        /// Intel's resource director.
        optional intel_rdt: Option<IntelRdt> = "intelRdt",
        /// On which NUMA nodes memory is taken.
        optional memory_policy: Option<MemoryPolicy> = "memoryPolicy",
        /// The execution domain.
        optional personality: Option<Personality> = "personality",
        /// How far the clocks of a new time namespace are ahead, by `monotonic` and `boottime`.
        optional time_offsets: BTreeMap<String, TimeOffset> = "timeOffsets",
    }

    /// A range of ids in a user namespace.
    pub struct IdMapping {
        /// The first id inside.
        required container_id: u32 = "containerID",
        /// The first id outside.
        required host_id: u32 = "hostID",
        /// How many there are.
        required size: u32 = "size",
    }

    /// A namespace that is made or joined.
    pub struct Namespace {
        /// Its kind.
        required kind: NamespaceKind = "type",
        /// The file of the one that is joined; empty for a new one.
        optional path: String = "path",
    }

    /// A node that is made.
    pub struct Device {
        /// Where.
        filled path: String = "path",
        /// Its kind.
        required kind: DeviceKind = "type",
        /// The major number; a FIFO has none.
        optional major: Option<i64> = "major",
        /// The minor number; a FIFO has none.
        optional minor: Option<i64> = "minor",
        /// The permissions.
        optional file_mode: Option<u32> = "fileMode",
        /// Who owns it.
        optional uid: Option<u32> = "uid",
        /// Which group owns it.
        optional gid: Option<u32> = "gid",
    }

    /// A network device that is moved into the container.
    pub struct NetDevice {
        /// What it is called there; empty for as on the host.
        optional name: String = "name",
    }

    /// Intel's resource director.
    pub struct IntelRdt {
        /// The class of service.
        optional clos_id: String = "closID",
        /// Lines for the class's `schemata` file.
        optional schemata: Vec<String> = "schemata",
        /// A line about the L3 cache.
        optional l3_cache_schema: String = "l3CacheSchema",
        /// A line about memory bandwidth.
        optional mem_bw_schema: String = "memBwSchema",
        /// Whether the container gets a monitoring group.
        optional enable_monitoring: bool = "enableMonitoring",
        /// Whether use of the cache is monitored, before version 1.3.
        optional enable_cmt: bool = "enableCMT",
        /// Whether use of memory bandwidth is monitored, before version 1.3.
        optional enable_mbm: bool = "enableMBM",
    }

    /// The arguments of `set_mempolicy(2)`.
    pub struct MemoryPolicy {
        /// The mode.
        required mode: MemoryPolicyMode = "mode",
        /// The nodes, as `0-3,7`.
        optional nodes: String = "nodes",
        /// The flags.
        optional flags: Vec<MemoryPolicyFlag> = "flags",
    }

    /// The argument of `personality(2)`.
    pub struct Personality {
        /// The domain.
        required domain: PersonalityDomain = "domain",
        /// Flags, of which the specification names none.
        optional flags: Vec<String> = "flags",
    }

    /// How far a clock is ahead.
    pub struct TimeOffset {
        /// Seconds.
        optional secs: i64 = "secs",
        /// Nanoseconds.
        optional nanosecs: u32 = "nanosecs",
    }
}

words! {
    /// A kind of namespace.
    pub enum NamespaceKind {
        Mount = "mount",
        Cgroup = "cgroup",
        Uts = "uts",
        Ipc = "ipc",
        User = "user",
        Pid = "pid",
        Network = "network",
        Time = "time",
    }

    /// A kind of device; nodes are of any but `a`, rules of the cgroup of `a`, `b` and `c`.
    pub enum DeviceKind {
        All = "a",
        Block = "b",
        Char = "c",
        Unbuffered = "u",
        Fifo = "p",
    }

    /// A mode of `set_mempolicy(2)`.
    pub enum MemoryPolicyMode {
        Default = "MPOL_DEFAULT",
        Bind = "MPOL_BIND",
        Interleave = "MPOL_INTERLEAVE",
        WeightedInterleave = "MPOL_WEIGHTED_INTERLEAVE",
        Preferred = "MPOL_PREFERRED",
        PreferredMany = "MPOL_PREFERRED_MANY",
        Local = "MPOL_LOCAL",
    }

    /// A flag of `set_mempolicy(2)`.
    pub enum MemoryPolicyFlag {
        NumaBalancing = "MPOL_F_NUMA_BALANCING",
        RelativeNodes = "MPOL_F_RELATIVE_NODES",
        StaticNodes = "MPOL_F_STATIC_NODES",
    }

    /// An execution domain.
    pub enum PersonalityDomain {
        Linux = "LINUX",
        Linux32 = "LINUX32",
    }
}
