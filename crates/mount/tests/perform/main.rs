//! Performs operations for real, each test in a mount namespace and a process of its own.
#![forbid(unsafe_code)]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod attacks;
mod container;
mod content;
mod enter;
mod layered;
mod propagation;
mod sandbox;
mod userns;

use std::path::Path;

use palisade_mount::{Existing, Mkdir, Node, NodeKind, NodeSource, Op, Options, RootPath, Symlink, Text};

fn path(path: &str) -> RootPath {
    RootPath::new(path).unwrap()
}

fn mkdir(target: &str) -> Op {
    Op::Mkdir(Mkdir { path: path(target), mode: 0o755 })
}

fn node(target: &str, major: u32, minor: u32, source: NodeSource) -> Op {
    let kind = NodeKind::Character;
    Op::Node(Node { path: path(target), kind, major, minor, mode: 0o666, uid: 0, gid: 0, source })
}

fn link(text: &str, target: &str, existing: Existing) -> Op {
    Op::Symlink(Symlink { target: Text::new(text).unwrap(), path: path(target), existing })
}

fn mount(fstype: &str, target: &str, options: &[&str]) -> Op {
    let options = Options::parse(options).unwrap();
    Op::from_mount(Some(fstype), Some(fstype), target, &options).unwrap()
}

fn bind(source: &Path, target: &str, options: &[&str]) -> Op {
    let options = Options::parse(options).unwrap();
    Op::from_mount(Some("bind"), source.to_str(), target, &options).unwrap()
}

fn mask(target: &str) -> Op {
    Op::Mask { path: path(target), label: None }
}

fn read_only(target: &str) -> Op {
    Op::ReadOnly { path: path(target) }
}
