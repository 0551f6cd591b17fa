//! Rules that hold for each source file.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use crate::workspace::Workspace;

/// No source file is longer than this.
const LONGEST_FILE: usize = 700;

/// The one crate that may contain unsafe code.
const UNSAFE_CRATE: &str = "palisade-sys";

/// What stands for work left undone; split, so that this file does not break its own rule.
const UNFINISHED: &[&str] = &[concat!("to", "do!("), concat!("unimpl", "emented!("), concat!("#[ign", "ore")];

/// Names that say nothing of what is behind them.
const EMPTY_NAMES: &[&str] = &["util", "utils", "common", "helper", "helpers", "manager", "managers"];

/// Names each breach in `tracked`, the files of the repository, and in the crate roots.
pub(super) fn breaches(workspace: &Workspace, tracked: &[String]) -> Result<Vec<String>> {
    let mut breaches = Vec::new();
    for name in tracked {
        let path = Path::new(name);
        if !matches!(path.extension().and_then(|extension| extension.to_str()), Some("rs" | "c" | "h")) {
            continue;
        }
        breaches.extend(empty_names(path));
        let text = fs::read_to_string(workspace.root().join(name)).with_context(|| format!("read {name}"))?;
        breaches.extend(text_breaches(name, &text));
    }
    breaches.extend(roots_that_allow_unsafe(workspace)?);
    Ok(breaches)
}

fn empty_names(path: &Path) -> Vec<String> {
    let parts = path.iter().filter_map(|part| Path::new(part).file_stem()?.to_str());
    parts
        .filter(|part| EMPTY_NAMES.contains(part))
        .map(|part| format!("{}: `{part}` says nothing; name the one noun that is in it", path.display()))
        .collect()
}

fn text_breaches(name: &str, text: &str) -> Vec<String> {
    let mut breaches = Vec::new();
    let lines = text.lines().count();
    if lines > LONGEST_FILE {
        breaches.push(format!("{name}: {lines} lines, more than {LONGEST_FILE}"));
    }
    for (index, line) in text.lines().enumerate() {
        for token in UNFINISHED.iter().filter(|token| line.contains(**token)) {
            breaches.push(format!("{name}:{}: unfinished: `{token}`", index + 1));
        }
    }
    breaches
}

/// Every root of every crate but one forbids unsafe code; the compiler then sees to the rest.
fn roots_that_allow_unsafe(workspace: &Workspace) -> Result<Vec<String>> {
    let mut breaches = Vec::new();
    for package in workspace.packages().iter().filter(|package| package.name != UNSAFE_CRATE) {
        for target in &package.targets {
            let text = fs::read_to_string(&target.src_path)
                .with_context(|| format!("read {}", target.src_path.display()))?;
            if !text.lines().any(|line| line.trim() == "#![forbid(unsafe_code)]") {
                let place = target.src_path.strip_prefix(workspace.root()).unwrap_or(&target.src_path);
                breaches.push(format!("{}: lacks `#![forbid(unsafe_code)]`", place.display()));
            }
        }
    }
    Ok(breaches)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_says_nothing_is_found_wherever_it_stands() {
        assert_eq!(empty_names(Path::new("crates/cgroup/src/utils.rs")).len(), 1);
        assert_eq!(empty_names(Path::new("crates/helpers/src/lib.rs")).len(), 1);
        assert_eq!(empty_names(Path::new("crates/cgroup/src/commonality.rs")).len(), 0);
    }

    #[test]
    fn unfinished_work_and_long_files_are_found() {
        let unfinished = format!("fn f() {{\n    {}) }}\n", UNFINISHED[0]);
        assert_eq!(text_breaches("a.rs", &unfinished), [format!("a.rs:2: unfinished: `{}`", UNFINISHED[0])]);
        assert!(text_breaches("a.rs", &"\n".repeat(LONGEST_FILE)).is_empty());
        assert_eq!(text_breaches("a.rs", &"\n".repeat(LONGEST_FILE + 1)).len(), 1);
    }
}
