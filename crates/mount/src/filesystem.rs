//! New file systems: `fsopen`, `fsconfig`, `fsmount` with the final attributes, `move_mount`.

use std::ffi::CStr;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use palisade_sys::mount::mount_setattr;
use rustix::fs::{Mode, OFlags, XattrFlags, fsetxattr, fstat, fstatvfs};
use rustix::io::{Errno, read};
use rustix::mount::{
    FsMountFlags, FsOpenFlags, FsPickFlags, MountAttrFlags, MountFlags, MoveMountFlags, fsconfig_create,
    fsconfig_reconfigure, fsconfig_set_flag, fsconfig_set_string, fsmount, fsopen, fspick, mount_remount,
    move_mount,
};
use rustix::process::fchdir;

use crate::attributes::{Attributes, Propagation, Reach};
use crate::failure::{At, Failure, Step};
use crate::op::{FileSystem, Remount, TmpfsMode, Versions};
use crate::options::{CopyUp, Parameter};
use crate::perform::State;
use crate::resolve::{self, Links};

/// `MS_I_VERSION` and `MS_NOSYMFOLLOW` of `mount(2)`.
const I_VERSION: MountFlags = MountFlags::from_bits_retain(1 << 23);
const NO_SYMFOLLOW: MountFlags = MountFlags::from_bits_retain(1 << 8);
/// `ST_VALID`, `ST_RELATIME` and `ST_NOSYMFOLLOW` of `statfs(2)`.
const ST_VALID: u64 = 0x20;
const ST_RELATIME: u64 = 0x1000;
const ST_NOSYMFOLLOW: u64 = 0x2000;

/// Mounts a file system inside the root.
pub(crate) fn mount(op: &FileSystem, state: &mut State<'_>) -> Result<(), Failure> {
    state.clear_umask();
    let root = state.opened_root()?;
    // Whoever could aim these two elsewhere would have later writes to procfs and the masks land there too.
    let links =
        if matches!(op.fstype.to_bytes(), b"proc" | b"sysfs") { Links::Refuse } else { Links::Follow };
    let existing = resolve::existing_directory(root, &op.target, links)?;
    // A directory that is made for it has no mode that anybody chose: the file system's default holds.
    let has_mode = existing.is_some() && op.tmpfs_mode == TmpfsMode::OfTarget;
    let target = match existing {
        Some(directory) => directory,
        None => resolve::missing_directory(root, &op.target, Mode::from_raw_mode(0o755), links)?,
    };
    let context = open_context(&op.fstype)?;
    configure(context.as_fd(), &op.parameters)?;
    if has_mode {
        set_mode(context.as_fd(), target.as_fd())?;
    }
    let attributes = match op.copy_up {
        CopyUp::No => op.attributes,
        CopyUp::Yes => Attributes::setting(op.attributes.set & !MountAttrFlags::MOUNT_ATTR_RDONLY),
    };
    let tree = create(context.as_fd(), attributes)?;
    if op.copy_up == CopyUp::Yes {
        crate::copy_up::copy(target.as_fd(), tree.as_fd())?;
        if op.attributes.read_only() {
            change(tree.as_fd(), Reach::Mount, Attributes::READ_ONLY)?;
        }
    }
    propagate(tree.as_fd(), &op.propagation)?;
    attach(tree.as_fd(), target.as_fd())?;
    set_versions(tree.as_fd(), op.versions, &op.parameters)?;
    if op.fstype.to_bytes() == b"proc" {
        state.procfs = Some(tree);
    }
    Ok(())
}

/// Labels the root of a file system that is mounted.
pub(crate) fn label(path: &CStr, label: &CStr, state: &State<'_>) -> Result<(), Failure> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY;
    let directory = resolve::open(state.opened_root()?, path, flags, Links::Follow)?;
    // The kernel counts the NUL byte where it gives a label out, and takes it with and without.
    fsetxattr(&directory, c"security.selinux", label.to_bytes_with_nul(), XattrFlags::empty())
        .at(Step::SetXattr)
}

/// Has a file system count changes or not. The mount API has no word for that, the old call has a flag; it sets all
/// flags together, and so is told those that are.
fn set_versions(mount: BorrowedFd<'_>, versions: Versions, parameters: &[Parameter]) -> Result<(), Failure> {
    let wanted = match versions {
        Versions::Left => return Ok(()),
        Versions::Counted => I_VERSION,
        Versions::Uncounted => MountFlags::empty(),
    };
    let has = fstatvfs(mount).at(Step::Fstatfs)?.f_flag.bits();
    // Most flags of statfs(2) have the numbers of mount(2).
    let kept = u32::try_from(has & !(ST_VALID | ST_RELATIME | ST_NOSYMFOLLOW)).unwrap_or(0);
    let mut flags = MountFlags::from_bits_retain(kept) | wanted;
    if has & ST_RELATIME != 0 {
        flags |= MountFlags::RELATIME;
    }
    if has & ST_NOSYMFOLLOW != 0 {
        flags |= NO_SYMFOLLOW;
    }
    if parameters.iter().any(|parameter| parameter.key.to_bytes() == b"lazytime") {
        flags |= MountFlags::LAZYTIME;
    }
    fchdir(mount).at(Step::Fchdir)?;
    mount_remount(c".", flags, c"").at(Step::Mount)
}

/// Opens a procfs that nothing is mounted on and nobody else can reach: what is written below it arrives in
/// the kernel, whatever the container has on its `/proc`.
///
/// It shows the caller's pid namespace. In a user namespace it needs a pid namespace of its own and, outside,
/// a `/proc` of which nothing is masked (`EPERM`).
pub fn detached_procfs() -> Result<OwnedFd, Failure> {
    let context = open_context(c"proc")?;
    let bits = MountAttrFlags::MOUNT_ATTR_NOSUID
        | MountAttrFlags::MOUNT_ATTR_NODEV
        | MountAttrFlags::MOUNT_ATTR_NOEXEC;
    create(context.as_fd(), Attributes::setting(bits))
}

/// Opens a configuration context for a file-system type.
pub(crate) fn open_context(fstype: &CStr) -> Result<OwnedFd, Failure> {
    fsopen(fstype, FsOpenFlags::FSOPEN_CLOEXEC).at(Step::FsOpen)
}

/// Sets parameters in their order.
pub(crate) fn configure(context: BorrowedFd<'_>, parameters: &[Parameter]) -> Result<(), Failure> {
    for Parameter { key, value } in parameters {
        let key: &CStr = key;
        let result = match value {
            Some(value) => set_string(context, key, value),
            None => fsconfig_set_flag(context, key),
        };
        result.map_err(|errno| explain(context, Step::FsConfig, errno, key))?;
    }
    Ok(())
}

/// Sets one string parameter.
pub(crate) fn set_string(context: BorrowedFd<'_>, key: &CStr, value: &CStr) -> Result<(), Errno> {
    fsconfig_set_string(context, key, value)
}

/// Creates the superblock and a detached mount of it.
pub(crate) fn create(context: BorrowedFd<'_>, attributes: Attributes) -> Result<OwnedFd, Failure> {
    fsconfig_create(context).map_err(|errno| explain(context, Step::FsCreate, errno, c""))?;
    fsmount(context, FsMountFlags::FSMOUNT_CLOEXEC, attributes.set).at(Step::FsMount)
}

/// Attaches a detached mount to the place that a descriptor stands on.
pub(crate) fn attach(tree: BorrowedFd<'_>, target: BorrowedFd<'_>) -> Result<(), Failure> {
    let flags = MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH | MoveMountFlags::MOVE_MOUNT_T_EMPTY_PATH;
    move_mount(tree, c"", target, c"", flags).at(Step::MoveMount)
}

/// Changes attributes, if there is anything to change.
pub(crate) fn change(mount: BorrowedFd<'_>, reach: Reach, attributes: Attributes) -> Result<(), Failure> {
    if attributes.is_empty() {
        return Ok(());
    }
    mount_setattr(mount, reach.into(), &attributes.change()).at(Step::MountSetattr)
}

/// Changes propagation, in order.
pub(crate) fn propagate(mount: BorrowedFd<'_>, list: &[Propagation]) -> Result<(), Failure> {
    for propagation in list {
        mount_setattr(mount, propagation.reach.into(), &propagation.change()).at(Step::MountSetattr)?;
    }
    Ok(())
}

/// Changes a mount that is there: its superblock if parameters ask for it, then the mount itself.
pub(crate) fn remount(op: &Remount, state: &mut State<'_>) -> Result<(), Failure> {
    let mount = resolve::open(state.opened_root()?, &op.target, OFlags::PATH, Links::Follow)?;
    if !op.parameters.is_empty() {
        let flags = FsPickFlags::FSPICK_CLOEXEC | FsPickFlags::FSPICK_EMPTY_PATH;
        let context = fspick(&mount, c"", flags).at(Step::FsPick)?;
        configure(context.as_fd(), &op.parameters)?;
        fsconfig_reconfigure(&context)
            .map_err(|errno| explain(context.as_fd(), Step::FsReconfigure, errno, c""))?;
    }
    change(mount.as_fd(), Reach::Mount, op.attributes)?;
    change(mount.as_fd(), Reach::Tree, op.recursive)?;
    set_versions(mount.as_fd(), op.versions, &op.parameters)?;
    propagate(mount.as_fd(), &op.propagation)
}

/// Gives a new tmpfs the mode of the directory that it covers.
fn set_mode(context: BorrowedFd<'_>, target: BorrowedFd<'_>) -> Result<(), Failure> {
    let mode = fstat(target).at(Step::Fstat)?.st_mode & 0o7777;
    let mut octal = [0_u8; 5];
    for (place, shift) in octal.iter_mut().zip([9_u32, 6, 3, 0]) {
        *place = b'0' + u8::try_from((mode >> shift) & 7).unwrap_or(0);
    }
    let value = CStr::from_bytes_until_nul(&octal).unwrap_or(c"755");
    set_string(context, c"mode", value).map_err(|errno| explain(context, Step::FsConfig, errno, c"mode"))
}

/// Adds what the kernel wrote into the context's log; where it wrote nothing, the parameter's name.
pub(crate) fn explain(context: BorrowedFd<'_>, step: Step, errno: Errno, key: &CStr) -> Failure {
    let failure = Failure::new(step, errno);
    let mut buffer = [MaybeUninit::<u8>::uninit(); 256];
    // Each read gives one message, oldest first: a level, a space, the text and a newline.
    for _ in 0..8 {
        let Ok((message, _)) = read(context, &mut buffer) else { break };
        if let [b'e', b' ', text @ ..] = &*message {
            return failure.with_message(text.trim_ascii_end());
        }
    }
    failure.with_message(key.to_bytes())
}
