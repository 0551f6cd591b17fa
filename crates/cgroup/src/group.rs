//! A group that exists.

use crate::hint;
use crate::recipe::{Directory, Setting, directories, join};
use crate::{Controller, Error, ErrorKind, GroupPath, Hierarchy, Knob, Layout, Place, Version, file};
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::fs::{Access, AtFlags, CWD, Mode, OFlags};
use rustix::io::Errno;
use rustix::process::Pid;
use std::ffi::CString;
use std::path::PathBuf;

/// Holds a group: its directory in each hierarchy that it is in, behind one descriptor.
///
/// Dropping it leaves the group as it is; [`Group::remove`] removes it.
#[derive(Debug)]
pub struct Group {
    pub(crate) anchor: OwnedFd,
    pub(crate) anchor_path: PathBuf,
    pub(crate) path: GroupPath,
    /// One for each hierarchy of the layout, in its order; `None` where the group has no directory.
    pub(crate) places: Vec<Option<Directory>>,
    /// The directories that were made for it, with those above it that were missing, in that order, from the anchor.
    pub(crate) made: Vec<String>,
}

/// Names the `tasks` file of a group in one v1 hierarchy.
#[derive(Debug)]
pub struct TasksFile<'a> {
    /// The directory to open `path` from.
    pub directory: BorrowedFd<'a>,
    /// The file, `cpu/pods/web/tasks`.
    pub path: CString,
}

/// Names a way into a group that a child takes on its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entrance {
    /// The write of `0` to the file with this index in [`Group::tasks_files`].
    TasksFile(usize),
    /// The clone into [`Group::v2_directory`].
    Clone,
}

impl Group {
    /// Opens the group `path` in all hierarchies that have it.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] if no hierarchy has it.
    pub fn open(layout: &Layout, path: &GroupPath) -> Result<Self, Error> {
        let mut group = Self::unchecked(layout, path)?;
        for place in &mut group.places {
            place.take_if(|directory| !is_there(&group.anchor, directory));
        }
        if group.places.iter().all(Option::is_none) {
            return Err(Error::no_group(path));
        }
        Ok(group)
    }

    /// Takes the group `path` to be in all hierarchies, without a look: enough to remove it.
    ///
    /// # Errors
    /// Fails if the directory that holds the mounts cannot be opened.
    pub fn unchecked(layout: &Layout, path: &GroupPath) -> Result<Self, Error> {
        let anchor_path = layout.anchor();
        let anchor = open_anchor(&anchor_path)?;
        let places = directories(layout, path).into_iter().map(Some).collect();
        Ok(Self { anchor, anchor_path, path: path.clone(), places, made: Vec::new() })
    }

    /// Leaves the group to these hierarchies alone.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] if none of them has it.
    pub fn within(mut self, hierarchies: &[&Hierarchy]) -> Result<Self, Error> {
        let is_chosen = |base: PathBuf| hierarchies.iter().any(|hierarchy| hierarchy.mount == base);
        for place in &mut self.places {
            let base = place.as_ref().map(|directory| match directory.base.as_str() {
                "" => self.anchor_path.clone(),
                base => self.anchor_path.join(base),
            });
            place.take_if(|_| !base.is_some_and(is_chosen));
        }
        if self.places.iter().all(Option::is_none) {
            let error = Error::call("open cgroup", self.path.as_str(), Errno::NOENT);
            return Err(error.with_kind(ErrorKind::NotFound).with_hint("those hierarchies do not have it"));
        }
        Ok(self)
    }

    /// Tells whether some hierarchy still has the group.
    pub fn exists(&self) -> bool {
        self.directories().any(|directory| is_there(&self.anchor, directory))
    }

    pub(crate) fn is_there(&self, directory: &Directory) -> bool {
        is_there(&self.anchor, directory)
    }

    /// Returns the path of the group.
    pub fn path(&self) -> &GroupPath {
        &self.path
    }

    /// Returns the group's directories, one for each hierarchy that it is in.
    pub fn directories(&self) -> impl Iterator<Item = &Directory> {
        self.places.iter().flatten()
    }

    /// Returns the directory that all of the group's directories are below.
    pub fn anchor(&self) -> &std::path::Path {
        &self.anchor_path
    }

    /// Returns the `tasks` files of the v1 hierarchies, from the anchor; see [`Group::tasks_files`].
    pub fn tasks(&self) -> impl Iterator<Item = String> {
        let v1 = self.directories().filter(|directory| directory.version == Version::V1);
        v1.map(|directory| join(&directory.path, "tasks"))
    }

    /// Returns the files into which a single-threaded process writes `0` to enter the group on v1.
    ///
    /// That takes a hundredth of the time that a pid written to `cgroup.procs` takes on a machine that was idle,
    /// and the names are made here, so that a child between clone and exec need not allocate.
    ///
    /// # Errors
    /// Fails only on a mount point with a NUL in its name, which no system has.
    pub fn tasks_files(&self) -> Result<Vec<TasksFile<'_>>, Error> {
        let v1 = self.directories().filter(|directory| directory.version == Version::V1);
        v1.map(|directory| {
            let path = CString::new(join(&directory.path, "tasks"))
                .map_err(|_| Error::call("name the tasks file of", self.path.as_str(), Errno::INVAL))?;
            Ok(TasksFile { directory: self.anchor.as_fd(), path })
        })
        .collect()
    }

    /// Opens the group's v2 directory for clone3's `CLONE_INTO_CGROUP`; `None` without one.
    ///
    /// # Errors
    /// Fails if the group has gone.
    pub fn v2_directory(&self) -> Result<Option<OwnedFd>, Error> {
        let Some(directory) = self.directories().find(|directory| directory.version == Version::V2) else {
            return Ok(None);
        };
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        rustix::fs::openat(&self.anchor, directory.path.as_str(), flags, Mode::empty())
            .map(Some)
            .map_err(|errno| Error::call("open", self.full(&directory.path), errno))
    }

    /// Makes the error of a child that could not enter, from the number that it reported.
    pub fn entrance_error(&self, entrance: Entrance, errno: Errno) -> Error {
        let wanted = match entrance {
            Entrance::TasksFile(_) => Version::V1,
            Entrance::Clone => Version::V2,
        };
        let index = if let Entrance::TasksFile(index) = entrance { index } else { 0 };
        match self.directories().filter(|directory| directory.version == wanted).nth(index) {
            Some(directory) if wanted == Version::V1 => self.write_error(directory, "tasks", "0", errno),
            Some(directory) => {
                let error = Error::call("clone into", self.full(&directory.path), errno);
                match hint::for_write(&Place::of(self, directory), "cgroup.procs", "0", errno) {
                    Some(hint) => error.with_hint(hint),
                    None => error,
                }
            }
            None => Error::call("enter", self.path.as_str(), errno),
        }
    }

    /// Moves the process `pid` with all its threads into the group, in every hierarchy.
    ///
    /// For a process that is not the caller's own new child; see [`Group::tasks_files`] for one that is. Moving may
    /// wait some 10 ms for an RCU grace period in the kernel, once.
    ///
    /// # Errors
    /// Names the hierarchy that refused the process; it may by then be in the group in others.
    pub fn attach(&self, pid: Pid) -> Result<(), Error> {
        let value = pid.as_raw_nonzero().to_string();
        self.directories().try_for_each(|directory| self.write_in(directory, "cgroup.procs", &value))
    }

    /// Moves the single thread `tid` into the group, in the hierarchy where `controller` lives.
    ///
    /// On v2 the group has to be in threaded mode (kernel 4.14).
    ///
    /// # Errors
    /// As for [`Group::set`].
    pub fn attach_thread(&self, controller: Controller, tid: Pid) -> Result<(), Error> {
        let directory = self.home(controller)?;
        let name = if directory.version == Version::V1 { "tasks" } else { "cgroup.threads" };
        self.write_in(directory, name, &tid.as_raw_nonzero().to_string())
    }

    /// Writes `value` to a file of the group in the hierarchy where `controller` lives.
    ///
    /// # Errors
    /// Says the file, the value, the error number and what usually causes it.
    pub fn set(&self, controller: Controller, file: &str, value: &str) -> Result<(), Error> {
        self.write_in(self.home(controller)?, file, value)
    }

    /// Reads a file of the group in the hierarchy where `controller` lives.
    ///
    /// # Errors
    /// Says the file, the error number and what usually causes it.
    pub fn get(&self, controller: Controller, file: &str) -> Result<String, Error> {
        self.read_in(self.home(controller)?, file)
    }

    /// Finds the directory where `controller` lives.
    pub(crate) fn home(&self, controller: Controller) -> Result<&Directory, Error> {
        self.find_home(controller).ok_or_else(|| {
            let operation = format!("use the {controller} controller of");
            let cause = "it has no directory in a hierarchy with that controller";
            Error::text(operation, self.path.as_str(), cause, ErrorKind::Unsupported)
        })
    }

    /// Makes the error of a setting for a hierarchy that the group has no directory in.
    pub(crate) fn homeless(&self, setting: &Setting) -> Error {
        let limit = setting.knob.map_or("the group", Knob::name);
        let cause = "the group has no directory in the hierarchy of that controller";
        Error::text(format!("set {limit} of"), self.path.as_str(), cause, ErrorKind::Unsupported)
    }

    pub(crate) fn find_home(&self, controller: Controller) -> Option<&Directory> {
        self.directories().find(|directory| directory.controllers.contains(&controller))
    }

    /// Writes `value` to a file of the group in one of its [`Group::directories`].
    ///
    /// # Errors
    /// As for [`Group::set`].
    pub fn write_in(&self, directory: &Directory, name: &str, value: &str) -> Result<(), Error> {
        check_name(name)?;
        file::write(self.anchor.as_fd(), join(&directory.path, name), value)
            .map_err(|errno| self.write_error(directory, name, value, errno))
    }

    /// Reads a file of the group in one of its [`Group::directories`].
    ///
    /// # Errors
    /// As for [`Group::get`].
    pub fn read_in(&self, directory: &Directory, name: &str) -> Result<String, Error> {
        check_name(name)?;
        self.read_raw(directory, name).map_err(|errno| self.read_error(directory, name, errno))
    }

    pub(crate) fn read_raw(&self, directory: &Directory, name: &str) -> Result<String, Errno> {
        file::read_of_group(self.anchor.as_fd(), join(&directory.path, name))
    }

    /// Makes the error of a read that failed.
    pub(crate) fn read_error(&self, directory: &Directory, name: &str, errno: Errno) -> Error {
        Place::of(self, directory).error("read".to_owned(), name, errno, hint::for_access)
    }

    /// Makes the error of a write that the kernel refused.
    pub(crate) fn write_error(&self, directory: &Directory, name: &str, value: &str, errno: Errno) -> Error {
        Place::of(self, directory).write_error(name, value, errno)
    }

    /// Returns the path to show for one from the anchor.
    pub(crate) fn full(&self, path: &str) -> PathBuf {
        if path.is_empty() { self.anchor_path.clone() } else { self.anchor_path.join(path) }
    }
}

/// Opens the directory that holds the mounts.
pub(crate) fn open_anchor(path: &std::path::Path) -> Result<OwnedFd, Error> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    rustix::fs::openat(CWD, path, flags, Mode::empty()).map_err(|errno| Error::call("open", path, errno))
}

fn is_there(anchor: &OwnedFd, directory: &Directory) -> bool {
    rustix::fs::accessat(anchor, directory.path.as_str(), Access::EXISTS, AtFlags::empty()).is_ok()
}

/// Refuses a file name that would leave the group's directory.
fn check_name(name: &str) -> Result<(), Error> {
    if name.is_empty() || name == ".." || name.contains(['/', '\0']) {
        return Err(Error::text("use", name, "not a file name", ErrorKind::Other));
    }
    Ok(())
}
