//! The tiers of tests and what each needs.

use clap::ValueEnum;

use crate::need::Need;

/// A set of tests and the place where they run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Tier {
    /// Unit and documentation tests of every crate
    Unit,
    /// Plans compiled from many configs for many hosts, compared with what is written down
    Golden,
    /// End to end on this machine as root
    HostRoot,
    /// End to end on this machine as an ordinary user, made for it and removed afterwards
    HostUser,
    /// Podman, containerd and Docker on this machine, each beside its default runtime
    Engines,
    /// End to end in a virtual machine that has cgroup v2 alone, as root and as an ordinary user
    VmV2,
    /// The same in a machine that has cgroup v1 alone
    VmV1,
    /// The same in a machine with v1 hierarchies beside a v2 tree
    VmHybrid,
    /// Cgroups made by systemd, in a machine whose first process that is, as root and as an ordinary user; and Podman
    /// and Docker there
    VmSystemd,
    /// Each reader of text that others write, fed with nonsense for a minute; left out where tests are picked by name
    Fuzz,
}

/// Which security module the virtual machine's kernel runs; it takes one of these.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Security {
    /// Without profiles but those that a test loads.
    Apparmor,
    /// With the policy of `tests/selinux.conf`.
    Selinux,
}

/// Which cgroup hierarchies the virtual machine mounts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Cgroups {
    /// v2 alone
    V2,
    /// v1 alone, every controller
    V1,
    /// v1, with hugetlb in a v2 tree beside it
    Hybrid,
    /// v2 alone, of systemd's
    Systemd,
}

impl Tier {
    /// The tier's name in tables, in options and, for the end-to-end tests, in PALISADE_TIER.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Unit => "unit",
            Self::Golden => "golden",
            Self::HostRoot => "host-root",
            Self::HostUser => "host-user",
            Self::Engines => "engines",
            Self::VmV2 => "vm-v2",
            Self::VmV1 => "vm-v1",
            Self::VmHybrid => "vm-hybrid",
            Self::VmSystemd => "vm-systemd",
            Self::Fuzz => "fuzz",
        }
    }

    /// What must be there for the tier to run.
    pub(crate) fn needs(self) -> Vec<Need> {
        /// Of every virtual machine.
        const MACHINE: &[Need] =
            &[Need::Qemu, Need::Kernel, Need::Busybox, Need::IdMaps, Need::Criu, Need::Nftables, Need::Rdma];
        match self {
            Self::Unit | Self::Golden => Vec::new(),
            Self::HostRoot => vec![Need::Root, Need::Busybox, Need::Nftables],
            Self::HostUser => vec![Need::Busybox, Need::IdMaps],
            Self::Engines => vec![
                Need::Root,
                Need::Busybox,
                Need::IdMaps,
                Need::Podman,
                Need::Containerd,
                Need::Docker,
                Need::Images,
            ],
            Self::VmV2 | Self::VmV1 => MACHINE.to_vec(),
            Self::VmHybrid => [MACHINE, &[Need::PolicyCompiler]].concat(),
            Self::VmSystemd => [MACHINE, &[Need::Bootstrap, Need::FileSystems, Need::SystemdDisk]].concat(),
            Self::Fuzz => vec![Need::Compiler],
        }
    }

    /// The cgroups of the tier's machine; `None` where it runs on this one.
    pub(crate) fn machine(self) -> Option<Cgroups> {
        match self {
            Self::Unit | Self::Golden | Self::HostRoot | Self::HostUser | Self::Engines | Self::Fuzz => None,
            Self::VmV2 => Some(Cgroups::V2),
            Self::VmV1 => Some(Cgroups::V1),
            Self::VmHybrid => Some(Cgroups::Hybrid),
            Self::VmSystemd => Some(Cgroups::Systemd),
        }
    }

    /// The security module of the tier's machine: each is in one that is started anyway.
    pub(crate) fn security(self) -> Security {
        match self {
            Self::VmHybrid => Security::Selinux,
            _ => Security::Apparmor,
        }
    }

    /// Tells whether the tier runs the end-to-end tests.
    pub(crate) fn is_end_to_end(self) -> bool {
        !matches!(self, Self::Unit | Self::Golden | Self::Fuzz)
    }
}

impl Cgroups {
    /// The tier whose machine has them.
    pub(crate) fn tier(self) -> Tier {
        match self {
            Self::V2 => Tier::VmV2,
            Self::V1 => Tier::VmV1,
            Self::Hybrid => Tier::VmHybrid,
            Self::Systemd => Tier::VmSystemd,
        }
    }

    /// The word that the machine's init finds on the kernel's command line.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::V2 => "v2",
            Self::V1 => "v1",
            Self::Hybrid => "hybrid",
            Self::Systemd => "systemd",
        }
    }
}
