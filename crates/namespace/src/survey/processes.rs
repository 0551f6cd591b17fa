//! Which processes are in which namespaces.

use std::ffi::CStr;
use std::io::Write;
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;

use rustix::fs::{Mode, OFlags, RawDir, openat, readlinkat_raw};
use rustix::io::Errno;

use super::Descriptors;
use super::descriptors as held;
use super::table::{Table, parse};
use crate::{Error, Kinds};

/// From how many processes on a second thread is worth its start.
const MANY: usize = 1000;

/// The files in `/proc/PID/ns`, in the order of [`Kind::ALL`].
const FILES: [&CStr; 8] = [c"mnt", c"pid", c"net", c"ipc", c"uts", c"user", c"cgroup", c"time"];

pub(super) fn open() -> Result<OwnedFd, Error> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    rustix::fs::open("/proc", flags, Mode::empty()).map_err(|errno| Error::system("open /proc", errno))
}

/// Lists the numbers of all processes.
pub(super) fn list(proc: &OwnedFd) -> Result<Vec<u32>, Error> {
    let mut pids = Vec::new();
    let mut buffer = [MaybeUninit::<u8>::uninit(); 32 * 1024];
    let mut entries = RawDir::new(proc, &mut buffer);
    while let Some(entry) = entries.next() {
        let entry = entry.map_err(|errno| Error::system("read /proc", errno))?;
        if let Some(pid) = entry.file_name().to_str().ok().and_then(|name| name.parse().ok()) {
            pids.push(pid);
        }
    }
    Ok(pids)
}

/// Reads the namespaces of processes; gives how many show them to others only, too.
pub(super) fn scan(
    proc: &OwnedFd,
    pids: &[u32],
    kinds: Kinds,
    descriptors: Descriptors,
) -> Result<(Table, usize), Error> {
    let threads =
        if pids.len() < MANY { 1 } else { std::thread::available_parallelism().map_or(1, usize::from) };
    if threads == 1 {
        return Ok(scan_some(proc, pids, kinds, descriptors));
    }
    let part = pids.len().div_ceil(threads);
    std::thread::scope(|scope| {
        let parts = pids.chunks(part);
        let running: Vec<_> =
            parts.map(|pids| scope.spawn(move || scan_some(proc, pids, kinds, descriptors))).collect();
        let mut whole = (Table::default(), 0);
        for thread in running {
            let (table, unreadable) =
                thread.join().map_err(|_| Error::rule("survey of processes", "a thread of it panicked"))?;
            whole.0.merge(table);
            whole.1 += unreadable;
        }
        Ok(whole)
    })
}

fn scan_some(proc: &OwnedFd, pids: &[u32], kinds: Kinds, descriptors: Descriptors) -> (Table, usize) {
    let mut table = Table::default();
    let mut unreadable = 0;
    for pid in pids {
        match scan_one(proc, *pid, kinds, &mut table) {
            Ok(()) if descriptors == Descriptors::LookThrough => held::scan(proc, *pid, &mut table),
            Ok(()) => {}
            Err(Errno::ACCESS | Errno::PERM) => unreadable += 1,
            // It has ended.
            Err(_) => {}
        }
    }
    (table, unreadable)
}

/// Reads one link for each kind. A process that is dead but not reaped has lost most of its namespaces.
fn scan_one(proc: &OwnedFd, pid: u32, kinds: Kinds, table: &mut Table) -> Result<(), Errno> {
    let mut path = PathBuffer::new();
    let directory = openat(proc, path.of(pid, "ns"), OFlags::PATH | OFlags::CLOEXEC, Mode::empty())?;
    let mut link = [MaybeUninit::<u8>::uninit(); 64];
    for kind in kinds.iter() {
        match readlinkat_raw(&directory, FILES[kind.index()], &mut link[..]) {
            Ok((link, _)) => {
                if let Some((kind, number)) = parse(link) {
                    table.count(kind, number, pid);
                }
            }
            Err(Errno::NOENT) => {}
            Err(errno) => return Err(errno),
        }
    }
    Ok(())
}

/// Space for `PID/name`, so that nothing is allocated for each process.
pub(super) struct PathBuffer([u8; 32]);

impl PathBuffer {
    pub(super) fn new() -> Self {
        Self([0; 32])
    }

    pub(super) fn of(&mut self, pid: u32, name: &str) -> &CStr {
        self.0.fill(0);
        // A number and a short name always fit, and the last byte stays zero.
        let _written = write!(&mut self.0[..31], "{pid}/{name}");
        CStr::from_bytes_until_nul(&self.0).unwrap_or(c"")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Kind;

    #[test]
    fn the_files_are_those_of_the_kinds() {
        for kind in Kind::ALL {
            assert_eq!(FILES[kind.index()].to_str(), Ok(kind.proc_name()));
        }
        assert_eq!(PathBuffer::new().of(u32::MAX, "ns"), c"4294967295/ns");
    }
}
