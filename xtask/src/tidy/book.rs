//! docs/book: each page is in the table of contents, and each that has commands is run by a test.

use std::fs;

use anyhow::{Context, Result};

use crate::workspace::Workspace;

/// Where the pages are.
const PAGES: &str = "docs/book";
/// The table of contents.
const CONTENTS: &str = "SUMMARY.md";
/// Which pages are run.
const RUNNER: &str = "tests/e2e/book.rs";

/// Names each page that nobody finds, and each whose commands nobody runs.
pub(super) fn breaches(workspace: &Workspace) -> Result<Vec<String>> {
    let read =
        |path: &str| fs::read_to_string(workspace.root().join(path)).with_context(|| format!("read {path}"));
    let contents = read(&format!("{PAGES}/{CONTENTS}"))?;
    let runner = read(RUNNER)?;
    let mut breaches = Vec::new();
    let entries = fs::read_dir(workspace.root().join(PAGES)).with_context(|| format!("read {PAGES}"))?;
    for entry in entries {
        let name = entry.with_context(|| format!("read {PAGES}"))?.file_name();
        let name = name.to_string_lossy();
        if name != CONTENTS {
            let text = read(&format!("{PAGES}/{name}"))?;
            breaches.extend(breaches_of(&name, &text, &contents, &runner));
        }
    }
    breaches.sort();
    Ok(breaches)
}

fn breaches_of(name: &str, text: &str, contents: &str, runner: &str) -> Vec<String> {
    let mut breaches = Vec::new();
    if !contents.contains(&format!("({name})")) {
        breaches.push(format!("{PAGES}/{name}: it is not in {CONTENTS}"));
    }
    let has_commands = text.lines().any(|line| line.starts_with("```console"));
    if has_commands && !runner.contains(&format!("\"{name}\"")) {
        breaches.push(format!("{PAGES}/{name}: its commands are not run by {RUNNER}"));
    }
    breaches
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_found_and_run() {
        let breaches = |name, text| breaches_of(name, text, "- [A](a.md)", "a => \"a.md\"").len();
        assert_eq!(breaches("a.md", "```console\n$ ls\n```"), 0);
        assert_eq!(breaches("b.md", "no commands"), 1);
        assert_eq!(breaches("b.md", "```console\n$ ls\n```"), 2);
    }
}
