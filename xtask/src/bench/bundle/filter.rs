//! The system call filter of the measured containers.

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::workspace::{Workspace, cargo};

/// A list of allowed calls that descends from Docker's and has its form and size.
const INSTALLED: &str = "/usr/share/containers/seccomp.json";

/// What it allows every container, and Docker's default profile none, or none with the usual capabilities.
const NOT_DOCKERS: [&str; 20] = [
    "fsconfig",
    "fsmount",
    "fsopen",
    "fspick",
    "get_mempolicy",
    "keyctl",
    "mbind",
    "mount",
    "mount_setattr",
    "move_mount",
    "open_tree",
    "pidfd_getfd",
    "pivot_root",
    "reboot",
    "set_mempolicy",
    "setns",
    "syslog",
    "umount",
    "umount2",
    "unshare",
];

/// The section of config.json, and where it is from.
#[derive(Debug)]
pub(super) struct Filter {
    pub(super) section: Value,
    pub(super) origin: String,
}

impl Filter {
    /// Takes the profile that Debian has for Podman, as Docker's, where it is installed, and else the one of `pal run`, as it is for a
    /// container with these capabilities.
    pub(super) fn find(workspace: &Workspace, capabilities: &[&str]) -> Result<Self> {
        let is_installed = Path::new(INSTALLED).is_file();
        let (file, origin) = if is_installed {
            (
                INSTALLED,
                format!("{INSTALLED} (package golang-github-containers-common), less what Docker's denies"),
            )
        } else {
            ("default", format!("that of pal run, as {INSTALLED} is not there"))
        };
        let output = Command::new(cargo())
            .args(["run", "--quiet", "--package", "palisade-seccomp", "--example", "resolve", "--"])
            .args([file, &kernel()?])
            .args(capabilities)
            .current_dir(workspace.root())
            .stderr(Stdio::inherit())
            .output()
            .context("execute cargo run")?;
        if !output.status.success() {
            bail!("cargo run --example resolve -- {file}: {}", output.status);
        }
        let mut section: Value =
            serde_json::from_slice(&output.stdout).context("read what the example resolve prints")?;
        for rule in section["syscalls"].as_array_mut().into_iter().flatten() {
            if let Some(names) = rule["names"].as_array_mut() {
                names.retain(|name| !NOT_DOCKERS.iter().any(|other| name == other));
            }
        }
        Ok(Self { section, origin })
    }
}

/// The running kernel's version, `major.minor`.
fn kernel() -> Result<String> {
    let release = rustix::system::uname().release().to_string_lossy().into_owned();
    let mut numbers = release.split(['.', '-']);
    match (numbers.next(), numbers.next()) {
        (Some(major), Some(minor)) => Ok(format!("{major}.{minor}")),
        _ => bail!("uname: {release:?} is no version"),
    }
}
