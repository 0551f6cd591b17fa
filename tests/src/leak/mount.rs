//! The mounts of the namespace that the tests run in.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use rustix::mount::{UnmountFlags, unmount};

use super::Leak;

/// A line of `/proc/self/mountinfo`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Mount {
    pub(super) point: PathBuf,
    pub(super) kind: String,
    line: String,
}

/// The directory of named network namespaces, which the first command that names one makes a shared mount, once and for
/// good: ip-netns(8) does so, too.
const NAMES: &str = "/run/netns";

/// Reads the table.
pub(super) fn read() -> Vec<Mount> {
    let text = fs::read_to_string("/proc/self/mountinfo").expect("read /proc/self/mountinfo");
    text.lines().filter_map(parse).filter(|mount| mount.point != Path::new(NAMES)).collect()
}

/// Lists what is new and what is gone or changed: options and propagation of a mount are part of its line.
pub(super) fn compare(before: &[Mount], now: &[Mount]) -> Vec<Leak> {
    let added = now.iter().filter(|mount| !before.contains(mount));
    let lost = before.iter().filter(|mount| !now.contains(mount));
    let added = added.map(|mount| Leak::Mount { point: mount.point.clone(), line: mount.line.clone() });
    added.chain(lost.map(|mount| Leak::LostMount(mount.line.clone()))).collect()
}

/// Takes a mount out of the tree, also while it is in use.
pub(super) fn detach(point: &Path) -> io::Result<()> {
    Ok(unmount(point, UnmountFlags::DETACH | UnmountFlags::NOFOLLOW)?)
}

fn parse(line: &str) -> Option<Mount> {
    let (left, right) = line.split_once(" - ")?;
    let point = PathBuf::from(unescape(left.split(' ').nth(4)?));
    let kind = right.split(' ').next()?.to_owned();
    Some(Mount { point, kind, line: line.to_owned() })
}

/// Undoes the kernel's way to write a space, a tab, a newline and a backslash.
fn unescape(field: &str) -> String {
    [(r"\040", " "), (r"\011", "\t"), (r"\012", "\n"), (r"\134", r"\")]
        .iter()
        .fold(field.to_owned(), |text, (escaped, plain)| text.replace(escaped, plain))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read_and_compared() {
        let old = parse(r"36 35 98:0 / /a\040b rw,noatime shared:1 - ext3 /dev/root rw").expect("a mount");
        assert_eq!((old.point.as_path(), old.kind.as_str()), (Path::new("/a b"), "ext3"));
        let new = parse("36 35 98:0 / /a\\040b ro,noatime - ext3 /dev/root rw").expect("a mount");
        assert!(compare(std::slice::from_ref(&old), std::slice::from_ref(&old)).is_empty());
        let changes = compare(std::slice::from_ref(&old), std::slice::from_ref(&new));
        assert!(matches!(changes.as_slice(), [Leak::Mount { .. }, Leak::LostMount(_)]));
    }
}
