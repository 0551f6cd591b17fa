//! The root file system: attached and protected.

use std::ffi::CStr;
use std::os::fd::{AsFd, OwnedFd};

use palisade_sys::mount::{Reach as SysReach, mount_setattr};
use rustix::fs::{CWD, Mode, OFlags, mkdirat, openat};
use rustix::io::{Errno, fcntl_dupfd_cloexec};
use rustix::mount::{MountAttrFlags, MountPropagationFlags, mount_change};
use rustix::process::fchdir;

use crate::HostPath;
use crate::attributes::{Attributes, Kind, Propagation, Reach};
use crate::bind::clone_at;
use crate::failure::{At, Failure, Step};
use crate::filesystem::{
    attach, change as set_attributes, configure, create, explain, open_context, set_string,
};
use crate::op::{OpenRoot, Overlay, Parent, RootSource, Upper};
use crate::perform::{OldRoot, State};

const DIRECTORY: OFlags = OFlags::PATH.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);

/// As much as `fsconfig(2)` takes for one string, the NUL included.
const VALUE: usize = 256;
/// More directories above each other than a path of `PATH_MAX` can name.
const MAX_DEPTH: u32 = 2048;

/// Changes the propagation of the namespace's `/`, before anything else is mounted.
pub(crate) fn change_old(propagation: Propagation, state: &mut State<'_>) -> Result<(), Failure> {
    state.outside()?;
    let mut flags = propagation.flags();
    if propagation.reach == Reach::Tree {
        flags |= MountPropagationFlags::REC;
    }
    mount_change(c"/", flags).at(Step::Mount)?;
    let separate = propagation.reach == Reach::Tree && propagation.kind != Kind::Shared;
    state.old_root = if separate { OldRoot::Separate } else { OldRoot::Shared };
    Ok(())
}

/// Attaches the root and keeps its descriptor.
pub(crate) fn open(op: &OpenRoot, state: &mut State<'_>) -> Result<(), Failure> {
    state.outside()?;
    state.clear_umask();
    let root = match &op.source {
        RootSource::Directory { path, reach } => {
            let place = open_host(path)?;
            part_from_parent(op, &place)?;
            let tree = clone_at(place.as_fd(), *reach)?;
            prepare(op, &tree)?;
            set_attributes(tree.as_fd(), Reach::Mount, op.attributes)?;
            attach(tree.as_fd(), place.as_fd())?;
            tree
        }
        RootSource::Overlay(overlay) => {
            let place = open_host(&overlay.target)?;
            part_from_parent(op, &place)?;
            let tree = open_overlay(overlay, op.attributes, place)?;
            prepare(op, &tree)?;
            tree
        }
        RootSource::Layered(layered) => {
            let place = open_host(&layered.target)?;
            part_from_parent(op, &place)?;
            let tree = crate::layered::open(layered, op.attributes, place)?;
            prepare(op, &tree)?;
            tree
        }
        RootSource::Attached { tree } => fcntl_dupfd_cloexec(state.tree(*tree)?, 0).at(Step::Duplicate)?,
    };
    state.root = Some(root);
    Ok(())
}

pub(crate) fn open_host(path: &CStr) -> Result<OwnedFd, Failure> {
    openat(CWD, path, DIRECTORY, Mode::empty()).at(Step::OpenAt)
}

fn prepare(op: &OpenRoot, tree: &OwnedFd) -> Result<(), Failure> {
    match op.propagation {
        None => Ok(()),
        Some(propagation) => mount_setattr(tree.as_fd(), propagation.reach.into(), &propagation.change())
            .at(Step::MountSetattr),
    }
}

/// Makes the mount that a directory is on private, which has to be found by its root.
fn part_from_parent(op: &OpenRoot, place: &OwnedFd) -> Result<(), Failure> {
    if op.parent == Parent::Keep {
        return Ok(());
    }
    let private = Propagation { kind: Kind::Private, reach: Reach::Mount }.change();
    let mut above: Option<OwnedFd> = None;
    for _ in 0..MAX_DEPTH {
        let here = above.as_ref().unwrap_or(place);
        match mount_setattr(here.as_fd(), SysReach::Mount, &private) {
            // The directory is not where its mount begins: go up; `/` is one unless the caller is in a chroot.
            Err(Errno::INVAL) => {}
            result => return result.at(Step::MountSetattr),
        }
        above = Some(openat(here, c"..", DIRECTORY, Mode::empty()).at(Step::OpenAt)?);
    }
    Err(Failure::new(Step::MountSetattr, Errno::INVAL))
}

/// Mounts an overlay on its target, over the tmpfs for its upper layer if it has that.
fn open_overlay(overlay: &Overlay, attributes: Attributes, place: OwnedFd) -> Result<OwnedFd, Failure> {
    let place = match &overlay.upper {
        Upper::None | Upper::Directories { .. } => place,
        Upper::Tmpfs { parameters } => {
            let context = open_context(c"tmpfs")?;
            configure(context.as_fd(), parameters)?;
            let tmpfs = create(context.as_fd(), Attributes::setting(MountAttrFlags::MOUNT_ATTR_NODEV))?;
            for name in [c"upper", c"work"] {
                mkdirat(&tmpfs, name, Mode::from_raw_mode(0o755)).at(Step::MkdirAt)?;
            }
            attach(tmpfs.as_fd(), place.as_fd())?;
            tmpfs
        }
    };
    let context = open_context(c"overlay")?;
    let set = |key: &CStr, value: &CStr| {
        set_string(context.as_fd(), key, value)
            .map_err(|errno| explain(context.as_fd(), Step::FsConfig, errno, key))
    };
    set(c"source", c"overlay")?;
    let mut joined = [0_u8; VALUE];
    match join_layers(&overlay.lower, &mut joined) {
        Some(layers) => set(c"lowerdir", layers)?,
        None => {
            for layer in &overlay.lower {
                set(c"lowerdir+", layer)?;
            }
        }
    }
    match &overlay.upper {
        Upper::None => {}
        Upper::Directories { upper, work } => {
            set(c"upperdir", upper)?;
            set(c"workdir", work)?;
        }
        Upper::Tmpfs { .. } => {
            // Relative to the tmpfs's own descriptor: nobody can put another directory in between.
            fchdir(&place).at(Step::Fchdir)?;
            set(c"upperdir", c"upper")?;
            set(c"workdir", c"work")?;
        }
    }
    configure(context.as_fd(), &overlay.parameters)?;
    let tree = create(context.as_fd(), attributes)?;
    attach(tree.as_fd(), place.as_fd())?;
    Ok(tree)
}

/// Joins layers by colons, as every kernel takes them; `None` if that is too long for one parameter, which leaves
/// one parameter a layer (Linux 6.5).
fn join_layers<'a>(layers: &[HostPath], buffer: &'a mut [u8; VALUE]) -> Option<&'a CStr> {
    // One short of the end: the last byte stays NUL.
    let (places, _) = buffer.split_at_mut(VALUE - 1);
    let mut places = places.iter_mut();
    for (index, layer) in layers.iter().enumerate() {
        if index > 0 {
            *places.next()? = b':';
        }
        for byte in layer.to_bytes() {
            if matches!(byte, b':' | b'\\') {
                *places.next()? = b'\\';
            }
            *places.next()? = *byte;
        }
    }
    CStr::from_bytes_until_nul(buffer).ok()
}

/// Makes the root's own mount read-only.
pub(crate) fn read_only(state: &State<'_>) -> Result<(), Failure> {
    set_attributes(state.opened_root()?, Reach::Mount, Attributes::READ_ONLY)
}

/// Sets the propagation of the root.
pub(crate) fn change(propagation: Propagation, state: &State<'_>) -> Result<(), Failure> {
    mount_setattr(state.opened_root()?, propagation.reach.into(), &propagation.change())
        .at(Step::MountSetattr)
}
