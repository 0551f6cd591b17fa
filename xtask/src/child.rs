//! A program that runs below this one: its output line by line, its end in every case.

use std::fmt;
use std::io::{self, BufRead, BufReader, PipeReader};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::io::Errno;
use rustix::process::{Pid, Signal, kill_process_group};

use crate::interrupt::Interrupt;
use crate::privilege;

/// How often a silent program is looked at.
const GLANCE: Duration = Duration::from_millis(50);

/// How long a program may take to clean up after SIGTERM.
const GRACE: Duration = Duration::from_secs(15);

/// How long output may still arrive after the end: orphans can hold the pipe open for ever.
const DRAIN: Duration = Duration::from_millis(300);

/// How a program came to its end.
#[derive(Debug)]
pub(crate) enum End {
    /// By itself.
    Exited(ExitStatus),
    /// Because it ran longer than it may.
    TimedOut(Duration),
    /// Because it printed nothing for longer than it may.
    Silent(Duration),
    /// Because somebody stopped this program.
    Interrupted,
}

/// How long a program may take.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limit {
    /// In all.
    pub(crate) whole: Duration,
    /// From one line of output to the next.
    pub(crate) silence: Duration,
}

impl From<Duration> for Limit {
    fn from(whole: Duration) -> Self {
        Self { whole, silence: whole }
    }
}

impl End {
    /// Tells whether the program said that all is well.
    pub(crate) fn is_success(&self) -> bool {
        matches!(self, Self::Exited(status) if status.success())
    }
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exited(status) => write!(f, "{status}"),
            Self::TimedOut(limit) => write!(f, "ended after its time limit of {} s", limit.as_secs()),
            Self::Silent(limit) => write!(f, "ended after {} s without a word", limit.as_secs()),
            Self::Interrupted => f.write_str("interrupted"),
        }
    }
}

/// Runs `command` without standard input and hands each line that it prints, on either stream, to `on_line`.
///
/// The program gets a process group of its own, so that a Ctrl-C reaches this program alone, which passes it on
/// as SIGTERM and waits for the clean-up; after [`GRACE`] the group is killed.
pub(crate) fn stream(
    command: Command,
    limit: impl Into<Limit>,
    interrupt: &Interrupt,
    mut on_line: impl FnMut(&str),
) -> Result<End> {
    let limit = limit.into();
    let (mut child, lines) = spawn(command)?;
    let deadline = Instant::now() + limit.whole;
    let mut heard = Instant::now();
    let mut stopped = None;
    loop {
        match lines.recv_timeout(GLANCE) {
            Ok(line) => {
                on_line(&line);
                heard = Instant::now();
                continue;
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => thread::sleep(GLANCE),
        }
        if let Some(status) = child.try_wait().context("wait for a program")? {
            while let Ok(line) = lines.recv_timeout(DRAIN) {
                on_line(&line);
            }
            return Ok(stopped.map_or(End::Exited(status), |(end, _)| end));
        }
        stopped = match stopped {
            None if interrupt.came() => Some((End::Interrupted, end_group(&child, Signal::TERM))),
            None if Instant::now() > deadline => {
                Some((End::TimedOut(limit.whole), end_group(&child, Signal::TERM)))
            }
            None if heard.elapsed() > limit.silence => {
                Some((End::Silent(limit.silence), end_group(&child, Signal::TERM)))
            }
            Some((end, since)) if since.elapsed() > GRACE => Some((end, end_group(&child, Signal::KILL))),
            other => other,
        };
    }
}

/// Runs `command` to its end with this program's own output; an error says what failed.
pub(crate) fn succeed(mut command: Command, interrupt: &Interrupt) -> Result<()> {
    let words = words(&command);
    let mut child =
        command.stdin(Stdio::null()).process_group(0).spawn().with_context(|| format!("execute {words}"))?;
    let mut asked = None;
    let status = loop {
        if let Some(status) = child.try_wait().with_context(|| format!("wait for {words}"))? {
            break status;
        }
        asked = match asked {
            None if interrupt.came() => Some(end_group(&child, Signal::TERM)),
            Some(since) if Instant::elapsed(&since) > GRACE => Some(end_group(&child, Signal::KILL)),
            other => other,
        };
        thread::sleep(GLANCE);
    };
    interrupt.check()?;
    if !status.success() {
        bail!("{words}: {status}");
    }
    Ok(())
}

/// Writes a command the way a person would type it.
pub(crate) fn words(command: &Command) -> String {
    let parts = std::iter::once(command.get_program()).chain(command.get_args());
    parts.map(|part| part.to_string_lossy()).collect::<Vec<_>>().join(" ")
}

fn spawn(mut command: Command) -> Result<(Child, Receiver<String>)> {
    let words = words(&command);
    let (reader, writer) = io::pipe().context("make a pipe")?;
    let errors = writer.try_clone().context("duplicate the end of a pipe")?;
    let child = command
        .stdin(Stdio::null())
        .stdout(writer)
        .stderr(errors)
        .process_group(0)
        .spawn()
        .with_context(|| format!("execute {words}"))?;
    // The command holds the writing ends; as long as one is open here, the reader never sees the end.
    drop(command);
    let (sender, lines) = channel();
    thread::spawn(move || send_lines(reader, &sender));
    Ok((child, lines))
}

fn send_lines(reader: PipeReader, sender: &Sender<String>) {
    let mut reader = BufReader::new(reader);
    let mut line = Vec::new();
    while matches!(reader.read_until(b'\n', &mut line), Ok(length) if length > 0) {
        let text = String::from_utf8_lossy(&line).trim_end_matches(['\n', '\r']).to_owned();
        if sender.send(text).is_err() {
            return;
        }
        line.clear();
    }
}

/// Signals the whole group and says when; that it is gone already is no failure.
fn end_group(child: &Child, signal: Signal) -> Instant {
    let result = match kill_process_group(Pid::from_child(child), signal) {
        Ok(()) | Err(Errno::SRCH) => Ok(()),
        // What sudo started belongs to root.
        Err(Errno::PERM) => end_group_as_root(child, signal),
        Err(error) => Err(error.into()),
    };
    if let Err(error) = result {
        eprintln!("xtask: kill process group {}: {error:#}", child.id());
    }
    Instant::now()
}

fn end_group_as_root(child: &Child, signal: Signal) -> Result<()> {
    let mut kill = Command::new("kill");
    kill.arg(format!("-{}", signal.as_raw())).arg("--").arg(format!("-{}", child.id()));
    privilege::lend(kill)?.status().context("execute kill")?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str, limit: impl Into<Limit>) -> (End, Vec<String>) {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", script]);
        let mut lines = Vec::new();
        let interrupt = Interrupt::watch().expect("signals can be handled");
        let end = stream(command, limit, &interrupt, |line| lines.push(line.to_owned())).expect("sh runs");
        (end, lines)
    }

    #[test]
    fn both_streams_arrive_line_by_line() {
        let (end, lines) = shell("echo a; echo b >&2; printf c; exit 3", Duration::from_secs(10));
        assert!(matches!(end, End::Exited(status) if status.code() == Some(3)));
        assert_eq!(lines, ["a", "b", "c"]);
    }

    #[test]
    fn what_says_nothing_is_ended() {
        let limit = Limit { whole: Duration::from_secs(60), silence: Duration::from_millis(300) };
        let (end, lines) = shell("for i in 1 2 3 4; do echo $i; sleep 0.1; done; sleep 60", limit);
        assert!(matches!(end, End::Silent(_)), "{end}");
        assert_eq!(lines, ["1", "2", "3", "4"]);
    }

    #[test]
    fn what_runs_too_long_is_ended_with_all_below_it() {
        let begin = Instant::now();
        let (end, lines) = shell("echo up; sleep 60 & wait", Duration::from_millis(200));
        assert!(matches!(end, End::TimedOut(_)));
        assert_eq!(lines, ["up"]);
        assert!(begin.elapsed() < GRACE);
    }

    #[test]
    fn an_orphan_that_holds_the_pipe_does_not_keep_the_run_open() {
        let begin = Instant::now();
        let (end, _) = shell("setsid sleep 3 & exit 0", Duration::from_secs(10));
        assert!(end.is_success());
        assert!(begin.elapsed() < Duration::from_secs(2));
    }
}
