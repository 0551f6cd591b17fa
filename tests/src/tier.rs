//! Where the tests run, as whoever started them says.

use std::env;

/// A place where the end-to-end tests run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tier {
    /// This machine, as root.
    HostRoot,
    /// This machine, as an ordinary user.
    HostUser,
    /// This machine, as root, in mount and network namespaces made for the engines.
    Engines,
    /// The virtual machine with these cgroups and these rights.
    Vm(Cgroups, Privilege),
    /// The virtual machine of systemd's, with these rights; it has v2 alone.
    Systemd(Privilege),
}

/// Which cgroup hierarchies a machine has mounted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cgroups {
    /// v2 alone.
    V2,
    /// v1 alone.
    V1,
    /// Both, each controller in one of them.
    Hybrid,
}

/// The rights that the tests have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Privilege {
    /// All of root's.
    Root,
    /// None but ranges of subordinate ids.
    Ordinary,
}

impl Tier {
    /// Reads the tier from `PALISADE_TIER`.
    ///
    /// # Panics
    /// Where the variable is not set or names no tier: the tests are not to be started without somebody who
    /// prepared the place.
    #[must_use]
    pub fn current() -> Self {
        let name = env::var("PALISADE_TIER").unwrap_or_default();
        Self::named(&name).unwrap_or_else(|| {
            panic!("PALISADE_TIER={name:?} names no tier: run the tests with `cargo xtask test`")
        })
    }

    /// Finds a tier by its name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Some(match name {
            "host-root" => Self::HostRoot,
            "host-user" => Self::HostUser,
            "engines" => Self::Engines,
            "vm-v2" => Self::Vm(Cgroups::V2, Privilege::Root),
            "vm-v2-user" => Self::Vm(Cgroups::V2, Privilege::Ordinary),
            "vm-v1" => Self::Vm(Cgroups::V1, Privilege::Root),
            "vm-v1-user" => Self::Vm(Cgroups::V1, Privilege::Ordinary),
            "vm-hybrid" => Self::Vm(Cgroups::Hybrid, Privilege::Root),
            "vm-hybrid-user" => Self::Vm(Cgroups::Hybrid, Privilege::Ordinary),
            "vm-systemd" => Self::Systemd(Privilege::Root),
            "vm-systemd-user" => Self::Systemd(Privilege::Ordinary),
            _ => return None,
        })
    }

    /// Tells which rights the tier promises.
    #[must_use]
    pub fn privilege(self) -> Privilege {
        match self {
            Self::HostRoot | Self::Engines => Privilege::Root,
            Self::HostUser => Privilege::Ordinary,
            Self::Vm(_, privilege) | Self::Systemd(privilege) => privilege,
        }
    }

    /// Tells which cgroups the tier promises; a host may have any.
    #[must_use]
    pub fn cgroups(self) -> Option<Cgroups> {
        match self {
            Self::HostRoot | Self::HostUser | Self::Engines => None,
            Self::Vm(cgroups, _) => Some(cgroups),
            Self::Systemd(_) => Some(Cgroups::V2),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tier_promises_what_its_name_says() {
        let user = Tier::named("vm-v1-user").expect("a tier");
        assert_eq!((user.cgroups(), user.privilege()), (Some(Cgroups::V1), Privilege::Ordinary));
        assert_eq!(Tier::named("host-root").map(Tier::privilege), Some(Privilege::Root));
        assert_eq!(Tier::named("vm"), None);
    }
}
