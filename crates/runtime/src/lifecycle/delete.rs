//! `delete`: no process, no cgroup, no state behind.

use std::path::Path;
use std::time::{Duration, Instant};

use palisade_cgroup::{Group, Layout};
use palisade_oci::state::Status;
use palisade_oci::{NamespaceKind, Spec};
use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::io::Errno;
use rustix::process::Signal;
use std::os::fd::AsFd;

use super::Container;
use crate::error::{Error, ErrorKind, Result};
use crate::hooks;
use crate::host::Host;
use crate::id::ContainerId;
use crate::record::{Directory, Ending};

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
    /// Removes a container: processes where forced, cgroup, state; then runs its poststop hooks and gives what went
    /// wrong with those.
    ///
    /// A container that was made and never started needs no force.
    ///
    /// # Errors
    /// A container that runs and is not to be forced, or what could not be removed.
    pub fn delete(mut self, force: Force) -> Result<Vec<String>> {
        if force == Force::Yes {
            self.await_process()?;
        }
        let status = self.status()?;
        if force == Force::No && !matches!(status, Status::Stopped | Status::Created) {
            return Err(Error::new(format!("cannot delete container {}: it is {status}", self.record.id))
                .hint("kill it first, or delete it with --force"));
        }
        let spec = self.configured_ending();
        let alone = self.dies_with_its_first(spec.as_ref());
        self.end(if status == Status::Stopped && alone { Force::No } else { Force::Yes })?;
        match spec {
            Some(spec) => self.forget(&spec, Host::probe),
            None => self.directory.remove().map(|()| Vec::new()),
        }
    }

    /// Its configuration, where that means something for its end.
    pub(super) fn configured_ending(&self) -> Option<Spec> {
        match self.record.ending {
            Ending::Plain => None,
            // Cut short before it was written whole, no hook has run either.
            Ending::AsConfigured => self.directory.config().ok(),
        }
    }

    /// Tells of [`Self::configured_ending`] whether the kernel ends all its processes with the first.
    pub(super) fn dies_with_its_first(&self, ending: Option<&Spec>) -> bool {
        self.record.ending == Ending::Plain || ending.is_some_and(dies_with_its_first)
    }

    /// Removes a container whose first process has ended and was reaped by the caller, who still has its group; gives
    /// what went wrong with its poststop hooks.
    ///
    /// # Errors
    /// What could not be removed.
    pub fn delete_ended(self, host: &Host, spec: &Spec, group: Option<Group>) -> Result<Vec<String>> {
        self.settle(spec, group)?;
        self.forget(spec, || Ok(host.clone()))
    }

    /// Ends what is left of a container whose first process has ended and was reaped by the caller, and removes its
    /// group. What is on record stays, until [`Container::delete`].
    ///
    /// # Errors
    /// What could not be removed.
    pub fn settle(&self, spec: &Spec, group: Option<Group>) -> Result<()> {
        if let Some(group) = group {
            if !dies_with_its_first(spec) {
                group.kill(Signal::KILL)?;
            }
            self.remove_group(group)?;
        }
        self.record.resctrl.remove()
    }

    /// Removes the group, and the unit of systemd that it is of.
    fn remove_group(&self, group: Group) -> Result<()> {
        match &self.record.unit {
            Some(unit) => unit.remove(&mut unit.of.connect()?),
            None => Ok(group.remove()?),
        }
    }

    /// Waits until whoever makes the container has its process on record, or has ended.
    fn await_process(&mut self) -> Result<()> {
        let end = Instant::now() + PATIENCE;
        while self.being_made && self.process.is_none() {
            if Instant::now() > end {
                return Err(Error::new(format!("container {} is being made", self.record.id))
                    .hint("by another palisade, which seems to hang: end that first"));
            }
            std::thread::sleep(Duration::from_millis(1));
            let Some(loaded) = self.directory.load()? else { return Ok(()) };
            (self.process, self.being_made) = (loaded.process, loaded.being_made);
        }
        Ok(())
    }

    /// Ends all processes, where forced, and removes the cgroup.
    pub(super) fn end(&self, force: Force) -> Result<()> {
        let group = match &self.record.cgroup {
            Some(path) => Some(Group::unchecked(&Layout::detect()?, path)?),
            None => None,
        };
        if force == Force::Yes {
            self.kill_everything()?;
        }
        match group {
            // Before the process was on record, a unit of that name may be somebody else's.
            Some(group) if self.process.is_none() => match &self.record.unit {
                Some(unit) => unit.remove_empty()?,
                None => group.remove()?,
            },
            Some(group) => self.remove_group(group)?,
            None => {}
        }
        // They are made after the process is on record, and before that may be somebody else's.
        if self.process.is_some() { self.record.resctrl.remove() } else { Ok(()) }
    }

    /// Kills the first process and all of the group, which also frees a frozen group to die.
    ///
    /// A group is only known to be the container's once the process is on record: before that, the start that was
    /// cut short may not have seen yet that others are in it. What is in it then of its own ends by itself.
    fn kill_everything(&self) -> Result<()> {
        if self.process.is_none() {
            return Ok(());
        }
        let process = self.open_process().ok();
        if let Some(process) = &process {
            match rustix::process::pidfd_send_signal(&process.pidfd, Signal::KILL) {
                Ok(()) | Err(Errno::SRCH) => {}
                Err(errno) => return Err(Error::call("pidfd_send_signal SIGKILL", errno)),
            }
        }
        if let Some(group) = self.group()? {
            group.kill(Signal::KILL)?;
        }
        process.map_or(Ok(()), |process| wait_for_end(process.pidfd.as_fd()))
    }

    /// Removes the state and runs the poststop hooks, for which alone the machine is looked at.
    fn forget(self, spec: &Spec, host: impl FnOnce() -> Result<Host>) -> Result<Vec<String>> {
        self.directory.remove()?;
        if spec.hooks.poststop.is_empty() {
            return Ok(Vec::new());
        }
        Ok(match host() {
            Ok(host) => hooks::run_poststop(&host, spec, &self.state(Status::Stopped)),
            Err(error) => vec![error.to_string()],
        })
    }
}

/// What the configuration means for the end of its container.
pub(super) fn ending(spec: &Spec) -> Ending {
    let is_plain = dies_with_its_first(spec) && spec.hooks.poststop.is_empty();
    if is_plain { Ending::Plain } else { Ending::AsConfigured }
}

/// Tells whether the kernel ends all processes with the first: where that is the first of a new pid namespace.
fn dies_with_its_first(spec: &Spec) -> bool {
    let mut listed = spec.linux.namespaces.iter();
    listed.any(|namespace| namespace.kind == NamespaceKind::Pid && namespace.path.is_empty())
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
                    .hint("it may be in uninterruptible sleep, or wait for its caller's exec processes to be reaped"));
            }
            Ok(_) => return Ok(()),
            Err(Errno::INTR) => {}
            Err(errno) => return Err(Error::call("poll", errno)),
        }
    }
}
