//! The ways into the root; they differ in what becomes of the old one.

use std::ffi::CStr;
use std::os::fd::AsFd;

use palisade_sys::clone::{CLONE_NEWNS, setns};
use palisade_sys::mount::{Reach as SysReach, mount_setattr, statmount};
use rustix::fs::{AtFlags, CWD, OFlags, StatxFlags, statx};
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
use crate::root::open_host;

/// Of a thread, which has namespaces of its own as soon as it leaves those of its process; Linux 6.9.
const PIDFD_THREAD: PidfdFlags = PidfdFlags::from_bits_retain(OFlags::EXCL.bits());

/// Puts a copy of the root's mounts where the mount of `/` was, which goes with all that is below it.
///
/// The mounts end up as `pivot_root(2)` leaves them. But that call looks at every thread of the machine for one that
/// stands in the old root, while in a mount namespace of its own there is none but this.
pub(crate) fn replace(state: &mut State<'_>) -> Result<(), Failure> {
    state.opened_root()?;
    state.outside()?;
    let own = pidfd_open(gettid(), PIDFD_THREAD);
    let (OldRoot::Separate, true, Ok(own)) = (state.old_root, root_is_alone_on_the_bottom(), own) else {
        return pivot(state);
    };
    // Later there is no way back. Both change nothing here and need CAP_SYS_CHROOT, which a filter may refuse besides.
    if chroot(c"/").is_err() || setns(own.as_fd(), CLONE_NEWNS).is_err() {
        return pivot(state);
    }
    let tree = clone_at(state.opened_root()?, Reach::Tree)?;
    // What is mounted on a mount that goes would go from its peers as well, and the copy may be one.
    let private = Propagation { kind: Kind::Private, reach: Reach::Tree }.change();
    mount_setattr(open_host(c"/")?.as_fd(), SysReach::Tree, &private).at(Step::MountSetattr)?;
    // What was kept of the mounts that go is of no use any more.
    (state.null, state.empty) = (None, None);
    let original = state.root.replace(tree);
    match (unmount(c"/", UnmountFlags::DETACH), original) {
        // Locked, as all mounts are that came from a namespace with more rights.
        (Err(_), Some(original)) => {
            attach(state.opened_root()?, original.as_fd())?;
            pivot(state)
        }
        _ => {
            // To the bottom, which has no path.
            setns(own.as_fd(), CLONE_NEWNS).at(Step::Setns)?;
            move_over_root(state)
        }
    }
}

/// Tells whether nothing is mounted over the mount of `/`, and below it only the bottom of the mount namespace is,
/// which has no peers: `pivot_root(2)` refuses where it has some, `umount2(2)` would take the host's `/` along. Also no
/// where the kernel cannot tell.
fn root_is_alone_on_the_bottom() -> bool {
    // Upwards from the root is what lies over it.
    let (Some(root), Some(uppermost)) = (mount_of(c"/"), mount_of(c"/..")) else { return false };
    let below = statmount(root).and_then(|mount| statmount(mount.parent));
    root == uppermost
        && below.is_ok_and(|below| below.id != root && below.parent == below.id && !below.is_shared)
}

/// Gives the id of the mount that a path is on, one of those that are never used again.
fn mount_of(path: &CStr) -> Option<u64> {
    /// `STATX_MNT_ID_UNIQUE`, Linux 6.8.
    const UNIQUE_ID: StatxFlags = StatxFlags::from_bits_retain(0x4000);

    let stat = statx(CWD, path, AtFlags::empty(), UNIQUE_ID).ok()?;
    (stat.stx_mask & UNIQUE_ID.bits() != 0).then_some(stat.stx_mnt_id)
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

fn move_over_root(state: &mut State<'_>) -> Result<(), Failure> {
    let root = state.opened_root()?;
    fchdir(root).at(Step::Fchdir)?;
    move_mount(root, c"", CWD, c"/", MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH).at(Step::MoveMount)?;
    chroot(c".").at(Step::Chroot)?;
    state.phase = Phase::Inside;
    chdir(c"/").at(Step::Chdir)
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
