//! `start`.

use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};

use palisade_oci::Spec;
use palisade_oci::state::Status;
use palisade_sys::launch::REPORT_SIZE;
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;

use super::{Container, Force};
use crate::compile;
use crate::error::{During, Error, ErrorKind, Result};
use crate::execute::{Process, program_failure};
use crate::hooks;
use crate::host::Host;
use crate::init::{Message, decode};
use crate::listener;
use crate::notify::Readiness;
use crate::plan::{Agent, HookKind};
use crate::record::{GO_FIFO, OUTCOME_FIFO};

impl Container {
    /// Lets the container's program begin, and tells whether it could be executed.
    ///
    /// # Errors
    /// A container that is not `created`, a program that cannot be executed, a hook that fails; after a failed
    /// hook the container is stopped.
    pub fn start(&self, host: &Host) -> Result<()> {
        let status = self.status()?;
        if status != Status::Created {
            let message = format!("cannot start container {}: it is {status}", self.record.id);
            let kind = if status == Status::Stopped { ErrorKind::NotRunning } else { ErrorKind::Other };
            return Err(Error::of(kind, message).hint("only a created container can be started, once"));
        }
        let spec = self.directory.config()?;
        let process = self.open_process()?;
        let inside = Some((&process, self.record.kinds()));
        hooks::run(host, &spec, HookKind::StartContainer, &self.state(Status::Created), inside, None)
            .map_err(|error| self.stop_after(error))?;
        let outcome = self.open_fifo(OUTCOME_FIFO, OFlags::RDONLY)?;
        let go = self.open_fifo(GO_FIFO, OFlags::WRONLY)?;
        // From here on a second start finds nothing to start.
        self.directory.unlink(GO_FIFO)?;
        self.directory.unlink(OUTCOME_FIFO)?;
        rustix::io::write(&go, b"0").during("write to the container's start FIFO")?;
        self.read_outcome(&outcome, &spec, &process)?;
        self.run_poststart(host, &spec)
    }

    /// Waits until the program that was started is ready, and says so, or has ended.
    ///
    /// # Errors
    /// As [`Readiness::pass_on`].
    pub fn pass_on(&self, readiness: &Readiness) -> Result<()> {
        match self.open_process() {
            Ok(process) => readiness.pass_on(&process.pidfd, process.pid),
            Err(error) if error.kind() == ErrorKind::NotRunning => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Runs the poststart hooks; [`Container::start`] does it by itself.
    ///
    /// # Errors
    /// A hook that fails; the container is stopped then.
    pub fn run_poststart(&self, host: &Host, spec: &Spec) -> Result<()> {
        if hooks::of_kind(spec, HookKind::Poststart).is_empty() {
            return Ok(());
        }
        let hooked = hooks::run(host, spec, HookKind::Poststart, &self.state(Status::Running), None, None);
        hooked.map_err(|error| self.stop_after(error))
    }

    /// Stops the container because a hook has failed.
    fn stop_after(&self, error: Error) -> Error {
        match self.end(Force::Yes) {
            Ok(()) => error.hint("the container was stopped"),
            Err(also) => error.hint(format_args!("and the container could not be stopped: {also}")),
        }
    }

    fn open_fifo(&self, name: &str, flags: OFlags) -> Result<OwnedFd> {
        let flags = flags | OFlags::NONBLOCK | OFlags::CLOEXEC | OFlags::NOFOLLOW;
        match rustix::fs::openat(self.directory.descriptor(), name, flags, Mode::empty()) {
            Ok(fifo) => Ok(fifo),
            Err(Errno::NXIO) => Err(Error::of(
                ErrorKind::NotRunning,
                format!("{}: container not running: its process ended before start", self.record.id),
            )),
            Err(errno) => Err(Error::call(format_args!("open the container's FIFO {name}"), errno)),
        }
    }

    /// Waits until the last holder of the FIFO, the container's process, closes it by executing its program. What it
    /// writes before that is that its filter has a listener, or a failure.
    fn read_outcome(&self, outcome: &OwnedFd, spec: &Spec, process: &Process) -> Result<()> {
        let flags = rustix::fs::fcntl_getfl(outcome).during("fcntl")?;
        rustix::fs::fcntl_setfl(outcome, flags - OFlags::NONBLOCK).during("fcntl")?;
        let mut report = [0u8; REPORT_SIZE];
        loop {
            let length = rustix::io::retry_on_intr(|| rustix::io::read(outcome, &mut report))
                .during("read the outcome")?;
            let report = report.get(..length).unwrap_or_default();
            match (decode(report), compile::agent(spec)) {
                _ if report.is_empty() => return Ok(()),
                (Some(Message::Listens { address }), Some(agent)) => {
                    self.pass_listener(outcome, address, process, &agent)
                        .map_err(|error| self.stop_after(error))?;
                }
                _ => {
                    await_end(process);
                    let program = spec.process.as_ref().map(|process| process.args.as_slice());
                    return Err(program_failure(report, program.unwrap_or_default()));
                }
            }
        }
    }

    fn pass_listener(&self, outcome: &OwnedFd, address: u64, process: &Process, agent: &Agent) -> Result<()> {
        let state = self.state(Status::Created);
        let pass = |listener: OwnedFd| listener::send(agent, &listener, process, &state);
        // Where there is no listener the outcome says why.
        listener::hand_over(process, address, outcome.as_fd(), pass).map(drop)
    }
}

/// Waits until a process that could not execute its program is gone: an engine that is told of the failure deletes the
/// container, and containerd's shim refuses to until it has reaped the process itself. A parent that never reaps is not
/// waited for long.
fn await_end(process: &Process) {
    const MOST: Duration = Duration::from_millis(500);
    let begin = Instant::now();
    while begin.elapsed() < MOST {
        match rustix::process::test_kill_process(process.pid) {
            Err(Errno::SRCH) => break,
            _ => std::thread::sleep(Duration::from_millis(1)),
        }
    }
}
