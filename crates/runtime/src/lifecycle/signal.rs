//! `kill`.

use palisade_cgroup::{FreezerState, Group, Layout};
use rustix::io::Errno;
use rustix::process::Signal;

use super::{Container, is_gone};
use crate::error::{Error, ErrorKind, Result};

/// Who a signal is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// The container's first process.
    First,
    /// All processes of the container.
    All,
}

impl Container {
    /// Sends a signal.
    ///
    /// # Errors
    /// `NotRunning` when the first process has ended and `All` was not asked for, unless it is SIGKILL and processes are
    /// left of a container without a pid namespace of its own.
    pub fn kill(&self, signal: Signal, reach: Reach) -> Result<()> {
        // In a pid namespace of others the kernel ends the first process alone.
        let ends_first_alone =
            signal == Signal::KILL && !self.dies_with_its_first(self.configured_ending().as_ref());
        if (reach == Reach::All || ends_first_alone)
            && let Some(group) = self.group()?
            && (reach == Reach::All || !group.procs()?.is_empty())
        {
            return Ok(group.kill(signal)?);
        }
        let process = self.open_process()?;
        match rustix::process::pidfd_send_signal(&process.pidfd, signal) {
            Ok(()) => self.thaw_to_die(signal),
            Err(Errno::SRCH) => {
                Err(Error::of(ErrorKind::NotRunning, format!("{}: container not running", self.record.id)))
            }
            Err(errno) => Err(Error::call(format_args!("pidfd_send_signal {signal:?}"), errno)),
        }
    }

    /// Looks whether its first process could be sent a signal, as `kill(2)` does with the number 0.
    ///
    /// # Errors
    /// `NotRunning` when it has ended.
    pub fn check_running(&self) -> Result<()> {
        self.open_process().map(drop)
    }
}

impl Container {
    /// Lets a frozen process meet its SIGKILL: in a v1 freezer that waits until somebody thaws it.
    fn thaw_to_die(&self, signal: Signal) -> Result<()> {
        if signal != Signal::KILL || !self.process.is_some_and(|process| process.may_be_frozen()) {
            return Ok(());
        }
        let Some(path) = &self.record.cgroup else { return Ok(()) };
        let group = Group::unchecked(&Layout::detect()?, path)?;
        let thawed = match group.freezer_state() {
            Ok(FreezerState::Thawed) => Ok(()),
            Ok(_) => group.thaw(),
            Err(error) => Err(error),
        };
        match thawed {
            // It has died, and whoever waits for it removes the group.
            Err(error) if is_gone(&error) => Ok(()),
            other => Ok(other?),
        }
    }
}

/// Reads a signal by number or by name, with or without SIG.
///
/// # Errors
/// A number or name that is none.
pub fn parse_signal(text: &str) -> Result<Signal> {
    let name = text.to_uppercase();
    let name = name.strip_prefix("SIG").unwrap_or(&name);
    let number = match text.parse::<i32>() {
        Ok(number) => Some(number),
        Err(_) => NAMES.iter().find(|(known, _)| *known == name).map(|(_, number)| *number),
    };
    let number = number.or_else(|| real_time(name));
    number.and_then(palisade_sys::signal::from_number).ok_or_else(|| {
        Error::new(format!("{text:?} is no signal")).hint("a name as TERM or SIGKILL, or a number to 64")
    })
}

/// RTMIN+3, RTMAX-1.
fn real_time(name: &str) -> Option<i32> {
    let (base, rest) = match (name.strip_prefix("RTMIN"), name.strip_prefix("RTMAX")) {
        (Some(rest), _) => (34, rest),
        (_, Some(rest)) => (64, rest),
        _ => return None,
    };
    let offset: i32 = if rest.is_empty() { 0 } else { rest.parse().ok()? };
    Some(base + offset).filter(|number| (34..=64).contains(number))
}

/// The names of `signal(7)` on x86.
const NAMES: [(&str, i32); 35] = [
    ("HUP", 1),
    ("INT", 2),
    ("QUIT", 3),
    ("ILL", 4),
    ("TRAP", 5),
    ("ABRT", 6),
    ("IOT", 6),
    ("BUS", 7),
    ("FPE", 8),
    ("KILL", 9),
    ("USR1", 10),
    ("SEGV", 11),
    ("USR2", 12),
    ("PIPE", 13),
    ("ALRM", 14),
    ("TERM", 15),
    ("STKFLT", 16),
    ("CHLD", 17),
    ("CLD", 17),
    ("CONT", 18),
    ("STOP", 19),
    ("TSTP", 20),
    ("TTIN", 21),
    ("TTOU", 22),
    ("URG", 23),
    ("XCPU", 24),
    ("XFSZ", 25),
    ("VTALRM", 26),
    ("PROF", 27),
    ("WINCH", 28),
    ("IO", 29),
    ("POLL", 29),
    ("PWR", 30),
    ("SYS", 31),
    ("UNUSED", 31),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signals_by_name_and_number() {
        for (text, number) in
            [("9", 9), ("KILL", 9), ("sigterm", 15), ("SIGRTMIN+3", 37), ("rtmax", 64), ("WINCH", 28)]
        {
            assert_eq!(parse_signal(text).unwrap().as_raw(), number, "{text}");
        }
        for text in ["0", "65", "-1", "", "SIG", "NOPE", "RTMIN-1", "RTMAX+1"] {
            assert!(parse_signal(text).is_err(), "{text}");
        }
    }
}
