//! Tables in docs that name tests: each row has some, and each test that it names is there.

use std::fs;

use anyhow::{Context, Result};

use crate::workspace::Workspace;

/// A table whose first cell is an id, and whose last one names tests.
struct Table {
    path: &'static str,
    cells: usize,
    /// The ids that must be there, where the list of them is closed: a letter and how many there are.
    ids: &'static [(char, u32)],
}

const TABLES: [Table; 2] = [
    Table { path: "docs/security.md", cells: 3, ids: &[] },
    Table {
        path: "docs/book/primitives.md",
        cells: 4,
        ids: &[('A', 17), ('B', 13), ('C', 11), ('D', 5), ('E', 7)],
    },
];

/// Names each row without a test and each test that is not where the row says.
pub(super) fn breaches(workspace: &Workspace) -> Result<Vec<String>> {
    let read = |path: &str| fs::read_to_string(workspace.root().join(path)).ok();
    let mut breaches = Vec::new();
    for table in &TABLES {
        let text = read(table.path).with_context(|| format!("read {}", table.path))?;
        breaches.extend(table.breaches(&text, &read));
    }
    Ok(breaches)
}

impl Table {
    fn breaches(&self, text: &str, read: &dyn Fn(&str) -> Option<String>) -> Vec<String> {
        let path = self.path;
        let mut breaches = Vec::new();
        let mut found = Vec::new();
        for row in text.lines().filter(|line| line.starts_with("| ")).skip(1) {
            let cells: Vec<&str> = row.trim_matches('|').split('|').map(str::trim).collect();
            let (Some(id), Some(tests), true) = (cells.first(), cells.last(), cells.len() == self.cells)
            else {
                breaches.push(format!("{path}: a row of {} cells: {row}", cells.len()));
                continue;
            };
            found.push(*id);
            if tests.is_empty() {
                breaches.push(format!("{path}: {id} has no test"));
            }
            let missing = tests.split(", ").filter_map(|test| missing(test, read));
            breaches.extend(missing.map(|why| format!("{path}: {id}: {why}")));
        }
        let wanted =
            self.ids.iter().flat_map(|(letter, count)| (1..=*count).map(move |n| format!("{letter}{n}")));
        let absent = wanted.filter(|id| !found.contains(&id.as_str()));
        breaches.extend(absent.map(|id| format!("{path}: {id} has no row")));
        if found.is_empty() {
            breaches.push(format!("{path}: no rows"));
        }
        breaches
    }
}

/// Says why a test is not there: `` `file` `function` ``, or a fuzz target or a benchmark by its file alone.
fn missing(test: &str, read: &dyn Fn(&str) -> Option<String>) -> Option<String> {
    let words: Vec<&str> = test.split('`').filter(|word| !word.trim().is_empty()).collect();
    let (file, function) = match words.as_slice() {
        [file, function] => (*file, Some(*function)),
        [file] if file.starts_with("fuzz/") || file.starts_with("benches/") => (*file, None),
        _ => return Some(format!("{test:?} is no file with a test")),
    };
    let Some(text) = read(file) else { return Some(format!("there is no {file}")) };
    let is_there = function.is_none_or(|function| text.contains(&format!("#[test]\nfn {function}()")));
    (!is_there).then(|| format!("{file} has no test {}", function.unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: Table = Table { path: "docs/table.md", cells: 3, ids: &[('X', 1)] };

    #[test]
    fn a_row_needs_tests_that_are_there() {
        let read =
            |path: &str| (path == "a.rs").then(|| String::from("#[test]\nfn tried() {}\nfn helper() {}"));
        let breaches =
            |row: &str| TABLE.breaches(&format!("| id | attack | tests |\n|---|---|---|\n{row}"), &read);
        assert_eq!(breaches("| X1 | y | `a.rs` `tried` |"), Vec::<String>::new());
        assert_eq!(breaches("| X2 | y | `a.rs` `tried` |").len(), 1);
        assert_eq!(breaches("| X1 | y | `a.rs` `helper` |").len(), 1);
        assert_eq!(breaches("| X1 | y | `a.rs` `tried`, `b.rs` `tried` |").len(), 1);
        assert_eq!(breaches("| X1 | y |  |").len(), 2);
        assert_eq!(breaches("").len(), 2);
    }
}
