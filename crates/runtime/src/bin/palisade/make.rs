//! `create` and `run`.

use std::io::Write;
use std::os::fd::AsFd;
use std::path::Path;

use palisade_runtime::compile::{Affinity, Begin, Compiled, Driver, EnterRoot, Keyring, Loopback};
use palisade_runtime::{
    Bundle, Container, ContainerId, CreateRequest, Created, End, Error, Event, Explain, Force, Foreground,
    Host, Notified, PidfdOf, Readiness, Relay, Result, Store, send_master, send_pidfd,
};
use palisade_sys::signal;

use crate::arguments::{Make, Run};
use crate::log::Log;

pub(crate) fn create(verb: &Make, driver: Driver, store: &Store, log: &Log) -> Result<u8> {
    let host = probe(driver)?;
    let notified = Notified::find()?;
    let bundle = load(verb, store, notified.as_ref())?;
    if wants_terminal(&bundle) && verb.console_socket.is_none() {
        return Err(Error::new(
            "/process/terminal: create needs --console-socket for a container with a terminal",
        ));
    }
    check_socket(verb.console_socket.as_deref(), wants_terminal(&bundle))?;
    let _mask = signal::block_all();
    let request = Wanted { begin: Begin::OnStart, says_ready: notified.is_some() };
    let mut created = make(verb, &host, driver, &bundle, store, &request, log)?;
    match hand_over(verb, &mut created) {
        Ok(()) => Ok(0),
        Err(error) => Err(undo(created, error)),
    }
}

pub(crate) fn run(verb: &Run, driver: Driver, store: &Store, log: &Log) -> Result<u8> {
    let host = probe(driver)?;
    let notified = Notified::find()?;
    let bundle = load(&verb.make, store, notified.as_ref())?;
    let terminal = wants_terminal(&bundle);
    if verb.detach && terminal && verb.make.console_socket.is_none() {
        let error =
            Error::new("/process/terminal: --detach needs --console-socket for a container with a terminal");
        return Err(error);
    }
    check_socket(verb.make.console_socket.as_deref(), terminal)?;
    let mask = signal::block_all();
    let orphans = Orphans::adopt(verb.detach || verb.make.no_subreaper)?;
    // One whose readiness is listened to begins when that is so.
    let begin = if notified.is_some() { Begin::OnStart } else { Begin::AtOnce };
    let request = Wanted { begin, says_ready: notified.is_some() };
    let mut created = make(&verb.make, &host, driver, &bundle, store, &request, log)?;
    let begun = hand_over(&verb.make, &mut created).and_then(|()| match notified {
        Some(notified) => begin_listened_to(&created, notified, &host),
        None => created.container.run_poststart(&host, &bundle.spec).map(|()| None),
    });
    let readiness = match begun {
        Ok(readiness) => readiness,
        Err(error) => return Err(undo(created, error)),
    };
    if verb.detach {
        // From here on whoever waits may be interrupted; the container goes on.
        signal::restore(mask);
        let process = &created.process;
        return readiness.map_or(Ok(()), |it| it.pass_on(&process.pidfd, process.pid)).map(|()| 0);
    }
    let end = match readiness {
        Some(readiness) => wait_and_pass_on(orphans, &mut created, &readiness, log)?,
        None => orphans.wait(&mut created)?,
    };
    if !verb.keep {
        log.warnings(&created.container.delete_ended(&host, &bundle.spec, created.group)?);
    }
    Ok(end.code())
}

/// Lets the program of a container begin that waits, once there is somebody to hear that it is ready.
fn begin_listened_to(created: &Created, notified: Notified, host: &Host) -> Result<Option<Readiness>> {
    let readiness = notified.listen(created.container.state_directory())?;
    created.container.start(host).map(|()| readiness)
}

/// Waits for a container's end, and passes on meanwhile that its program is ready; the service is to be watched by the
/// end of this process.
fn wait_and_pass_on(
    orphans: Orphans,
    created: &mut Created,
    readiness: &Readiness,
    log: &Log,
) -> Result<End> {
    let pidfd = created.process.pidfd.try_clone();
    let pidfd = pidfd.map_err(|error| Error::new(format!("duplicate the pidfd: {error}")))?;
    std::thread::scope(|scope| {
        scope.spawn(|| {
            if let Err(error) = readiness.pass_on(&pidfd, rustix::process::getpid()) {
                log.warnings(&[error.to_string()]);
            }
        });
        orphans.wait(created)
    })
}

/// Whether this program takes in the processes of a container whose parents end before them; those of a container without
/// a pid namespace of its own would else go to whoever takes in those of its caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Orphans {
    Adopted,
    Left,
}

impl Orphans {
    /// Takes them in from now on, unless they are to be left.
    pub(crate) fn adopt(leave: bool) -> Result<Self> {
        if leave {
            return Ok(Self::Left);
        }
        rustix::process::set_child_subreaper(Some(rustix::process::getpid()))
            .map_err(|errno| Error::call("prctl PR_SET_CHILD_SUBREAPER", errno))?;
        Ok(Self::Adopted)
    }

    /// Waits for a container's end, and for those of its orphans. Relays its terminal, unless that was handed over.
    pub(crate) fn wait(self, created: &mut Created) -> Result<End> {
        let relay = created.terminal.take().map(Relay::begin).transpose()?;
        let signals = signal::descriptor().map_err(|errno| Error::call("signalfd", errno))?;
        let foreground =
            Foreground { process: &created.process, signals: signals.as_fd(), relay, patience: None };
        match self {
            Self::Adopted => foreground.wait_as_subreaper(),
            Self::Left => foreground.wait(),
        }
    }
}

/// Gathers the facts, systemd's too where it is to make the cgroup.
pub(crate) fn probe(driver: Driver) -> Result<Host> {
    let mut host = Host::probe()?;
    if driver == Driver::Systemd {
        host.ask_systemd()?;
    }
    Ok(host)
}

fn load(verb: &Make, store: &Store, notified: Option<&Notified>) -> Result<Bundle> {
    check_descriptors(preserved(verb))?;
    let mut bundle = match &verb.config {
        Some(config) => Bundle::load_with(&verb.bundle, config),
        None => Bundle::load(&verb.bundle),
    }?;
    let listening = listening();
    if let Some(process) = bundle.spec.process.as_mut().filter(|_| listening > 0) {
        process.env.push(format!("LISTEN_FDS={listening}"));
        process.env.push("LISTEN_PID=1".to_owned());
    }
    if notified.is_some() {
        let root = std::path::absolute(store.root());
        let root = root.map_err(|error| Error::new(format!("find {}: {error}", store.root().display())))?;
        Notified::configure(&mut bundle.spec, &root.join(&verb.id));
    }
    Ok(bundle)
}

/// How many descriptors after stderr the program gets: those that were listened at come first.
fn preserved(verb: &Make) -> u32 {
    verb.preserve_fds.saturating_add(listening())
}

/// How many sockets systemd, or whoever else starts services by their sockets, has passed on, `sd_listen_fds(3)`.
fn listening() -> u32 {
    let number = |name: &str| std::env::var(name).ok()?.parse::<u32>().ok();
    if number("LISTEN_PID") == Some(std::process::id()) { number("LISTEN_FDS").unwrap_or(0) } else { 0 }
}

/// A socket that nothing would ever come through is a mistake.
pub(crate) fn check_socket(socket: Option<&Path>, has_terminal: bool) -> Result<()> {
    match socket {
        Some(socket) if !has_terminal => {
            Err(Error::new(format!("--console-socket {}: the process has no terminal", socket.display()))
                .hint("/process/terminal gives it one, for exec --tty"))
        }
        _ => Ok(()),
    }
}

/// A descriptor that is not open cannot be passed on, nor one of this program's own: those close on exec.
pub(crate) fn check_descriptors(preserve: u32) -> Result<()> {
    match (3..preserve.saturating_add(3)).find(|number| !is_inherited(*number)) {
        Some(number) => {
            Err(Error::new(format!("--preserve-fds {preserve}: descriptor {number} is not open")))
        }
        None => Ok(()),
    }
}

/// Reads the flags of a descriptor, `proc_pid_fdinfo(5)`.
fn is_inherited(number: u32) -> bool {
    /// `O_CLOEXEC` on all machines that this program is built for.
    const CLOSES_ON_EXEC: u32 = 0o2_000_000;
    let text = std::fs::read_to_string(format!("/proc/self/fdinfo/{number}")).unwrap_or_default();
    let flags = text.lines().find_map(|line| line.strip_prefix("flags:"));
    let flags = flags.and_then(|flags| u32::from_str_radix(flags.trim(), 8).ok());
    flags.is_some_and(|flags| flags & CLOSES_ON_EXEC == 0)
}

fn wants_terminal(bundle: &Bundle) -> bool {
    bundle.spec.process.as_ref().is_some_and(|process| process.terminal)
}

/// How a container is to be made, beside its flags.
struct Wanted {
    begin: Begin,
    says_ready: bool,
}

fn make(
    verb: &Make,
    host: &Host,
    driver: Driver,
    bundle: &Bundle,
    store: &Store,
    wanted: &Wanted,
    log: &Log,
) -> Result<Created> {
    let id = ContainerId::new(&verb.id)?;
    let signals = signal::descriptor().map_err(|errno| Error::call("signalfd", errno))?;
    let mut request = CreateRequest {
        state: store.root(),
        id: &id,
        bundle,
        begin: wanted.begin,
        enter_root: if verb.no_pivot { EnterRoot::Move } else { EnterRoot::Pivot },
        preserve_fds: preserved(verb),
        root: None,
        loopback: Loopback::Up,
        keyring: if verb.no_new_keyring { Keyring::Callers } else { Keyring::Own },
        affinity: Affinity::OfGroup,
        driver,
        says_ready: wanted.says_ready,
        signals: Some(signals.as_fd()),
        stdio: None,
        observe: None,
    };
    let compiled: Compiled = request.compile(host)?;
    log.warnings(&compiled.warnings);
    if !verb.explain && !log.tells_steps() {
        return Container::create_compiled(host, request, &compiled);
    }
    let explain = Explain::new(&compiled.plan);
    let observe = |event: Event| {
        if let (true, Some(text)) = (verb.explain, explain.text(event)) {
            // A reader of standard error that has gone away must not end the start half way.
            let _told = writeln!(std::io::stderr().lock(), "{text}");
        }
        if let (true, Some(line)) = (log.tells_steps(), explain.line(event)) {
            log.debug(&line);
        }
    };
    request.observe = Some(&observe);
    Container::create_compiled(host, request, &compiled)
}

/// Gives the terminal and the process's number to whoever asked for them.
fn hand_over(verb: &Make, created: &mut Created) -> Result<()> {
    if let Some(socket) = &verb.console_socket
        && let Some(master) = created.terminal.take()
    {
        send_master(socket, master.as_fd())?;
    }
    if let Some(socket) = &verb.pidfd_socket {
        send_pidfd(socket, PidfdOf::First, &created.process)?;
    }
    if let Some(path) = &verb.pid_file {
        write_pid(path, created.process.pid.as_raw_nonzero().get())?;
    }
    Ok(())
}

/// Writes a pid file in one step: whoever waits for it never reads a part of it.
pub(crate) fn write_pid(path: &Path, pid: i32) -> Result<()> {
    let failed = |error: std::io::Error| Error::io(format_args!("--pid-file {}", path.display()), &error);
    let name =
        path.file_name().ok_or_else(|| Error::new(format!("--pid-file {}: no file name", path.display())))?;
    let temporary = path.with_file_name(format!(".{}.{}", name.to_string_lossy(), std::process::id()));
    std::fs::write(&temporary, pid.to_string()).map_err(failed)?;
    std::fs::rename(&temporary, path).map_err(failed)
}

/// Removes a container that was made but could not be handed over.
pub(crate) fn undo(created: Created, error: Error) -> Error {
    match created.container.delete(Force::Yes) {
        Ok(warnings) if warnings.is_empty() => error,
        Ok(warnings) => error.hint(format_args!("and {}", warnings.join("; "))),
        Err(also) => error.hint(format_args!("and it could not be removed: {also}")),
    }
}
