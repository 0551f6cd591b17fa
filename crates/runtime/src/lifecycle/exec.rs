//! `exec`: one more process in a running container.

use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;

use palisade_cgroup::{FreezerState, Group, GroupPath, SubGroup};
use palisade_oci::Process as ProcessSpec;
use palisade_oci::state::Status;

use super::{Container, home};
use crate::compile::{self, ExecRequest, Groups};
use crate::error::{During, Error, ErrorKind, Result};
use crate::execute::{Event, Process, Started, Surroundings, execute, open_directory};
use crate::host::Host;
use crate::labels::SecurityModules;

/// How a process is to be started.
pub struct ExecOptions<'a> {
    /// The process.
    pub process: &'a ProcessSpec,
    /// How many descriptors after stderr it gets.
    pub preserve_fds: u32,
    /// The groups below the container's that it joins in place of that.
    pub groups: &'a [SubGroup],
    /// What to do with a container that is paused.
    pub paused: Paused,
    /// Is told the process before its program begins.
    pub record: &'a dyn Fn(&Process) -> Result<()>,
    /// Is told each step that was done.
    pub observe: Option<&'a dyn Fn(Event)>,
    /// A signal descriptor that is heeded meanwhile.
    pub signals: Option<BorrowedFd<'a>>,
    /// The standard descriptors where they are not the caller's own.
    pub stdio: Option<[BorrowedFd<'a>; 3]>,
}

/// What to do with a container that is paused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Paused {
    /// Refuse it.
    Refuse,
    /// Start the process all the same: it begins when the container is resumed.
    Join,
}

/// A process that was started in a container.
#[derive(Debug)]
pub struct Executed {
    /// It.
    pub started: Started,
    /// Things that a user should know though they are no errors.
    pub warnings: Vec<String>,
}

impl Container {
    /// Starts a process in the container's namespaces and cgroup.
    ///
    /// # Errors
    /// A container that does not run or is paused; whatever of the start failed, and then no process is left.
    pub fn exec(&self, host: &Host, options: ExecOptions<'_>) -> Result<Executed> {
        match self.status()? {
            Status::Running | Status::Created => {}
            Status::Paused if options.paused == Paused::Join => {}
            Status::Paused => return Err(self.paused()),
            status => {
                let message = format!("cannot exec in container {}: it is {status}", self.record.id);
                return Err(Error::of(ErrorKind::NotRunning, message));
            }
        }
        let spec = self.directory.config()?;
        let init = self.open_process()?;
        let pid = init.pid.as_raw_nonzero().get();
        let home = home::needs_home(options.process).then(|| find_home(pid, options.process)).flatten();
        let group = self.joined(&options)?;
        let rdt = spec.linux.intel_rdt.as_ref().map(|rdt| (rdt, crate::resctrl::find()));
