//! Descriptors for whoever listens at a Unix socket.

use std::fmt::Display;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;

use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType};

use crate::error::{During, Result};
use crate::execute::Process;

/// Sends a terminal's master to whoever listens at a console socket, as `--console-socket` asks: one message with
/// one descriptor.
///
/// # Errors
/// A path that is no listening socket.
pub fn send_master(socket: &Path, master: BorrowedFd<'_>) -> Result<()> {
    let what = format_args!("--console-socket {}", socket.display());
    send(socket, what, b"/dev/ptmx", master)
}

/// What a message with a pidfd says, in runc's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PidfdOf {
    /// It is of a container's first process.
    First,
    /// It is of a process that was executed in a container.
    Executed,
}

/// Sends the pidfd of a process to whoever listens at a socket, as `--pidfd-socket` asks: one message with one
/// descriptor.
///
/// # Errors
/// A path that is no listening socket.
pub fn send_pidfd(socket: &Path, of: PidfdOf, process: &Process) -> Result<()> {
    let word: &[u8] = match of {
        PidfdOf::First => b"standard",
        PidfdOf::Executed => b"setns",
    };
    send(socket, format_args!("--pidfd-socket {}", socket.display()), word, process.pidfd.as_fd())
}

fn send(socket: &Path, what: impl Display, word: &[u8], descriptor: BorrowedFd<'_>) -> Result<()> {
    let address = SocketAddrUnix::new(socket).during(&what)?;
    let stream =
        rustix::net::socket_with(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC, None)
            .during(&what)?;
    rustix::net::connect(&stream, &address).during(&what)?;
    crate::init::send_descriptor(stream.as_fd(), word, descriptor).during(&what)
}

#[cfg(test)]
mod tests {
    use super::*;

    use std::io::{Read, Write};
    use std::os::fd::AsFd;
    use std::os::unix::net::UnixListener;

    #[test]
    fn a_master_goes_through_a_socket() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("console");
        let listener = UnixListener::bind(&path).unwrap();
        let (mut reader, writer) = std::io::pipe().unwrap();
        send_master(&path, writer.as_fd()).unwrap();
        drop(writer);
        let (stream, _) = listener.accept().unwrap();
        let mut space = [std::mem::MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut control = rustix::net::RecvAncillaryBuffer::new(&mut space);
        let mut bytes = [0; 64];
        let mut slices = [std::io::IoSliceMut::new(&mut bytes)];
        let flags = rustix::net::RecvFlags::CMSG_CLOEXEC;
        rustix::net::recvmsg(&stream, &mut slices, &mut control, flags).unwrap();
        let received = control.drain().find_map(|message| match message {
            rustix::net::RecvAncillaryMessage::ScmRights(mut descriptors) => descriptors.next(),
            _ => None,
        });
        std::fs::File::from(received.unwrap()).write_all(b"through").unwrap();
        let mut text = String::new();
        reader.read_to_string(&mut text).unwrap();
        assert_eq!(text, "through");
    }

    #[test]
    fn a_path_that_is_no_socket_is_named() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("file");
        std::fs::write(&path, "").unwrap();
        let error = send_master(&path, std::io::stderr().as_fd()).unwrap_err().to_string();
        let expected = format!("--console-socket {}: ECONNREFUSED", path.display());
        assert!(error.starts_with(&expected), "{error}");
    }
}
