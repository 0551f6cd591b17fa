//! The machines that plans are made for, as literals.

use std::path::PathBuf;

use palisade_cgroup::Layout;
use palisade_namespace::{Helpers, MapFacts, SubIdRange};
use palisade_runtime::{Delegation, Host};

/// All capabilities of Linux 5.9 and later.
pub(crate) const ALL_CAPABILITIES: u64 = (1 << 41) - 1;

/// A machine, and who is at it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Machine {
    /// Root on a machine with cgroup v2 alone.
    V2,
    /// Root on a machine with cgroup v1 alone.
    V1,
    /// Root on a machine with v1 hierarchies beside a v2 tree.
    Hybrid,
    /// An ordinary user with ranges of sub-ids and a delegated group on v2.
    User,
    /// The same on a machine with v1 hierarchies beside the v2 tree.
    HybridUser,
    /// An ordinary user with nothing on v1.
    Bare,
}

impl Machine {
    pub(crate) const ALL: [Self; 6] =
        [Self::V2, Self::V1, Self::Hybrid, Self::User, Self::HybridUser, Self::Bare];
    /// Those of root.
    pub(crate) const ROOTS: [Self; 3] = [Self::V2, Self::V1, Self::Hybrid];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::V2 => "root on v2",
            Self::V1 => "root on v1",
            Self::Hybrid => "root on hybrid",
            Self::User => "user with sub-ids and a group on v2",
            Self::HybridUser => "user with sub-ids and a group on hybrid",
            Self::Bare => "user with nothing on v1",
        }
    }

    /// What the planner is told of it.
    pub(crate) fn host(self) -> Host {
        match self {
            Self::V2 => root(v2()),
            Self::V1 => root(v1()),
            Self::Hybrid => root(hybrid()),
            Self::User => Host { delegation: own_group(&v2()), ..user(v2(), given_ids()) },
            Self::HybridUser => Host { delegation: own_group(&hybrid()), ..user(hybrid(), given_ids()) },
            Self::Bare => user(v1(), own_id()),
        }
    }
}

fn root(cgroups: Layout) -> Host {
    Host {
        kernel: (6, 18),
        uid: 0,
        gid: 0,
        capabilities: ALL_CAPABILITIES,
        cgroups,
        delegation: Delegation::Everywhere,
        maps: MapFacts {
            euid: 0,
            egid: 0,
            may_set_ids: true,
            subuid: Vec::new(),
            subgid: Vec::new(),
            helpers: None,
        },
        systemd: None,
    }
}

fn user(cgroups: Layout, maps: MapFacts) -> Host {
    Host {
        kernel: (6, 1),
        uid: 1000,
        gid: 1000,
        capabilities: 0,
        cgroups,
        delegation: Delegation::Nowhere,
        maps,
        systemd: None,
    }
}

/// The group of the user's session.
fn own_group(cgroups: &Layout) -> Delegation {
    let own = cgroups.unified().and_then(palisade_cgroup::Hierarchy::own_path);
    Delegation::Group(own.expect("a group in the v2 tree"))
}

fn own_id() -> MapFacts {
    MapFacts {
        euid: 1000,
        egid: 1000,
        may_set_ids: false,
        subuid: Vec::new(),
        subgid: Vec::new(),
        helpers: None,
    }
}

fn given_ids() -> MapFacts {
    let range = SubIdRange { first: 100_000, count: 65536 };
    let program = |name| PathBuf::from("/usr/bin").join(name);
    MapFacts {
        subuid: vec![range],
        subgid: vec![range],
        helpers: Some(Helpers { newuidmap: program("newuidmap"), newgidmap: program("newgidmap") }),
        ..own_id()
    }
}

macro_rules! layout {
    ($name:literal, $controllers:literal) => {
        Layout::parse(
            include_str!(concat!("hosts/", $name, ".mountinfo")),
            include_str!(concat!("hosts/", $name, ".cgroups")),
            include_str!(concat!("hosts/", $name, ".own")),
            $controllers,
        )
    };
}

fn v1() -> Layout {
    layout!("v1", "")
}

fn v2() -> Layout {
    layout!("v2", "cpuset cpu io memory hugetlb pids rdma misc\n")
}

fn hybrid() -> Layout {
    layout!("hybrid", "hugetlb\n")
}
