//! `watch`: tells what happens in groups.

mod hook;
mod row;
mod wish;

use std::io::Write;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};

use palisade_cgroup::watch::{Killed, Victims};
use palisade_cgroup::{Depth, Event, Group, Layout, Told, Watch};
use palisade_runtime::{Error, ErrorKind, Result, Store};
use palisade_sys::signal;
use rustix::process::Signal;

use crate::arguments;
use crate::arguments::cgroup::watch::{Format, Watch as Verb};
use crate::log::Reader;
use crate::output::{is_left, pipe, print_bytes};
use crate::steps::print_commands;
use hook::Hooks;
use row::Row;
use wish::Wish;

/// What a shell adds to the number of the signal that ended a program.
const SIGNALLED: i32 = 128;

pub(crate) fn watch(verb: &Verb, store: &Store) -> Result<u8> {
    let hooks = Hooks::new(verb)?;
    let wish = Wish::new(verb, &hooks);
    let layout = Layout::detect()?;
    // What happens from now on is found in the log.
    let mut victims = Victims::new(&layout);
    let mut watch = Watch::new()?;
    let depth = if verb.recursive { Depth::Subtree } else { Depth::Alone };
    for name in &verb.groups {
        let path = name.path(&layout, store)?;
        let group = Group::open(&layout, &path)?;
        let group = match verb.hierarchies.controllers.as_slice() {
            [] => group,
            controllers => group.within(&layout.choose(controllers)?)?,
        };
        victims.note(&group)?;
        watch.add(group, &wish.wanted, &wish.welcome, depth)?;
    }
    if verb.now {
        watch.tell_now()?;
    }
    if verb.explaining.dry_run {
        let format = match verb.format {
            Format::Json => arguments::Format::Json,
            Format::Lines => arguments::Format::Table,
        };
        return print_commands(std::iter::once(watch.shell()), format).map(|()| 0);
    }
    if verb.explaining.explain {
        let text: String = watch.shell().iter().map(|line| format!("{line}\n")).collect();
        // A reader that has gone away must not end the work half way.
        let _told = std::io::stderr().lock().write_all(text.as_bytes());
    }
    Session { verb, layout, wish, hooks, victims, left: verb.count.or(verb.once.then_some(1)) }.run(watch)
}

fn nobody_reads() -> Error {
    Error::of(ErrorKind::ReaderGone, "nobody reads standard output")
}

/// What a watch works with.
struct Session<'a> {
    verb: &'a Verb,
    layout: Layout,
    wish: Wish,
    hooks: Hooks,
    victims: Victims,
    /// How many events are still to be told.
    left: Option<u64>,
}

impl Session<'_> {
    fn run(mut self, mut watch: Watch) -> Result<u8> {
        let mask = signal::block_all();
        self.hooks.run_with(mask);
        let signals = signal::descriptor().map_err(|errno| Error::call("signalfd", errno))?;
        let pipe = pipe();
        let ends: Vec<BorrowedFd<'_>> = std::iter::once(signals.as_fd()).chain(pipe).collect();
        let deadline = self.verb.span.map(|span| Instant::now() + span.0);
        while self.left != Some(0) && !watch.is_over() {
            let timeout = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
            let told = watch.next_until(timeout, &ends)?;
            match told {
                Some(told) => self.tell(told)?,
                None => {
                    if let Some(code) = self.heed(&signals)? {
                        return Ok(code);
                    }
                    if pipe.is_some_and(is_left) {
                        return Err(nobody_reads());
                    }
                    if timeout == Some(Duration::ZERO) {
                        break;
                    }
                }
            }
        }
        // What was begun upon the last event is to end with the watch.
        while self.hooks.are_running() {
            hook::wait_for(signals.as_fd())?;
            if let Some(code) = self.heed(&signals)? {
                return Ok(code);
            }
        }
        Ok(0)
    }

    /// Prints an event and runs the commands upon it.
    fn tell(&mut self, told: Told) -> Result<()> {
        let kind = row::kind(&told.event);
        let group = Group::unchecked(&self.layout, &told.group)?;
        let killed = match told.event {
            Event::Oom { killed } => self.victims.of(&group, killed)?,
            _ => Killed::default(),
        };
        self.victims.note(&group)?;
        let nobody_new = matches!(told.event, Event::Oom { killed: count @ 1.. } if count == killed.again);
        if !self.wish.tells(kind) || nobody_new {
            return Ok(());
        }
        let row = Row::new(told, killed);
        let json = row.json()?;
        let line = match self.verb.format {
            Format::Json => format!("{json}\n"),
            Format::Lines => row.line(),
        };
        self.left = self.left.map(|left| left - 1);
        if let Reader::Gone = print_bytes(line.as_bytes())? {
            return Err(nobody_reads());
        }
        self.hooks.run(kind, &row, &json)
    }

    /// Takes the signals that came; gives the exit code where one of them ends the watch.
    fn heed(&mut self, signals: &impl AsFd) -> Result<Option<u8>> {
        loop {
            let number =
                signal::next(signals.as_fd()).map_err(|errno| Error::call("read signalfd", errno))?;
            let Some(number) = number else { return Ok(None) };
            match signal::from_number(number) {
                Some(Signal::CHILD) => self.hooks.reap(),
                Some(Signal::TSTP | Signal::TTIN | Signal::TTOU) => {
                    let own = rustix::process::getpid();
                    rustix::process::kill_process(own, Signal::STOP)
                        .map_err(|errno| Error::call("stop this process", errno))?;
                }
                Some(Signal::CONT | Signal::WINCH | Signal::URG | Signal::PIPE) | None => {}
                Some(_) => return Ok(u8::try_from(SIGNALLED + number).ok()),
            }
        }
    }
}
