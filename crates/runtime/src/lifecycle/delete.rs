//! `delete`: no process, no cgroup, no state behind.

use std::path::Path;
use std::time::{Duration, Instant};

use palisade_cgroup::{Group, Layout};
use palisade_namespace::Kind;
use palisade_oci::Spec;
use palisade_oci::state::Status;
use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::io::Errno;
use rustix::process::Signal;
use std::os::fd::AsFd;

use super::Container;
use crate::error::{Error, ErrorKind, Result};
use crate::hooks;
use crate::host::Host;
use crate::id::ContainerId;
use crate::plan::HookKind;
use crate::record::Directory;

/// How long a killed process may take to end.
const PATIENCE: Duration = Duration::from_secs(10);

/// Whether a container that runs is ended first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Force {
    /// It is an error when it runs.
    No,
    /// It is killed.
    Yes,
}

impl Container {
    /// Removes a container: processes where forced, cgroup, state; then runs its poststop hooks.
    ///
    /// A container that was made and never started needs no force.
    ///
    /// # Errors
    /// A container that runs and is not to be forced, or what could not be removed.
    pub fn delete(self, host: &Host, force: Force) -> Result<()> {
        let status = self.status()?;
        if force == Force::No && !matches!(status, Status::Stopped | Status::Created) {
            return Err(Error::new(format!("cannot delete container {}: it is {status}", self.record.id))
                .hint("kill it first, or delete it with --force"));
        }
        self.end(if status == Status::Stopped && force == Force::No { Force::No } else { Force::Yes })?;
        match self.directory.config() {
            Ok(spec) => self.forget(host, &spec),
            // Cut short before it was written whole: then no hook has run either.
            Err(_) => self.directory.remove(),
        }
    }

    /// Removes a container whose first process has ended and was reaped by the caller, who still has its group.
    ///
    /// # Errors
    /// What could not be removed.
    pub fn delete_ended(self, host: &Host, spec: &Spec, group: Option<Group>) -> Result<()> {
        if let Some(group) = group {
            // Without a pid namespace of its own others may have outlived the first.
            if !self.record.kinds().contains(Kind::Pid) {
                group.kill(Signal::KILL)?;
            }
            group.remove()?;
        }
        self.forget(host, spec)
    }

    /// Ends all processes, where forced, and removes the cgroup.
    pub(super) fn end(&self, force: Force) -> Result<()> {
        let group = match &self.record.cgroup {
            Some(path) => Some(Group::unchecked(&Layout::detect()?, path)?),
            None => None,
        };
        if force == Force::Yes {
            if let Ok(process) = self.open_process() {
                match rustix::process::pidfd_send_signal(&process.pidfd, Signal::KILL) {
                    Ok(()) => wait_for_end(process.pidfd.as_fd())?,
                    Err(Errno::SRCH) => {}
                    Err(errno) => return Err(Error::call("pidfd_send_signal SIGKILL", errno)),
                }
            }
            if let Some(group) = self.group()? {
                group.kill(Signal::KILL)?;
            }
        }
        match group {
            Some(group) => Ok(group.remove()?),
            None => Ok(()),
        }
    }

    /// Runs the poststop hooks and removes the state.
    fn forget(self, host: &Host, spec: &Spec) -> Result<()> {
        self.directory.remove()?;
        if hooks::of_kind(spec, HookKind::Poststop).is_empty() {
            return Ok(());
        }
        hooks::run(host, spec, HookKind::Poststop, &self.state(Status::Stopped), None)
    }
}

/// Removes what a start that was cut short has left of a container.
///
/// # Errors
/// `NotFound` when there is nothing.
pub(super) fn remove_rest(root: &Path, id: &ContainerId) -> Result<()> {
    Directory::open(&root.join(id.as_str()))?.remove()
}

fn wait_for_end(pidfd: std::os::fd::BorrowedFd<'_>) -> Result<()> {
    let end = Instant::now() + PATIENCE;
    loop {
        let left = end.saturating_duration_since(Instant::now());
        let timeout = Timespec {
            tv_sec: i64::try_from(left.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: i64::from(left.subsec_nanos()),
        };
        match rustix::event::poll(&mut [PollFd::from_borrowed_fd(pidfd, PollFlags::IN)], Some(&timeout)) {
            Ok(0) => {
                return Err(Error::of(ErrorKind::Other, "the container's process does not end on SIGKILL")
                    .hint("it may be in uninterruptible sleep or its cgroup frozen"));
            }
            Ok(_) => return Ok(()),
            Err(Errno::INTR) => {}
            Err(errno) => return Err(Error::call("poll", errno)),
        }
    }
}
