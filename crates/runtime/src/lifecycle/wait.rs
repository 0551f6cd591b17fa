//! A process in the foreground: its signals, its terminal, its end.

use std::os::fd::{AsFd, BorrowedFd};

use palisade_cgroup::Group;
use rustix::event::{PollFd, PollFlags};
use rustix::io::Errno;
use rustix::process::{Signal, WaitId, WaitIdOptions, WaitOptions};

use crate::error::{During, Error, Result};
use crate::execute::Process;
use crate::terminal::Relay;

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// It exited with a status.
    Exited(i32),
    /// A signal killed it.
    Killed(i32),
}

impl End {
    /// The exit code that shells and runtimes use for it: 128 and the signal for a kill.
    #[must_use]
    pub fn code(self) -> u8 {
        let code = match self {
            Self::Exited(status) => status,
            Self::Killed(signal) => 128 + signal,
        };
        u8::try_from(code & 0xff).unwrap_or(u8::MAX)
    }
}

/// What is done while a process runs.
pub struct Foreground<'a> {
    /// The process, a child of the caller.
    pub process: &'a Process,
    /// All signals, blocked, as a descriptor of `palisade_sys::signal`.
    pub signals: BorrowedFd<'a>,
    /// The terminal that is relayed.
    pub relay: Option<Relay>,
    /// How many SIGINT and SIGTERM are passed on before the next one kills; none passes on all that come.
    pub patience: Option<u32>,
}

impl Foreground<'_> {
    /// Passes signals on and relays the terminal until the process ends.
    ///
    /// # Errors
    /// A wait or relay that fails.
    pub fn wait(self) -> Result<End> {
        self.follow(Orphans::Leave)
    }

    /// The same for a caller who is a subreaper, `PR_SET_CHILD_SUBREAPER(2const)`, and has no other children to wait for:
    /// every child that ends is reaped.
    ///
    /// # Errors
    /// As [`Self::wait`].
    pub fn wait_as_subreaper(self) -> Result<End> {
        self.follow(Orphans::Reap)
    }

    fn follow(mut self, orphans: Orphans) -> Result<End> {
        loop {
            let [ended, signalled] = self.poll()?;
            if signalled {
                self.pass_signals_on()?;
            }
            let end = match orphans {
                Orphans::Reap if signalled => reap_all(self.process)?,
                _ => None,
            };
            if ended || end.is_some() {
                if let Some(relay) = &mut self.relay {
                    relay.drain();
                }
                return end.map_or_else(|| reap(self.process), Ok);
            }
        }
    }

    fn poll(&mut self) -> Result<[bool; 2]> {
        let relayed = self.relay.as_ref().map(Relay::descriptors).unwrap_or_default();
        let mut fds = vec![
            PollFd::from_borrowed_fd(self.process.pidfd.as_fd(), PollFlags::IN),
            PollFd::from_borrowed_fd(self.signals, PollFlags::IN),
        ];
        fds.extend(relayed);
        match rustix::event::poll(&mut fds, None) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(errno) => return Err(Error::call("poll", errno)),
        }
        let ready: Vec<bool> = fds.iter().map(|fd| !fd.revents().is_empty()).collect();
        drop(fds);
        if let Some(relay) = &mut self.relay {
            relay.copy(ready.get(2..).unwrap_or_default())?;
        }
        Ok([ready[0], ready[1]])
    }

    fn pass_signals_on(&mut self) -> Result<()> {
        while let Some(number) = palisade_sys::signal::next(self.signals).during("read signal")? {
            let Some(signal) = palisade_sys::signal::from_number(number) else { continue };
            if signal == Signal::CHILD {
                continue;
            }
            if signal == Signal::WINCH
                && let Some(relay) = &mut self.relay
            {
                relay.resize();
                continue;
            }
            let signal = self.insist(signal);
            match rustix::process::pidfd_send_signal(&self.process.pidfd, signal) {
                Ok(()) | Err(Errno::SRCH) => {}
                Err(errno) => return Err(Error::call(format_args!("pass signal {number} on"), errno)),
            }
        }
        Ok(())
    }
}

impl Foreground<'_> {
    /// Turns a request to end into SIGKILL once patience has run out: the first process of a pid namespace is spared
    /// all signals that it has no handler for.
    fn insist(&mut self, signal: Signal) -> Signal {
        if !matches!(signal, Signal::INT | Signal::TERM) {
            return signal;
        }
        match &mut self.patience {
            None => signal,
            Some(0) => Signal::KILL,
            Some(left) => {
                *left -= 1;
                signal
            }
        }
    }
}

/// What is done with other children that end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Orphans {
    Leave,
    Reap,
}

/// Reaps all children that have ended; gives the end of the process itself where that was one of them.
fn reap_all(process: &Process) -> Result<Option<End>> {
    loop {
        match rustix::process::wait(WaitOptions::NOHANG) {
            // Until it is reaped its number is nobody else's.
            Ok(Some((pid, status))) if pid == process.pid => {
                return end(status.exit_status(), status.terminating_signal()).map(Some);
            }
            Ok(Some(_)) | Err(Errno::INTR) => {}
            Ok(None) | Err(Errno::CHILD) => return Ok(None),
            Err(errno) => return Err(Error::call("wait", errno)),
        }
    }
}

fn reap(process: &Process) -> Result<End> {
    let wait = || rustix::process::waitid(WaitId::PidFd(process.pidfd.as_fd()), WaitIdOptions::EXITED);
    let status = rustix::io::retry_on_intr(wait).during("waitid")?;
    end(status.and_then(|status| status.exit_status()), status.and_then(|status| status.terminating_signal()))
}

fn end(status: Option<i32>, signal: Option<i32>) -> Result<End> {
    match (status, signal) {
        (Some(code), _) => Ok(End::Exited(code)),
        (None, Some(signal)) => Ok(End::Killed(signal)),
        (None, None) => Err(Error::new("the process ended in an unknown way")),
    }
}

/// Tells whether the kernel killed processes of a group because it was out of memory.
///
/// # Errors
/// A group that cannot be read.
pub fn ran_out_of_memory(group: &Group) -> Result<bool> {
    Ok(group.oom_count()? > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exit_codes_are_those_of_shells() {
        for (end, code) in [
            (End::Exited(0), 0),
            (End::Exited(255), 255),
            (End::Killed(9), 137),
            (End::Killed(15), 143),
            (End::Killed(64), 192),
        ] {
            assert_eq!(end.code(), code, "{end:?}");
        }
    }
}
