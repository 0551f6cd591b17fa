//! The policy of the machine that runs SELinux.

use std::fs;
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::{kernel, needed_program};
use crate::child::words;
use crate::workspace::Workspace;

/// The newest form of a policy that is written; every kernel from 4.13 on reads it.
const VERSION: &str = "31";

/// Compiles `tests/selinux.conf`.
pub(super) fn compile(workspace: &Workspace) -> Result<Vec<u8>> {
    let compiled = kernel::directory(workspace).join("selinux.policy");
    let mut command = Command::new(needed_program("checkpolicy")?);
    // What it does not name is allowed.
    command.args(["-U", "allow", "-c", VERSION, "-o"]).arg(&compiled);
    command.arg(workspace.root().join("tests/selinux.conf"));
    let output = command.output().with_context(|| format!("execute {}", words(&command)))?;
    if !output.status.success() {
        bail!("{}: {}", words(&command), String::from_utf8_lossy(&output.stderr).trim_end());
    }
    fs::read(&compiled).with_context(|| format!("read {}", compiled.display()))
}
