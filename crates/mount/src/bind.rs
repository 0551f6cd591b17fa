//! Bind mounts: a detached clone of a piece of the host's tree, changed, then attached.

use std::ffi::CStr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{
    CWD, FileType, Mode, OFlags, PROC_SUPER_MAGIC, StatVfsMountFlags, fstat, fstatfs, fstatvfs,
};
use rustix::io::Errno;
use rustix::mount::{MountAttrFlags, OpenTreeFlags, open_tree};

use crate::attributes::{Attributes, Reach};
use crate::failure::{At, Failure, Step};
use crate::filesystem::{attach, change, propagate};
use crate::op::Bind;
use crate::perform::State;
use crate::resolve::{self, Links};

/// Files of procfs that a bind mount may cover with something else: what lxcfs and its like provide.
const PROC_FILES: [&[u8]; 10] = [
    b"/proc/cpuinfo",
    b"/proc/diskstats",
    b"/proc/loadavg",
    b"/proc/meminfo",
    b"/proc/slabinfo",
    b"/proc/stat",
    b"/proc/swaps",
    b"/proc/sys/crypto/fips_enabled",
    b"/proc/sys/kernel/ns_last_pid",
    b"/proc/uptime",
];

/// Makes a piece of the host's tree visible inside the root.
pub(crate) fn bind(op: &Bind, state: &mut State) -> Result<(), Failure> {
    state.outside()?;
    state.clear_umask();
    let tree = clone_path(&op.source, op.reach)?;
    change_unlocked(tree.as_fd(), Reach::Tree, op.recursive)?;
    change_unlocked(tree.as_fd(), Reach::Mount, op.attributes)?;
    propagate(tree.as_fd(), &op.propagation)?;
    let target = open_target(state.opened_root()?, &op.target, tree.as_fd())?;
    check_proc(op, tree.as_fd(), target.as_fd())?;
    attach(tree.as_fd(), target.as_fd())
}

/// Clones the mount, or the tree of mounts, at a host path.
pub(crate) fn clone_path(path: &CStr, reach: Reach) -> Result<OwnedFd, Failure> {
    open_tree(CWD, path, clone_flags(reach)).at(Step::OpenTree)
}

/// Clones the mount, or the tree of mounts, that a descriptor stands on.
pub(crate) fn clone_at(place: BorrowedFd<'_>, reach: Reach) -> Result<OwnedFd, Failure> {
    open_tree(place, c"", clone_flags(reach) | OpenTreeFlags::AT_EMPTY_PATH).at(Step::OpenTree)
}

fn clone_flags(reach: Reach) -> OpenTreeFlags {
    let flags = OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC;
    match reach {
        Reach::Mount => flags,
        Reach::Tree => flags | OpenTreeFlags::AT_RECURSIVE,
    }
}

/// Opens the target, made as the source is: a directory, or an empty file for anything else.
fn open_target(root: BorrowedFd<'_>, target: &CStr, tree: BorrowedFd<'_>) -> Result<OwnedFd, Failure> {
    match resolve::open(root, target, OFlags::PATH, Links::Follow) {
        Err(failure) if failure.errno == Errno::NOENT => {}
        result => return result,
    }
    let source = fstat(tree).at(Step::Fstat)?;
    if FileType::from_raw_mode(source.st_mode) == FileType::Directory {
        resolve::directory(root, target, Mode::from_raw_mode(0o755), Links::Follow)
    } else {
        resolve::file(root, target)
    }
}

/// Changes attributes of a clone; what a more privileged user namespace has locked stays as it is.
///
/// A source that has nosuid, nodev, noexec or another access-time mode locked keeps them, because a
/// container without these rights gains nothing by an error. That it stays read-only although `rw` was asked
/// for is one.
pub(crate) fn change_unlocked(
    tree: BorrowedFd<'_>,
    reach: Reach,
    attributes: Attributes,
) -> Result<(), Failure> {
    let denied = match change(tree, reach, attributes) {
        Err(failure) if failure.errno == Errno::PERM => failure,
        result => return result,
    };
    let mode = MountAttrFlags::MOUNT_ATTR__ATIME;
    let kept = MountAttrFlags::MOUNT_ATTR_NOSUID
        | MountAttrFlags::MOUNT_ATTR_NODEV
        | MountAttrFlags::MOUNT_ATTR_NOEXEC
        | MountAttrFlags::MOUNT_ATTR_NODIRATIME
        | mode;
    let has = fstatvfs(tree).at(Step::Fstatfs)?.f_flag;
    if has.contains(StatVfsMountFlags::RDONLY) && attributes.clear.contains(MountAttrFlags::MOUNT_ATTR_RDONLY)
    {
        return Err(denied);
    }
    change(tree, reach, Attributes { set: attributes.set & !mode, clear: attributes.clear & !kept })
}

/// Refuses to cover procfs with something that is not procfs, but for the few files that are made for it.
///
/// What the runtime writes to `/proc` later has to arrive in the kernel.
fn check_proc(op: &Bind, tree: BorrowedFd<'_>, target: BorrowedFd<'_>) -> Result<(), Failure> {
    if !is_proc(target)? || PROC_FILES.contains(&op.target.to_bytes()) || is_proc(tree)? {
        return Ok(());
    }
    Err(Failure::new(Step::CheckProc, Errno::PERM))
}

fn is_proc(place: BorrowedFd<'_>) -> Result<bool, Failure> {
    Ok(fstatfs(place).at(Step::Fstatfs)?.f_type == PROC_SUPER_MAGIC)
}
