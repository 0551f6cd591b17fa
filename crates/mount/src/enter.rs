//! The ways into the root; they differ in what becomes of the old one.

use std::ffi::CStr;
use std::os::fd::{AsFd, OwnedFd};

use palisade_sys::clone::{CLONE_NEWNS, setns};
use palisade_sys::mount::{Reach as SysReach, mount_setattr, statmount};
use rustix::fs::{AtFlags, CWD, OFlags, StatxAttributes, StatxFlags, statx};
use rustix::io::Errno;
use rustix::mount::{MoveMountFlags, UnmountFlags, move_mount, unmount};
use rustix::process::{PidfdFlags, chdir, chroot, fchdir, pidfd_open, pivot_root};
use rustix::thread::gettid;

use crate::attributes::{Attributes, Kind, Propagation, Reach};
use crate::bind::clone_at;
use crate::failure::{At, Failure, Step};
use crate::filesystem::{attach, create, open_context};
use crate::op::MoveRoot;
use crate::perform::{OldRoot, Phase, State};
use crate::root::{change_old, open_host};

/// Puts a copy of the root's mounts where the mount of `/` was, which goes with all that is below it.
///
/// The mounts end up as `pivot_root(2)` leaves them. But that call looks at every thread of the machine for one that
/// stands in the old root, while in a mount namespace of its own there is none but this.
pub(crate) fn replace(state: &mut State<'_>) -> Result<(), Failure> {
    state.opened_root()?;
    state.outside()?;
    let own = own_namespace();
    let (OldRoot::Separate, Some(root), Ok(own)) = (state.old_root, root_on_the_bottom(), own) else {
        return pivot(state);
    };
    // Once `/` is gone there is no way back: what takes more rights than `pivot_root(2)` is tried while it is there.
    let here = open_host(c"/")?;
    if chroot(c"/").is_err() || setns(own.as_fd(), CLONE_NEWNS).is_err() {
        return pivot(state);
    }
    if mount_rooted_at(c"/") != Some(root) {
        // This was a chroot, which setns(2) leaves.
        fchdir(&here).at(Step::Fchdir)?;
        chroot(c".").at(Step::Chroot)?;
        return pivot(state);
    }
    let tree = clone_at(state.opened_root()?, Reach::Tree)?;
    // What is mounted on a mount that goes would go from its peers as well, and the copy may be one.
    change_old(Propagation { kind: Kind::Private, reach: Reach::Tree }, state)?;
    // What was kept of the mounts that go is of no use any more.
    (state.null, state.empty) = (None, None);
    let original = state.root.replace(tree).ok_or(Failure::new(Step::CheckOrder, Errno::BADF))?;
    if unmount(c"/", UnmountFlags::DETACH).is_err() {
        // It is locked, as all mounts are that came from a namespace with more rights.
        attach(state.opened_root()?, original.as_fd())?;
        return pivot(state);
    }
    // To the bottom, which has no path.
    setns(own.as_fd(), CLONE_NEWNS).at(Step::Setns)?;
    move_over_root(state)
}

/// Opens the caller, by whom its mount namespace can be entered.
fn own_namespace() -> Result<OwnedFd, Errno> {
    /// For a thread beside the first of its process; Linux 6.9.
    const PIDFD_THREAD: PidfdFlags = PidfdFlags::from_bits_retain(OFlags::EXCL.bits());

    pidfd_open(gettid(), PidfdFlags::empty()).or_else(|_| pidfd_open(gettid(), PIDFD_THREAD))
}

/// Gives the mount of `/` where nothing is mounted over it, and below it only the bottom of the mount namespace is,
/// which has no peers: `pivot_root(2)` refuses where it has some, `umount2(2)` would take the host's `/` along. None
/// also where the kernel cannot tell.
fn root_on_the_bottom() -> Option<u64> {
    let root = mount_rooted_at(c"/")?;
    // Upwards from the root is what lies over it.
    let uppermost = mount_rooted_at(c"/..")?;
    let below = statmount(root).and_then(|mount| statmount(mount.parent)).ok()?;
    let is_bottom = below.id != root && below.parent == below.id;
    (root == uppermost && is_bottom && !below.is_shared).then_some(root)
}

/// Gives the id of the mount whose root a path is, one of those that are never used again.
fn mount_rooted_at(path: &CStr) -> Option<u64> {
    /// `STATX_MNT_ID_UNIQUE`, Linux 6.8.
    const UNIQUE_ID: StatxFlags = StatxFlags::from_bits_retain(0x4000);

    let stat = statx(CWD, path, AtFlags::empty(), UNIQUE_ID).ok()?;
    let is_root = stat.stx_attributes.contains(StatxAttributes::MOUNT_ROOT);
    (is_root && stat.stx_mask & UNIQUE_ID.bits() != 0).then_some(stat.stx_mnt_id)
}

/// Exchanges the root and the old one, which is then detached.
pub(crate) fn pivot(state: &mut State<'_>) -> Result<(), Failure> {
    let root = state.opened_root()?;
    state.outside()?;
    let old = match state.old_root {
        OldRoot::Separate => None,
        OldRoot::Shared => Some(open_host(c"/")?),
    };
    fchdir(root).at(Step::Fchdir)?;
    // The old root lands on top of the new one, in the same place, and is what "." then finds.
    pivot_root(c".", c".").at(Step::PivotRoot)?;
    state.phase = Phase::Inside;
    if let Some(old) = old {
        // Without this the detaching below would reach the host's mounts through their peers.
        let slave = Propagation { kind: Kind::Slave, reach: Reach::Tree }.change();
        mount_setattr(old.as_fd(), SysReach::Tree, &slave).at(Step::MountSetattr)?;
    }
    unmount(c".", UnmountFlags::DETACH).at(Step::Umount)?;
    chdir(c"/").at(Step::Chdir)
}

/// Enters the root by moving it over `/`, for systems whose root cannot be pivoted (an initramfs).
pub(crate) fn move_over(op: &MoveRoot, state: &mut State<'_>) -> Result<(), Failure> {
    state.opened_root()?;
    state.outside()?;
    for path in &op.cover {
        cover(path)?;
    }
    move_over_root(state)
}

/// Enters the root and leaves all mounts where they are.
pub(crate) fn change(state: &mut State<'_>) -> Result<(), Failure> {
    let root = state.opened_root()?;
    state.outside()?;
    fchdir(root).at(Step::Fchdir)?;
    chroot(c".").at(Step::Chroot)?;
    state.phase = Phase::Inside;
    Ok(())
}

fn move_over_root(state: &mut State<'_>) -> Result<(), Failure> {
    let root = state.opened_root()?;
    move_mount(root, c"", CWD, c"/", MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH).at(Step::MoveMount)?;
    change(state)
}

/// Detaches a mount of the host, or covers it where it is locked.
fn cover(path: &CStr) -> Result<(), Failure> {
    match unmount(path, UnmountFlags::DETACH) {
        Ok(()) => return Ok(()),
        Err(Errno::INVAL | Errno::PERM) => {}
        Err(errno) => return Err(Failure::new(Step::Umount, errno)),
    }
    let place = open_host(path)?;
    let context = open_context(c"tmpfs")?;
    let tree = create(context.as_fd(), Attributes::READ_ONLY)?;
    attach(tree.as_fd(), place.as_fd())
}
