//! `run -d`: a process of its own stays behind as the container's parent.
//!
//! There is no daemon. This program runs itself once more; that monitor makes the container, keeps its output in a
//! file beside its record, notes how it ended and goes away. As long as it is there it holds a lock on that file.

use std::io::{Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

use palisade_runtime::{
    Bundle, Container, Created, Error, ErrorKind, Force, Foreground, Host, Result, Store, ran_out_of_memory,
};
use palisade_sys::signal;
use rustix::pipe::PipeFlags;
use serde::{Deserialize, Serialize};

use crate::end::Ended;
use crate::log::Log;
use crate::output::print;
use crate::run::{Keep, Order, compile, name_flags, open_null};

/// The hidden verb.
pub(crate) const VERB: &str = "monitor";

/// What a monitor says once, when the container's program has begun or could not.
#[derive(Debug, Serialize, Deserialize)]
enum Report {
    Started,
    Failed { message: String, code: u8 },
}

/// Starts a monitor and waits until the container's program has begun.
pub(crate) fn launch(order: &Order, store: &Store) -> Result<u8> {
    let failed = |error: std::io::Error| Error::new(format!("start the monitor: {error}"));
    let root = std::path::absolute(store.root()).map_err(failed)?;
    let mut monitor = Command::new("/proc/self/exe")
        .arg0("pal")
        .arg(VERB)
        .arg(root)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(failed)?;
    let text = serde_json::to_vec(order).map_err(|error| failed(error.into()))?;
    if let Some(mut stdin) = monitor.stdin.take() {
        stdin.write_all(&text).map_err(failed)?;
    }
    let mut report = Vec::new();
    if let Some(mut stdout) = monitor.stdout.take() {
        stdout.read_to_end(&mut report).map_err(failed)?;
    }
    match serde_json::from_slice(&report) {
        Ok(Report::Started) => print(&format!("{}\n", order.id)).map(|()| 0),
        Ok(Report::Failed { message, code }) => {
            crate::output::say(message);
            Ok(code)
        }
        Err(_) => Err(Error::new("the monitor ended without a word")),
    }
}

/// The monitor.
pub(crate) fn monitor(root: std::path::PathBuf) -> u8 {
    let store = Store::new(root);
    match start(&store) {
        Ok(running) => match running.watch(&store) {
            Ok(()) => 0,
            // Nobody listens any more; what is left is on record.
            Err(_) => 125,
        },
        Err(error) => {
            let code = crate::code_of(&error);
            report(&Report::Failed { message: error.to_string(), code });
            code
        }
    }
}

/// A container with all that its monitor holds of it.
struct Running {
    order: Order,
    bundle: Bundle,
    created: Created,
    signals: OwnedFd,
    log: Log,
    output: OwnedFd,
}

fn start(store: &Store) -> Result<Running> {
    let mut text = Vec::new();
    std::io::stdin()
        .read_to_end(&mut text)
        .map_err(|error| Error::new(format!("read the order: {error}")))?;
    let order: Order =
        serde_json::from_slice(&text).map_err(|error| Error::new(format!("read the order: {error}")))?;
    // Out of the caller's session: what ends it, or its terminal, does not end this.
    rustix::process::setsid().map_err(|errno| Error::call("setsid", errno))?;
    let _mask = signal::block_all();
    let signals = signal::descriptor().map_err(|errno| Error::call("signalfd", errno))?;
    let host = Host::probe()?;
    let bundle = order.bundle(store)?;
    let nothing = open_null()?;
    let (output, input) =
        rustix::pipe::pipe_with(PipeFlags::CLOEXEC).map_err(|errno| Error::call("pipe", errno))?;
    let mut request = order.request(&host, store, &bundle)?;
    request.signals = Some(signals.as_fd());
    request.stdio = Some([nothing.as_fd(), input.as_fd(), input.as_fd()]);
    let compiled = compile(&request, &host)?;
    let mut created =
        Container::create_compiled(&host, request, &compiled).map_err(|error| name_flags(&error))?;
    drop(input);
    let log = match Log::create(created.container.state_directory()) {
        Ok(log) => log,
        Err(error) => {
            created.container.delete(Force::Yes)?;
            return Err(error);
        }
    };
    let output = created.terminal.take().unwrap_or(output);
    report(&Report::Started);
    let_go(&nothing)?;
    Ok(Running { order, bundle, created, signals, log, output })
}

/// Says how the start went; whoever asked may have gone away.
fn report(report: &Report) {
    let text = serde_json::to_vec(report).unwrap_or_default();
    let _said = std::io::stdout().write_all(&text).and_then(|()| std::io::stdout().flush());
}

/// Lets go of what is the caller's: its streams and its directory.
fn let_go(null: &std::fs::File) -> Result<()> {
    let failed = |errno| Error::call("dup2", errno);
    rustix::stdio::dup2_stdin(null).map_err(failed)?;
    rustix::stdio::dup2_stdout(null).map_err(failed)?;
    rustix::stdio::dup2_stderr(null).map_err(failed)?;
    rustix::process::chdir("/").map_err(|errno| Error::call("chdir /", errno))
}

impl Running {
    /// Waits for the end, notes it and cleans up.
    fn watch(self, store: &Store) -> Result<()> {
        let Self { order, bundle, created, signals, log, output } = self;
        let Created { container, process, group, .. } = created;
        let copier = std::thread::spawn(move || log.fill(&output));
        let end =
            Foreground { process: &process, signals: signals.as_fd(), relay: None, patience: None }.wait()?;
        let out_of_memory = group.as_ref().is_some_and(|group| ran_out_of_memory(group).unwrap_or(false));
        container.settle(&bundle.spec, group)?;
        // Held until here: whoever gets the lock finds the end noted down.
        let log = copier.join();
        let ended = Ended::now(end.code(), out_of_memory);
        let noted = match order.keep {
            Keep::Yes => ended.write(container.state_directory()),
            Keep::No => match store.delete(&order.id, Force::No) {
                Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
                other => other.map(drop),
            },
        };
        drop(log);
        noted
    }
}
