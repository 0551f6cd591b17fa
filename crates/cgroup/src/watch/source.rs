//! One thing that tells of events, with what it told last.

use super::{Event, Notice, PressureLevel};
use crate::recipe::{Directory, join};
use crate::{Controller, Error, ErrorKind, Group, Version, file};
use rustix::event::{EventfdFlags, PollFlags};
use rustix::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use std::time::Duration;

const COUNT_TRIES: u32 = 50;
const COUNT_WAIT: Duration = Duration::from_millis(1);

#[derive(Debug)]
pub(super) enum Source {
    /// `cgroup.events` of a v2 group.
    Populated { events: OwnedFd, last: bool },
    /// No file tells: the group is asked.
    Asked { last: bool },
    /// `memory.events` of a v2 group.
    OomFile { events: OwnedFd, last: Kills },
    /// An eventfd for `memory.oom_control` of a v1 group.
    OomCounter { counter: OwnedFd, last: u64 },
    /// An eventfd for a v1 memory threshold or pressure level.
    Counter { counter: OwnedFd, event: Event },
    /// A trigger in `memory.pressure` of a v2 group.
    Trigger { trigger: OwnedFd, event: Event },
}

impl Source {
    pub(super) fn open(group: &Group, notice: Notice) -> Result<Self, Error> {
        match notice {
            Notice::Populated => populated(group),
            Notice::Oom => oom(group),
            Notice::Threshold(bytes) => {
                let directory = group.home(Controller::Memory)?;
                if directory.version == Version::V2 {
                    return Err(no_threshold(group, directory));
                }
                let counter = counter(group, directory, "memory.usage_in_bytes", &bytes.to_string())?;
                Ok(Self::Counter { counter, event: Event::Threshold(bytes) })
            }
            Notice::Pressure(level) => pressure(group, level),
        }
    }

    /// Returns what to poll for; `None` if the source has to be asked.
    pub(super) fn descriptor(&self) -> Option<(BorrowedFd<'_>, PollFlags)> {
        match self {
            Self::Asked { .. } => None,
            Self::Populated { events, .. } | Self::OomFile { events, .. } => {
                Some((events.as_fd(), PollFlags::PRI))
            }
            Self::OomCounter { counter, .. } | Self::Counter { counter, .. } => {
                Some((counter.as_fd(), PollFlags::IN))
            }
            Self::Trigger { trigger, .. } => Some((trigger.as_fd(), PollFlags::PRI)),
        }
    }

    /// Looks whether something has happened; never waits.
    pub(super) fn look(&mut self, group: &Group) -> Result<Option<Event>, Error> {
        match self {
            Self::Populated { events, last } => match file::read_again(events) {
                Ok(text) => Ok(turn(last, is_populated(&text))),
                Err(errno) => gone(group, "read cgroup.events of", errno),
            },
            Self::Asked { last } => Ok(match group.exists() {
                true => turn(last, !group.procs()?.is_empty()),
                false => Some(Event::Removed),
            }),
            Self::OomFile { events, last } => match file::read_again(&*events) {
                Ok(text) => settle(group, events, last, Kills::parse(&text)),
                Err(errno) => gone(group, "read memory.events of", errno),
            },
            Self::OomCounter { counter, last } => {
                if !take(counter) {
                    return Ok(None);
                }
                // The kernel signals the eventfd a last time when the group is removed.
                if !group.exists() {
                    return Ok(Some(Event::Removed));
                }
                let killed = killed_since(group, last)?;
                Ok(Some(Event::Oom { killed }))
            }
            Self::Counter { counter, event } => {
                if !take(counter) {
                    return Ok(None);
                }
                Ok(Some(if group.exists() { *event } else { Event::Removed }))
            }
            Self::Trigger { trigger, event } => match fired(trigger) {
                Ok(fired) => Ok(fired.then_some(*event)),
                Err(errno) => gone(group, "poll memory.pressure of", errno),
            },
        }
    }
}

fn populated(group: &Group) -> Result<Source, Error> {
    let Some(unified) = group.directories().find(|directory| directory.version == Version::V2) else {
        return Ok(Source::Asked { last: !group.procs()?.is_empty() });
    };
    let events = open(group, unified, "cgroup.events", OFlags::RDONLY)?;
    let text =
        file::read_again(&events).map_err(|errno| group.read_error(unified, "cgroup.events", errno))?;
    Ok(Source::Populated { events, last: is_populated(&text) })
}

fn oom(group: &Group) -> Result<Source, Error> {
    let directory = group.home(Controller::Memory)?;
    match directory.version {
        Version::V1 => {
            let counter = counter(group, directory, "memory.oom_control", "")?;
            Ok(Source::OomCounter { counter, last: group.oom_count()? })
        }
        Version::V2 => {
            let events = open(group, directory, "memory.events", OFlags::RDONLY)?;
            let text = file::read_again(&events)
                .map_err(|errno| group.read_error(directory, "memory.events", errno))?;
            Ok(Source::OomFile { events, last: Kills::parse(&text) })
        }
    }
}

fn pressure(group: &Group, level: PressureLevel) -> Result<Source, Error> {
    let directory = group.home(Controller::Memory)?;
    let event = Event::Pressure(level);
    let (name, stall) = match level {
        PressureLevel::Low => ("low", "some 50000 1000000"),
        PressureLevel::Medium => ("medium", "some 150000 1000000"),
        PressureLevel::Critical => ("critical", "full 150000 1000000"),
    };
    match directory.version {
        Version::V1 => {
            Ok(Source::Counter { counter: counter(group, directory, "memory.pressure_level", name)?, event })
        }
        Version::V2 => {
            let trigger = open(group, directory, "memory.pressure", OFlags::RDWR | OFlags::NONBLOCK)?;
            file::write_value(&trigger, stall)
                .map_err(|errno| group.write_error(directory, "memory.pressure", stall, errno))?;
            Ok(Source::Trigger { trigger, event })
        }
    }
}

/// Has the kernel signal an eventfd for a v1 memory file; see cgroup-v1/cgroups.rst, "Notification API".
fn counter(group: &Group, directory: &Directory, name: &str, argument: &str) -> Result<OwnedFd, Error> {
    let counter = rustix::event::eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)
        .map_err(|errno| Error::call("eventfd for", group.path().as_str(), errno))?;
    let watched = open(group, directory, name, OFlags::RDONLY)?;
    let line = format!("{} {} {argument}", counter.as_raw_fd(), watched.as_raw_fd());
    group.write_in(directory, "cgroup.event_control", line.trim_end())?;
    Ok(counter)
}

fn open(group: &Group, directory: &Directory, name: &str, flags: OFlags) -> Result<OwnedFd, Error> {
    let path = join(&directory.path, name);
    rustix::fs::openat(&group.anchor, path, flags | OFlags::CLOEXEC, Mode::empty())
        .map_err(|errno| group.read_error(directory, name, errno))
}

fn no_threshold(group: &Group, directory: &Directory) -> Error {
    let cause = "cgroup v2 has no memory thresholds";
    Error::text("watch a threshold of", group.full(&directory.path), cause, ErrorKind::Unsupported)
        .with_hint("memory.high in the unified limits, and pressure notices, are its way")
}

/// Takes what an eventfd has counted; `false` if nothing.
fn take(counter: &OwnedFd) -> bool {
    rustix::io::read(counter, &mut [0u8; 8]).is_ok()
}

/// Tells whether a pressure trigger has fired since the last look.
fn fired(trigger: &OwnedFd) -> Result<bool, Errno> {
    let mut polled = [rustix::event::PollFd::from_borrowed_fd(trigger.as_fd(), PollFlags::PRI)];
    rustix::event::poll(&mut polled, Some(&rustix::event::Timespec { tv_sec: 0, tv_nsec: 0 }))?;
    let seen = polled[0].revents();
    if seen.contains(PollFlags::ERR) {
        return Err(Errno::NODEV);
    }
    Ok(seen.contains(PollFlags::PRI))
}

/// Counts the kills since `last`; v1 signals an OOM before it kills, so the count may be a moment late.
fn killed_since(group: &Group, last: &mut u64) -> Result<u64, Error> {
    for _ in 0..COUNT_TRIES {
        let count = group.oom_count()?;
        if count > *last {
            let killed = count - *last;
            *last = count;
            return Ok(killed);
        }
        if group.get(Controller::Memory, "memory.oom_control")?.starts_with("oom_kill_disable 1") {
            break;
        }
        std::thread::sleep(COUNT_WAIT);
    }
    Ok(0)
}

fn gone(group: &Group, operation: &str, errno: Errno) -> Result<Option<Event>, Error> {
    match errno {
        Errno::NODEV | Errno::NOENT => Ok(Some(Event::Removed)),
        errno => Err(Error::call(operation, group.path().as_str(), errno)),
    }
}

fn turn(last: &mut bool, now: bool) -> Option<Event> {
    let turned = *last != now;
    *last = now;
    turned.then_some(if now { Event::Populated } else { Event::Empty })
}

/// Counts kills in `memory.events`. The kernel counts first that memory ran out, and a moment later whom it killed for
/// it; by the time it tells of the second a group may be gone with its last process, so that is waited for.
fn settle(group: &Group, events: &OwnedFd, last: &mut Kills, mut now: Kills) -> Result<Option<Event>, Error> {
    for _ in 0..COUNT_TRIES {
        if now.kills > last.kills || now.outs == last.outs {
            break;
        }
        std::thread::sleep(COUNT_WAIT);
        now = match file::read_again(events) {
            Ok(text) => Kills::parse(&text),
            Err(Errno::NODEV | Errno::NOENT) => Kills { kills: now.kills + 1, ..now },
            Err(errno) => return gone(group, "read memory.events of", errno),
        };
    }
    let killed = now.kills.saturating_sub(last.kills);
    *last = now;
    Ok((killed > 0).then_some(Event::Oom { killed }))
}

fn is_populated(events: &str) -> bool {
    events.lines().any(|line| line == "populated 1")
}

/// What `memory.events` counts of memory that ran out.
#[derive(Clone, Copy, Debug)]
pub(super) struct Kills {
    /// How often it did.
    outs: u64,
    /// How many tasks were killed.
    kills: u64,
}

impl Kills {
    fn parse(events: &str) -> Self {
        let value = |name: &str| {
            let number = events.lines().find_map(|line| line.strip_prefix(name)?.trim().parse().ok());
            number.unwrap_or(0)
        };
        Self { outs: value("oom "), kills: value("oom_kill ") }
    }
}
