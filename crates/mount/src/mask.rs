//! Paths that the container must not see, or not change.

use std::ffi::CStr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{FileType, OFlags, fstat};
use rustix::mount::MountAttrFlags;

use crate::attributes::{Attributes, Reach};
use crate::bind::clone_at;
use crate::failure::{At, Failure, Step};
use crate::filesystem::{attach, change, configure, create, explain, open_context, set_string};
use crate::node::{Device, host_null};
use crate::options::Parameter;
use crate::perform::{Phase, State};
use crate::resolve;

/// Hides a file or a directory; a path that is not there needs no hiding.
pub(crate) fn mask(path: &CStr, label: Option<&Parameter>, state: &mut State<'_>) -> Result<(), Failure> {
    let Some(target) = resolve::open_if_present(state.opened_root()?, path, OFlags::PATH)? else {
        return Ok(());
    };
    let stat = fstat(&target).at(Step::Fstat)?;
    if FileType::from_raw_mode(stat.st_mode) == FileType::Directory {
        return cover_directory(target.as_fd(), label, state);
    }
    let null = match state.null.take() {
        Some(null) => null,
        None => open_null(state)?,
    };
    let tree = clone_at(null.as_fd(), Reach::Mount)?;
    state.null = Some(null);
    attach(tree.as_fd(), target.as_fd())
}

/// Makes a path and all below it read-only, whatever else its mounts forbid stays forbidden.
pub(crate) fn read_only(path: &CStr, state: &mut State<'_>) -> Result<(), Failure> {
    let Some(target) = resolve::open_if_present(state.opened_root()?, path, OFlags::PATH)? else {
        return Ok(());
    };
    let tree = clone_at(target.as_fd(), Reach::Tree)?;
    change(tree.as_fd(), Reach::Tree, Attributes::READ_ONLY)?;
    attach(tree.as_fd(), target.as_fd())
}

/// Opens the container's `/dev/null`, or the host's where the container has none, and looks at its number.
fn open_null(state: &State<'_>) -> Result<OwnedFd, Failure> {
    let flags = OFlags::PATH | OFlags::NOFOLLOW;
    match resolve::open_if_present(state.opened_root()?, c"/dev/null", flags)? {
        Some(null) => {
            Device::null().check(null.as_fd())?;
            Ok(null)
        }
        None if state.phase == Phase::Outside => host_null(),
        None => Err(Failure::new(Step::CheckDevice, rustix::io::Errno::NOENT)),
    }
}

/// Covers a directory with one empty tmpfs that all masks of the container share.
fn cover_directory(
    target: BorrowedFd<'_>,
    label: Option<&Parameter>,
    state: &mut State<'_>,
) -> Result<(), Failure> {
    if let Some(empty) = &state.empty {
        let tree = clone_at(empty.as_fd(), Reach::Mount)?;
        return attach(tree.as_fd(), target);
    }
    let context = open_context(c"tmpfs")?;
    configure(context.as_fd(), label.map_or(&[], std::slice::from_ref))?;
    for (key, value) in [(c"source", c"tmpfs"), (c"nr_inodes", c"1"), (c"nr_blocks", c"1"), (c"mode", c"555")]
    {
        set_string(context.as_fd(), key, value)
            .map_err(|errno| explain(context.as_fd(), Step::FsConfig, errno, key))?;
    }
    let bits = MountAttrFlags::MOUNT_ATTR_RDONLY
        | MountAttrFlags::MOUNT_ATTR_NOSUID
        | MountAttrFlags::MOUNT_ATTR_NODEV
        | MountAttrFlags::MOUNT_ATTR_NOEXEC;
    let tree = create(context.as_fd(), Attributes::setting(bits))?;
    attach(tree.as_fd(), target)?;
    // Attached, the descriptor stands on a mount of this namespace, of which clones can be made.
    state.empty = Some(tree);
    Ok(())
}
