use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use crate::Error;

/// Ids that a user may map into own user namespaces, from `/etc/subuid` or `/etc/subgid`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct SubIdRange {
    /// The first id.
    pub first: u32,
    /// How many ids.
    pub count: u32,
}

/// Whose ranges to look for: lines may begin with a name or with a number, and both count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Who<'a> {
    /// The user's id; group ranges are by user as well.
    pub uid: u32,
    /// The user's name where it is known.
    pub name: Option<&'a str>,
}

/// Reads a file in the format of `subuid(5)`; a file that does not exist holds no ranges.
///
/// # Errors
/// A file that cannot be read, or is not UTF-8.
pub fn read_subids(path: &Path, who: Who<'_>) -> Result<Vec<SubIdRange>, Error> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(parse_subids(&text, who)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(Error::io(format!("read {}", path.display()), &error)),
    }
}

/// Finds the ranges of one user in the text of `/etc/subuid` or `/etc/subgid`, in the order of the file.
///
/// Lines that are no `who:first:count` with numbers of ids are passed over, as `newuidmap(1)` does: one broken line
/// of somebody else must not stop a container.
#[must_use]
pub fn parse_subids(text: &str, who: Who<'_>) -> Vec<SubIdRange> {
    text.lines().filter_map(|line| parse_line(line.trim(), who)).collect()
}

fn parse_line(line: &str, who: Who<'_>) -> Option<SubIdRange> {
    let (owner, range) = line.split_once(':')?;
    // A name that is a number is the id of that number and nobody else's name.
    let is_theirs = match owner.parse::<u32>() {
        Ok(uid) => uid == who.uid,
        Err(_) => who.name == Some(owner),
    };
    let (first, count) = range.split_once(':')?;
    let range = SubIdRange { first: first.parse().ok()?, count: count.parse().ok()? };
    (is_theirs && range.count > 0).then_some(range)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "\
# a comment
alice:100000:65536
bob:200000:65536
1000:300000:10

alice:broken
alice:1:2:3
alice:5000000000:1
alice:400000:0
  alice:500000:7
1001:alice:1
";

    #[test]
    fn finds_lines_by_name_and_by_id() {
        let range = |first, count| SubIdRange { first, count };
        let alice = Who { uid: 1000, name: Some("alice") };
        assert_eq!(parse_subids(FILE, alice), [range(100_000, 65536), range(300_000, 10), range(500_000, 7)]);
        assert_eq!(parse_subids(FILE, Who { name: None, ..alice }), [range(300_000, 10)]);
        assert_eq!(parse_subids(FILE, Who { uid: 7, name: Some("1000") }), []);
        assert_eq!(parse_subids(FILE, Who { uid: 7, name: Some("al") }), []);
    }

    #[test]
    fn a_missing_file_holds_nothing_and_an_unreadable_one_is_an_error() {
        let who = Who { uid: 0, name: None };
        assert_eq!(read_subids(Path::new("/nonexistent/subuid"), who).unwrap(), []);
        let error = read_subids(Path::new("/proc"), who).unwrap_err();
        assert_eq!(error.to_string(), "read /proc: EISDIR");
    }
}
