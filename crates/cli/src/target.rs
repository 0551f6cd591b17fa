//! From the names that a person types to processes and groups that are there.

#![allow(dead_code, reason = "the verbs that do something come next")]

use palisade_cgroup::GroupPath;
use palisade_runtime::{Delegation, Error, Host, Result, Store};
use rustix::process::Pid;

use crate::flags::{GroupName, ProcessName};

impl ProcessName {
    /// Returns the number of the process.
    ///
    /// # Errors
    /// A container that is not there or does not run.
    pub(crate) fn pid(&self, store: &Store) -> Result<Pid> {
        let number = match self {
            Self::Pid(number) => *number,
            Self::Container(name) => match store.find(name)?.process() {
                Some(process) => process.pid,
                None => return Err(Error::new(format!("container {name} is not running"))),
            },
        };
        Pid::from_raw(number).ok_or_else(|| Error::new(format!("{number} is no number of a process")))
    }
}

impl GroupName {
    /// Returns the path of the group from the top of each hierarchy.
    ///
    /// # Errors
    /// What is no path of a group, a container that is not there or has no group, a path from the caller's own part of
    /// the tree where no part was given to him.
    pub(crate) fn path(&self, host: &Host, store: &Store) -> Result<GroupPath> {
        let invalid = |error: palisade_cgroup::InvalidPath| Error::new(error.to_string());
        match self {
            Self::Absolute(path) => GroupPath::new(path).map_err(invalid),
            Self::Relative(path) => match &host.delegation {
                Delegation::Group(top) => top.join(path).map_err(invalid),
                Delegation::Everywhere | Delegation::Nowhere => GroupPath::root().join(path).map_err(invalid),
            },
            Self::Container(name) => {
                let container = store.find(name)?;
                let group = container.record().cgroup.clone();
                group.ok_or_else(|| Error::new(format!("container {name} has no cgroup")))
            }
        }
    }
}
