//! Which processes hold descriptors of namespaces.

use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;

use rustix::fs::{Mode, OFlags, RawDir, openat, readlinkat_raw};

use super::Keeper;
use super::processes::PathBuffer;
use super::table::{Table, parse};

/// Of how many descriptors a process certainly has no more, as they did not fill the space for them: an entry is 24
/// bytes or 32.
const SURELY_ALL: usize = 100;

/// Looks through the descriptors of a process. Who may not see them does not, and what has ended has none.
pub(super) fn scan(proc: &OwnedFd, pid: u32, table: &mut Table) {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let Ok(directory) = openat(proc, PathBuffer::new().of(pid, "fd"), flags, Mode::empty()) else { return };
    let mut buffer = [MaybeUninit::<u8>::uninit(); 4096];
    let mut entries = RawDir::new(&directory, &mut buffer);
    let mut link = [MaybeUninit::<u8>::uninit(); 64];
    let mut count = 0;
    // The call that would only say that there is no more is left out: it is one in five.
    while !(entries.is_buffer_empty() && (1..SURELY_ALL).contains(&count)) {
        let Some(Ok(entry)) = entries.next() else { return };
        count += 1;
        let Some(number) = entry.file_name().to_str().ok().and_then(|name| name.parse().ok()) else {
            continue;
        };
        if let Ok((link, _)) = readlinkat_raw(&directory, entry.file_name(), &mut link[..])
            && let Some((kind, namespace)) = parse(link)
        {
            table.keep(kind, namespace, Keeper::Descriptor { pid, number });
        }
    }
}
