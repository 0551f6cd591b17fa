//! The three standard descriptors of a program that is not the container's root.

use std::os::fd::{AsFd, BorrowedFd};

use palisade_mount::State as FileSystem;
use rustix::fs::{FileType, Stat};
use rustix::io::Errno;
use rustix::thread::Uid;

use super::{Failure, named};

/// Makes a user the owner of those of the standard descriptors that belong to this container alone: pipes and its own
/// terminal. Files and terminals of the host stay whose they are.
pub(super) fn own(uid: u32, file_system: &FileSystem<'_>) -> Result<(), Failure> {
    let terminal = file_system.console().and_then(|console| rustix::fs::fstat(console).ok());
    for stream in [rustix::stdio::stdin(), rustix::stdio::stdout(), rustix::stdio::stderr()] {
        own_one(stream, uid, terminal.as_ref()).map_err(named("fchown"))?;
    }
    Ok(())
}

fn own_one(stream: BorrowedFd<'_>, uid: u32, terminal: Option<&Stat>) -> Result<(), Errno> {
    let status = match rustix::fs::fstat(stream) {
        Ok(status) => status,
        // It is closed.
        Err(Errno::BADF) => return Ok(()),
        Err(errno) => return Err(errno),
    };
    let is_terminal = terminal.is_some_and(|own| (own.st_dev, own.st_ino) == (status.st_dev, status.st_ino));
    let is_pipe = FileType::from_raw_mode(status.st_mode) == FileType::Fifo;
    if !(is_pipe || is_terminal) || status.st_uid == uid {
        return Ok(());
    }
    match rustix::fs::fchown(stream.as_fd(), Some(Uid::from_raw(uid)), None) {
        // What belongs to an id outside of the user namespace cannot be given away from inside.
        Err(Errno::PERM | Errno::INVAL | Errno::ROFS) => Ok(()),
        other => other,
    }
}
