//! The root file system and the two configurations that every subject is given.

mod docker;
mod filter;
mod runc;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::ValueEnum;
use serde_json::Value;
use tempfile::TempDir;

use crate::hierarchy::Hierarchy;
use crate::workspace::Workspace;
use filter::Filter;

/// Whose configuration the containers have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Profile {
    /// That of `runc spec`
    Runc,
    /// That of `docker run` without options, with the seccomp filter
    Docker,
}

/// Two bundles that share a root file system of static programs; removed when dropped.
#[derive(Debug)]
pub(crate) struct Bundles {
    directory: TempDir,
    /// Where the system call filter is from; none without one.
    filter_origin: Option<String>,
}

impl Bundles {
    /// Writes the bundles into a new directory in `parent`, which holds the built `guest`.
    pub(crate) fn make(
        workspace: &Workspace,
        parent: &Path,
        profile: Profile,
        hierarchies: &[Hierarchy],
    ) -> Result<Self> {
        let filter = match profile {
            Profile::Runc => None,
            Profile::Docker => Some(Filter::find(workspace, &docker::CAPABILITIES)?),
        };
        let directory = TempDir::with_prefix_in("bundles-", parent)
            .with_context(|| format!("make a directory in {}", parent.display()))?;
        let rootfs = directory.path().join("rootfs");
        for name in ["bin", "dev", "etc", "proc", "sys"] {
            let path = rootfs.join(name);
            fs::create_dir_all(&path).with_context(|| format!("mkdir {}", path.display()))?;
        }
        for name in ["true", "pause"] {
            let program = rootfs.join("bin").join(name);
            fs::copy(parent.join("guest"), &program)
                .with_context(|| format!("write {}", program.display()))?;
            let bundle = directory.path().join(name);
            fs::create_dir(&bundle).with_context(|| format!("mkdir {}", bundle.display()))?;
            let program = format!("/bin/{name}");
            let config = match &filter {
                None => runc::config(&rootfs, &program, hierarchies),
                Some(filter) => {
                    docker::write_files(&bundle, &rootfs)?;
                    docker::config(&rootfs, &bundle, &program, hierarchies, &filter.section)
                }
            };
            write_config(&bundle, &config)?;
        }
        Ok(Self { directory, filter_origin: filter.map(|filter| filter.origin) })
    }

    /// Where the system call filter is from; none without one.
    pub(crate) fn filter_origin(&self) -> Option<&str> {
        self.filter_origin.as_deref()
    }

    /// The root file system of both.
    pub(crate) fn rootfs(&self) -> PathBuf {
        self.directory.path().join("rootfs")
    }

    /// The bundle whose process succeeds at once.
    pub(crate) fn of_true(&self) -> PathBuf {
        self.directory.path().join("true")
    }

    /// The bundle whose process sleeps until it is killed.
    pub(crate) fn of_pause(&self) -> PathBuf {
        self.directory.path().join("pause")
    }
}

fn write_config(bundle: &Path, config: &Value) -> Result<()> {
    let file = bundle.join("config.json");
    fs::write(&file, config.to_string()).with_context(|| format!("write {}", file.display()))
}
