//! Commands that are run upon an event.

use std::os::fd::BorrowedFd;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, Stdio};

use clap::ValueEnum;
use palisade_runtime::{Error, Result};
use palisade_sys::signal::{self, Mask};
use rustix::event::{PollFd, PollFlags};

use super::row::Row;
use crate::arguments::cgroup::watch::{Kind, Watch as Verb};
use crate::output::say;

/// The commands, and those of them that run.
pub(super) struct Hooks {
    hooks: Vec<Hook>,
    running: Vec<(usize, Child)>,
    mask: Option<Mask>,
}

struct Hook {
    kind: Kind,
    command: String,
}

impl Hooks {
    /// Takes them from the command line.
    ///
    /// # Errors
    /// An event that does not exist.
    pub(super) fn new(verb: &Verb) -> Result<Self> {
        let mut hooks = Vec::new();
        for pair in verb.on.chunks_exact(2) {
            let [word, command] = pair else { continue };
            let kind = Kind::from_str(word, false).map_err(|_| {
                let words: Vec<&str> = Kind::value_variants().iter().map(|kind| kind.word()).collect();
                Error::new(format!("--on {word}: no such event"))
                    .hint(format!("there are {}", words.join(", ")))
            })?;
            hooks.push(Hook { kind, command: command.clone() });
        }
        let empty = verb.on_empty.iter().map(|command| Hook { kind: Kind::Empty, command: command.clone() });
        hooks.extend(empty);
        Ok(Self { hooks, running: Vec::new(), mask: None })
    }

    /// Lists what is waited for.
    pub(super) fn kinds(&self) -> impl Iterator<Item = Kind> {
        self.hooks.iter().map(|hook| hook.kind)
    }

    /// Gives the commands this signal mask, as this process has blocked all signals.
    pub(super) fn run_with(&mut self, mask: Mask) {
        self.mask = Some(mask);
    }

    /// Starts the commands upon an event.
    ///
    /// # Errors
    /// A shell that cannot be executed.
    pub(super) fn run(&mut self, kind: Kind, row: &Row, json: &str) -> Result<()> {
        for (index, hook) in self.hooks.iter().enumerate().filter(|(_, hook)| hook.kind == kind) {
            let mut command = Command::new("/bin/sh");
            command.arg("-c").arg(&hook.command).stdin(Stdio::null());
            command.env("PAL_EVENT", kind.word()).env("PAL_GROUP", &row.group).env("PAL_JSON", json);
            if let Some(victim) = row.victims.as_ref().and_then(|victims| victims.first()) {
                command.env("PAL_PID", victim.pid.to_string()).env("PAL_NAME", &victim.name);
            }
            command.envs(row.limit.as_ref().map(|limit| ("PAL_LIMIT", limit)));
            // A program takes the mask of whoever starts it.
            if let Some(mask) = self.mask {
                signal::restore(mask);
            }
            let child = command.spawn();
            let _blocked = signal::block_all();
            let child = child.map_err(|error| Error::io("execute /bin/sh", &error))?;
            self.running.push((index, child));
        }
        // Of one that ended while its signal was not blocked nobody will be told.
        self.reap();
        Ok(())
    }

    /// Takes note of those that have ended, and says so where one has failed; the watch goes on.
    pub(super) fn reap(&mut self) {
        let hooks = &self.hooks;
        self.running.retain_mut(|(index, child)| {
            let Ok(Some(status)) = child.try_wait() else { return true };
            let how = match (status.code(), status.signal()) {
                (Some(0), _) => return false,
                (Some(code), _) => format!("exit code {code}"),
                (None, signal) => format!("signal {}", signal.unwrap_or_default()),
            };
            let Hook { kind, command } = &hooks[*index];
            say(format_args!("--on {} {command}: {how}", kind.word()));
            false
        });
    }

    pub(super) fn are_running(&self) -> bool {
        !self.running.is_empty()
    }
}

/// Waits until a signal has come.
pub(super) fn wait_for(signals: BorrowedFd<'_>) -> Result<()> {
    let mut polled = [PollFd::from_borrowed_fd(signals, PollFlags::IN)];
    let waited = rustix::io::retry_on_intr(|| rustix::event::poll(&mut polled, None));
    waited.map(drop).map_err(|errno| Error::call("poll signalfd", errno))
}
