//! `mount_setattr(2)` and `statmount(2)`: changes the attributes and the propagation of mounts that exist, and tells
//! of them.

use std::os::fd::{AsRawFd, BorrowedFd};

use rustix::io::{Errno, Result};
use rustix::mount::{MountAttrFlags, MountPropagationFlags};

/// Names the mounts that one call changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// The one mount.
    Mount,
    /// The mount and every mount below it, all or none.
    Tree,
}

/// Says what becomes different about a mount.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MountChange {
    /// Attributes that the mount gets.
    pub set: MountAttrFlags,
    /// Attributes that the mount loses; an access-time mode is cleared as the whole
    /// `MOUNT_ATTR__ATIME` mask before another one is set.
    pub clear: MountAttrFlags,
    /// The new propagation type, or empty to leave it.
    pub propagation: MountPropagationFlags,
}

/// The kernel's `struct mount_attr`, version 0.
#[repr(C)]
struct RawMountAttr {
    attr_set: u64,
    attr_clr: u64,
    propagation: u64,
    userns_fd: u64,
}

/// Changes the mount that a descriptor stands on.
///
/// The descriptor has to be the root of a mount (`EINVAL` otherwise). `EPERM` is also the answer
/// when an attribute is to be cleared that a more privileged user namespace has locked.
/// Linux 5.12; see [`mount_setattr(2)`](https://man7.org/linux/man-pages/man2/mount_setattr.2.html).
pub fn mount_setattr(mount: BorrowedFd<'_>, reach: Reach, change: &MountChange) -> Result<()> {
    let attr = RawMountAttr {
        attr_set: u64::from(change.set.bits()),
        attr_clr: u64::from(change.clear.bits()),
        propagation: u64::from(change.propagation.bits()),
        userns_fd: 0,
    };
    set(mount, reach, &attr)
}

/// Has a mount show its files with other owners: an id that is stored counts as one inside `user_namespace`, and is
/// shown as the id that it has outside.
///
/// The mount must be detached and never have been attached, of a file system that allows this, and without such a map
/// (`EINVAL`). The caller needs CAP_SYS_ADMIN in the user namespace that the file system was mounted in (`EPERM`), and
/// `user_namespace` must not be that one.
/// Linux 5.12; see [`mount_setattr(2)`](https://man7.org/linux/man-pages/man2/mount_setattr.2.html).
pub fn map_ids(mount: BorrowedFd<'_>, reach: Reach, user_namespace: BorrowedFd<'_>) -> Result<()> {
    let attr = RawMountAttr {
        attr_set: libc::MOUNT_ATTR_IDMAP,
        attr_clr: 0,
        propagation: 0,
        userns_fd: u64::from(user_namespace.as_raw_fd().unsigned_abs()),
    };
    set(mount, reach, &attr)
}

fn set(mount: BorrowedFd<'_>, reach: Reach, attr: &RawMountAttr) -> Result<()> {
    let flags = match reach {
        Reach::Mount => libc::AT_EMPTY_PATH,
        Reach::Tree => libc::AT_EMPTY_PATH | libc::AT_RECURSIVE,
    };
    // SAFETY: the kernel reads a NUL-terminated empty path and exactly `size_of::<RawMountAttr>()`
    // bytes of `attr`, which the caller lends until the call returns. The descriptors, also one in
    // `attr`, are valid because the callers' borrows of them are.
    let result = unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            mount.as_raw_fd(),
            c"".as_ptr(),
            flags,
            std::ptr::from_ref(attr),
            size_of::<RawMountAttr>(),
        )
    };
    if result == 0 { Ok(()) } else { Err(last_error()) }
}

/// A mount, as the kernel tells of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Statmount {
    /// Its id, of those that are never used again.
    pub id: u64,
    /// The id of the mount that it is attached to; its own for that on the bottom of a mount namespace.
    pub parent: u64,
    /// Whether it has peers, which what is mounted on it spreads to, `mount_namespaces(7)`.
    pub is_shared: bool,
}

/// The kernel's `struct mnt_id_req`, version 0.
#[repr(C)]
struct RawMountIdRequest {
    size: u32,
    spare: u32,
    id: u64,
    mask: u64,
}

/// Tells of a mount of this mount namespace, by its unique id (`STATX_MNT_ID_UNIQUE` of `statx(2)`).
///
/// `ENOENT` without such a mount; `EPERM` for one that is not below the caller's root, without CAP_SYS_ADMIN.
/// Linux 6.8; see [`statmount(2)`](https://man7.org/linux/man-pages/man2/statmount.2.html).
pub fn statmount(id: u64) -> Result<Statmount> {
    /// The same number on every architecture.
    const SYS_STATMOUNT: libc::c_long = 457;
    const STATMOUNT_MNT_BASIC: u64 = 0x2;
    const MNT_ID_REQ_SIZE_VER0: u32 = 24;
    const { assert!(size_of::<RawMountIdRequest>() == MNT_ID_REQ_SIZE_VER0 as usize) };

    let request = RawMountIdRequest { size: MNT_ID_REQ_SIZE_VER0, spare: 0, id, mask: STATMOUNT_MNT_BASIC };
    // `struct statmount`, without the text behind it.
    let mut fields = [0_u64; 64];
    // SAFETY: the kernel reads `request`, whose size is in it, and writes at most the size of `fields` to that; both
    // are borrowed until the call returns, and every bit pattern is a value of `u64`.
    let result = unsafe {
        libc::syscall(
            SYS_STATMOUNT,
            std::ptr::from_ref(&request),
            fields.as_mut_ptr(),
            size_of_val(&fields),
            0,
        )
    };
    if result != 0 {
        return Err(last_error());
    }
    // Of the eight bytes at offset 0, 8, ..: the mask is at 8, the id at 40, the parent's at 48, the propagation at 72.
    let [_, mask, _, _, _, id, parent, _, _, propagation, ..] = fields;
    if mask & STATMOUNT_MNT_BASIC == 0 {
        return Err(Errno::NODATA);
    }
    let is_shared = propagation & u64::from(MountPropagationFlags::SHARED.bits()) != 0;
    Ok(Statmount { id, parent, is_shared })
}

fn last_error() -> Errno {
    // SAFETY: errno is a thread-local that libc keeps valid for the life of the thread.
    let errno = unsafe { *libc::__errno_location() };
    Errno::from_raw_os_error(errno)
}
