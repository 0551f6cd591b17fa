//! Puts the commit into `palisade --version`, where engines look for it.
#![forbid(unsafe_code)]

use std::process::Command;

fn main() {
    // In a work tree of its own the file is elsewhere, and one that is not there would mean to build each time.
    let head = git(&["rev-parse", "--git-path", "HEAD"]);
    println!("cargo::rerun-if-changed={}", head.as_deref().unwrap_or("build.rs"));
    let commit = git(&["rev-parse", "--short=12", "HEAD"]);
    println!("cargo::rustc-env=PALISADE_COMMIT={}", commit.as_deref().unwrap_or("unknown"));
}

fn git(arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").args(arguments).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let text = text.trim();
    (output.status.success() && !text.is_empty()).then(|| text.to_owned())
}
