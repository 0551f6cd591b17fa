//! The home directory that a container's own `/etc/passwd` gives its user.

use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;

use palisade_oci::{Process, Spec};

use crate::database::read_database;
use crate::execute::open_directory;

/// Looks into the root file system of a bundle. None when the environment names a home already.
pub(crate) fn find_in_root(spec: &Spec, bundle: &Path) -> Option<String> {
    let process = spec.process.as_ref().filter(|process| needs_home(process))?;
    let root = open_directory(&bundle.join(&spec.root.as_ref()?.path)).ok()?;
    Some(find(root.as_fd(), process.user.uid))
}

/// Whether the environment lacks a home, or has an empty one.
pub(super) fn needs_home(process: &Process) -> bool {
    let homes = process.env.iter().rev().find_map(|entry| entry.strip_prefix("HOME="));
    homes.is_none_or(str::is_empty)
}

/// Looks below a root directory; `/` when the user is not listed, as login(1) has it.
pub(super) fn find(root: BorrowedFd<'_>, uid: u32) -> String {
    let listed = read_database(root, "etc/passwd").and_then(|text| {
        text.lines().find_map(|line| {
            let mut fields = line.split(':');
            let listed: u32 = fields.nth(2)?.parse().ok()?;
            (listed == uid).then(|| fields.nth(2).map(str::to_owned)).flatten()
        })
    });
    listed.filter(|home| home.starts_with('/')).unwrap_or_else(|| "/".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn home(prepare: impl FnOnce(&Path)) -> String {
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir(root.path().join("etc")).unwrap();
        prepare(root.path());
        find(open_directory(root.path()).unwrap().as_fd(), 1000)
    }

    fn listed(text: &'static str) -> impl FnOnce(&Path) {
        move |root| std::fs::write(root.join("etc/passwd"), text).unwrap()
    }

    #[test]
    fn the_first_line_of_the_id_counts() {
        assert_eq!(home(listed("root:x:0:0::/root:/bin/sh\nu:x:1000:1000:a,b:/home/u:/bin/sh\n")), "/home/u");
        assert_eq!(home(listed("a:x:1000:1::/first:\nb:x:1000:1::/second:\n")), "/first");
        assert_eq!(home(listed("bad\n:::\nu:x:1000:1000::/late")), "/late");
    }

    #[test]
    fn without_a_usable_line_it_is_the_root() {
        for text in [
            "",
            "root:x:0:0::/root:",
            "u:x:1000:1000::relative:",
            "u:x:1000:1000",
            "u:x: 1000:1::/no:",
            "\u{0}",
        ] {
            assert_eq!(home(listed(text)), "/", "{text:?}");
        }
        assert_eq!(home(|_| {}), "/");
    }

    #[test]
    fn a_hostile_image_is_not_followed_outside() {
        let outside =
            |root: &Path| std::os::unix::fs::symlink("/etc/passwd", root.join("etc/passwd")).unwrap();
        assert_eq!(home(outside), "/", "the link leads to itself inside the image");
        let up = |root: &Path| {
            std::os::unix::fs::symlink("../../../inside", root.join("etc/passwd")).unwrap();
            std::fs::write(root.join("inside"), "u:x:1000:1::/inside:").unwrap();
        };
        assert_eq!(home(up), "/inside", "a link upwards ends at the image's root");
        let fifo = |root: &Path| {
            let path = root.join("etc/passwd");
            rustix::fs::mkfifoat(rustix::fs::CWD, path, rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR)
                .unwrap();
        };
        assert_eq!(home(fifo), "/", "a FIFO that nobody writes to does not block");
    }
}
