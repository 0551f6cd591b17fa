//! The operations, as data.

use serde::Serialize;

use crate::attributes::{Attributes, Propagation, Reach};
use crate::options::{CopyUp, Mode, Options, Parameter};
use crate::{Error, HostPath, RootPath, Text};

/// One thing that a container's init does to the file system.
///
/// The order is the planner's: [`Op::Propagation`], [`Op::OpenRoot`], then what is inside the root, then
/// [`Op::PivotRoot`]. Masks and read-only paths work before and after the root is entered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "op", rename_all = "kebab-case")]
pub enum Op {
    /// Changes the propagation of `/` of the new mount namespace.
    Propagation(Propagation),
    /// Attaches the root file system and keeps its descriptor, which all later operations resolve under.
    OpenRoot(OpenRoot),
    /// Mounts a file system.
    Mount(FileSystem),
    /// Makes a piece of the host's tree visible in the container.
    Bind(Bind),
    /// Changes a mount that is there.
    Remount(Remount),
    /// Makes a device node or a FIFO.
    Node(Node),
    /// Makes a symbolic link.
    Symlink(Symlink),
    /// Makes a directory and what is missing above it.
    Mkdir(Mkdir),
    /// Binds the pseudo-terminal that the runtime put in the state onto `/dev/console`.
    Console {
        /// Where, `/dev/console`.
        path: RootPath,
    },
    /// Hides a path: a file under `/dev/null`, a directory under an empty read-only tmpfs; nothing when it is
    /// missing.
    Mask {
        /// What to hide.
        path: RootPath,
    },
    /// Makes a path and all below it read-only; nothing when it is missing.
    ReadOnly {
        /// What to protect.
        path: RootPath,
    },
    /// Makes the root the process's root by `pivot_root(2)` and detaches the old one.
    PivotRoot,
    /// Makes the root the process's root by moving its mount over `/` and `chroot(2)`.
    MoveRoot(MoveRoot),
    /// Makes the root's own mount read-only.
    RootReadOnly,
    /// Sets the propagation of the container's root, as `linux.rootfsPropagation` asks.
    RootPropagation(Propagation),
}

/// What [`Op::OpenRoot`] attaches.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct OpenRoot {
    /// Where the content comes from.
    pub source: RootSource,
    /// What happens to the mount that the root is attached to.
    pub parent: Parent,
    /// Attributes of the root's mount from the start.
    pub attributes: Attributes,
    /// Propagation that the root's mounts get before they are attached; a root that was shared has to be
    /// private while it is filled, or its mounts show up on the host.
    pub propagation: Option<Propagation>,
}

/// Where a root file system comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum RootSource {
    /// A directory of the host, cloned and attached onto itself.
    Directory {
        /// The directory.
        path: HostPath,
        /// Whether the mounts below it come along.
        reach: Reach,
    },
    /// An overlay.
    Overlay(Overlay),
}

/// An overlay root.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Overlay {
    /// The read-only layers, the uppermost first.
    pub lower: Vec<HostPath>,
    /// The layer that is written to.
    pub upper: Upper,
    /// Further parameters, `userxattr`.
    pub parameters: Vec<Parameter>,
    /// An existing directory of the host that the overlay is attached to, in this mount namespace only.
    pub target: HostPath,
}

/// The writable layer of an overlay.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Upper {
    /// None: the overlay is read-only.
    None,
    /// Directories of the host.
    Directories {
        /// `upperdir`.
        upper: HostPath,
        /// `workdir`, on the same file system.
        work: HostPath,
    },
    /// Directories of a private tmpfs, mounted on the overlay's target below it.
    Tmpfs {
        /// The tmpfs's parameters, `size`.
        parameters: Vec<Parameter>,
    },
}

/// Says what happens to the mount above the new root.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Parent {
    /// Nothing: it is not shared.
    Keep,
    /// It is made private, as `pivot_root(2)` wants it where `/` is shared.
    MakePrivate,
}

/// A file system to mount.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FileSystem {
    /// The type, `tmpfs`.
    pub fstype: Text,
    /// All parameters, `source` among them.
    pub parameters: Vec<Parameter>,
    /// The mount's attributes; the recursive words of the options are folded in, because a new mount has
    /// nothing below it.
    pub attributes: Attributes,
    /// Propagation, in order.
    pub propagation: Vec<Propagation>,
    /// Whether the target's content is copied in first.
    pub copy_up: CopyUp,
    /// Where a tmpfs's mode comes from.
    pub tmpfs_mode: TmpfsMode,
    /// Where.
    pub target: RootPath,
}

/// Says where the mode of a new file system's root comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum TmpfsMode {
    /// From the parameters, or the file system's default.
    Given,
    /// From the directory that it covers, so that `/tmp` stays 1777.
    OfTarget,
}

/// A bind mount.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Bind {
    /// What.
    pub source: HostPath,
    /// Whether the mounts below it come along.
    pub reach: Reach,
    /// Attributes of the mount itself.
    pub attributes: Attributes,
    /// Attributes of all the mounts.
    pub recursive: Attributes,
    /// Propagation, in order.
    pub propagation: Vec<Propagation>,
    /// Where.
    pub target: RootPath,
}

/// A change of a mount that exists.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Remount {
    /// Which.
    pub target: RootPath,
    /// Attributes of the mount itself.
    pub attributes: Attributes,
    /// Attributes of it and all below.
    pub recursive: Attributes,
    /// Parameters of the superblock; empty leaves that alone.
    pub parameters: Vec<Parameter>,
    /// Propagation, in order.
    pub propagation: Vec<Propagation>,
}

/// The kinds of node that a configuration may name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum NodeKind {
    /// `c` and `u`.
    Character,
    /// `b`.
    Block,
    /// `p`.
    Fifo,
}

/// Says how a node comes to be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum NodeSource {
    /// By `mknodat(2)`.
    Make,
    /// By binding the host's node, after a look at its kind and number.
    Bind(HostPath),
    /// By `mknodat(2)`, or where that is not permitted by binding the host's node.
    MakeOrBind(HostPath),
}

/// A device node or a FIFO.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Node {
    /// Where.
    pub path: RootPath,
    /// What.
    pub kind: NodeKind,
    /// The major number.
    pub major: u32,
    /// The minor number.
    pub minor: u32,
    /// Permission bits, all of them: the umask does not take part.
    pub mode: u32,
    /// Owner in the container.
    pub uid: u32,
    /// Group in the container.
    pub gid: u32,
    /// How.
    pub source: NodeSource,
}

/// Says what happens to a name that is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Existing {
    /// It stays if it is the same link, and is an error otherwise.
    Keep,
    /// It is removed if it is not a directory.
    Replace,
}

/// A symbolic link.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Symlink {
    /// What the link says.
    pub target: Text,
    /// Where the link is.
    pub path: RootPath,
    /// What happens to what is there.
    pub existing: Existing,
}

/// A directory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Mkdir {
    /// Where.
    pub path: RootPath,
    /// Permission bits of a directory that is made.
    pub mode: u32,
}

/// How [`Op::MoveRoot`] leaves the old root.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct MoveRoot {
    /// Mount points of the host's proc and sysfs, which are detached or covered first: otherwise
    /// they stay reachable below the chroot and let a user namespace mount new ones.
    pub cover: Vec<HostPath>,
}

impl Op {
    /// Plans one entry of `mounts`: a bind, a remount or a file system.
    ///
    /// `source` has to be absolute for a bind. Errors name the option that does not fit.
    pub fn from_mount(
        fstype: Option<&str>,
        source: Option<&str>,
        target: &str,
        options: &Options,
    ) -> Result<Self, Error> {
        let target = checked_target(target)?;
        if options.mode == Mode::Remount {
            return remount(target, options);
        }
        if options.bind.is_some() || fstype == Some("bind") {
            return bind(source, target, options);
        }
        match fstype {
            Some(fstype) if !fstype.is_empty() && fstype != "none" => {
                file_system(fstype, source, target, options)
            }
            _ => Err(Error::new("plan mount", target.to_string(), "it has no type and is no bind mount")
                .hint("give a type, or the option bind or rbind")),
        }
    }
}

/// A mount that covers the root itself would hide everything that was set up in it.
fn checked_target(target: &str) -> Result<RootPath, Error> {
    if target.split('/').all(|part| matches!(part, "" | "." | "..")) {
        return Err(Error::new("plan mount", target, "the target is the root itself"));
    }
    RootPath::new(target)
}

fn remount(target: RootPath, options: &Options) -> Result<Op, Error> {
    // With bind only the mount changes; without it the superblock does too, as with mount(8).
    let mut parameters = Vec::new();
    if options.bind.is_none() {
        parameters = options.parameters(None)?;
        for word in options.attributes.words().into_iter().filter(|word| matches!(*word, "ro" | "rw")) {
            parameters.push(Parameter::flag(word)?);
        }
    } else {
        no_data(&target, options)?;
    }
    Ok(Op::Remount(Remount {
        target,
        attributes: options.attributes,
        recursive: options.recursive,
        parameters,
        propagation: options.propagation.clone(),
    }))
}

fn bind(source: Option<&str>, target: RootPath, options: &Options) -> Result<Op, Error> {
    no_data(&target, options)?;
    let Some(source) = source.filter(|source| source.starts_with('/')) else {
        return Err(Error::new("plan bind mount", target.to_string(), "its source is not an absolute path"));
    };
    Ok(Op::Bind(Bind {
        source: HostPath::new(source)?,
        reach: options.bind.unwrap_or(Reach::Mount),
        attributes: options.attributes,
        recursive: options.recursive,
        propagation: options.propagation.clone(),
        target,
    }))
}

/// A bind has the superblock of its source; options of a file system would be lost.
fn no_data(target: &RootPath, options: &Options) -> Result<(), Error> {
    let word = options.data.first().map(|parameter| parameter.key.to_string());
    let word = word.or_else(|| options.superblock.first().map(|key| (*key).to_owned()));
    let word = word.or_else(|| (options.copy_up == CopyUp::Yes).then(|| "tmpcopyup".to_owned()));
    match word {
        None => Ok(()),
        Some(word) => Err(Error::new(
            "plan bind mount",
            target.to_string(),
            format!("the option {word:?} is one of a file system"),
        )
        .hint("a bind mount shows the file system of its source, whose options it cannot change")),
    }
}

fn file_system(fstype: &str, source: Option<&str>, target: RootPath, options: &Options) -> Result<Op, Error> {
    if options.copy_up == CopyUp::Yes && fstype != "tmpfs" {
        return Err(Error::new("plan mount", target.to_string(), "tmpcopyup is an option of tmpfs"));
    }
    let mut parameters = options.parameters(source)?;
    let attributes = options.attributes.then(options.recursive);
    // What is copied up has to be written first, which only the mount's own flag allows.
    if attributes.read_only() && options.copy_up == CopyUp::No {
        parameters.push(Parameter::flag("ro")?);
    }
    let has_mode = options.data.iter().any(|parameter| parameter.key.to_bytes() == b"mode");
    let tmpfs_mode = if fstype == "tmpfs" && !has_mode { TmpfsMode::OfTarget } else { TmpfsMode::Given };
    Ok(Op::Mount(FileSystem {
        fstype: Text::new(fstype)?,
        parameters,
        attributes,
        propagation: options.propagation.clone(),
        copy_up: options.copy_up,
        tmpfs_mode,
        target,
    }))
}
