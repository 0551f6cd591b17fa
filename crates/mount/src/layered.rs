//! A root made of a private tmpfs with directories of the host laid into it.
//!
//! One overlay over all of `/` would be simpler, and cannot be had in a user namespace: the mounts below the host's
//! `/` are locked there, and the kernel takes no such directory as a layer. Directories without mounts below them are
//! fine, and a list of what is shown forgets no secret that a list of what is hidden would.

use std::os::fd::{AsFd, OwnedFd};

use rustix::fs::{FileType, Mode, OFlags, makedev, mkdirat, mknodat, openat, symlinkat};
use rustix::io::write;
use rustix::mount::MountAttrFlags;
use rustix::process::fchdir;
use serde::Serialize;

use crate::attributes::{Attributes, Reach};
use crate::bind::{clone_at, clone_tree};
use crate::failure::{At, Failure, Step};
use crate::filesystem::{attach, change, configure, create, explain, open_context, set_string};
use crate::op::SourceLink;
use crate::options::Parameter;
use crate::{HostPath, Text};

/// Below this directory of the tmpfs is what becomes the root.
const ROOT: &std::ffi::CStr = c"root";

/// A tmpfs of the container's own with directories of the host on top of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Layered {
    /// An existing directory of the host that the tmpfs is attached to, in this mount namespace only.
    pub target: HostPath,
    /// The tmpfs's parameters, `size`.
    pub parameters: Vec<Parameter>,
    /// What is made in the tmpfs, in order; the container sees what is below `root`.
    pub entries: Vec<Entry>,
    /// What is laid onto directories of the root.
    pub layers: Vec<Layer>,
}

/// One thing in a new tmpfs. Paths are relative to the tmpfs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Entry {
    /// A directory.
    Directory {
        /// Where.
        path: Text,
        /// Permission bits.
        mode: u32,
    },
    /// A file.
    File {
        /// Where.
        path: Text,
        /// What is in it.
        content: Text,
        /// Permission bits.
        mode: u32,
    },
    /// A symbolic link.
    Symlink {
        /// Where.
        path: Text,
        /// What it says.
        target: Text,
    },
    /// A whiteout: a name of a lower layer that is not to be seen.
    Whiteout {
        /// Where, in an upper directory.
        path: Text,
    },
}

/// A directory of the host in the root.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Layer {
    /// The directory.
    pub source: HostPath,
    /// Where in the root, a path relative to it that [`Layered::entries`] made.
    pub place: Text,
    /// How.
    pub access: LayerAccess,
}

/// Says whether a layer can be written to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum LayerAccess {
    /// An overlay: what is written goes into the tmpfs.
    Overlay {
        /// `upperdir`, relative to the tmpfs.
        upper: Text,
        /// `workdir`, relative to the tmpfs.
        work: Text,
        /// Further parameters, `userxattr`.
        parameters: Vec<Parameter>,
    },
    /// A bind mount with what is below it, read-only.
    ReadOnly,
}

/// Makes the root and gives its tree, attached to the target.
pub(crate) fn open(op: &Layered, attributes: Attributes, place: OwnedFd) -> Result<OwnedFd, Failure> {
    let context = open_context(c"tmpfs")?;
    configure(context.as_fd(), &op.parameters)?;
    let tmpfs = create(context.as_fd(), attributes)?;
    drop(context);
    for entry in &op.entries {
        make(&tmpfs, entry)?;
    }
    attach(tmpfs.as_fd(), place.as_fd())?;
    let below = openat(&tmpfs, ROOT, DIRECTORY, Mode::empty()).at(Step::OpenAt)?;
    let tree = clone_at(below.as_fd(), Reach::Mount)?;
    attach(tree.as_fd(), tmpfs.as_fd())?;
    for layer in &op.layers {
        lay(layer, attributes, &tmpfs, &tree)?;
    }
    Ok(tree)
}

const DIRECTORY: OFlags =
    OFlags::PATH.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC).union(OFlags::NOFOLLOW);

fn make(tmpfs: &OwnedFd, entry: &Entry) -> Result<(), Failure> {
    match entry {
        Entry::Directory { path, mode } => {
            mkdirat(tmpfs, &**path, Mode::from_raw_mode(*mode)).at(Step::MkdirAt)
        }
        Entry::File { path, content, mode } => {
            let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
            let file = openat(tmpfs, &**path, flags, Mode::from_raw_mode(*mode)).at(Step::OpenAt)?;
            let mut rest = content.to_bytes();
            while !rest.is_empty() {
                let written = write(&file, rest).at(Step::Write)?;
                rest = rest.get(written..).unwrap_or_default();
            }
            Ok(())
        }
        Entry::Symlink { path, target } => symlinkat(&**target, tmpfs, &**path).at(Step::SymlinkAt),
        Entry::Whiteout { path } => {
            // Since Linux 5.8 whoever may write in the directory may make this one device.
            mknodat(tmpfs, &**path, FileType::CharacterDevice, Mode::empty(), makedev(0, 0)).at(Step::MknodAt)
        }
    }
}

fn lay(layer: &Layer, attributes: Attributes, tmpfs: &OwnedFd, tree: &OwnedFd) -> Result<(), Failure> {
    let place = openat(tree, &*layer.place, DIRECTORY, Mode::empty()).at(Step::OpenAt)?;
    let mount = match &layer.access {
        LayerAccess::ReadOnly => {
            let mount = clone_tree(&layer.source, Reach::Tree, SourceLink::Follow)?;
            let read_only = Attributes::setting(attributes.set | MountAttrFlags::MOUNT_ATTR_RDONLY);
            change(mount.as_fd(), Reach::Tree, read_only)?;
            mount
        }
        LayerAccess::Overlay { upper, work, parameters } => {
            let context = open_context(c"overlay")?;
            // Relative to the tmpfs's own descriptor: nobody can put another directory in between.
            fchdir(tmpfs).at(Step::Fchdir)?;
            for (key, value) in [
                (c"source", c"overlay"),
                (c"lowerdir", &*layer.source),
                (c"upperdir", &**upper),
                (c"workdir", &**work),
            ] {
                set_string(context.as_fd(), key, value)
                    .map_err(|errno| explain(context.as_fd(), Step::FsConfig, errno, key))?;
            }
            configure(context.as_fd(), parameters)?;
            create(context.as_fd(), attributes)?
        }
    };
    attach(mount.as_fd(), place.as_fd())
}
