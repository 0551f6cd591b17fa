use std::fmt;

use palisade_sys::clone::{
    CLONE_NEWCGROUP, CLONE_NEWIPC, CLONE_NEWNET, CLONE_NEWNS, CLONE_NEWPID, CLONE_NEWTIME, CLONE_NEWUSER,
    CLONE_NEWUTS, NamespaceFlags,
};

/// One of the eight kinds of namespace, `namespaces(7)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Mount points.
    Mount,
    /// Process ids.
    Pid,
    /// Network devices, routes, sockets, packet filters.
    Net,
    /// System V IPC objects and POSIX message queues.
    Ipc,
    /// Host name and NIS domain name.
    Uts,
    /// User ids, group ids, capabilities, keys.
    User,
    /// The root that cgroup paths are shown against.
    Cgroup,
    /// The monotonic and boot-time clocks.
    Time,
}

/// What the kernel and the specification call one kind.
struct Facts {
    flag: NamespaceFlags,
    proc_name: &'static str,
    oci_name: &'static str,
    since: (u32, u32),
}

impl Kind {
    /// All kinds, in the order in which the kernel got them, but user, cgroup and time last.
    pub const ALL: [Self; 8] =
        [Self::Mount, Self::Pid, Self::Net, Self::Ipc, Self::Uts, Self::User, Self::Cgroup, Self::Time];

    const fn facts(self) -> Facts {
        let (flag, proc_name, oci_name, since) = match self {
            Self::Mount => (CLONE_NEWNS, "mnt", "mount", (3, 8)),
            Self::Pid => (CLONE_NEWPID, "pid", "pid", (3, 8)),
            Self::Net => (CLONE_NEWNET, "net", "network", (3, 0)),
            Self::Ipc => (CLONE_NEWIPC, "ipc", "ipc", (3, 0)),
            Self::Uts => (CLONE_NEWUTS, "uts", "uts", (3, 0)),
            Self::User => (CLONE_NEWUSER, "user", "user", (3, 8)),
            Self::Cgroup => (CLONE_NEWCGROUP, "cgroup", "cgroup", (4, 6)),
            Self::Time => (CLONE_NEWTIME, "time", "time", (5, 6)),
        };
        Facts { flag, proc_name, oci_name, since }
    }

    /// Returns the `CLONE_NEW*` bit.
    #[must_use]
    pub const fn flag(self) -> NamespaceFlags {
        self.facts().flag
    }

    /// Returns the file's name in `/proc/PID/ns`.
    #[must_use]
    pub const fn proc_name(self) -> &'static str {
        self.facts().proc_name
    }

    /// Returns the name in `linux.namespaces[].type` of the OCI runtime specification.
    #[must_use]
    pub const fn oci_name(self) -> &'static str {
        self.facts().oci_name
    }

    /// Returns the kernel version (major, minor) since which the kind can be made, joined and seen in `/proc`.
    #[must_use]
    pub const fn since(self) -> (u32, u32) {
        self.facts().since
    }

    /// Says in a few words what making or joining the kind needs, for hints.
    #[must_use]
    pub const fn needs(self) -> &'static str {
        match self {
            Self::User => {
                "a new one needs no capability, but user.max_user_namespaces above 0 and no LSM that forbids it; \
                 joining needs CAP_SYS_ADMIN in it and a process with one thread"
            }
            Self::Mount => {
                "CAP_SYS_ADMIN in its owning user namespace; joining also CAP_SYS_CHROOT and an unshared fs"
            }
            Self::Time => {
                "CAP_SYS_ADMIN in its owning user namespace; joining also a process with one thread"
            }
            _ => "CAP_SYS_ADMIN in its owning user namespace",
        }
    }

    /// Finds the kind of an OCI name, or of the name in `/proc/PID/ns`.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| name == kind.oci_name() || name == kind.proc_name())
    }

    /// Finds the kind of a single `CLONE_NEW*` bit.
    #[must_use]
    pub fn from_flag(flag: NamespaceFlags) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.flag() == flag)
    }

    pub(crate) const fn index(self) -> usize {
        self as usize
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.oci_name())
    }
}

/// A set of kinds; it costs one byte and prints as `mount,pid`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Kinds(u8);

impl Kinds {
    /// The empty set.
    pub const NONE: Self = Self(0);

    /// Returns the set with `kind` in it as well.
    #[must_use]
    pub const fn with(self, kind: Kind) -> Self {
        Self(self.0 | 1 << kind.index())
    }

    /// Returns the set without `kind`.
    #[must_use]
    pub const fn without(self, kind: Kind) -> Self {
        Self(self.0 & !(1 << kind.index()))
    }

    /// Tells whether `kind` is in the set.
    #[must_use]
    pub const fn contains(self, kind: Kind) -> bool {
        self.0 & (1 << kind.index()) != 0
    }

    /// Tells whether no kind is in the set.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Visits the kinds in the order of [`Kind::ALL`].
    pub fn iter(self) -> impl Iterator<Item = Kind> {
        Kind::ALL.into_iter().filter(move |kind| self.contains(*kind))
    }

    /// Returns the kinds that are in both sets.
    #[must_use]
    pub const fn both(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Returns the `CLONE_NEW*` bits of the set, for `clone3(2)` and `unshare(2)`.
    #[must_use]
    pub fn flags(self) -> NamespaceFlags {
        self.iter().fold(0, |bits, kind| bits | kind.flag())
    }
}

impl FromIterator<Kind> for Kinds {
    fn from_iter<I: IntoIterator<Item = Kind>>(kinds: I) -> Self {
        kinds.into_iter().fold(Self::NONE, Self::with)
    }
}

impl fmt::Display for Kinds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, kind) in self.iter().enumerate() {
            write!(f, "{}{kind}", if n == 0 { "" } else { "," })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_flags_lead_back_to_their_kind() {
        for kind in Kind::ALL {
            assert_eq!(Kind::from_name(kind.oci_name()), Some(kind));
            assert_eq!(Kind::from_name(kind.proc_name()), Some(kind));
            assert_eq!(Kind::from_flag(kind.flag()), Some(kind));
            assert_eq!(Kind::ALL[kind.index()], kind);
        }
        assert_eq!(Kind::from_name("networks"), None);
        assert_eq!(Kind::from_flag(0), None);
    }

    #[test]
    fn sets_are_sets() {
        let set: Kinds = [Kind::Net, Kind::Mount].into_iter().collect();
        assert_eq!(set.to_string(), "mount,network");
        assert_eq!(set.flags(), CLONE_NEWNS | CLONE_NEWNET);
        assert!(set.without(Kind::Net).without(Kind::Mount).is_empty());
        assert_eq!(set.both(Kinds::NONE.with(Kind::Net).with(Kind::Pid)), Kinds::NONE.with(Kind::Net));
        assert_eq!(Kind::ALL.into_iter().collect::<Kinds>().iter().count(), 8);
    }
}
