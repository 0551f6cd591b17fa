//! The program that a verb runs: this process becomes it, or waits for a child that does.

use std::os::fd::AsFd;
use std::os::unix::process::CommandExt;
use std::process::Command;

use palisade_cgroup::quote;
use palisade_namespace::{Kinds, Spawned, clone};
use palisade_runtime::{Error, ErrorKind, Result};
use palisade_sys::signal::{self, Sender};
use rustix::event::{PollFd, PollFlags};
use rustix::io::Errno;
use rustix::process::{
    Pid, Signal, WaitOptions, getpid, kill_process, set_parent_process_death_signal, waitpid,
};

use crate::output::say;

/// What is run where the command line names no program.
pub(super) fn or_shell(command: &[String]) -> Vec<String> {
    match command {
        [] => {
            let shell = std::env::var("SHELL").ok().filter(|shell| shell.starts_with('/'));
            vec![shell.unwrap_or_else(|| "/bin/sh".to_owned())]
        }
        command => command.to_vec(),
    }
}

/// Becomes the program.
///
/// # Errors
/// Always: it returns only where that failed.
pub(super) fn become_program(command: &[String], environment: Option<&[(String, String)]>) -> Error {
    let Some((program, arguments)) = command.split_first() else { return Error::new("no program") };
    let mut call = Command::new(program);
    call.args(arguments);
    if let Some(variables) = environment {
        call.env_clear().envs(variables.iter().map(|(name, value)| (name, value)));
    }
    let error = call.exec();
    let kind = match error.kind() {
        std::io::ErrorKind::NotFound => ErrorKind::ProgramMissing,
        _ => ErrorKind::ProgramNotExecutable,
    };
    Error::of(kind, Error::io(format_args!("exec {program}"), &error).to_string())
}

/// Prints the program as a shell takes it.
pub(super) fn shell_words(command: &[String]) -> String {
    let words: Vec<String> = command.iter().map(|word| quote(word)).collect();
    words.join(" ")
}

/// Makes a child in new namespaces of these kinds, to go on there; its error is said by itself.
///
/// This program has one thread, so its copy may do all that it may. The child ends with this process.
pub(super) fn fork(kinds: Kinds, child: impl FnOnce() -> Result<u8>) -> Result<Child> {
    let mask = signal::block_all();
    let mut child = Some(child);
    let mut run = || {
        // A failure to be told of the end of the parent is no reason not to run.
        let _set = set_parent_process_death_signal(Some(Signal::KILL));
        signal::restore(mask);
        let Some(child) = child.take() else { return crate::OWN_ERROR };
        child().unwrap_or_else(|error| {
            say(&error);
            crate::code_of(&error)
        })
    };
    Ok(Child(clone(kinds, &mut run)?))
}

/// A child of [`fork`].
pub(super) struct Child(Spawned);

impl Child {
    pub(super) fn pid(&self) -> Pid {
        self.0.pid
    }

    /// Kills it, as it can be of no use any more.
    pub(super) fn kill(self) {
        let _gone = kill_process(self.0.pid, Signal::KILL);
        let _reaped = waitpid(Some(self.0.pid), WaitOptions::empty());
    }

    /// Waits for its end and passes signals on; stops when it stops. Gives its exit code.
    ///
    /// What a terminal sends reaches the child without this process, as both are in one group.
    pub(super) fn attend(self) -> Result<u8> {
        let fail = |what: &'static str| move |errno| Error::call(what, errno);
        let signals = signal::descriptor().map_err(fail("signalfd"))?;
        loop {
            // Before the first wait, too: it may have ended already.
            while let Some((_, status)) =
                waitpid(Some(self.0.pid), WaitOptions::NOHANG | WaitOptions::UNTRACED)
                    .map_err(fail("waitpid"))?
            {
                if !status.stopped() {
                    let code = status
                        .exit_status()
                        .or_else(|| status.terminating_signal().map(|signal| 128 + signal));
                    return Ok(code.and_then(|code| u8::try_from(code).ok()).unwrap_or(u8::MAX));
                }
                kill_process(getpid(), Signal::STOP).map_err(fail("kill"))?;
                let _woken = kill_process(self.0.pid, Signal::CONT);
            }
            match rustix::event::poll(&mut [PollFd::new(&signals, PollFlags::IN)], None) {
                Ok(_) | Err(Errno::INTR) => {}
                Err(errno) => return Err(Error::call("poll", errno)),
            }
            while let Some((number, sender)) =
                signal::next_with_sender(signals.as_fd()).map_err(fail("read signal"))?
            {
                let signal = signal::from_number(number).filter(|signal| *signal != Signal::CHILD);
                if let (Some(signal), Sender::Process) = (signal, sender) {
                    // It may have ended.
                    let _passed = kill_process(self.0.pid, signal);
                }
            }
        }
    }
}
