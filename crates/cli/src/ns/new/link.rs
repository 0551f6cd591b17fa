//! What the process in the new namespaces asks of the one outside: the id maps, and names for the namespaces.

use std::fs::File;
use std::os::fd::{AsRawFd, OwnedFd};

use palisade_namespace::{IdKind, MapMethod, PinLock, PinOperation, Pins, write_maps};
use palisade_runtime::{Error, Result};
use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::io::Errno;
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, recv, send, socketpair};
use rustix::process::Pid;

use super::plan::{Maps, Plan};
use crate::ns::program::shell_words;
use crate::ns::told::Teller;
use crate::output::say;

/// One end.
pub(super) struct Link(OwnedFd);

/// What is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Request {
    /// To write the id maps.
    Maps = 1,
    /// To keep the namespaces under a name.
    Pin = 2,
    /// To take that back, as the program could not be run.
    TakeBack = 3,
}

/// What comes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answer {
    Done,
    /// The one outside has said why.
    Failed,
}

/// Makes the two ends. They are closed by an exec.
pub(super) fn pair() -> Result<(Link, Link)> {
    let (one, other) = socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)
        .map_err(|errno| Error::call("socketpair", errno))?;
    Ok((Link(one), Link(other)))
}

/// Closes a child's copy of the end that its parent has: each is to see when the other has ended.
///
/// In the child nobody else uses it: what owns it is in a frame that the child does not come back to.
pub(super) fn close_copy(number: u32) {
    palisade_sys::descriptor::close_one(number);
}

impl Link {
    /// The number of the descriptor.
    pub(super) fn number(&self) -> u32 {
        self.0.as_raw_fd().unsigned_abs()
    }

    /// Tells whether the other end is closed.
    pub(super) fn is_alone(&self) -> bool {
        let mut poll = [PollFd::new(&self.0, PollFlags::empty())];
        let now = Timespec { tv_sec: 0, tv_nsec: 0 };
        rustix::event::poll(&mut poll, Some(&now)).is_ok_and(|ready| ready > 0)
    }

    pub(super) fn ask(&self, request: Request) -> Answer {
        let answered = self.tell(request).and_then(|()| self.hear());
        if answered == Ok(Some(0)) { Answer::Done } else { Answer::Failed }
    }

    pub(super) fn tell(&self, request: Request) -> std::result::Result<(), Errno> {
        send(&self.0, &[request as u8], SendFlags::NOSIGNAL).map(drop)
    }

    /// Waits for a byte; none when the other end is closed.
    fn hear(&self) -> std::result::Result<Option<u8>, Errno> {
        let mut byte = [0];
        loop {
            match recv(&self.0, &mut byte[..], RecvFlags::empty()) {
                Ok((0, _)) => return Ok(None),
                Ok(_) => return Ok(Some(byte[0])),
                Err(Errno::INTR) => {}
                Err(errno) => return Err(errno),
            }
        }
    }
}

/// The process outside.
pub(super) struct Outside<'a> {
    pub(super) link: Link,
    /// The process inside.
    pub(super) pid: Pid,
    pub(super) plan: &'a Plan,
    pub(super) pins: &'a Pins,
    pub(super) teller: Teller,
}

impl Outside<'_> {
    /// Does what is asked until the process inside has become the program or has ended.
    pub(super) fn serve(self) -> Result<()> {
        let mut kept: Vec<PinOperation> = Vec::new();
        let mut lock: Option<PinLock> = None;
        loop {
            let asked = self.link.hear().map_err(|errno| Error::call("recv", errno))?;
            if asked == Some(Request::Maps as u8) {
                self.plan.maps.as_ref().map_or(Ok(()), |maps| self.map(maps))?;
            } else if asked == Some(Request::Pin as u8) {
                lock = Some(self.pins.lock()?);
                self.keep(&mut kept)?;
            } else {
                if asked == Some(Request::TakeBack as u8) {
                    kept.iter().rev().filter_map(|done| done.undo().err()).for_each(say);
                }
                drop(lock);
                return Ok(());
            }
            send(&self.link.0, &[0], SendFlags::NOSIGNAL).map_err(|errno| Error::call("send", errno))?;
            if !self.plan.forks() {
                // There is nothing else to ask for, and whoever has asked waits for the end of this process.
                return Ok(());
            }
        }
    }

    fn number(&self) -> u32 {
        self.pid.as_raw_nonzero().get().unsigned_abs()
    }

    fn map(&self, maps: &Maps) -> Result<()> {
        let pid = self.number();
        let told = || map_commands(maps, &pid.to_string()).join("; ");
        self.teller.step(told, || {
            let proc = File::open("/proc").map_err(|error| Error::io("open /proc", &error))?;
            Ok(write_maps(proc, pid, &maps.ids, &maps.method)?)
        })
    }

    /// Keeps the namespaces under the plan's name, in all kinds or in none.
    fn keep(&self, kept: &mut Vec<PinOperation>) -> Result<()> {
        let Some(name) = &self.plan.pin else { return Ok(()) };
        for operation in self.pins.keep(name, self.number(), self.plan.created)? {
            let told = || operation.shell().join("; ");
            if let Err(error) = self.teller.step(told, || Ok(operation.perform()?)) {
                kept.drain(..).rev().filter_map(|done| done.undo().err()).for_each(say);
                return Err(error);
            }
            kept.push(operation);
        }
        Ok(())
    }
}

/// Returns the shell commands that write the maps of a process.
pub(super) fn map_commands(maps: &Maps, pid: &str) -> Vec<String> {
    let echo = |kind: IdKind| {
        let text = maps.ids.text(kind).trim_end().replace('\n', "\\n");
        format!("printf '{text}\\n' > /proc/{pid}/{}", kind.map_file())
    };
    match &maps.method {
        MapMethod::Single => {
            vec![echo(IdKind::Uid), format!("echo deny > /proc/{pid}/setgroups"), echo(IdKind::Gid)]
        }
        MapMethod::Direct => vec![echo(IdKind::Uid), echo(IdKind::Gid)],
        MapMethod::Helpers(helpers) => [(&helpers.newuidmap, IdKind::Uid), (&helpers.newgidmap, IdKind::Gid)]
            .into_iter()
            .map(|(program, kind)| {
                let numbers = maps.ids.text(kind).trim_end().replace('\n', " ");
                format!("{} {pid} {numbers}", shell_words(&[program.display().to_string()]))
            })
            .collect(),
    }
}
