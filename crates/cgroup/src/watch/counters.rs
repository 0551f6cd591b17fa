//! Limits that were hit.

use super::memory::{counter, take};
use super::source::Source;
use super::{Event, Reach};
use crate::recipe::{Directory, join};
use crate::{Controller, Error, ErrorKind, Group, Version};
use rustix::event::PollFlags;
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::fs::{Dir, Mode, OFlags};
use rustix::io::Errno;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// A limit that is hit again and again is told of once in this time, with how often it was.
const PACE: Duration = Duration::from_secs(1);

/// What these files count beside hits of limits; `fail` is that of swap, which may be full on the whole machine.
const NO_LIMITS: [&str; 5] = ["oom", "oom_kill", "oom_group_kill", "sock_throttled", "fail"];

/// `NAME.events` files, v2's of all controllers and v1's of pids.
#[derive(Debug)]
pub(super) struct Counters {
    files: Vec<(Directory, String)>,
    paths: Vec<String>,
    pace: Pace,
}

/// The counters of hits of v1's memory. Nothing tells of them, but each hit makes the kernel reclaim, and it tells of
/// that.
#[derive(Debug)]
pub(super) struct Failures {
    directory: Directory,
    counter: OwnedFd,
    counters: Option<Counters>,
    pace: Pace,
}

/// What was counted last, and what is still to be told.
#[derive(Debug, Default)]
struct Pace {
    last: BTreeMap<String, u64>,
    held: BTreeMap<String, u64>,
    told: Option<Instant>,
    due: Option<Instant>,
}

impl Counters {
    /// Opens all of them, on v1 as part of [`Failures`].
    pub(super) fn open(group: &Group, reach: Reach) -> Result<(Source, Vec<String>), Error> {
        let mut files = Vec::new();
        for directory in group.directories() {
            let names = event_files(group, directory, reach)?;
            files.extend(names.into_iter().map(|name| (directory.clone(), name)));
        }
        let paths: Vec<String> = files.iter().map(|(directory, name)| join(&directory.path, name)).collect();
        let mut counters = Self { files, paths: paths.clone(), pace: Pace::default() };
        counters.pace.last = counters.read(group)?;
        let memory = group.find_home(Controller::Memory).filter(|home| home.version == Version::V1);
        if let Some(directory) = memory {
            let counter = counter(group, directory, "memory.pressure_level", "low")?;
            let pace = Pace { last: failures(group, directory)?, ..Pace::default() };
            let counters = Some(counters).filter(|counters| !counters.files.is_empty());
            let source = Failures { directory: directory.clone(), counter, counters, pace };
            return Ok((Source::Failures(source), paths));
        }
        if counters.files.is_empty() {
            let cause = "it has no controller that counts hits of limits";
            return Err(Error::text(
                "watch the limits of",
                group.path().as_str(),
                cause,
                ErrorKind::Unsupported,
            ));
        }
        Ok((Source::Counters(counters), paths))
    }

    /// Looks whenever anything was told of the group: kernels from 6.12 on do not tell of `pids.events` on v1.
    pub(super) fn look(&mut self, group: &Group) -> Result<Vec<Event>, Error> {
        let now = self.read(group)?;
        Ok(self.pace.tell(now))
    }

    pub(super) fn due(&self) -> Option<Instant> {
        self.pace.due
    }

    pub(super) fn files(&self) -> &[String] {
        &self.paths
    }

    fn read(&self, group: &Group) -> Result<BTreeMap<String, u64>, Error> {
        let mut counted = BTreeMap::new();
        for (directory, name) in &self.files {
            let text = match group.read_raw(directory, name) {
                Ok(text) => text,
                // Its controller was disabled.
                Err(Errno::NOENT | Errno::NODEV) => continue,
                Err(errno) => return Err(group.read_error(directory, name, errno)),
            };
            let of = name.strip_suffix(".local").unwrap_or(name);
            let of = of.strip_suffix(".events").unwrap_or(of);
            counted.extend(limits(of, &text));
        }
        Ok(counted)
    }
}

impl Failures {
    pub(super) fn descriptor(&self) -> (BorrowedFd<'_>, PollFlags) {
        (self.counter.as_fd(), PollFlags::IN)
    }

    pub(super) fn due(&self) -> Option<Instant> {
        let counters = self.counters.as_ref().and_then(Counters::due);
        self.pace.due.into_iter().chain(counters).min()
    }

    pub(super) fn path(&self) -> &str {
        &self.directory.path
    }

    /// Looks whenever anything was told of the group: an OOM comes with a hit, too.
    pub(super) fn look(&mut self, group: &Group) -> Result<Vec<Event>, Error> {
        take(&self.counter);
        let mut events = match &mut self.counters {
            Some(counters) => counters.look(group)?,
            None => Vec::new(),
        };
        let now = failures(group, &self.directory)?;
        events.extend(self.pace.tell(now));
        Ok(events)
    }
}

impl Pace {
    /// Takes new numbers and gives what is to be told now.
    fn tell(&mut self, now: BTreeMap<String, u64>) -> Vec<Event> {
        for (limit, count) in &now {
            let last = self.last.get(limit).copied().unwrap_or(0);
            if *count > last {
                *self.held.entry(limit.clone()).or_default() += count - last;
            }
        }
        self.last = now;
        if self.held.is_empty() {
            self.due = None;
            return Vec::new();
        }
        let moment = Instant::now();
        match self.told.map(|told| told + PACE).filter(|next| *next > moment) {
            Some(next) => {
                self.due = Some(next);
                Vec::new()
            }
            None => {
                (self.told, self.due) = (Some(moment), None);
                let held = std::mem::take(&mut self.held);
                held.into_iter().map(|(limit, times)| Event::Limit { limit, times }).collect()
            }
        }
    }
}

/// Lists the files that count in one directory. For the group itself alone a file that is called `.local` is better,
/// where the kernel has it.
fn event_files(group: &Group, directory: &Directory, reach: Reach) -> Result<Vec<String>, Error> {
    let fail = |errno| Error::call("list", group.full(&directory.path), errno);
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let opened = rustix::fs::openat(&group.anchor, directory.path.as_str(), flags, Mode::empty());
    let mut names = Vec::new();
    for entry in Dir::new(opened.map_err(fail)?).map_err(fail)? {
        names.push(entry.map_err(fail)?.file_name().to_string_lossy().into_owned());
    }
    let counts = |name: &&String| name.ends_with(".events") && *name != "cgroup.events";
    let chosen = names.iter().filter(counts).map(|name| {
        let local = format!("{name}.local");
        if reach == Reach::Own && names.contains(&local) { local } else { name.clone() }
    });
    Ok(chosen.collect())
}

/// Reads the lines `max 3` of `memory.events` as hits of `memory.max`.
fn limits<'a>(of: &'a str, text: &'a str) -> impl Iterator<Item = (String, u64)> + 'a {
    text.lines().filter_map(move |line| {
        let (name, count) = line.split_once(' ')?;
        let count = count.trim().parse().ok()?;
        (!NO_LIMITS.contains(&name)).then(|| (format!("{of}.{name}"), count))
    })
}

/// Reads how often v1's memory was at its limits, by the names that v2 has for these.
fn failures(group: &Group, directory: &Directory) -> Result<BTreeMap<String, u64>, Error> {
    let mut counted = BTreeMap::new();
    for (file, limit) in [("memory.failcnt", "memory.max"), ("memory.memsw.failcnt", "memory.memsw.max")] {
        match group.read_raw(directory, file) {
            Ok(text) => {
                counted.insert(limit.to_owned(), text.trim().parse().unwrap_or(0));
            }
            // A kernel without swap accounting.
            Err(Errno::NOENT | Errno::OPNOTSUPP) => {}
            Err(errno) => return Err(group.read_error(directory, file, errno)),
        }
    }
    Ok(counted)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(text: &str) -> BTreeMap<String, u64> {
        limits("memory", text).collect()
    }

    #[test]
    fn a_line_is_a_limit_unless_it_is_about_the_oom_killer() {
        let text = "low 0\nhigh 2\nmax 3\noom 4\noom_kill 5\noom_group_kill 6\n";
        let wanted = [("memory.high", 2), ("memory.low", 0), ("memory.max", 3)];
        assert_eq!(counted(text), wanted.map(|(name, count)| (name.to_owned(), count)).into());
        assert_eq!(limits("memory.swap", "high 1\nmax 2\nfail 3\n").count(), 2);
    }

    #[test]
    fn what_comes_too_soon_is_held_back_and_summed_up() {
        let mut pace = Pace { last: counted("max 1"), ..Pace::default() };
        assert_eq!(pace.tell(counted("max 1")), []);
        let told = |times| vec![Event::Limit { limit: "memory.max".into(), times }];
        assert_eq!(pace.tell(counted("max 3")), told(2));
        assert_eq!(pace.tell(counted("max 4")), []);
        assert!(pace.due.is_some());
        assert_eq!(pace.tell(counted("max 9")), []);
        pace.told = None;
        assert_eq!(pace.tell(counted("max 9")), told(6));
        assert_eq!(pace.due, None);
    }
}
