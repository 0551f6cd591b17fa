//! `exec`: one more process in a running container.

use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;

use palisade_oci::Process as ProcessSpec;
use palisade_oci::state::Status;

use super::{Container, home};
use crate::compile::{self, ExecRequest, Groups};
use crate::error::{Error, ErrorKind, Result};
use crate::execute::{Event, Process, Started, Surroundings, execute, open_directory};
use crate::host::Host;
use crate::labels::SecurityModules;

/// How a process is to be started.
pub struct ExecOptions<'a> {
    /// The process.
    pub process: &'a ProcessSpec,
    /// How many descriptors after stderr it gets.
    pub preserve_fds: u32,
    /// Is told the process before its program begins.
    pub record: &'a dyn Fn(&Process) -> Result<()>,
    /// Is told each step that was done.
    pub observe: Option<&'a dyn Fn(Event)>,
    /// A signal descriptor that is heeded meanwhile.
    pub signals: Option<BorrowedFd<'a>>,
    /// The standard descriptors where they are not the caller's own.
    pub stdio: Option<[BorrowedFd<'a>; 3]>,
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
            Status::Paused => {
                return Err(Error::new(format!("cannot exec in container {}: it is paused", self.record.id))
                    .hint("resume it first"));
            }
            status => {
                let message = format!("cannot exec in container {}: it is {status}", self.record.id);
                return Err(Error::of(ErrorKind::NotRunning, message));
            }
        }
        let spec = self.directory.config()?;
        let init = self.open_process()?;
        let pid = init.pid.as_raw_nonzero().get();
        let home = home::needs_home(options.process).then(|| find_home(pid, options.process)).flatten();
        let group = self.group()?;
        let rdt = spec.linux.intel_rdt.as_ref().map(|rdt| (rdt, crate::resctrl::find()));
        let request = ExecRequest {
            id: &self.record.id,
            personality: spec.linux.personality.as_ref(),
            memory_policy: spec.linux.memory_policy.as_ref(),
            keyring: self.record.keyring,
            modules: SecurityModules::of(options.process),
            intel_rdt: rdt.as_ref().map(|(rdt, root)| (*rdt, root.as_deref())),
            process: options.process,
            seccomp: spec.linux.seccomp.as_ref(),
            pid,
            kinds: self.record.kinds(),
            in_group: group.as_ref().is_some_and(|group| group.tasks().next().is_some()),
            groups: groups(pid).heeding(&self.record.annotations),
            home: home.as_deref(),
            preserve_fds: options.preserve_fds,
        };
        let (plan, warnings) = compile::exec(host, &request)?;
        let surroundings = Surroundings {
            record: options.record,
            hooks: &|_, _| Ok(()),
            observe: options.observe,
            signals: options.signals,
            directory: None,
            group,
            stdio: options.stdio,
        };
        Ok(Executed { started: execute(&plan, surroundings)?, warnings })
    }

    /// The process section of the container's configuration, as the pattern of one for `exec`.
    ///
    /// # Errors
    /// The kept configuration cannot be read.
    pub fn process_pattern(&self) -> Result<ProcessSpec> {
        let spec = self.directory.config()?;
        spec.process.ok_or_else(|| Error::new("the container's configuration has no process"))
    }
}

/// Reads whether the user namespace of a process allows `setgroups(2)`, `user_namespaces(7)`.
fn groups(pid: i32) -> Groups {
    match std::fs::read_to_string(format!("/proc/{pid}/setgroups")) {
        Ok(word) if word.trim() != "deny" => Groups::Configured,
        // A process that has gone meanwhile is told of where it is joined.
        _ => Groups::Forbidden,
    }
}

fn find_home(pid: i32, process: &ProcessSpec) -> Option<String> {
    let root = open_directory(Path::new(&format!("/proc/{pid}/root"))).ok()?;
    Some(home::find(root.as_fd(), process.user.uid))
}
