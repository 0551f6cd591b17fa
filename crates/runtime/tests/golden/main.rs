//! Plans of many configurations for many machines, compared with what is written down; needs no privileges and asks
//! the machine nothing.
//!
//! A configuration in `configs/` is laid over `configs/base.json`, object by object. Its plan for each of its
//! machines is in the file of the same name in `plans/`. `UPDATE_GOLDEN=1` writes those anew.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod beside;
mod cases;
mod config;
mod machines;
mod print;
mod request;
mod systemd;
mod violations;

use std::path::{Path, PathBuf};

/// The folder of this test.
fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden")
}

/// Compares a text with the file of that name, or writes the file. Returns what is wrong.
fn compare(name: &str, text: &str) -> Option<String> {
    let path = folder().join("plans").join(name);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, text).unwrap();
        return None;
    }
    let expected = match std::fs::read_to_string(&path) {
        Ok(expected) => expected,
        Err(error) => return Some(format!("{name}: {error}")),
    };
    if expected == text {
        return None;
    }
    let mut lines = expected.lines().zip(text.lines()).enumerate();
    let (number, before, after) = match lines.find(|(_, (before, after))| before != after) {
        Some((number, (before, after))) => (number, before, after),
        None => (expected.lines().count().min(text.lines().count()), "(the end of one)", "(the end of one)"),
    };
    Some(format!("{name}:{}: the file has\n  {before}\nand the plan\n  {after}", number + 1))
}

/// Fails with all that is wrong.
fn report(wrong: &[String]) {
    assert!(wrong.is_empty(), "{}\n(UPDATE_GOLDEN=1 writes the files anew)", wrong.join("\n"));
}
