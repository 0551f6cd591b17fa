//! What is done to groups by hand, one thing at a time, as data.

use crate::change::former;
use crate::device::DevicePolicy;
use crate::mount::{mount, unmount};
use crate::recipe::quote;
use crate::{DeviceChange, Error, Place, hint, rules};
use rustix::fs::{AtFlags, CWD, Gid, Uid};
use rustix::io::Errno;
use rustix::process::Pid;
use std::path::{Path, PathBuf};

/// Says one thing to do to a group: it prints as shell commands, is done, and is taken back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Operation {
    /// Makes the group's directory; its parent is there.
    MakeDirectory(Place),
    /// Removes the group's directory, which has no groups below it; taken back, its limits are gone.
    RemoveDirectory(Place),
    /// Writes a value to a file.
    Write {
        /// The group.
        place: Place,
        /// The name of the file.
        file: String,
        /// The value.
        value: String,
        /// What is written to take it back; see [`Operation::with_way_back`].
        before: Option<String>,
    },
    /// Moves a process with all its threads, or one thread, into the group.
    Move {
        /// The group.
        place: Place,
        /// `cgroup.procs` for a process, `tasks` (v1) or `cgroup.threads` (v2) for a thread.
        file: &'static str,
        /// The number of the process or thread.
        pid: Pid,
        /// The group of the same hierarchy that it comes from, to take it back.
        from: Option<Place>,
    },
    /// Gives a file of the group to a user.
    Chown {
        /// The group.
        place: Place,
        /// The name of the file; empty for the directory.
        file: String,
        /// The new owner.
        owner: Owner,
        /// The owner until now, to take it back.
        before: Option<Owner>,
    },
    /// Changes which devices the group may use: files on v1, a program on v2.
    Devices {
        /// The group, in the hierarchy that decides on devices.
        place: Place,
        /// What is changed.
        change: DeviceChange,
        /// The rules until now, to take it back.
        before: Option<DevicePolicy>,
    },
    /// Makes a directory to mount on; its parent is there.
    MakeMountPoint(PathBuf),
    /// Removes the directory that was mounted on.
    RemoveMountPoint(PathBuf),
    /// Mounts a hierarchy.
    Mount {
        /// `cgroup` or `cgroup2`.
        kind: &'static str,
        /// The options, `cpu,cpuacct`; empty for none.
        options: String,
        /// The directory, which is there.
        point: PathBuf,
    },
    /// Takes a mount away; a hierarchy without groups ends with its last mount.
    Unmount {
        /// The mount point.
        point: PathBuf,
    },
}

/// Names a user and a group of users by their numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Owner {
    /// The user.
    pub uid: u32,
    /// The group of users.
    pub gid: u32,
}

impl Operation {
    /// Writes `value` to a file of the group, with no way back yet.
    pub fn write(place: &Place, file: &str, value: &str) -> Self {
        Self::Write { place: place.clone(), file: file.to_owned(), value: value.to_owned(), before: None }
    }

    /// Looks at the machine for what has to be known to take the operation back; where that cannot be read there is
    /// no way back.
    #[must_use]
    pub fn with_way_back(mut self) -> Self {
        match &mut self {
            Self::Write { place, file, value, before } => {
                *before = place.read_raw(file).ok().and_then(|text| former(file, value, &text));
            }
            Self::Chown { place, file, before, .. } => {
                let found = rustix::fs::stat(place.file(file)).ok();
                *before = found.map(|stat| Owner { uid: stat.st_uid, gid: stat.st_gid });
            }
            _ => {}
        }
        self
    }

    /// Returns the shell commands that would do the same.
    pub fn shell(&self) -> Vec<String> {
        let shown = |path: &Path| quote(&path.to_string_lossy());
        vec![match self {
            Self::Devices { place, change, .. } => return rules::shell(place, change),
            Self::MakeDirectory(place) => format!("mkdir {}", shown(&place.directory())),
            Self::RemoveDirectory(place) => format!("rmdir {}", shown(&place.directory())),
            Self::Write { place, file, value, .. } => {
                format!("echo {} > {}", quote(value), shown(&place.file(file)))
            }
            Self::Move { place, file, pid, .. } => format!("echo {pid} > {}", shown(&place.file(file))),
            Self::Chown { place, file, owner, .. } => {
                format!("chown {}:{} {}", owner.uid, owner.gid, shown(&place.file(file)))
            }
            Self::MakeMountPoint(point) => format!("mkdir {}", shown(point)),
            Self::RemoveMountPoint(point) => format!("rmdir {}", shown(point)),
            Self::Mount { kind, options, point } if options.is_empty() => {
                format!("mount -t {kind} none {}", shown(point))
            }
            Self::Mount { kind, options, point } => {
                format!("mount -t {kind} -o {} none {}", quote(options), shown(point))
            }
            Self::Unmount { point } => format!("umount {}", shown(point)),
        }]
    }

    /// Does it.
    ///
    /// # Errors
    /// What the kernel refuses, with the reason where that can be found out.
    pub fn perform(&self) -> Result<(), Error> {
        match self {
            Self::MakeDirectory(place) => make_directory(place),
            Self::RemoveDirectory(place) => remove_directory(place),
            Self::Write { place, file, value, .. } => place.write(file, value),
            Self::Move { place, file, pid, .. } => place.write(file, &pid.as_raw_nonzero().to_string()),
            Self::Chown { place, file, owner, .. } => chown(place, file, *owner),
            Self::Devices { place, change, before } => rules::perform(place, change, before.as_ref()),
            Self::MakeMountPoint(point) => make_point(point),
            Self::RemoveMountPoint(point) => remove_point(point),
            Self::Mount { kind, options, point } => mount(kind, options, point),
            Self::Unmount { point } => unmount(point),
        }
    }

    /// Takes back what was done, as far as there is a way back.
    ///
    /// # Errors
    /// What the kernel refuses.
    pub fn undo(&self) -> Result<(), Error> {
        match self {
            Self::MakeDirectory(place) => remove_directory(place),
            Self::RemoveDirectory(place) => make_directory(place),
            Self::Write { place, file, before: Some(before), .. } => place.write(file, before),
            Self::Move { file, pid, from: Some(from), .. } => {
                from.write(file, &pid.as_raw_nonzero().to_string())
            }
            Self::Chown { place, file, before: Some(before), .. } => chown(place, file, *before),
            Self::Devices { place, before, .. } => rules::undo(place, before.as_ref()),
            Self::MakeMountPoint(point) => remove_point(point),
            Self::RemoveMountPoint(point) => make_point(point),
            Self::Mount { point, .. } => unmount(point),
            Self::Write { before: None, .. }
            | Self::Move { from: None, .. }
            | Self::Chown { before: None, .. }
            | Self::Unmount { .. } => Ok(()),
        }
    }
}

fn make_directory(place: &Place) -> Result<(), Error> {
    rustix::fs::mkdir(place.directory(), crate::make::MODE)
        .map_err(|errno| place.error("mkdir".to_owned(), "", errno, hint::for_mkdir))
}

fn remove_directory(place: &Place) -> Result<(), Error> {
    rustix::fs::rmdir(place.directory())
        .map_err(|errno| place.error("rmdir".to_owned(), "", errno, hint::for_rmdir))
}

fn make_point(point: &Path) -> Result<(), Error> {
    rustix::fs::mkdir(point, crate::make::MODE).map_err(|errno| Error::call("mkdir", point, errno))
}

fn remove_point(point: &Path) -> Result<(), Error> {
    rustix::fs::rmdir(point).map_err(|errno| {
        let error = Error::call("rmdir", point, errno);
        match errno {
            Errno::BUSY => error.with_hint("something else is mounted there, too"),
            Errno::NOTEMPTY => error.with_hint("it holds files of its own"),
            _ => error,
        }
    })
}

fn chown(place: &Place, file: &str, owner: Owner) -> Result<(), Error> {
    let (uid, gid) = (Uid::from_raw(owner.uid), Gid::from_raw(owner.gid));
    let path = place.file(file);
    rustix::fs::chownat(CWD, &path, Some(uid), Some(gid), AtFlags::SYMLINK_NOFOLLOW).map_err(|errno| {
        let error = Error::call(format!("chown to {}:{}", owner.uid, owner.gid), path, errno);
        match errno {
            Errno::PERM => error.with_hint("groups are given to users by root: it takes CAP_CHOWN"),
            Errno::NOENT if !place.exists() => error.with_hint("there is no such group"),
            _ => error,
        }
    })
}
