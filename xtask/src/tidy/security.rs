//! docs/security.md: each attack has a test that tries it, and each test that it names is there.

use std::fs;

use anyhow::{Context, Result};

use crate::workspace::Workspace;

/// Where the table is.
const TABLE: &str = "docs/security.md";

/// Names each row without a test and each test that is not where the row says.
pub(super) fn breaches(workspace: &Workspace) -> Result<Vec<String>> {
    let text = fs::read_to_string(workspace.root().join(TABLE)).with_context(|| format!("read {TABLE}"))?;
    let read = |path: &str| fs::read_to_string(workspace.root().join(path)).ok();
    Ok(breaches_of(&text, &read))
}

fn breaches_of(table: &str, read: &dyn Fn(&str) -> Option<String>) -> Vec<String> {
    let mut breaches = Vec::new();
    let rows = table.lines().filter(|line| line.starts_with("| ")).skip(1);
    let mut count = 0;
    for row in rows {
        count += 1;
        let cells: Vec<&str> = row.trim_matches('|').split('|').map(str::trim).collect();
        let [id, _, tests] = cells.as_slice() else {
            breaches.push(format!("{TABLE}: a row of {} cells: {row}", cells.len()));
            continue;
        };
        if tests.is_empty() {
            breaches.push(format!("{TABLE}: {id} has no test"));
        }
        breaches.extend(
            tests
                .split(", ")
                .filter_map(|test| missing(test, read))
                .map(|why| format!("{TABLE}: {id}: {why}")),
        );
    }
    if count == 0 {
        breaches.push(format!("{TABLE}: no rows"));
    }
    breaches
}

/// Says why a test is not there: `` `file` `function` ``, or a fuzz target by its file alone.
fn missing(test: &str, read: &dyn Fn(&str) -> Option<String>) -> Option<String> {
    let words: Vec<&str> = test.split('`').filter(|word| !word.trim().is_empty()).collect();
    let (file, function) = match words.as_slice() {
        [file, function] => (*file, Some(*function)),
        [file] if file.starts_with("fuzz/") => (*file, None),
        _ => return Some(format!("{test:?} is no file with a test")),
    };
    let Some(text) = read(file) else { return Some(format!("there is no {file}")) };
    let is_there = function.is_none_or(|function| text.contains(&format!("#[test]\nfn {function}()")));
    (!is_there).then(|| format!("{file} has no test {}", function.unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_needs_tests_that_are_there() {
        let read =
            |path: &str| (path == "a.rs").then(|| String::from("#[test]\nfn tried() {}\nfn helper() {}"));
        let breaches =
            |row: &str| breaches_of(&format!("| id | attack | tests |\n|---|---|---|\n{row}"), &read);
        assert_eq!(breaches("| X | y | `a.rs` `tried` |"), Vec::<String>::new());
        assert_eq!(breaches("| X | y | `a.rs` `helper` |").len(), 1);
        assert_eq!(breaches("| X | y | `a.rs` `tried`, `b.rs` `tried` |").len(), 1);
        assert_eq!(breaches("| X | y |  |").len(), 2);
        assert_eq!(breaches("").len(), 1);
    }
}
