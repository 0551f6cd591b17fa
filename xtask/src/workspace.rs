//! The workspace as `cargo metadata` tells of it.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use serde::Deserialize;

/// The members of the workspace and where cargo builds them.
#[derive(Debug, Deserialize)]
pub(crate) struct Workspace {
    packages: Vec<Package>,
    workspace_root: PathBuf,
    target_directory: PathBuf,
}

/// One member.
#[derive(Debug, Deserialize)]
pub(crate) struct Package {
    pub(crate) name: String,
    pub(crate) dependencies: Vec<Dependency>,
    pub(crate) targets: Vec<Target>,
}

/// One entry of a member's dependency tables, of whatever kind.
#[derive(Debug, Deserialize)]
pub(crate) struct Dependency {
    pub(crate) name: String,
    /// Set for what lies in this workspace.
    pub(crate) path: Option<PathBuf>,
}

/// One thing that cargo builds of a member: a library, a binary, a test.
#[derive(Debug, Deserialize)]
pub(crate) struct Target {
    pub(crate) src_path: PathBuf,
}

impl Workspace {
    /// Asks cargo for the workspace that this program was built from.
    pub(crate) fn load() -> Result<Self> {
        let output = Command::new(cargo())
            .args(["metadata", "--format-version=1", "--no-deps"])
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .output()
            .context("execute cargo metadata")?;
        if !output.status.success() {
            bail!("cargo metadata: {}: {}", output.status, String::from_utf8_lossy(&output.stderr).trim());
        }
        serde_json::from_slice(&output.stdout).context("read what cargo metadata prints")
    }

    /// The directory that holds the workspace's Cargo.toml.
    pub(crate) fn root(&self) -> &Path {
        &self.workspace_root
    }

    /// The directory that cargo builds into.
    pub(crate) fn target(&self) -> &Path {
        &self.target_directory
    }

    /// The members, in cargo's order.
    pub(crate) fn packages(&self) -> &[Package] {
        &self.packages
    }
}

/// The cargo that runs this program, or the one in the path when it was started by hand.
pub(crate) fn cargo() -> OsString {
    std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into())
}
