//! Sending a signal to all processes of a group.

use crate::hint::crowd;
use crate::{Controller, Error, ErrorKind, FreezerState, Group, Version};
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, Signal};
use std::time::{Duration, Instant};

/// How long killed processes may take to go; one that waits on a dead disk never goes.
const PATIENCE: Duration = Duration::from_secs(10);
const FIRST_WAIT: Duration = Duration::from_micros(200);
const LONGEST_WAIT: Duration = Duration::from_millis(20);
/// How many looks the kernel's own kill gets before processes are signalled one by one.
const BULK_ROUNDS: u32 = 6;

impl Group {
    /// Sends `signal` to every process of the group and of those below it.
    ///
    /// SIGKILL goes through `cgroup.kill` where the group is in a v2 tree (kernel 5.14), frees a frozen group to
    /// die, and comes back when no process is left. Any other signal is sent once to each while the group is frozen,
    /// so that none is missed by a fork; a group that was frozen before stays so.
    ///
    /// # Errors
    /// [`ErrorKind::TimedOut`] if processes are left ten seconds after SIGKILL; otherwise names the process that
    /// could not be signalled.
    pub fn kill(&self, signal: Signal) -> Result<(), Error> {
        if signal == Signal::KILL { self.kill_all() } else { self.signal_all(signal) }
    }

    fn kill_all(&self) -> Result<(), Error> {
        let in_bulk = self.kill_in_bulk()?;
        // On v1 a frozen process does not even die.
        if self.find_home(Controller::Freezer).is_some_and(|freezer| freezer.version == Version::V1) {
            ignore_gone(self.thaw())?;
        }
        let deadline = Instant::now() + PATIENCE;
        let mut wait = FIRST_WAIT;
        for round in 0.. {
            let left = self.procs()?;
            let Some(first) = left.first() else {
                return Ok(());
            };
            if Instant::now() >= deadline {
                let cause = format!("{} still there", crowd(*first, left.len()));
                return Err(Error::text("kill", self.path.as_str(), cause, ErrorKind::TimedOut).with_hint(
                    "a process that waits for a device or a network file system dies when that answers",
                ));
            }
            if !in_bulk || round >= BULK_ROUNDS {
                self.signal_each(&left, Signal::KILL)?;
            }
            std::thread::sleep(wait);
            wait = (wait * 2).min(LONGEST_WAIT);
        }
        Ok(())
    }

    /// Has the kernel kill the group in the v2 tree; `false` where it cannot.
    fn kill_in_bulk(&self) -> Result<bool, Error> {
        let Some(unified) = self.directories().find(|directory| directory.version == Version::V2) else {
            return Ok(false);
        };
        match self.write_in(unified, "cgroup.kill", "1") {
            Ok(()) => Ok(true),
            // No such file before 5.14, and a threaded group does not take it.
            Err(error) if matches!(error.errno(), Some(Errno::NOENT | Errno::NODEV | Errno::OPNOTSUPP)) => {
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }

    fn signal_all(&self, signal: Signal) -> Result<(), Error> {
        let freezable = self.find_home(Controller::Freezer).is_some();
        let was_running = freezable && self.freezer_state()? == FreezerState::Thawed;
        if was_running {
            self.freeze()?;
        }
        let result = self.procs().and_then(|pids| self.signal_each(&pids, signal));
        if was_running { self.thaw().and(result) } else { result }
    }

    /// Signals through descriptors, so that a pid that was given anew is left alone.
    fn signal_each(&self, pids: &[Pid], signal: Signal) -> Result<(), Error> {
        let mut held = Vec::with_capacity(pids.len());
        for &pid in pids {
            match rustix::process::pidfd_open(pid, PidfdFlags::empty()) {
                Ok(descriptor) => held.push((pid, descriptor)),
                // It has gone, or it is a thread whose leader has.
                Err(Errno::SRCH | Errno::INVAL) => {}
                Err(errno) => return Err(self.signal_error("pidfd_open", pid, errno)),
            }
        }
        // A descriptor was opened for whatever had the pid then: only members seen after that are meant.
        let members = self.procs()?;
        for (pid, descriptor) in held.iter().filter(|(pid, _)| members.contains(pid)) {
            match rustix::process::pidfd_send_signal(descriptor, signal) {
                Ok(()) | Err(Errno::SRCH) => {}
                Err(errno) => return Err(self.signal_error("pidfd_send_signal", *pid, errno)),
            }
        }
        Ok(())
    }

    fn signal_error(&self, operation: &str, pid: Pid, errno: Errno) -> Error {
        Error::call(format!("{operation} {pid} of"), self.path.as_str(), errno)
    }
}

fn ignore_gone(result: Result<(), Error>) -> Result<(), Error> {
    match result {
        Err(error) if matches!(error.errno(), Some(Errno::NOENT | Errno::NODEV)) => Ok(()),
        other => other,
    }
}
