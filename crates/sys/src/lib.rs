//! System calls that rustix lacks, the only crate of Palisade with unsafe code, and the few texts of the system that
//! several crates read or write.
//!
//! Every function here is safe to call; each file is one family of calls.

pub mod bpf;
pub mod clone;
pub mod descriptor;
pub mod directory;
pub mod entry;
pub mod errno;
pub mod fanotify;
pub mod launch;
pub mod memory;
pub mod mount;
pub mod mountinfo;
pub mod nsfs;
pub mod oldest;
pub mod schedule;
pub mod shell;
pub mod signal;
