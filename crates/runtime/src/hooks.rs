//! Hooks: programs of the configuration that run at six moments of a container's life, config.md#posix-platform-hooks.

use std::ffi::CString;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

use palisade_namespace::Kinds;
use palisade_oci::state::State;
use palisade_oci::{Hook, Spec};
use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::fs::{MemfdFlags, Mode, OFlags, SeekFrom};
use rustix::io::Errno;
use rustix::process::{Signal, WaitId, WaitIdOptions};

use crate::compile;
use crate::error::{During, Error, Result};
use crate::execute::{Process, Surroundings, execute};
use crate::host::Host;
use crate::plan::HookKind;

/// The hooks of a kind, in their order.
pub(crate) fn of_kind(spec: &Spec, kind: HookKind) -> &[Hook] {
    let hooks = &spec.hooks;
    match kind {
        HookKind::Prestart => &hooks.prestart,
        HookKind::CreateRuntime => &hooks.create_runtime,
        HookKind::CreateContainer => &hooks.create_container,
        HookKind::StartContainer => &hooks.start_container,
        HookKind::Poststart => &hooks.poststart,
        HookKind::Poststop => &hooks.poststop,
    }
}

/// Runs all hooks of a kind, one after the other, each with the state on its standard input.
///
/// Hooks of createContainer and startContainer run in the namespaces of `container`, the others on the host.
///
/// # Errors
/// The first hook that cannot be run, fails, or runs out of time; those behind it are not run.
pub(crate) fn run(
    host: &Host,
    spec: &Spec,
    kind: HookKind,
    state: &State,
    container: Option<(&Process, Kinds)>,
) -> Result<()> {
    let inside = matches!(kind, HookKind::CreateContainer | HookKind::StartContainer);
    let target = container.filter(|_| inside);
    let hooks = of_kind(spec, kind).iter().enumerate();
    hooks.into_iter().try_for_each(|(index, hook)| run_one(host, (kind, index, hook), state, target))
}

/// Runs the poststop hooks, each whatever becomes of the others, and gives what went wrong: the container is gone
/// by then, and no failure brings it back.
pub(crate) fn run_poststop(host: &Host, spec: &Spec, state: &State) -> Vec<String> {
    let kind = HookKind::Poststop;
    let hooks = of_kind(spec, kind).iter().enumerate();
    let failures = hooks.filter_map(|(index, hook)| run_one(host, (kind, index, hook), state, None).err());
    failures.map(|error| error.to_string()).collect()
}

fn run_one(
    host: &Host,
    (kind, index, hook): (HookKind, usize, &Hook),
    state: &State,
    container: Option<(&Process, Kinds)>,
) -> Result<()> {
    let text = serde_json::to_vec(state).map_err(|error| Error::new(format!("write the state: {error}")))?;
    execute_one(host, hook, &text, container)
        .map_err(|error| error.context(format_args!("/hooks/{}/{index} {}", kind.name(), hook.path)))
}

fn execute_one(host: &Host, hook: &Hook, state: &[u8], container: Option<(&Process, Kinds)>) -> Result<()> {
    let target = container.map(|(process, kinds)| (process.pid.as_raw_nonzero().get(), kinds));
    let plan = compile::hook(host, hook, target)?;
    let stdin = state_file(state)?;
    let null = rustix::fs::open("/dev/null", OFlags::RDWR | OFlags::CLOEXEC, Mode::empty())
        .during("open /dev/null")?;
    let stderr = rustix::stdio::stderr();
    let stdio: [BorrowedFd<'_>; 3] = [stdin.as_fd(), null.as_fd(), stderr];
    let surroundings = Surroundings {
        record: &|_| Ok(()),
        hooks: &|_, _| Ok(()),
        observe: None,
        signals: None,
        directory: None,
        group: None,
        stdio: Some(stdio),
    };
    let started = execute(&plan, surroundings)?;
    let timeout = hook.timeout.and_then(|seconds| u64::try_from(seconds).ok()).map(Duration::from_secs);
    wait(&started.process, timeout)
}

/// Puts the state into a memory file: a hook that does not read it cannot block anybody.
fn state_file(state: &[u8]) -> Result<OwnedFd> {
    let name = CString::from(c"state");
    let file = rustix::fs::memfd_create(&name, MemfdFlags::CLOEXEC).during("memfd_create")?;
    rustix::io::write(&file, state).during("write the state")?;
    rustix::fs::seek(&file, SeekFrom::Start(0)).during("lseek")?;
    Ok(file)
}

fn wait(process: &Process, timeout: Option<Duration>) -> Result<()> {
    if let Some(timeout) = timeout
        && !ends_within(process.pidfd.as_fd(), timeout)?
    {
        rustix::process::pidfd_send_signal(&process.pidfd, Signal::KILL).during("kill")?;
        rustix::process::waitid(WaitId::PidFd(process.pidfd.as_fd()), WaitIdOptions::EXITED)
            .during("waitid")?;
        return Err(Error::new(format!("it did not end within its timeout of {} s", timeout.as_secs())));
    }
    let wait = || rustix::process::waitid(WaitId::PidFd(process.pidfd.as_fd()), WaitIdOptions::EXITED);
    let status = rustix::io::retry_on_intr(wait).during("waitid")?;
    match status.map(|status| (status.exit_status(), status.terminating_signal())) {
        Some((Some(0), _)) => Ok(()),
        Some((Some(code), _)) => Err(Error::new(format!("it failed with exit status {code}"))),
        Some((None, Some(signal))) => Err(Error::new(format!("it was killed by signal {signal}"))),
        _ => Err(Error::new("it ended in an unknown way")),
    }
}

fn ends_within(pidfd: BorrowedFd<'_>, timeout: Duration) -> Result<bool> {
    let end = Instant::now() + timeout;
    loop {
        let left = end.saturating_duration_since(Instant::now());
        let seconds = i64::try_from(left.as_secs()).unwrap_or(i64::MAX);
        let left_spec = Timespec { tv_sec: seconds, tv_nsec: i64::from(left.subsec_nanos()) };
        match rustix::event::poll(&mut [PollFd::from_borrowed_fd(pidfd, PollFlags::IN)], Some(&left_spec)) {
            Ok(0) => return Ok(false),
            Ok(_) => return Ok(true),
            Err(Errno::INTR) if !left.is_zero() => {}
            Err(Errno::INTR) => return Ok(false),
            Err(errno) => return Err(Error::call("poll", errno)),
        }
    }
}
