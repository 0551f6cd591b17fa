//! The rules of the house that neither the compiler nor clippy checks.

mod book;
mod edges;
mod map;
mod sources;
mod tables;

use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::workspace::Workspace;

/// Checks every rule and prints each breach, one a line; an error when there is any.
pub(crate) fn run() -> Result<()> {
    let workspace = Workspace::load()?;
    let mut breaches = edges::breaches(&workspace)?;
    let tracked = tracked_files(&workspace)?;
    breaches.extend(sources::breaches(&workspace, &tracked)?);
    breaches.extend(map::breaches(&workspace)?);
    breaches.extend(book::breaches(&workspace)?);
    breaches.extend(tables::breaches(&workspace)?);
    for breach in &breaches {
        eprintln!("tidy: {breach}");
    }
    if !breaches.is_empty() {
        bail!("{} of the house's rules broken", breaches.len());
    }
    println!("tidy: {} files, all in order", tracked.len());
    Ok(())
}

/// Lists the files that git tracks or would track, relative to the workspace's root.
fn tracked_files(workspace: &Workspace) -> Result<Vec<String>> {
    let output = Command::new("git")
        .args(["ls-files", "--cached", "--others", "--exclude-standard"])
        .current_dir(workspace.root())
        .output()
        .context("execute git ls-files")?;
    if !output.status.success() {
        bail!("git ls-files: {}: {}", output.status, String::from_utf8_lossy(&output.stderr).trim());
    }
    let names = String::from_utf8(output.stdout).context("git ls-files prints a name that is not UTF-8")?;
    let mut files: Vec<String> = names.lines().map(str::to_owned).collect();
    files.retain(|name| workspace.root().join(name).is_file());
    Ok(files)
}
