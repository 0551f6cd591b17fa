//! Container engines with Palisade as their runtime, each beside the runtime that it comes with.
//!
//! `cargo xtask test --engines` starts it in mount and network namespaces of its own. Each test takes the same steps with
//! both runtimes: Palisade has to do whatever the other one does.
#![forbid(unsafe_code)]

mod containerd;
mod daemon;
mod docker;
mod image;
mod place;
mod podman;
mod steps;
