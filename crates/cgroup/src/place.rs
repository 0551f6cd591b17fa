//! A group in one hierarchy.

use crate::recipe::Directory;
use crate::{Controller, Error, Group, GroupPath, Hierarchy, Layout, Version, file, hint};
use rustix::fs::CWD;
use rustix::io::Errno;
use std::path::PathBuf;

/// Names a group in one hierarchy, whether it is there or not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The interface of the hierarchy.
    pub version: Version,
    /// Where the hierarchy is mounted.
    pub mount: PathBuf,
    /// The group.
    pub path: GroupPath,
    /// The controllers of the hierarchy.
    pub controllers: Vec<Controller>,
}

impl Place {
    /// Names the group `path` of a hierarchy.
    pub fn new(hierarchy: &Hierarchy, path: &GroupPath) -> Self {
        let Hierarchy { version, mount, controllers, .. } = hierarchy;
        Self { version: *version, mount: mount.clone(), path: path.clone(), controllers: controllers.clone() }
    }

    /// Names the group `path` in all hierarchies.
    pub fn everywhere(layout: &Layout, path: &GroupPath) -> Vec<Self> {
        layout.hierarchies.iter().map(|hierarchy| Self::new(hierarchy, path)).collect()
    }

    /// Names the directory of a group that is open.
    pub(crate) fn of(group: &Group, directory: &Directory) -> Self {
        let below = directory.path[directory.base.len()..].trim_start_matches('/');
        let path = GroupPath::root().join(below).unwrap_or_else(|_| GroupPath::root());
        let controllers = directory.controllers.clone();
        Self { version: directory.version, mount: group.full(&directory.base), path, controllers }
    }

    /// Returns the group's directory.
    pub fn directory(&self) -> PathBuf {
        if self.path.is_root() { self.mount.clone() } else { self.mount.join(self.path.relative()) }
    }

    /// Returns a file of the group, or its directory for the empty name.
    pub fn file(&self, name: &str) -> PathBuf {
        if name.is_empty() { self.directory() } else { self.directory().join(name) }
    }

    /// Tells whether the group is there.
    pub fn exists(&self) -> bool {
        rustix::fs::access(self.directory(), rustix::fs::Access::EXISTS).is_ok()
    }

    /// Returns the groups above this one, from the root down.
    pub fn above(&self) -> Vec<Self> {
        let mut above = Vec::new();
        let mut path = self.path.parent();
        while let Some(parent) = path {
            path = parent.parent();
            above.push(Self { path: parent, ..self.clone() });
        }
        above.reverse();
        above
    }

    /// Reads a file of the group.
    ///
    /// # Errors
    /// Says the file, the error number and what usually causes it.
    pub fn read(&self, name: &str) -> Result<String, Error> {
        self.read_raw(name).map_err(|errno| self.error("read".to_owned(), name, errno, hint::for_access))
    }

    /// Writes to a file of the group.
    ///
    /// # Errors
    /// Says the file, the value, the error number and what usually causes it.
    pub fn write(&self, name: &str, value: &str) -> Result<(), Error> {
        file::write(CWD, self.file(name), value).map_err(|errno| self.write_error(name, value, errno))
    }

    pub(crate) fn read_raw(&self, name: &str) -> Result<String, Errno> {
        file::read_of_group(CWD, self.file(name))
    }

    pub(crate) fn write_error(&self, name: &str, value: &str, errno: Errno) -> Error {
        let explain = |place: &Self, name: &str, errno| hint::for_write(place, name, value, errno);
        self.error(format!("write {} to", value.trim_end()), name, errno, explain)
    }

    /// Makes the error of a call, with the hint that `explain` has.
    pub(crate) fn error(
        &self,
        operation: String,
        name: &str,
        errno: Errno,
        explain: impl Fn(&Self, &str, Errno) -> Option<String>,
    ) -> Error {
        let error = Error::call(operation, self.file(name), errno);
        match explain(self, name, errno) {
            Some(hint) => error.with_hint(hint),
            None => error,
        }
    }
}
