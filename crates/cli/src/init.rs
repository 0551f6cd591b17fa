//! `--init`: process 1 of a container, which runs the program, passes signals on to it and reaps what is left to it.
//!
//! It is this very program, bound into the container read-only.

use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::process::CommandExt;
use std::process::Command;

use palisade_sys::signal;
use rustix::event::{PollFd, PollFlags};
use rustix::io::Errno;
use rustix::process::{Pid, Signal, WaitOptions, kill_process, wait};

use crate::output::say;

/// The hidden verb.
pub(crate) const VERB: &str = "init";

/// Runs a program as the only child; gives its exit code.
pub(crate) fn run(mut arguments: impl Iterator<Item = std::ffi::OsString>) -> u8 {
    let Some(program) = arguments.next() else {
        say("init: no program");
        return 125;
    };
    let mask = signal::block_all();
    let signals = match signal::descriptor() {
        Ok(signals) => signals,
        Err(errno) => {
            say(format_args!("init: signalfd: {}", palisade_sys::errno::describe(errno)));
            return 125;
        }
    };
    // A process group of its own: what a terminal sends arrives there once, and not by way of init too.
    // It inherits the mask as well; what is sent to process 1 in this moment is lost, as before init had begun.
    signal::restore(mask);
    let spawned = Command::new(&program).args(arguments).process_group(0).spawn();
    let _mask = signal::block_all();
    let child = match spawned {
        Ok(child) => child,
        Err(error) => {
            say(format_args!("{}: {error}", program.to_string_lossy()));
            let code = if error.kind() == std::io::ErrorKind::NotFound { 127 } else { 126 };
            return code;
        }
    };
    let Some(child) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) else {
        return 125;
    };
    give_terminal(child);
    watch(child, signals.as_fd())
}

/// Makes the program's group the one that reads from the terminal. It may have tried before and been stopped.
fn give_terminal(child: Pid) {
    if rustix::termios::isatty(rustix::stdio::stdin())
        && rustix::termios::tcsetpgrp(rustix::stdio::stdin(), child).is_ok()
    {
        // It may have ended already.
        let _woken = rustix::process::kill_process_group(child, Signal::CONT);
    }
}

fn watch(child: Pid, signals: BorrowedFd<'_>) -> u8 {
    loop {
        // Before the first wait, too: the program may have ended before SIGCHLD was blocked.
        if let Some(code) = reap(child) {
            return code;
        }
        let mut poll = [PollFd::from_borrowed_fd(signals, PollFlags::IN)];
        match rustix::event::poll(&mut poll, None) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(_) => return 125,
        }
        while let Ok(Some(number)) = signal::next(signals) {
            let signal = signal::from_number(number).filter(|signal| *signal != Signal::CHILD);
            if let Some(signal) = signal {
                // It may have ended already.
                let _passed = kill_process(child, signal);
            }
        }
    }
}

/// Reaps all that have ended; gives the program's exit code when it is among them.
fn reap(child: Pid) -> Option<u8> {
    let mut code = None;
    while let Ok(Some((pid, status))) = wait(WaitOptions::NOHANG) {
        if pid == child {
            let number = status
                .exit_status()
                .or_else(|| status.terminating_signal().map(|signal| 128 + signal))
                .unwrap_or(125);
            code = Some(u8::try_from(number & 0xff).unwrap_or(125));
        }
    }
    code
}
