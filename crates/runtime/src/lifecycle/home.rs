//! The home directory that a container's own `/etc/passwd` gives its user.

use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;

use palisade_oci::{Process, Spec};
use rustix::fs::{Mode, OFlags, ResolveFlags};

use crate::execute::open_directory;

const MOST: usize = 1 << 20;

/// Looks into the root file system of a bundle. None when the environment names a home already.
pub(super) fn find_in_root(spec: &Spec, bundle: &Path) -> Option<String> {
    let process = spec.process.as_ref().filter(|process| needs_home(process))?;
    let root = open_directory(&bundle.join(&spec.root.as_ref()?.path)).ok()?;
    Some(find(root.as_fd(), process.user.uid))
}

/// Whether the environment lacks a home.
pub(super) fn needs_home(process: &Process) -> bool {
    !process.env.iter().any(|entry| entry.starts_with("HOME="))
}

/// Looks below a root directory; `/` when the user is not listed, as login(1) has it.
pub(super) fn find(root: BorrowedFd<'_>, uid: u32) -> String {
    let listed = read_passwd(root).and_then(|text| {
        text.lines().find_map(|line| {
            let mut fields = line.split(':');
            let listed: u32 = fields.nth(2)?.parse().ok()?;
            (listed == uid).then(|| fields.nth(2).map(str::to_owned)).flatten()
        })
    });
    listed.filter(|home| home.starts_with('/')).unwrap_or_else(|| "/".to_owned())
}

/// Reads the user database. Links in the image are followed inside the image alone, and a FIFO does not block.
fn read_passwd(root: BorrowedFd<'_>) -> Option<String> {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
    let resolve = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS;
    let file = rustix::fs::openat2(root, "etc/passwd", flags, Mode::empty(), resolve).ok()?;
    let status = rustix::fs::fstat(&file).ok()?;
    let size = usize::try_from(status.st_size).ok().filter(|size| *size <= MOST)?;
    if !rustix::fs::FileType::from_raw_mode(status.st_mode).is_file() {
        return None;
    }
    let mut text = vec![0; size];
    let length = rustix::io::read(&file, &mut text).ok()?;
    text.truncate(length);
    String::from_utf8(text).ok()
}
