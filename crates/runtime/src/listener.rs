//! The listener of a filter with `SCMP_ACT_NOTIFY`: how it gets from the process that loaded the filter to the agent,
//! runtime-spec config-linux.md "The Container Process State".
//!
//! The process whose filter it is could only send the descriptor by a call that the filter may hand to the very agent
//! that waits for it. So it makes none: the runtime takes the descriptor out of it.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use palisade_oci::state::State;
use palisade_sys::memory;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::FileType;
use rustix::io::Errno;
use rustix::process::{PidfdGetfdFlags, pidfd_getfd};
use serde::Serialize;

use crate::error::{During, Error, Result};
use crate::execute::Process;
use crate::init::send_descriptor;
use crate::plan::Agent;

/// How long the process is given to load its filter.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long is slept between two looks.
const BETWEEN_LOOKS: Timespec = Timespec { tv_sec: 0, tv_nsec: 100_000 };

/// What goes to the agent, in JSON.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ContainerProcessState<'a> {
    oci_version: &'a str,
    fds: [&'static str; 1],
    pid: i32,
    #[serde(skip_serializing_if = "Option::is_none")]
    metadata: Option<&'a str>,
    state: &'a State,
}

/// Takes the listener out of a process that says at `address` which of its descriptors that is, and lets it go on once
/// `pass` is done. Tells whether there was a listener: a process that reports something else has none.
pub(crate) fn hand_over(
    process: &Process,
    address: u64,
    reports: BorrowedFd<'_>,
    pass: impl FnOnce(OwnedFd) -> Result<()>,
) -> Result<bool> {
    let Some(number) = await_listener(process, address, reports)? else { return Ok(false) };
    let listener = pidfd_getfd(&process.pidfd, number, PidfdGetfdFlags::empty())
        .map_err(|errno| hinted("pidfd_getfd of the filter's listener", errno))?;
    pass(listener)?;
    memory::write_word(process.pid, address, 0)
        .map_err(|errno| hinted("process_vm_writev to the launch image", errno))?;
    Ok(true)
}

/// Waits until the process has said a number; none when it reports or ends instead.
fn await_listener(process: &Process, address: u64, reports: BorrowedFd<'_>) -> Result<Option<i32>> {
    let begin = Instant::now();
    while begin.elapsed() < PATIENCE {
        let word = memory::read_word(process.pid, address)
            .map_err(|errno| hinted("process_vm_readv of the launch image", errno))?;
        if let Some(number) = word.checked_sub(1) {
            let number = i32::try_from(number);
            return number.map(Some).map_err(|_| Error::new("the launch image names no descriptor"));
        }
        let mut watched = [PollFd::from_borrowed_fd(reports, PollFlags::IN)];
        match poll(&mut watched, Some(&BETWEEN_LOOKS)) {
            Ok(0) | Err(Errno::INTR) => {}
            Ok(_) => return Ok(None),
            Err(errno) => return Err(Error::call("poll", errno)),
        }
    }
    Err(Error::new("the filter of system calls was not loaded in time"))
}

fn hinted(call: &str, errno: Errno) -> Error {
    let error = Error::call(call, errno);
    match errno {
        Errno::PERM => error.hint("taking the listener needs the right to trace the process: CAP_SYS_PTRACE"),
        _ => error,
    }
}

/// Looks whether there is a socket of the agent. Whether somebody listens is only known when the listener is sent.
pub(crate) fn check(agent: &Agent) -> Result<()> {
    let path = &agent.path;
    let status = rustix::fs::stat(path).during(format_args!("connect to {path}")).map_err(expected)?;
    match FileType::from_raw_mode(status.st_mode) {
        FileType::Socket => Ok(()),
        _ => Err(expected(Error::new(format!("connect to {path}: it is not a socket")))),
    }
}

fn expected(error: Error) -> Error {
    error.hint("an agent has to listen there: it answers the calls that the filter asks about")
}

/// Sends the listener to the agent, with what it is about.
pub(crate) fn send(agent: &Agent, listener: impl AsFd, process: &Process, state: &State) -> Result<()> {
    let document = ContainerProcessState {
        oci_version: &state.oci_version,
        fds: ["seccompFd"],
        pid: process.pid.as_raw_nonzero().get(),
        metadata: agent.metadata.as_deref(),
        state,
    };
    let text = serde_json::to_vec(&document)
        .map_err(|error| Error::new(format!("write the container process state: {error}")))?;
    let path = &agent.path;
    let socket = UnixStream::connect(path).during(format_args!("connect to {path}")).map_err(expected)?;
    send_descriptor(socket.as_fd(), &text, listener.as_fd()).during(format_args!("send to {path}"))
}
