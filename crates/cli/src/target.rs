//! From the names that a person types to processes and groups that are there.

use palisade_cgroup::{GroupPath, Layout, Place};
use palisade_runtime::{Delegation, Error, Result, Store};
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
    /// What is no path of a group, a container that is not there or has no group.
    pub(crate) fn path(&self, layout: &Layout, store: &Store) -> Result<GroupPath> {
        let invalid = |error: palisade_cgroup::InvalidPath| Error::new(error.to_string());
        match self {
            Self::Absolute(path) => GroupPath::new(path).map_err(invalid),
            Self::Relative(path) => match Delegation::of_caller(layout) {
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

    /// Returns the group in the hierarchies of these controllers (or `name=NAME`), in all where there are none.
    ///
    /// To a user who may make groups in a part of the v2 tree, that is all that he sees.
    ///
    /// # Errors
    /// As for [`Self::path`], and a controller that no mounted hierarchy has.
    pub(crate) fn places(
        &self,
        layout: &Layout,
        controllers: &[String],
        store: &Store,
    ) -> Result<Vec<Place>> {
        let path = self.path(layout, store)?;
        let chosen = layout.choose(controllers)?;
        let everywhere = controllers.is_empty() && !rustix::process::geteuid().is_root();
        let own = everywhere && matches!(Delegation::of_caller(layout), Delegation::Group(_));
        let shown = chosen.into_iter().filter(|hierarchy| !own || Some(*hierarchy) == layout.unified());
        Ok(shown.map(|hierarchy| Place::new(hierarchy, &path)).collect())
    }
}
