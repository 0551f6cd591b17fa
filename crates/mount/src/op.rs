//! The operations, as data.

use serde::Serialize;

use crate::attributes::{Attributes, Propagation, Reach};
use crate::layered::Layered;
use crate::options::{CopyUp, Parameter};
use crate::{HostPath, RootPath, Text};

/// One thing that a container's init does to the file system.
///
/// The order is the planner's: [`Op::Propagation`], [`Op::OpenRoot`], then what is inside the root, then
/// [`Op::ReplaceRoot`] or another way in. Masks and read-only paths work before and after the root is entered.
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
        /// The label of the tmpfs, as a parameter of its own; the first mask's holds for all.
        #[serde(skip_serializing_if = "Option::is_none")]
        label: Option<Parameter>,
    },
    /// Gives the root of a file system a label of SELinux's. For one that exists before it is mounted, and so takes none
    /// as a parameter.
    Label {
        /// Where it is mounted.
        path: RootPath,
        /// The label.
        label: Text,
    },
    /// Makes a path and all below it read-only; nothing when it is missing.
    ReadOnly {
        /// What to protect.
        path: RootPath,
    },
    /// Makes the root the process's root by `pivot_root(2)` and detaches the old one.
    PivotRoot,
    /// Does the same in a mount namespace that nobody else is in, by putting a copy of the root's mounts in the place
    /// of `/`: without the look at every thread of the machine that `pivot_root(2)` takes (Linux 6.8, for
    /// `statmount(2)`; by that call where the host's root does not allow it). Mounts that are unbindable are not
    /// copied, and descriptors of mounts that were opened before are of no use afterwards.
    ReplaceRoot,
    /// Makes the root the process's root by moving its mount over `/` and `chroot(2)`.
    MoveRoot(MoveRoot),
    /// Makes the root the process's root by `chroot(2)` alone, in a mount namespace that others are in: nothing is moved
    /// or detached. A process with CAP_SYS_CHROOT finds the way out.
    ChangeRoot,
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
    /// A private tmpfs with directories of the host laid into it.
    Layered(Layered),
    /// A tree of [`State::with_trees`](crate::State::with_trees) that is attached already.
    Attached {
        /// Which.
        tree: usize,
    },
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
    /// Whether changes are counted.
    #[serde(skip_serializing_if = "Versions::are_left")]
    pub versions: Versions,
    /// Where.
    pub target: RootPath,
}

/// Says whether a file system counts the changes of each file, for those who cache it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Versions {
    /// As the file system does by itself; most do always.
    #[default]
    Left,
    /// It does: `iversion`.
    Counted,
    /// It does not: `noiversion`.
    Uncounted,
}

impl Versions {
    fn are_left(&self) -> bool {
        *self == Self::Left
    }
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
    /// The tree of [`State::with_trees`](crate::State::with_trees) that was made of the source before this process
    /// existed, by somebody who may do more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tree: Option<usize>,
    /// Such a tree for where this process may not reach the source.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub spare: Option<Spare>,
    /// What happens where the source is a symbolic link.
    #[serde(skip_serializing_if = "SourceLink::is_followed")]
    pub source_link: SourceLink,
    /// What happens where the target is a symbolic link.
    #[serde(skip_serializing_if = "TargetLink::is_followed")]
    pub target_link: TargetLink,
    /// Attributes of the mount itself.
    pub attributes: Attributes,
    /// Attributes of all the mounts.
    pub recursive: Attributes,
    /// Propagation, in order.
    pub propagation: Vec<Propagation>,
    /// Where.
    pub target: RootPath,
}

/// A tree that is used in need.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Spare {
    /// Its number, as that of [`Bind::tree`].
    pub tree: usize,
    /// What parts it from the mounts that it was cloned from.
    pub propagation: Option<Propagation>,
}

/// Says what a symbolic link means as the source of a bind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum SourceLink {
    /// What it leads to is bound.
    #[default]
    Follow,
    /// The link itself is bound: `src-nofollow`.
    Bind,
    /// A link that says the same is made instead of a mount: `copy-symlink`.
    Copy,
}

impl SourceLink {
    fn is_followed(&self) -> bool {
        *self == Self::Follow
    }
}

/// Says what a symbolic link means as the target of a bind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum TargetLink {
    /// What it leads to, inside the root, is covered.
    #[default]
    Follow,
    /// The link itself is covered: `dest-nofollow`.
    Cover,
}

impl TargetLink {
    fn is_followed(&self) -> bool {
        *self == Self::Follow
    }
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
    /// Whether changes are counted.
    #[serde(skip_serializing_if = "Versions::are_left")]
    pub versions: Versions,
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
