//! Bind mounts: a detached clone of a piece of the host's tree, changed, then attached.

use std::ffi::CStr;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use palisade_sys::mount::map_ids;
use rustix::fs::{CWD, FileType, Mode, OFlags, PROC_SUPER_MAGIC, fstat, fstatfs, readlinkat_raw};
use rustix::io::Errno;
use rustix::mount::{OpenTreeFlags, open_tree};

use crate::attributes::{Propagation, Reach};
use crate::failure::{At, Failure, Step};
use crate::filesystem::{attach, change, propagate};
use crate::node;
use crate::op::{Bind, Existing, SourceLink, TargetLink};
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
pub(crate) fn bind(op: &Bind, state: &mut State<'_>) -> Result<(), Failure> {
    state.outside()?;
    state.clear_umask();
    if op.source_link == SourceLink::Copy && copy_link(op, state)? {
        return Ok(());
    }
    let own;
    let tree = match op.tree {
        Some(index) => state.tree(index)?,
        None => match (clone_tree(&op.source, op.reach, op.source_link), op.spare) {
            (Err(Failure { errno: Errno::ACCESS, .. }), Some(spare)) => {
                let tree = state.tree(spare.tree)?;
                propagate(tree, spare.propagation.as_slice())?;
                tree
            }
            (cloned, _) => {
                own = cloned?;
                own.as_fd()
            }
        },
    };
    change(tree, Reach::Tree, op.recursive)?;
    change(tree, Reach::Mount, op.attributes)?;
    propagate(tree, &op.propagation)?;
    let target = open_target(state.opened_root()?, op, tree)?;
    check_proc(op, tree, target.as_fd())?;
    attach(tree, target.as_fd())
}

/// Makes a link that says what the source says; tells whether the source is a link at all.
fn copy_link(op: &Bind, state: &State<'_>) -> Result<bool, Failure> {
    let mut text = [MaybeUninit::uninit(); 4096];
    let text = match readlinkat_raw(CWD, &*op.source, &mut text) {
        Ok((text, _)) => text,
        Err(Errno::INVAL) => return Ok(false),
        Err(errno) => return Err(Failure::new(Step::ReadlinkAt, errno)),
    };
    let (parent, name) = resolve::locate(state.opened_root()?, &op.target, Links::Follow)?;
    node::link(text, parent.as_fd(), &name, Existing::Keep)?;
    Ok(true)
}

/// Clones the mount, or the tree of mounts, at a host path.
///
/// The clone is attached nowhere, but still a peer of what it was cloned from where that is shared.
/// See `open_tree(2)`, Linux 5.2.
///
/// # Errors
/// `EINVAL` for an unbindable mount, and for one mount where others are locked to it.
pub fn clone_tree(path: &CStr, reach: Reach, link: SourceLink) -> Result<OwnedFd, Failure> {
    let mut flags = clone_flags(reach);
    if link == SourceLink::Bind {
        flags |= OpenTreeFlags::AT_SYMLINK_NOFOLLOW;
    }
    open_tree(CWD, path, flags).at(Step::OpenTree)
}

/// Has a tree of [`clone_tree`] show its files with other owners: an id that is stored counts as one inside
/// `user_namespace` and is shown as the id that it has outside.
///
/// See `mount_setattr(2)`, Linux 5.12.
///
/// # Errors
/// `EPERM` without CAP_SYS_ADMIN in the user namespace of the file system, `EINVAL` where it allows no such mounts.
pub fn map_tree(tree: BorrowedFd<'_>, reach: Reach, user_namespace: BorrowedFd<'_>) -> Result<(), Failure> {
    map_ids(tree, reach.into(), user_namespace).at(Step::MountSetattr)
}

/// Gives a tree of [`clone_tree`] a propagation, and attaches it to a directory.
///
/// See `mount_setattr(2)`, Linux 5.12, and `move_mount(2)`, Linux 5.2.
///
/// # Errors
/// `EPERM` without CAP_SYS_ADMIN over the mount namespace.
pub fn attach_tree(
    tree: BorrowedFd<'_>,
    propagation: Propagation,
    place: BorrowedFd<'_>,
) -> Result<(), Failure> {
    propagate(tree, &[propagation])?;
    attach(tree, place)
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
fn open_target(root: BorrowedFd<'_>, op: &Bind, tree: BorrowedFd<'_>) -> Result<OwnedFd, Failure> {
    let target: &CStr = &op.target;
    let flags = match op.target_link {
        TargetLink::Follow => OFlags::PATH,
        TargetLink::Cover => OFlags::PATH | OFlags::NOFOLLOW,
    };
    match resolve::open(root, target, flags, Links::Follow) {
        Err(failure) if failure.errno == Errno::NOENT => {}
        result => return result,
    }
    let source = fstat(tree).at(Step::Fstat)?;
    if FileType::from_raw_mode(source.st_mode) == FileType::Directory {
        resolve::missing_directory(root, target, Mode::from_raw_mode(0o755), Links::Follow)
    } else {
        resolve::file(root, target)
    }
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
