//! Puts the commit into `palisade --version`, where engines look for it, and the functions of the usual verbs together.
#![forbid(unsafe_code)]

use std::process::Command;

fn main() {
    // In a work tree of its own the file is elsewhere, and one that is not there would mean to build each time.
    let head = git(&["rev-parse", "--git-path", "HEAD"]);
    println!("cargo::rerun-if-changed={}", head.as_deref().unwrap_or("build.rs"));
    let commit = git(&["rev-parse", "--short=12", "HEAD"]);
    println!("cargo::rustc-env=PALISADE_COMMIT={}", commit.as_deref().unwrap_or("unknown"));
    put_together();
}

/// Hands the linker the list of functions that are needed most. Each page of the program that is touched brings 16 with
/// it, and all of them count as memory: scattered over the file, these functions would need more than twice as much.
fn put_together() {
    const LIST: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/link/first.ld");
    /// Where `cargo xtask bench order` wants the linker to tell what it puts where.
    const MAP: &str = "PALISADE_LINK_MAP";
    println!("cargo::rerun-if-changed={LIST}");
    println!("cargo::rerun-if-env-changed={MAP}");
    if std::env::var_os("PROFILE").is_some_and(|profile| profile == "release") {
        println!("cargo::rustc-link-arg-bin=palisade=-Wl,-T,{LIST}");
        // Asked for here, it changes nothing of what the compiler makes, unlike an option of the compiler's.
        if let Some(map) = std::env::var_os(MAP) {
            println!("cargo::rustc-link-arg-bin=palisade=-Wl,-Map={}", map.display());
        }
    }
}

fn git(arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").args(arguments).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let text = text.trim();
    (output.status.success() && !text.is_empty()).then(|| text.to_owned())
}
