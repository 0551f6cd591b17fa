//! Reading and writing small kernel files with few system calls.

use crate::Error;
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::fs::{CWD, Dir, FileType, Mode, OFlags};
use rustix::io::Errno;
use rustix::path::Arg;
use std::path::Path;

/// The buffer that nearly every cgroup file fits into.
const CHUNK: usize = 4096;

/// Reads a whole file by its path.
pub(crate) fn read_path(path: impl AsRef<Path>) -> Result<Vec<u8>, Error> {
    let path = path.as_ref();
    read(CWD, path).map_err(|errno| Error::call("read", path, errno))
}

/// Reads a whole file by its path as text; bytes that are not UTF-8 are replaced.
pub(crate) fn read_path_text(path: impl AsRef<Path>) -> Result<String, Error> {
    read_path(path).map(text)
}

/// Reads a whole file below `directory`.
pub(crate) fn read(directory: BorrowedFd<'_>, path: impl Arg) -> Result<Vec<u8>, Errno> {
    let file = open(directory, path, OFlags::RDONLY)?;
    read_until(&file, |count| count == 0)
}

/// Reads an open file until a call gave as few bytes as `is_last` says.
fn read_until(file: &OwnedFd, is_last: impl Fn(usize) -> bool) -> Result<Vec<u8>, Errno> {
    let mut content = Vec::new();
    // On the stack: an allocator may take a call or two for a block of this size.
    let mut chunk = [0; CHUNK];
    loop {
        match rustix::io::read(file, &mut chunk) {
            Ok(count) => {
                content.extend_from_slice(&chunk[..count]);
                if is_last(count) {
                    return Ok(content);
                }
            }
            Err(Errno::INTR) => {}
            Err(errno) => return Err(errno),
        }
    }
}

/// Reads a whole file below `directory` as text.
pub(crate) fn read_text(directory: BorrowedFd<'_>, path: impl Arg) -> Result<String, Errno> {
    read(directory, path).map(text)
}

/// Reads a whole file of a group below `directory`, as text.
///
/// The call that would only say that there is no more is left out where the one before filled less than half of the
/// space: the kernel puts whole lines in as long as they fit, and no line of these files is longer than the other half.
pub(crate) fn read_of_group(directory: BorrowedFd<'_>, path: impl Arg) -> Result<String, Errno> {
    let file = open(directory, path, OFlags::RDONLY)?;
    read_until(&file, |count| count < CHUNK / 2).map(text)
}

/// Reads an open file anew from its start, as text; it has to fit into one read.
pub(crate) fn read_again(file: impl AsFd) -> Result<String, Errno> {
    let mut content = vec![0; CHUNK];
    loop {
        match rustix::io::pread(&file, &mut content, 0) {
            Ok(count) => {
                content.truncate(count);
                return Ok(text(content));
            }
            Err(Errno::INTR) => {}
            Err(errno) => return Err(errno),
        }
    }
}

/// Lists the names of the directories right below one; none if that has gone.
pub(crate) fn directories(anchor: BorrowedFd<'_>, path: impl Arg) -> Result<Vec<String>, Errno> {
    let directory = match open(anchor, path, OFlags::RDONLY | OFlags::DIRECTORY) {
        Err(Errno::NOENT) => return Ok(Vec::new()),
        result => result?,
    };
    // A directory has two links of its own and one for each below: without any, there is nothing to list.
    if rustix::fs::fstat(&directory)?.st_nlink <= 2 {
        return Ok(Vec::new());
    }
    let mut names = Vec::new();
    for entry in Dir::new(directory)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy();
        if entry.file_type() == FileType::Directory && name != "." && name != ".." {
            names.push(name.into_owned());
        }
    }
    Ok(names)
}

/// Opens a file for writing.
pub(crate) fn open_to_write(directory: BorrowedFd<'_>, path: impl Arg) -> Result<OwnedFd, Errno> {
    open(directory, path, OFlags::WRONLY)
}

/// Writes `value` in one call, as the kernel's files want it.
pub(crate) fn write_value(file: impl AsFd, value: &str) -> Result<(), Errno> {
    loop {
        match rustix::io::write(&file, value.as_bytes()) {
            Err(Errno::INTR) => {}
            Ok(count) if count < value.len() => return Err(Errno::IO),
            result => return result.map(drop),
        }
    }
}

/// Opens the file below `directory` and writes `value`.
pub(crate) fn write(directory: BorrowedFd<'_>, path: impl Arg, value: &str) -> Result<(), Errno> {
    write_value(open_to_write(directory, path)?, value)
}

fn open(directory: BorrowedFd<'_>, path: impl Arg, flags: OFlags) -> Result<OwnedFd, Errno> {
    rustix::fs::openat(directory, path, flags | OFlags::CLOEXEC, Mode::empty())
}

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap_or_else(|e| String::from_utf8_lossy(e.as_bytes()).into_owned())
}
