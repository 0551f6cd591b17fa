//! The parent's side of a failure: what it means for this operation and what usually helps.

use rustix::io::Errno;

use crate::op::{NodeSource, RootSource};
use crate::{Failure, Op, Step};

impl Op {
    /// Says what the operation was about, `tmpfs on /dev/shm`.
    #[must_use]
    pub fn subject(&self) -> String {
        match self {
            Self::Propagation(propagation) => format!("{} on the host's /", propagation.word()),
            Self::OpenRoot(op) => match &op.source {
                RootSource::Directory { path, .. } => format!("root {path}"),
                RootSource::Overlay(overlay) => format!("overlay root on {}", overlay.target),
            },
            Self::Mount(op) => format!("{} on {}", op.fstype, op.target),
            Self::Bind(op) => format!("bind of {} on {}", op.source, op.target),
            Self::Remount(op) => format!("remount of {}", op.target),
            Self::Node(op) => format!("device {}", op.path),
            Self::Symlink(op) => format!("link {} to {}", op.path, op.target),
            Self::Mkdir(op) => format!("directory {}", op.path),
            Self::Console { path } => format!("console on {path}"),
            Self::Mask { path } => format!("mask of {path}"),
            Self::ReadOnly { path } => format!("read-only {path}"),
            Self::PivotRoot | Self::MoveRoot(_) => "change of the root".to_owned(),
            Self::RootReadOnly => "read-only root".to_owned(),
            Self::RootPropagation(propagation) => format!("{} on the root", propagation.word()),
        }
    }

    /// Writes a failure of this operation as one line,
    /// `tmpfs on /dev/shm: mount_setattr: EPERM (needs CAP_SYS_ADMIN …)`.
    #[must_use]
    pub fn describe(&self, failure: &Failure) -> String {
        match self.hint(failure) {
            Some(hint) => format!("{}: {failure} ({hint})", self.subject()),
            None => format!("{}: {failure}", self.subject()),
        }
    }

    fn hint(&self, failure: &Failure) -> Option<&'static str> {
        match failure.step {
            Step::CheckDevice => return Some("it is not the device that it has to be"),
            Step::CheckProc => return Some("a bind mount may not cover procfs; only procfs itself may"),
            Step::CheckOrder => return Some(order_hint(failure.errno)),
            Step::CheckPath => return Some("the path has no usable last component or is too long"),
            _ => {}
        }
        self.own_hint(failure).or_else(|| general_hint(failure))
    }

    /// Hints that only this operation's fields can give.
    fn own_hint(&self, failure: &Failure) -> Option<&'static str> {
        match (self, failure.step, failure.errno) {
            (Self::Mount(op), Step::OpenAt2, Errno::LOOP)
                if matches!(op.fstype.to_bytes(), b"proc" | b"sysfs") =>
            {
                Some("proc and sysfs are only mounted on real directories, and there is a symbolic link")
            }
            (Self::Mount(op), Step::FsOpen | Step::FsCreate | Step::FsMount, Errno::PERM) => {
                Some(match op.fstype.to_bytes() {
                    b"sysfs" => {
                        "in a user namespace sysfs needs a network namespace of its own; bind /sys instead"
                    }
                    b"proc" => {
                        "in a user namespace proc needs a pid namespace of its own and a /proc \
                         outside of which nothing is masked"
                    }
                    _ => "needs CAP_SYS_ADMIN, and in a user namespace a file system that allows it",
                })
            }
            (Self::Mount(op), Step::FsCreate, Errno::NOENT | Errno::INVAL)
                if op.fstype.to_bytes() == b"cgroup" =>
            {
                Some("this kernel has no such v1 hierarchy, or its controllers are in use by another one")
            }
            (Self::Mount(_), Step::FsOpen, Errno::NODEV) => {
                Some("the kernel does not know this type of file system")
            }
            (Self::Mount(op), Step::FsConfig, Errno::INVAL) if op.fstype.to_bytes() == b"devpts" => {
                Some("a gid has to be mapped in the container's user namespace")
            }
            (Self::Bind(_) | Self::OpenRoot(_), Step::OpenTree, Errno::INVAL) => {
                Some("the source is unbindable, or has locked mounts below it: try rbind")
            }
            (Self::Bind(_), Step::OpenTree, Errno::NOENT) => Some("the source does not exist"),
            (Self::Bind(_), Step::MountSetattr, Errno::PERM) => {
                Some("the source is read-only for this user namespace, so that rw cannot be had")
            }
            (Self::Bind(_) | Self::Mount(_), Step::MoveMount, Errno::INVAL | Errno::NOTDIR) => {
                Some("one of source and target is a directory and the other is not")
            }
            (Self::Node(op), Step::MknodAt, Errno::PERM) => Some(match op.source {
                NodeSource::Make => {
                    "needs CAP_MKNOD outside of any user namespace; bind the host's node instead"
                }
                NodeSource::Bind(_) | NodeSource::MakeOrBind(_) => "needs CAP_MKNOD",
            }),
            (Self::Symlink(_), Step::SymlinkAt, Errno::EXIST) => {
                Some("there is something else of that name already")
            }
            (Self::PivotRoot, Step::PivotRoot, Errno::INVAL) => {
                Some("/ cannot be pivoted away, as in an initramfs: use --no-pivot")
            }
            (Self::Console { .. }, Step::OpenAt2, Errno::LOOP) => Some("/dev/console is a symbolic link"),
            _ => None,
        }
    }
}

const fn order_hint(errno: Errno) -> &'static str {
    match errno {
        Errno::XDEV => "a path of the host after the root was entered",
        _ => "the root, or the console, is not there yet",
    }
}

fn general_hint(failure: &Failure) -> Option<&'static str> {
    match (failure.step, failure.errno) {
        (_, Errno::NOSYS) => Some("needs Linux 5.12"),
        (Step::OpenAt2, Errno::LOOP) => Some("too many or forbidden symbolic links"),
        (Step::MkdirAt | Step::OpenAt | Step::MknodAt | Step::SymlinkAt, Errno::ROFS) => {
            Some("the target does not exist and the root is read-only")
        }
        (_, Errno::PERM) => Some("needs CAP_SYS_ADMIN in the user namespace of the mount namespace"),
        (_, Errno::NOSPC) => Some("the file system is full, or /proc/sys/fs/mount-max is reached"),
        (_, Errno::ACCESS) => Some("a directory on the way is closed to this user"),
        (_, Errno::MFILE | Errno::NFILE) => Some("too many open files"),
        _ => None,
    }
}
