//! A criu that works for this process alone: `criu swrk` on a socket, one request, its notifications and its answer.

use std::io::IoSliceMut;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::process::{Child, Command};

use prost::Message;
use rustix::io::{Errno, FdFlags};
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendFlags, SocketFlags, SocketType,
};
use rustix::process::Pid;

use super::message::{Kind, Options, Request, Response};
use crate::error::{During, Error, Result};

/// More than criu ever sends at once.
const MOST: usize = 64 * 1024;

/// Something that happens on the way, criu's `--action-script`.
#[derive(Debug)]
pub(crate) struct Notice {
    /// criu's name of the moment, `post-restore`.
    pub(crate) moment: String,
    /// The first process, where it exists.
    pub(crate) pid: Option<Pid>,
    /// The master of the terminal, at `orphan-pts-master`.
    pub(crate) descriptor: Option<OwnedFd>,
}

/// A criu that was started and waits for its request.
#[derive(Debug)]
pub(crate) struct Session {
    child: Child,
    socket: OwnedFd,
}

impl Session {
    /// Starts criu, which gets `inherited` beside the standard descriptors, each under the number that it has here.
    pub(crate) fn begin(inherited: &[BorrowedFd<'_>]) -> Result<Self> {
        let kind = SocketType::SEQPACKET;
        let (socket, theirs) = rustix::net::socketpair(AddressFamily::UNIX, kind, SocketFlags::CLOEXEC, None)
            .during("socketpair")?;
        let passed = inherited.iter().copied().chain([theirs.as_fd()]);
        for descriptor in passed {
            rustix::io::fcntl_setfd(descriptor, FdFlags::empty()).during("fcntl")?;
        }
        let number = theirs.as_raw_fd().to_string();
        let child = Command::new("criu").args(["swrk", &number]).spawn().map_err(|error| {
            let missing = error.kind() == std::io::ErrorKind::NotFound;
            let error = Error::new(format!("execute criu: {error}"));
            if missing { error.hint("checkpoint and restore are done by criu: install it") } else { error }
        })?;
        Ok(Self { child, socket })
    }

    /// The process of criu itself.
    pub(crate) fn pid(&self) -> Result<Pid> {
        let number = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        number.ok_or_else(|| Error::new("criu has no process"))
    }

    /// Has criu do one thing, and gives the process that a restore made.
    pub(crate) fn work(
        self,
        kind: Kind,
        options: Options,
        log: &Path,
        on_notice: &mut dyn FnMut(Notice) -> Result<()>,
    ) -> Result<Option<Pid>> {
        let request = Request { kind: kind as i32, options: Some(options), notify_success: None };
        self.send(&request)?;
        let mut refused = None;
        let response = loop {
            let (response, descriptor) = self.receive()?.ok_or_else(|| silent(log))?;
            if response.kind != Kind::Notify as i32 {
                break response;
            }
            let notice = response.notify.unwrap_or_default();
            let pid = notice.pid.and_then(Pid::from_raw);
            let told = on_notice(Notice { moment: notice.script.unwrap_or_default(), pid, descriptor });
            self.send(&Request {
                kind: Kind::Notify as i32,
                options: None,
                notify_success: Some(told.is_ok()),
            })?;
            refused = refused.or(told.err());
        };
        match (refused, response.success) {
            (Some(error), _) => Err(error),
            (None, true) => Ok(response.restore.and_then(|restored| Pid::from_raw(restored.pid))),
            (None, false) => Err(failure(&response, log)),
        }
    }

    fn send(&self, request: &Request) -> Result<()> {
        rustix::net::send(&self.socket, &request.encode_to_vec(), SendFlags::NOSIGNAL)
            .during("send to criu")
            .map(drop)
    }

    /// Reads one packet; none when criu has ended.
    fn receive(&self) -> Result<Option<(Response, Option<OwnedFd>)>> {
        let mut packet = vec![0; MOST];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut control = RecvAncillaryBuffer::new(&mut space);
        let received = loop {
            let mut buffers = [IoSliceMut::new(&mut packet)];
            match rustix::net::recvmsg(&self.socket, &mut buffers, &mut control, RecvFlags::CMSG_CLOEXEC) {
                Err(Errno::INTR) => {}
                other => break other.during("receive from criu")?,
            }
        };
        let descriptor = control.drain().find_map(|message| match message {
            RecvAncillaryMessage::ScmRights(mut descriptors) => descriptors.next(),
            _ => None,
        });
        if received.bytes == 0 {
            return Ok(None);
        }
        let response = Response::decode(packet.get(..received.bytes).unwrap_or_default())
            .map_err(|error| Error::new(format!("receive from criu: {error}")))?;
        Ok(Some((response, descriptor)))
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // It ends by itself after its one answer; where that was not read, nobody wants it any more.
        let _killed = self.child.kill();
        let _reaped = self.child.wait();
    }
}

fn silent(log: &Path) -> Error {
    with_log(Error::new("criu ended without an answer"), log)
}

fn failure(response: &Response, log: &Path) -> Error {
    let errno = response.errno.filter(|errno| *errno != 0).map(Errno::from_raw_os_error);
    match (response.message.as_deref().map(str::trim), errno) {
        (Some(message), _) if !message.is_empty() => {
            Error::new(format!("criu failed: {message}")).hint(format_args!("its log is {}", log.display()))
        }
        (_, Some(errno)) => {
            with_log(Error::new(format!("criu failed: {}", palisade_sys::errno::describe(errno))), log)
        }
        _ => with_log(Error::new("criu failed"), log),
    }
}

/// Without a message of criu's the reason stands in its log: the first error there is the cause, those behind it follow
/// from it.
fn with_log(error: Error, log: &Path) -> Error {
    let text = std::fs::read(log).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    match text.lines().find_map(|line| line.split_once("Error (")) {
        Some((_, cause)) => error.hint(format_args!("{}: Error ({}", log.display(), cause.trim_end())),
        None => error.hint(format_args!("its log is {}", log.display())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_error_of_the_log_is_told() {
        let directory = tempfile::tempdir().unwrap();
        let log = directory.path().join("dump.log");
        std::fs::write(&log, "(00.1) Dumping\n(00.2) Error (x.c:1): no\n(00.3) Error (y.c:2): so\n").unwrap();
        let response = Response { kind: Kind::Dump as i32, errno: Some(22), ..Response::default() };
        let error = failure(&response, &log).to_string();
        assert!(error.starts_with("criu failed: EINVAL"), "{error}");
        assert!(error.ends_with("dump.log: Error (x.c:1): no)"), "{error}");
    }

    #[test]
    fn messages_survive_the_wire() {
        let options = Options { images_directory: 7, root: Some("/r".into()), ..Options::default() };
        let request =
            Request { kind: Kind::Restore as i32, options: Some(options), notify_success: Some(true) };
        assert_eq!(Request::decode(request.encode_to_vec().as_slice()).unwrap(), request);
        // Field 1, a varint: the kind; field 2: a message with field 1 and field 13.
        assert_eq!(request.encode_to_vec(), [8, 2, 18, 6, 8, 7, 106, 2, b'/', b'r', 24, 1]);
    }
}
