//! Suspending and resuming all processes of a group.

use crate::recipe::{Directory, join};
use crate::{Controller, Error, ErrorKind, Group, Version, file};
use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::fd::{AsFd, OwnedFd};
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use serde::Serialize;
use std::time::{Duration, Instant};

/// How long all processes may take to stop; a task that waits on a dead disk never does.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long v1 may stay at FREEZING before it is let go and asked again, which frees tasks that wait for each other.
const ROUND: Duration = Duration::from_millis(200);
const POLL: Duration = Duration::from_micros(500);

/// Says how far the freezing of a group is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum FreezerState {
    /// Processes run.
    Thawed,
    /// Some have stopped, others are to.
    Freezing,
    /// All have stopped.
    Frozen,
}

impl Group {
    /// Suspends all processes of the group and of those below it, and waits until they have stopped.
    ///
    /// On v2 kernel 5.2.
    ///
    /// # Errors
    /// [`ErrorKind::TimedOut`] if some do not stop within ten seconds; then all run again.
    pub fn freeze(&self) -> Result<(), Error> {
        let directory = self.home(Controller::Freezer)?;
        let deadline = Instant::now() + PATIENCE;
        let frozen = match directory.version {
            Version::V1 => self.freeze_v1(directory, deadline)?,
            Version::V2 => {
                self.write_in(directory, "cgroup.freeze", "1")?;
                self.wait_for_event(directory, "frozen 1", deadline)?
            }
        };
        if frozen {
            return Ok(());
        }
        self.thaw()?;
        let cause = "some processes did not stop within ten seconds";
        Err(Error::text("freeze", self.full(&directory.path), cause, ErrorKind::TimedOut)
            .with_hint("a process that waits for a device or a network file system cannot be frozen"))
    }

    /// Resumes all processes of the group.
    ///
    /// # Errors
    /// Fails if the group has gone or is not this process's to change.
    pub fn thaw(&self) -> Result<(), Error> {
        let directory = self.home(Controller::Freezer)?;
        match directory.version {
            Version::V1 => self.write_in(directory, "freezer.state", "THAWED"),
            Version::V2 => self.write_in(directory, "cgroup.freeze", "0"),
        }
    }

    /// Tells whether the group is frozen, itself or with one above it.
    ///
    /// # Errors
    /// Fails if the group has gone.
    pub fn freezer_state(&self) -> Result<FreezerState, Error> {
        let directory = self.home(Controller::Freezer)?;
        match directory.version {
            Version::V1 => Ok(match self.read_in(directory, "freezer.state")?.trim() {
                "FROZEN" => FreezerState::Frozen,
                "FREEZING" => FreezerState::Freezing,
                _ => FreezerState::Thawed,
            }),
            Version::V2 => {
                if has_line(&self.read_in(directory, "cgroup.events")?, "frozen 1") {
                    return Ok(FreezerState::Frozen);
                }
                // An empty group, too, counts as frozen once it is told to freeze.
                match self.read_in(directory, "cgroup.freeze")?.trim() {
                    "1" => Ok(FreezerState::Freezing),
                    _ => Ok(FreezerState::Thawed),
                }
            }
        }
    }

    fn freeze_v1(&self, directory: &Directory, deadline: Instant) -> Result<bool, Error> {
        while Instant::now() < deadline {
            self.write_in(directory, "freezer.state", "FROZEN")?;
            let round = Instant::now() + ROUND;
            while Instant::now() < round {
                // Reading makes the kernel look at the tasks again.
                if self.freezer_state()? == FreezerState::Frozen {
                    return Ok(true);
                }
                std::thread::sleep(POLL);
            }
            self.write_in(directory, "freezer.state", "THAWED")?;
        }
        Ok(false)
    }

    /// Waits until `cgroup.events` has `line`; `false` if it has not by the deadline.
    fn wait_for_event(&self, directory: &Directory, line: &str, deadline: Instant) -> Result<bool, Error> {
        let path = join(&directory.path, "cgroup.events");
        let fail = |operation: &str, errno| Error::call(operation, self.full(&path), errno);
        let flags = OFlags::RDONLY | OFlags::CLOEXEC;
        let events: OwnedFd = rustix::fs::openat(&self.anchor, path.as_str(), flags, Mode::empty())
            .map_err(|errno| fail("open", errno))?;
        loop {
            let text = file::read_again(&events).map_err(|errno| fail("read", errno))?;
            if has_line(&text, line) {
                return Ok(true);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(false);
            }
            match rustix::event::poll(
                &mut [PollFd::from_borrowed_fd(events.as_fd(), PollFlags::PRI)],
                Some(&timespec(left)),
            ) {
                Ok(_) | Err(Errno::INTR) => {}
                Err(errno) => return Err(fail("poll", errno)),
            }
        }
    }
}

/// Tells whether the text of `cgroup.events` has this line.
fn has_line(text: &str, wanted: &str) -> bool {
    text.lines().any(|line| line == wanted)
}

/// Turns a wait into what poll takes; one too long for it becomes a day.
pub(crate) fn timespec(duration: Duration) -> Timespec {
    Timespec::try_from(duration).unwrap_or(Timespec { tv_sec: 86_400, tv_nsec: 0 })
}
