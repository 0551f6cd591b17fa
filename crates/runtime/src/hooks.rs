//! Hooks: programs of the configuration that run at six moments of a container's life, config.md#posix-platform-hooks.

use std::collections::BTreeMap;
use std::ffi::CString;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::time::{Duration, Instant};

use palisade_namespace::{Kind, Kinds};
use palisade_oci::state::State;
use palisade_oci::{Hook, Spec};
use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::fs::{MemfdFlags, Mode, OFlags, SeekFrom};
use rustix::io::Errno;
use rustix::process::{Signal, WaitId, WaitIdOptions};

use crate::compile::{self, Inherited, Violations};
use crate::error::{During, Error, Result};
use crate::execute::{Process, Surroundings, execute, heed};
use crate::host::Host;
use crate::lifecycle::find_in_root;
use crate::plan::{HookKind, Plan, Text};

/// The annotations of crun that name files for what hooks print.
pub(crate) const STDOUT: &str = "run.oci.hooks.stdout";
pub(crate) const STDERR: &str = "run.oci.hooks.stderr";

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
/// The first hook that cannot be run, fails, or runs out of time; those behind it are not run. A signal of `signals`
/// that means to end, after which the hook is killed.
pub(crate) fn run(
    host: &Host,
    spec: &Spec,
    kind: HookKind,
    state: &State,
    container: Option<(&Process, Kinds)>,
    signals: Option<BorrowedFd<'_>>,
) -> Result<()> {
    let hooks = of_kind(spec, kind);
    if hooks.is_empty() {
        return Ok(());
    }
    let inside = matches!(kind, HookKind::CreateContainer | HookKind::StartContainer);
    let target = container.filter(|_| inside);
    // Inside the container its process has another number.
    let seen = match target {
        Some((process, kinds)) if kinds.contains(Kind::Pid) => {
            Some(State { pid: inner_pid(process)?, ..state.clone() })
        }
        _ => None,
    };
    let state = seen.as_ref().unwrap_or(state);
    let inherited = inherited(spec, kind, &state.bundle);
    hooks
        .iter()
        .enumerate()
        .try_for_each(|(index, hook)| run_one(host, (kind, index, hook), state, &inherited, target, signals))
}

/// Runs the poststop hooks, each whatever becomes of the others, and gives what went wrong: the container is gone
/// by then, and no failure brings it back.
pub(crate) fn run_poststop(host: &Host, spec: &Spec, state: &State) -> Vec<String> {
    let kind = HookKind::Poststop;
    let hooks = of_kind(spec, kind).iter().enumerate();
    let inherited = inherited(spec, kind, &state.bundle);
    let failures = hooks
        .filter_map(|(index, hook)| run_one(host, (kind, index, hook), state, &inherited, None, None).err());
    failures.map(|error| error.to_string()).collect()
}

/// What hooks have with runc and crun that their configuration does not say: the environment of the runtime, or inside
/// that of the container; and the bundle to begin in, as long as the root is not entered.
fn inherited(spec: &Spec, kind: HookKind, bundle: &Path) -> Inherited {
    let environment = match kind {
        HookKind::CreateContainer | HookKind::StartContainer => environment_of(spec, bundle),
        _ => own_environment(),
    };
    let begins_in_bundle = kind != HookKind::StartContainer;
    let directory = begins_in_bundle.then(|| Text::new(bundle.as_os_str().as_encoded_bytes()).ok()).flatten();
    Inherited { environment, directory }
}

fn own_environment() -> Vec<Text> {
    let variables = std::env::vars_os().map(|(mut name, value)| {
        name.push("=");
        name.push(value);
        name
    });
    variables.filter_map(|variable| Text::new(variable.into_encoded_bytes()).ok()).collect()
}

/// The environment of hooks inside: the container's.
fn environment_of(spec: &Spec, bundle: &Path) -> Vec<Text> {
    let home = find_in_root(spec, bundle).map(|home| format!("HOME={home}"));
    let variables = spec.process.iter().flat_map(|process| &process.env).chain(&home);
    let named = variables.filter_map(|variable| {
        let (name, _) = variable.split_once('=')?;
        Some((name, Text::new(variable.as_bytes()).ok()?))
    });
    compile::last_of_each(named.collect())
}

/// Reads the number that a process has in the innermost pid namespace that it is in, `proc_pid_status(5)`.
fn inner_pid(process: &Process) -> Result<Option<u32>> {
    let path = format!("/proc/{}/status", process.pid.as_raw_nonzero());
    let text = std::fs::read_to_string(&path).during(format_args!("read {path}"))?;
    let numbers = text.lines().find_map(|line| line.strip_prefix("NSpid:"));
    Ok(numbers.and_then(|numbers| numbers.split_whitespace().next_back()?.parse().ok()))
}

fn run_one(
    host: &Host,
    (kind, index, hook): (HookKind, usize, &Hook),
    state: &State,
    inherited: &Inherited,
    container: Option<(&Process, Kinds)>,
    signals: Option<BorrowedFd<'_>>,
) -> Result<()> {
    let text = serde_json::to_vec(state).map_err(|error| Error::new(format!("write the state: {error}")))?;
    let outputs = Outputs::open(&state.annotations)?;
    let target = container.map(|(process, kinds)| (process.pid.as_raw_nonzero().get(), kinds));
    let plan = compile::hook(host, hook, inherited, target).map_err(Violations::without_file);
    plan.and_then(|plan| execute_one(&plan, hook.timeout, &text, &outputs, signals))
        .map_err(|error| error.context(format_args!("/hooks/{}/{index} {}", kind.name(), hook.path)))
}

/// Where a hook's output goes: nowhere and to the caller's standard error, or to files that annotations name.
struct Outputs {
    stdout: OwnedFd,
    stderr: Option<OwnedFd>,
}

impl Outputs {
    fn open(annotations: &BTreeMap<String, String>) -> Result<Self> {
        let open =
            |annotation: &str| annotations.get(annotation).map(|path| append(annotation, path)).transpose();
        let stdout = match open(STDOUT)? {
            Some(file) => file,
            None => rustix::fs::open("/dev/null", OFlags::RDWR | OFlags::CLOEXEC, Mode::empty())
                .during("open /dev/null")?,
        };
        Ok(Self { stdout, stderr: open(STDERR)? })
    }
}

fn append(annotation: &str, path: &str) -> Result<OwnedFd> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::APPEND | OFlags::CLOEXEC | OFlags::NOCTTY;
    rustix::fs::open(path, flags, Mode::RUSR | Mode::WUSR)
        .during(format_args!("open {path}"))
        .map_err(|error| error.context(format_args!("/annotations/{annotation}")))
}

fn execute_one(
    plan: &Plan,
    timeout: Option<i64>,
    state: &[u8],
    outputs: &Outputs,
    signals: Option<BorrowedFd<'_>>,
) -> Result<()> {
    let stdin = state_file(state)?;
    let stderr = match &outputs.stderr {
        Some(file) => file.as_fd(),
        None => rustix::stdio::stderr(),
    };
    let stdio: [BorrowedFd<'_>; 3] = [stdin.as_fd(), outputs.stdout.as_fd(), stderr];
    let surroundings = Surroundings {
        record: &|_| Ok(()),
        state: None,
        hooks: &|_, _| Ok(()),
        observe: None,
        signals: None,
        directory: None,
        group: None,
        stdio: Some(stdio),
    };
    let started = execute(plan, surroundings)?;
    let timeout = timeout.and_then(|seconds| u64::try_from(seconds).ok()).map(Duration::from_secs);
    wait(&started.process, timeout, signals)
}

/// Puts the state into a memory file: a hook that does not read it cannot block anybody.
fn state_file(state: &[u8]) -> Result<OwnedFd> {
    let name = CString::from(c"state");
    let file = rustix::fs::memfd_create(&name, MemfdFlags::CLOEXEC).during("memfd_create")?;
    rustix::io::write(&file, state).during("write the state")?;
    rustix::fs::seek(&file, SeekFrom::Start(0)).during("lseek")?;
    Ok(file)
}

fn wait(process: &Process, timeout: Option<Duration>, signals: Option<BorrowedFd<'_>>) -> Result<()> {
    let end = || {
        let wait = || rustix::process::waitid(WaitId::PidFd(process.pidfd.as_fd()), WaitIdOptions::EXITED);
        rustix::io::retry_on_intr(wait).during("waitid")
    };
    let kill = || {
        rustix::process::pidfd_send_signal(&process.pidfd, Signal::KILL).during("kill")?;
        end().map(drop)
    };
    match ends_within(process.pidfd.as_fd(), timeout, signals) {
        Ok(true) => {}
        Ok(false) => {
            kill()?;
            let seconds = timeout.unwrap_or_default().as_secs();
            return Err(Error::new(format!("it did not end within its timeout of {seconds} s")));
        }
        Err(error) => {
            kill()?;
            return Err(error);
        }
    }
    let status = end()?;
    match status.map(|status| (status.exit_status(), status.terminating_signal())) {
        Some((Some(0), _)) => Ok(()),
        Some((Some(code), _)) => Err(Error::new(format!("it failed with exit status {code}"))),
        Some((None, Some(signal))) => Err(Error::new(format!("it was killed by signal {signal}"))),
        _ => Err(Error::new("it ended in an unknown way")),
    }
}

/// Waits for the end of a process. A signal that means to end is an error.
fn ends_within(
    pidfd: BorrowedFd<'_>,
    timeout: Option<Duration>,
    signals: Option<BorrowedFd<'_>>,
) -> Result<bool> {
    let end = timeout.map(|timeout| Instant::now() + timeout);
    loop {
        let left = end.map(|end| end.saturating_duration_since(Instant::now()));
        let left_spec = left.map(|left| Timespec {
            tv_sec: i64::try_from(left.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: i64::from(left.subsec_nanos()),
        });
        let watch = if signals.is_some() { PollFlags::IN } else { PollFlags::empty() };
        let mut fds = [
            PollFd::from_borrowed_fd(pidfd, PollFlags::IN),
            PollFd::from_borrowed_fd(signals.unwrap_or(pidfd), watch),
        ];
        match rustix::event::poll(&mut fds, left_spec.as_ref()) {
            Ok(0) => return Ok(false),
            Ok(_) | Err(Errno::INTR) => {}
            Err(errno) => return Err(Error::call("poll", errno)),
        }
        let [ended, signalled] = fds.map(|fd| !fd.revents().is_empty());
        if ended {
            return Ok(true);
        }
        if let Some(signals) = signals.filter(|_| signalled) {
            heed(signals)?;
        }
    }
}
