//! `tmpcopyup`: a new tmpfs starts with what the directory it covers holds.

use std::ffi::CStr;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{
    AtFlags, FileType, Gid, Mode, OFlags, RawDir, Stat, Timespec, Timestamps, Uid, chownat, fchmod, fstat,
    futimens, mkdirat, mknodat, openat, readlinkat_raw, sendfile, statat, symlinkat,
};
use rustix::io::Errno;

use crate::failure::{At, Failure, Step};

/// Directories below each other; the stack holds a buffer for each.
const MAX_DEPTH: u32 = 64;
/// As much as one `sendfile(2)` call moves.
const CHUNK: usize = 0x7fff_f000;

const DIRECTORY: OFlags =
    OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

/// Copies the content of a directory into another one: files, directories, links and special files with their
/// modes, owners and times. Hard links become files of their own; extended attributes are left.
pub(crate) fn copy(from: BorrowedFd<'_>, to: BorrowedFd<'_>) -> Result<(), Failure> {
    let from = open_directory(from, c".")?;
    let to = open_directory(to, c".")?;
    copy_entries(&from, &to, 0)
}

fn open_directory(parent: BorrowedFd<'_>, name: &CStr) -> Result<OwnedFd, Failure> {
    openat(parent, name, DIRECTORY, Mode::empty()).at(Step::OpenAt)
}

fn copy_entries(from: &OwnedFd, to: &OwnedFd, depth: u32) -> Result<(), Failure> {
    if depth > MAX_DEPTH {
        return Err(Failure::new(Step::CheckPath, Errno::LOOP));
    }
    let mut buffer = [MaybeUninit::uninit(); 1024];
    let mut entries = RawDir::new(from, &mut buffer);
    while let Some(entry) = entries.next() {
        let entry = entry.at(Step::Getdents)?;
        let name = entry.file_name();
        if !matches!(name.to_bytes(), b"." | b"..") {
            copy_entry(from, to, name, depth)?;
        }
    }
    Ok(())
}

fn copy_entry(from: &OwnedFd, to: &OwnedFd, name: &CStr, depth: u32) -> Result<(), Failure> {
    let stat = statat(from, name, AtFlags::SYMLINK_NOFOLLOW).at(Step::Fstat)?;
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::Directory => {
            let source = open_directory(from.as_fd(), name)?;
            mkdirat(to, name, Mode::RWXU).at(Step::MkdirAt)?;
            let copy = open_directory(to.as_fd(), name)?;
            copy_entries(&source, &copy, depth + 1)?;
            take_over(&copy, &fstat(&source).at(Step::Fstat)?)
        }
        FileType::RegularFile => copy_file(from, to, name),
        FileType::Symlink => copy_link(from, to, name, &stat),
        kind => {
            let mode = Mode::from_raw_mode(stat.st_mode & 0o7777);
            mknodat(to, name, kind, mode, stat.st_rdev).at(Step::MknodAt)?;
            chown(to, name, &stat)
        }
    }
}

fn copy_file(from: &OwnedFd, to: &OwnedFd, name: &CStr) -> Result<(), Failure> {
    // Not to wait for a writer if somebody put a FIFO there since the look at it.
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let source = openat(from, name, flags, Mode::empty()).at(Step::OpenAt)?;
    let stat = fstat(&source).at(Step::Fstat)?;
    if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
        return Err(Failure::new(Step::Fstat, Errno::AGAIN));
    }
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let copy = openat(to, name, flags, Mode::RUSR | Mode::WUSR).at(Step::OpenAt)?;
    while sendfile(&copy, &source, None, CHUNK).at(Step::Sendfile)? > 0 {}
    take_over(&copy, &stat)
}

#[inline(never)]
fn copy_link(from: &OwnedFd, to: &OwnedFd, name: &CStr, stat: &Stat) -> Result<(), Failure> {
    let mut text = [MaybeUninit::uninit(); 4096];
    let (text, _) = readlinkat_raw(from, name, &mut text).at(Step::ReadlinkAt)?;
    let mut target = [0_u8; 4097];
    for (to, from) in target.iter_mut().zip(text.iter()) {
        *to = *from;
    }
    let target = CStr::from_bytes_until_nul(&target).unwrap_or_default();
    symlinkat(target, to, name).at(Step::SymlinkAt)?;
    chown(to, name, stat)
}

fn chown(parent: &OwnedFd, name: &CStr, stat: &Stat) -> Result<(), Failure> {
    let (owner, group) = (Uid::from_raw(stat.st_uid), Gid::from_raw(stat.st_gid));
    chownat(parent, name, Some(owner), Some(group), AtFlags::SYMLINK_NOFOLLOW).at(Step::FchownAt)
}

/// Gives a copy its owner, its mode (after the owner, whose change takes set-id bits away) and its times.
fn take_over(copy: &OwnedFd, stat: &Stat) -> Result<(), Failure> {
    let (owner, group) = (Uid::from_raw(stat.st_uid), Gid::from_raw(stat.st_gid));
    chownat(copy, c"", Some(owner), Some(group), AtFlags::EMPTY_PATH).at(Step::FchownAt)?;
    fchmod(copy, Mode::from_raw_mode(stat.st_mode & 0o7777)).at(Step::FchmodAt)?;
    let times = Timestamps {
        last_access: timespec(stat.st_atime, stat.st_atime_nsec),
        last_modification: timespec(stat.st_mtime, stat.st_mtime_nsec),
    };
    futimens(copy, &times).at(Step::UtimensAt)
}

fn timespec(seconds: i64, nanoseconds: u64) -> Timespec {
    Timespec { tv_sec: seconds, tv_nsec: nanoseconds.try_into().unwrap_or(0) }
}
