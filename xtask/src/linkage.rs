//! Which C library the programs are linked with.
//!
//! GNU's asks the processor dozens of questions at each start, and in a virtual machine the hypervisor answers every one
//! of them: 0.2 ms and more. musl asks nothing. It comes as a part of Rust's own toolchain.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::need;

/// How cargo calls the target with it.
pub(crate) const MUSL: &str = "x86_64-unknown-linux-musl";

/// What the programs are built for as they are released; none for cargo's default, where the toolchain has no musl.
pub(crate) fn released() -> Option<&'static str> {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = Command::new(rustc).args(["--print", "target-libdir", "--target", MUSL]).output().ok()?;
    let directory = String::from_utf8(output.stdout).ok()?;
    Path::new(directory.trim()).is_dir().then_some(MUSL)
}

/// Adds musl to the toolchain, where rustup can. Without it the programs are the same, but for a later start.
pub(crate) fn provide() {
    if released().is_some() || need::in_path("rustup").is_none() {
        return;
    }
    println!("setup: adding musl to the toolchain");
    // Somebody without a network is not to wait for it.
    let call = ["120", "rustup", "target", "add", MUSL];
    let status = Command::new("timeout").args(call).stdin(Stdio::null()).status();
    if !status.is_ok_and(|status| status.success()) {
        println!("setup: it cannot be had; the programs are linked with GNU's C library");
    }
}
