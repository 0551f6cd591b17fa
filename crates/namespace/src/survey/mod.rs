//! All namespaces of the machine that the caller can see, as data.

mod descriptors;
mod mounts;
mod processes;
mod relations;
mod table;

use std::path::{Path, PathBuf};

use crate::{Error, Kind, Kinds};
use rustix::io::Errno;

/// What a survey looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scope {
    /// The kinds that are wanted; the fewer, the less is read.
    pub kinds: Kinds,
    /// Whether to look where namespaces without any process hide.
    pub depth: Depth,
}

/// How far a survey looks for namespaces that no process is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    /// Processes, the caller's own mounts, and the owners and parents of what was found.
    Usual,
    /// The descriptors of all processes as well, on a machine with no more processes than this.
    Descriptors {
        /// How many.
        most: usize,
    },
    /// The descriptors of all processes and the mounts of all mount namespaces.
    Everything,
}

/// What a survey found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Survey {
    /// The namespaces by kind and number.
    pub namespaces: Vec<Found>,
    /// How many processes there are.
    pub processes: usize,
    /// How many of them show their namespaces to others only.
    pub unreadable: usize,
    /// Whether descriptors were to be looked through and were not, as there are too many processes.
    pub crowded: bool,
}

/// A namespace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Its kind.
    pub kind: Kind,
    /// Its number, which no other namespace has at the same time.
    pub number: u64,
    /// How many processes are in it.
    pub processes: u32,
    /// The process in it with the lowest number.
    pub first: Option<u32>,
    /// The number of the user namespace that owns it; none of the topmost one, or where the caller cannot see it.
    pub owner: Option<u64>,
    /// The number of the namespace that it is nested in, for the pid and user kinds; as for `owner`.
    pub parent: Option<u64>,
    /// Who made it, for the user kind.
    pub owner_uid: Option<u32>,
    /// What keeps it alive besides processes.
    pub keepers: Vec<Keeper>,
}

/// What keeps a namespace alive that no process is in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Keeper {
    /// A bind mount of its file.
    Mount {
        /// Where.
        path: PathBuf,
        /// The mount namespace that has the mount, where it is not the caller's.
        namespace: Option<u64>,
    },
    /// An open descriptor of its file.
    Descriptor {
        /// Whose.
        pid: u32,
        /// The descriptor's number.
        number: u32,
    },
    /// A namespace that it owns or that is nested in it.
    Namespace(u64),
}

/// Whether descriptors are looked through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Descriptors {
    LookThrough,
    LeaveOut,
}

/// Looks for all namespaces.
///
/// What goes away meanwhile is left out. What other users' processes are in can be seen only by who may trace them;
/// [`Survey::unreadable`] counts those.
///
/// # Errors
/// A `/proc` that cannot be read. Owners and parents need Linux 4.9.
pub fn survey(scope: Scope) -> Result<Survey, Error> {
    let proc = processes::open()?;
    let pids = processes::list(&proc)?;
    let descriptors = match scope.depth {
        Depth::Usual => Descriptors::LeaveOut,
        Depth::Descriptors { most } if pids.len() > most => Descriptors::LeaveOut,
        Depth::Descriptors { .. } | Depth::Everything => Descriptors::LookThrough,
    };
    let crowded = descriptors == Descriptors::LeaveOut && scope.depth != Depth::Usual;
    let mut wanted = scope.kinds;
    if scope.depth == Depth::Everything {
        // Whose mounts to read is told by the mount namespaces.
        wanted = wanted.with(Kind::Mount);
    }
    let (mut table, unreadable) = processes::scan(&proc, &pids, wanted, descriptors)?;
    mounts::own(&mut table)?;
    if scope.depth == Depth::Everything {
        mounts::others(&mut table);
    }
    relations::find(&mut table);
    Ok(Survey { namespaces: table.finish(scope.kinds), processes: pids.len(), unreadable, crowded })
}

/// Reads the number of the namespace that a process is in; `name` is that of the file in `/proc/PID/ns`.
///
/// # Errors
/// ENOENT for a process or a kind that is not there, EACCES for a process that the caller may not trace.
pub fn number_of(pid: u32, name: &str) -> Result<u64, Error> {
    let path = format!("/proc/{pid}/ns/{name}");
    let link = rustix::fs::readlink(path.as_str(), Vec::new()).map_err(|errno| {
        let error = Error::system(format!("readlink {path}"), errno);
        match errno {
            Errno::NOENT | Errno::SRCH if !Path::new(&format!("/proc/{pid}")).exists() => {
                error.hint("there is no such process")
            }
            Errno::ACCESS | Errno::PERM => {
                error.hint("its namespaces are shown to its own user, and to CAP_SYS_PTRACE")
            }
            _ => error,
        }
    })?;
    table::parse(link.as_bytes())
        .map(|(_, number)| number)
        .ok_or_else(|| Error::rule(format!("readlink {path}"), "it is no namespace"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::id;

    fn all() -> Kinds {
        Kind::ALL.into_iter().collect()
    }

    #[test]
    fn own_namespaces_are_found_with_their_owner() {
        let survey = survey(Scope { kinds: all(), depth: Depth::Everything }).unwrap();
        let user = number_of(id(), "user").unwrap();
        for kind in Kind::ALL {
            let number = number_of(id(), kind.proc_name()).unwrap();
            let found = survey.namespaces.iter().find(|found| found.number == number).unwrap();
            assert_eq!(found.kind, kind);
            assert!(found.processes >= 1, "{found:?}");
            if kind != Kind::User {
                assert_eq!(found.owner, Some(user), "{found:?}");
            }
        }
        let sorted = survey.namespaces.is_sorted_by_key(|found| (found.kind, found.number));
        assert!(sorted, "{survey:?}");
    }

    #[test]
    fn one_kind_alone() {
        let survey = survey(Scope { kinds: Kinds::NONE.with(Kind::Uts), depth: Depth::Usual }).unwrap();
        assert!(!survey.namespaces.is_empty());
        assert!(survey.namespaces.iter().all(|found| found.kind == Kind::Uts));
    }

    #[test]
    fn a_namespace_that_only_a_descriptor_keeps_is_found() {
        let hold = crate::Handle::current(Kind::Ipc).unwrap();
        let survey = survey(Scope { kinds: all(), depth: Depth::Descriptors { most: usize::MAX } }).unwrap();
        let number = hold.identity().unwrap().inode;
        let found = survey.namespaces.iter().find(|found| found.number == number).unwrap();
        let held = |keeper: &Keeper| matches!(keeper, Keeper::Descriptor { pid, .. } if *pid == id());
        assert!(found.keepers.iter().any(held), "{found:?}");
    }
}
