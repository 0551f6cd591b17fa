//! Memory that runs out, and v1's thresholds.

use super::source::{Cause, Source, open};
use super::{Event, Reach};
use crate::recipe::{Directory, join};
use crate::{Controller, Error, ErrorKind, Group, Version};
use rustix::event::{EventfdFlags, PollFlags};
use rustix::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use rustix::fs::OFlags;
use rustix::io::Errno;
use std::time::{Duration, Instant};

const COUNT_TRIES: u32 = 50;
const COUNT_WAIT: Duration = Duration::from_millis(1);
/// How long after v1 has told of an OOM its kill is waited for; one above the group need not kill in it.
const PATIENCE: Duration = Duration::from_secs(5);
const FIRST_WAIT: Duration = Duration::from_millis(1);
const LONGEST_WAIT: Duration = Duration::from_millis(100);

/// `memory.events` of a v2 group.
#[derive(Debug)]
pub(super) struct OomFile {
    directory: Directory,
    name: &'static str,
    file: String,
    last: Kills,
}

/// An eventfd for `memory.oom_control` of a v1 group.
#[derive(Debug)]
pub(super) struct OomCounter {
    directory: Directory,
    counter: OwnedFd,
    reach: Reach,
    last: u64,
    /// When the kernel told of an OOM whose kill has not been counted yet, and the wait until the next look.
    open: Option<(Instant, Duration)>,
    due: Option<Instant>,
}

/// An eventfd for a threshold of a v1 group.
#[derive(Debug)]
pub(super) struct Threshold {
    directory: Directory,
    counter: OwnedFd,
    bytes: u64,
}

impl OomFile {
    pub(super) fn open(
        group: &Group,
        directory: &Directory,
        reach: Reach,
    ) -> Result<(Source, Vec<String>), Error> {
        let local = "memory.events.local";
        let name = match reach {
            Reach::Own if group.read_raw(directory, local).is_ok() => local,
            _ => "memory.events",
        };
        let text = group.read_in(directory, name)?;
        let file = join(&directory.path, name);
        let (directory, last) = (directory.clone(), Kills::parse(&text));
        Ok((Source::OomFile(Self { directory, name, file: file.clone(), last }), vec![file]))
    }

    /// Counts kills. The kernel counts first that memory ran out, and a moment later whom it killed for it; by the time
    /// it tells of the second a group may be gone with its last process, so that is waited for.
    pub(super) fn look(&mut self, group: &Group) -> Result<Option<Event>, Error> {
        let mut now = Kills::parse(&group.read_in(&self.directory, self.name)?);
        for _ in 0..COUNT_TRIES {
            if now.kills > self.last.kills || now.outs == self.last.outs {
                break;
            }
            std::thread::sleep(COUNT_WAIT);
            now = match group.read_raw(&self.directory, self.name) {
                Ok(text) => Kills::parse(&text),
                Err(Errno::NODEV | Errno::NOENT) => Kills { kills: now.kills + 1, ..now },
                Err(errno) => return Err(group.read_error(&self.directory, self.name, errno)),
            };
        }
        let killed = now.kills.saturating_sub(self.last.kills);
        self.last = now;
        Ok((killed > 0).then_some(Event::Oom { killed }))
    }

    pub(super) fn file(&self) -> &str {
        &self.file
    }
}

impl OomCounter {
    pub(super) fn open(
        group: &Group,
        directory: &Directory,
        reach: Reach,
    ) -> Result<(Source, Vec<String>), Error> {
        let counter = counter(group, directory, "memory.oom_control", "")?;
        let directory = directory.clone();
        let mut source = Self { directory, counter, reach, last: 0, open: None, due: None };
        source.last = source.count(group)?;
        Ok((Source::OomCounter(source), Vec::new()))
    }

    pub(super) fn descriptor(&self) -> (BorrowedFd<'_>, PollFlags) {
        (self.counter.as_fd(), PollFlags::IN)
    }

    pub(super) fn due(&self) -> Option<Instant> {
        self.due
    }

    pub(super) fn path(&self) -> &str {
        &self.directory.path
    }

    /// Counts kills; v1 signals an OOM before it kills, to all groups below the one that ran out.
    pub(super) fn look(&mut self, group: &Group, cause: Cause) -> Result<Option<Event>, Error> {
        let now = Instant::now();
        let signalled = take(&self.counter);
        if signalled {
            // The kernel signals the eventfd a last time when the group is removed.
            if !group.is_there(&self.directory) {
                return Ok(None);
            }
            self.open = Some((now, FIRST_WAIT));
        }
        let Some((begin, wait)) = self.open.filter(|_| signalled || cause != Cause::Neighbour) else {
            return Ok(None);
        };
        let count = self.count(group)?;
        let killed = count.saturating_sub(self.last);
        self.last = count;
        if killed > 0 {
            (self.open, self.due) = (None, None);
            return Ok(Some(Event::Oom { killed }));
        }
        let state = group.read_in(&self.directory, "memory.oom_control")?;
        if state.lines().any(|line| line == "oom_kill_disable 1") {
            (self.open, self.due) = (None, None);
            let waits = self.reach == Reach::Below || state.lines().any(|line| line == "under_oom 1");
            return Ok(waits.then_some(Event::Oom { killed: 0 }));
        }
        if now.duration_since(begin) > PATIENCE {
            (self.open, self.due) = (None, None);
        } else {
            self.open = Some((begin, (wait * 2).min(LONGEST_WAIT)));
            self.due = Some(now + wait);
        }
        Ok(None)
    }

    fn count(&self, group: &Group) -> Result<u64, Error> {
        match self.reach {
            Reach::Below => group.oom_count(),
            Reach::Own => {
                let text = group.read_in(&self.directory, "memory.oom_control")?;
                Ok(Kills::parse(&text).kills)
            }
        }
    }
}

impl Threshold {
    pub(super) fn open(group: &Group, bytes: u64) -> Result<(Source, Vec<String>), Error> {
        let directory = group.home(Controller::Memory)?;
        if directory.version == Version::V2 {
            let cause = "cgroup v2 has no memory thresholds";
            return Err(Error::text(
                "watch a threshold of",
                group.full(&directory.path),
                cause,
                ErrorKind::Unsupported,
            )
            .with_hint("set memory.high there: each time it is hit is told as a limit"));
        }
        let counter = counter(group, directory, "memory.usage_in_bytes", &bytes.to_string())?;
        Ok((Source::Threshold(Self { directory: directory.clone(), counter, bytes }), Vec::new()))
    }

    pub(super) fn descriptor(&self) -> (BorrowedFd<'_>, PollFlags) {
        (self.counter.as_fd(), PollFlags::IN)
    }

    pub(super) fn look(&mut self, group: &Group, _cause: Cause) -> Result<Option<Event>, Error> {
        if !take(&self.counter) || !group.is_there(&self.directory) {
            return Ok(None);
        }
        let text = group.read_in(&self.directory, "memory.usage_in_bytes")?;
        let usage = text.trim().parse().unwrap_or(0);
        Ok(Some(Event::Threshold { bytes: self.bytes, usage }))
    }

    pub(super) fn path(&self) -> &str {
        &self.directory.path
    }

    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }
}

/// Has the kernel signal an eventfd for a v1 memory file; see cgroup-v1/cgroups.rst, "Notification API".
pub(super) fn counter(
    group: &Group,
    directory: &Directory,
    name: &str,
    argument: &str,
) -> Result<OwnedFd, Error> {
    let counter = rustix::event::eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)
        .map_err(|errno| Error::call("eventfd for", group.path().as_str(), errno))?;
    let watched = open(group, directory, name, OFlags::RDONLY)?;
    let line = format!("{} {} {argument}", counter.as_raw_fd(), watched.as_raw_fd());
    group.write_in(directory, "cgroup.event_control", line.trim_end())?;
    Ok(counter)
}

/// Takes what an eventfd has counted; `false` if nothing.
pub(super) fn take(counter: &OwnedFd) -> bool {
    rustix::io::read(counter, &mut [0u8; 8]).is_ok()
}

/// What the kernel counts of memory that ran out.
#[derive(Clone, Copy, Debug)]
struct Kills {
    /// How often it did; v2 alone.
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
