//! The user database of a container's own root file system, `passwd(5)` and `group(5)`.

use std::os::fd::BorrowedFd;

use rustix::fs::{FileType, Mode, OFlags, ResolveFlags, fstat, openat2};

/// The most that is read of one.
const MOST: usize = 1 << 20;

/// Reads a file such as `etc/passwd` below a root directory; none where there is no such file, or one above 1 MiB.
///
/// Links in the image are followed inside the image alone, and a FIFO does not block.
#[must_use]
pub fn read_database(root: BorrowedFd<'_>, path: &str) -> Option<String> {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
    let resolve = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS;
    let file = openat2(root, path, flags, Mode::empty(), resolve).ok()?;
    let status = fstat(&file).ok()?;
    let size = usize::try_from(status.st_size).ok().filter(|size| *size <= MOST)?;
    if !FileType::from_raw_mode(status.st_mode).is_file() {
        return None;
    }
    let mut text = vec![0; size];
    let length = rustix::io::read(&file, &mut text).ok()?;
    text.truncate(length);
    String::from_utf8(text).ok()
}
