//! The parent's side of a failure: what it means for this operation and what usually helps.

use rustix::io::Errno;

use crate::op::{NodeSource, RootSource, SourceLink};
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
                RootSource::Layered(layered) => {
                    format!("layered root of {} directories on {}", layered.layers.len(), layered.target)
                }
                RootSource::Attached { .. } => "root that is attached already".to_owned(),
            },
            Self::Mount(op) => format!("{} on {}", op.fstype, op.target),
            Self::Bind(op) => format!("bind of {} on {}", op.source, op.target),
            Self::Remount(op) => format!("remount of {}", op.target),
            Self::Node(op) => format!("device {}", op.path),
            Self::Symlink(op) => format!("link {} to {}", op.path, op.target),
            Self::Mkdir(op) => format!("directory {}", op.path),
            Self::Console { path } => format!("console on {path}"),
            Self::Mask { path, .. } => format!("mask of {path}"),
            Self::Label { path, label } => format!("label {label} of {path}"),
            Self::ReadOnly { path } => format!("read-only {path}"),
            Self::PivotRoot | Self::MoveRoot(_) | Self::ChangeRoot => "change of the root".to_owned(),
            Self::ReplaceRoot => "copy of the root in the place of /".to_owned(),
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
                        "in a user namespace proc needs a pid namespace of its own, and a /proc \
                         around it that has nothing masked"
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
            (Self::OpenRoot(_), Step::FsConfig, Errno::INVAL) => {
                Some("a parameter is longer than 255 bytes, or has no meaning to this kernel's overlay")
            }
            (Self::Bind(_), Step::OpenTree, Errno::NOENT) => Some("the source does not exist"),
            (Self::Bind(_), Step::MountSetattr, Errno::PERM) => Some(
                "a mount of the host keeps its ro, nosuid, nodev, noexec and its way of noting access times in a user \
                 namespace: leave out the option that would change it",
            ),
            (Self::Bind(op), Step::SymlinkAt, Errno::EXIST) if op.source_link == SourceLink::Copy => {
                Some("there is something else of the name that the copy of the link goes to")
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
            (Self::Node(_), Step::FchownAt, Errno::INVAL) => {
                Some("uid and gid have to be mapped in the container's user namespace")
            }
            (Self::Symlink(_), Step::SymlinkAt, Errno::EXIST) => {
                Some("there is something else of that name already")
            }
            (Self::PivotRoot | Self::ReplaceRoot, Step::PivotRoot, Errno::INVAL) => {
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
        (step, Errno::NOSYS) => palisade_sys::oldest::needed(step.name(), Errno::NOSYS),
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Existing, HostPath, NodeKind, Options, Propagation, RootPath, Symlink, Text};

    fn mount(fstype: &str, target: &str) -> Op {
        Op::from_mount(Some(fstype), Some("/s"), target, &Options::default()).unwrap()
    }

    #[test]
    fn failures_are_one_line_with_a_hint() {
        let node = Op::Node(crate::Node {
            path: RootPath::new("/dev/null").unwrap(),
            kind: NodeKind::Character,
            major: 1,
            minor: 3,
            mode: 0o666,
            uid: 0,
            gid: 0,
            source: NodeSource::Bind(HostPath::new("/dev/null").unwrap()),
        });
        let link = Op::Symlink(Symlink {
            target: Text::new("pts/ptmx").unwrap(),
            path: RootPath::new("/dev/ptmx").unwrap(),
            existing: Existing::Keep,
        });
        let slave = Op::Propagation(Propagation::from_word("rslave").unwrap());
        for (op, step, errno, start, hint) in [
            (
                mount("tmpfs", "/dev/shm"),
                Step::FsMount,
                Errno::PERM,
                "tmpfs on /dev/shm: fsmount: EPERM",
                "CAP_SYS_ADMIN",
            ),
            (
                mount("sysfs", "/sys"),
                Step::FsCreate,
                Errno::PERM,
                "sysfs on /sys: fsconfig create: EPERM",
                "network namespace",
            ),
            (mount("proc", "/proc"), Step::FsCreate, Errno::PERM, "proc on /proc: ", "pid namespace"),
            (
                mount("proc", "/proc"),
                Step::OpenAt2,
                Errno::LOOP,
                "proc on /proc: openat2: ELOOP",
                "real directories",
            ),
            (
                mount("foofs", "/x"),
                Step::FsOpen,
                Errno::NODEV,
                "foofs on /x: fsopen: ENODEV",
                "does not know",
            ),
            (
                mount("bind", "/x"),
                Step::OpenTree,
                Errno::INVAL,
                "bind of /s on /x: open_tree: EINVAL",
                "rbind",
            ),
            (mount("tmpfs", "/x"), Step::MkdirAt, Errno::ROFS, "tmpfs on /x: mkdirat: EROFS", "read-only"),
            (mount("tmpfs", "/x"), Step::OpenAt2, Errno::NOSYS, "tmpfs on /x: openat2: ENOSYS", "Linux 5.6"),
            (
                node,
                Step::CheckDevice,
                Errno::NODEV,
                "device /dev/null: check of the device number: ENODEV",
                "not the device",
            ),
            (
                link,
                Step::SymlinkAt,
                Errno::EXIST,
                "link /dev/ptmx to pts/ptmx: symlinkat: EEXIST",
                "something else",
            ),
            (slave, Step::Mount, Errno::PERM, "rslave on the host's /: mount: EPERM", "CAP_SYS_ADMIN"),
            (
                Op::PivotRoot,
                Step::PivotRoot,
                Errno::INVAL,
                "change of the root: pivot_root: EINVAL",
                "--no-pivot",
            ),
            (
                Op::PivotRoot,
                Step::CheckOrder,
                Errno::BADF,
                "change of the root: check of the order",
                "not there yet",
            ),
        ] {
            let line = op.describe(&Failure::new(step, errno));
            assert!(line.starts_with(start), "{line}");
            assert!(line.ends_with(')') && line.contains(hint) && !line.contains('\n'), "{line}");
        }
        let plain = Op::RootReadOnly.describe(&Failure::new(Step::MountSetattr, Errno::BUSY));
        assert_eq!(plain, "read-only root: mount_setattr: EBUSY");
    }
}
