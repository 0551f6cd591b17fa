//! ARCHITECTURE.md stays short and its code map true.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Result;

use crate::workspace::Workspace;

/// The page that is checked.
const PAGE: &str = "ARCHITECTURE.md";

/// The page is at most this long.
const LONGEST_PAGE: usize = 300;

/// Names what is wrong with ARCHITECTURE.md.
pub(super) fn breaches(workspace: &Workspace) -> Result<Vec<String>> {
    let text = match fs::read_to_string(workspace.root().join(PAGE)) {
        Ok(text) => text,
        Err(error) => return Ok(vec![format!("{PAGE}: {error}")]),
    };
    let mut breaches = Vec::new();
    let lines = text.lines().count();
    if lines > LONGEST_PAGE {
        breaches.push(format!("{PAGE}: {lines} lines, more than {LONGEST_PAGE}"));
    }
    let paths = mapped_paths(&text);
    if paths.is_empty() {
        breaches.push(format!("{PAGE}: no section `Code map` that names a path"));
    }
    let lost = paths.iter().filter(|path| !workspace.root().join(path).exists());
    breaches.extend(lost.map(|path| format!("{PAGE}: its code map names {}: no such path", path.display())));
    Ok(breaches)
}

/// Lists the paths in the section headed "Code map".
///
/// A path there is a word in backticks that has a slash or a known extension, or the first word of a line in a
/// fenced tree, whose indentation says which directory it is in.
fn mapped_paths(text: &str) -> Vec<PathBuf> {
    let mut paths = Vec::new();
    let mut parents: Vec<(usize, PathBuf)> = Vec::new();
    let (mut in_map, mut in_tree) = (false, false);
    for line in text.lines() {
        if line.starts_with("```") {
            in_tree = !in_tree;
            parents.clear();
        } else if !in_tree && line.starts_with('#') {
            in_map = line.trim_start_matches('#').trim().eq_ignore_ascii_case("code map");
        } else if in_map && in_tree {
            paths.extend(tree_entry(line, &mut parents));
        } else if in_map {
            paths.extend(line.split('`').skip(1).step_by(2).filter(|word| is_path(word)).map(PathBuf::from));
        }
    }
    paths
}

/// Reads one line of a tree; `parents` holds the directories that are open, each with its indentation.
fn tree_entry(line: &str, parents: &mut Vec<(usize, PathBuf)>) -> Option<PathBuf> {
    let word = line.split_whitespace().next().filter(|word| is_path(word))?;
    let indentation = line.len() - line.trim_start().len();
    parents.retain(|(outer, _)| *outer < indentation);
    let parent = parents.last().map_or(Path::new(""), |(_, path)| path);
    let path = parent.join(word);
    parents.push((indentation, path.clone()));
    Some(path)
}

fn is_path(word: &str) -> bool {
    let plain = word.chars().all(|c| c.is_ascii_alphanumeric() || "/._-".contains(c));
    let relative = !word.starts_with('/') && !word.starts_with('-');
    let extension = Path::new(word).extension().and_then(|extension| extension.to_str());
    plain && relative && (word.contains('/') || matches!(extension, Some("rs" | "md" | "toml" | "c")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_read_from_the_map_alone() {
        let text = "# Page\n`not/this`\n## Code map\n- `crates/sys`: the `clone3(2)` calls, `Plan`, `/proc/self`\n\
                    ```\ncrates/\n  sys/   unsafe\n  oci/\n    src/lib.rs  types\nREADME.md  start\n```\n## Next\n`no/more`\n";
        let found = mapped_paths(text);
        let wanted =
            ["crates/sys", "crates", "crates/sys", "crates/oci", "crates/oci/src/lib.rs", "README.md"];
        assert_eq!(found, wanted.map(PathBuf::from));
    }
}
