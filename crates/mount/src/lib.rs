//! Everything that a container's init does to the file system, as data and as the interpreter of it.
//!
//! A planner turns the `mounts`, `devices` and paths of a configuration into [`Op`]s without any I/O;
//! [`perform`] does one of them in the new mount namespace. The interpreter allocates nothing, takes no
//! lock and does not panic, because it runs in a child cloned from a process that may have threads:
//! every string exists before the clone, every buffer is on the stack.
//!
//! Paths inside the container are resolved by the kernel below the root's descriptor
//! (`openat2`, `RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS`), and mounts are attached to descriptors.
//! Needs Linux 5.12 (`mount_setattr(2)`; the mount API itself is of 5.2, `openat2(2)` of 5.6).
#![forbid(unsafe_code)]

mod attributes;
mod bind;
mod copy_up;
mod describe;
mod enter;
mod entry;
mod error;
mod failure;
mod filesystem;
mod layered;
mod mask;
mod node;
mod op;
mod options;
mod path;
mod perform;
mod resolve;
mod root;
mod shell;
mod words;

pub mod mountinfo;

pub use attributes::{Attributes, Kind, Propagation, Reach};
pub use bind::{attach_tree, clone_tree, map_tree};
pub use error::Error;
pub use failure::{Failure, Step};
pub use filesystem::detached_procfs;
pub use layered::{Entry, Layer, LayerAccess, Layered};
pub use op::{
    Bind, Existing, FileSystem, Mkdir, MoveRoot, Node, NodeKind, NodeSource, Op, OpenRoot, Overlay, Parent,
    Remount, RootSource, SourceLink, Spare, Symlink, TargetLink, TmpfsMode, Upper, Versions,
};
pub use options::{CopyUp, IdMapping, Mode, Options, Parameter};
pub use path::{HostPath, RootPath, Text};
pub use perform::{State, perform};
pub use words::known_options;
