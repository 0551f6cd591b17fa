//! The controllers that the roots of this machine's v2 trees give to the groups below.
//!
//! A container's limit enables a controller all the way down, as every runtime does, and nobody takes that back. On a
//! machine where that controller might still be mounted as v1, it cannot be then; so the tests put it back.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use anyhow::Result;

use crate::hierarchy::{Version, mounted};

/// What was enabled when this was made; what came since is disabled when it is dropped.
pub(super) struct Enabled(Vec<(PathBuf, BTreeSet<String>)>);

impl Enabled {
    pub(super) fn note() -> Result<Self> {
        let trees = mounted()?.into_iter().filter(|tree| tree.version == Version::V2);
        let files = trees.map(|tree| tree.path.join("cgroup.subtree_control"));
        Ok(Self(files.map(|file| (file.clone(), read(&file))).collect()))
    }
}

impl Drop for Enabled {
    fn drop(&mut self) {
        for (file, before) in &self.0 {
            for controller in read(file).difference(before) {
                // Somebody else's group may use it by now: then it stays.
                if let Err(error) = fs::write(file, format!("-{controller}")) {
                    eprintln!("xtask: disable {controller} in {}: {error}", file.display());
                }
            }
        }
    }
}

fn read(file: &PathBuf) -> BTreeSet<String> {
    // A tree that has no such file, because this is not its root, has nothing to be put back.
    fs::read_to_string(file).unwrap_or_default().split_whitespace().map(str::to_owned).collect()
}
