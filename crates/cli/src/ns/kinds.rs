//! From the words for kinds to the kinds.

use palisade_namespace::{Kind, Kinds, number_of};
use palisade_runtime::{Error, Result};

use crate::arguments::ns::KindSwitches;
use crate::flags::KindName;

impl KindName {
    pub(super) fn kind(self) -> Kind {
        match self {
            Self::Mount => Kind::Mount,
            Self::Pid => Kind::Pid,
            Self::Net => Kind::Net,
            Self::Ipc => Kind::Ipc,
            Self::Uts => Kind::Uts,
            Self::User => Kind::User,
            Self::Cgroup => Kind::Cgroup,
            Self::Time => Kind::Time,
        }
    }
}

impl KindSwitches {
    /// Returns the kinds that were named; none means that the verb chooses.
    pub(super) fn kinds(&self) -> Kinds {
        if self.all {
            return every();
        }
        let named = [
            (self.mount, Kind::Mount),
            (self.pid, Kind::Pid),
            (self.net, Kind::Net),
            (self.ipc, Kind::Ipc),
            (self.uts, Kind::Uts),
            (self.user, Kind::User),
            (self.cgroup, Kind::Cgroup),
            (self.time, Kind::Time),
        ];
        named.into_iter().filter_map(|(is_named, kind)| is_named.then_some(kind)).collect()
    }
}

/// All eight kinds.
pub(super) fn every() -> Kinds {
    Kind::ALL.into_iter().collect()
}

/// The kinds of which a process has another namespace than the caller.
pub(super) fn differing(pid: u32) -> Result<Kinds> {
    let mut kinds = Kinds::NONE;
    for kind in Kind::ALL {
        let name = kind.proc_name();
        if number_of(pid, name).map_err(|error| gone(pid, error))? != number_of(std::process::id(), name)? {
            kinds = kinds.with(kind);
        }
    }
    if kinds.is_empty() {
        return Err(Error::new(format!("process {pid} is in the same namespaces as the caller"))
            .hint("name the kinds that are meant all the same"));
    }
    Ok(kinds)
}

/// Says of a process that is not there just that.
pub(super) fn gone(pid: u32, error: palisade_namespace::Error) -> Error {
    match error.errno() {
        Some(rustix::io::Errno::NOENT | rustix::io::Errno::SRCH) => {
            Error::call(format_args!("find process {pid}"), rustix::io::Errno::SRCH)
                .hint("it has ended, or there never was one of that number")
        }
        _ => error.into(),
    }
}
