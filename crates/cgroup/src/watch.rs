//! Learning of what happens in groups without asking again and again.
//!
//! The kernel tells in four ways, and all end in one poll(2): inotify(7) of files that it notifies of and of
//! directories that come and go, eventfd(2) through `cgroup.event_control` on v1, triggers in PSI files, and on v1
//! alone, where nothing tells that a group has become empty, the pidfd of a member and fanotify(7) for processes
//! that are moved away.

mod counters;
mod event;
mod files;
mod freezing;
mod kin;
mod members;
mod memory;
mod pressure;
mod source;
mod victim;

pub use event::{Event, Notice, PressureLevel, Share, Stall, Told};
pub use victim::{Killed, Victim, Victims};

use crate::freeze::timespec;
use crate::recipe::join;
use crate::{Error, ErrorKind, Group};
use files::{Files, Interest, Signal, What};
use kin::Known;
use rustix::event::{PollFd, PollFlags};
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::io::Errno;
use source::{Cause, Source};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::{Duration, Instant};

/// Says which groups are watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    /// The group that was named; what happens below it counts as its own wherever the kernel counts it so.
    Alone,
    /// Each group below it by itself, too, those that are still to come among them. Pressure and thresholds are
    /// those of the group that was named.
    Subtree,
}

/// Watches groups.
#[derive(Debug)]
pub struct Watch {
    files: Files,
    /// Tells of writes in v1 hierarchies, one descriptor each, by the mount point.
    writes: BTreeMap<String, OwnedFd>,
    groups: BTreeMap<usize, Watched>,
    next_number: usize,
    ready: VecDeque<Told>,
}

/// What a wait ended with.
struct Woken {
    /// What the sources were told, each by the numbers of its group and its own.
    causes: BTreeMap<(usize, usize), Cause>,
    /// Whether something was written in a v1 hierarchy.
    moved: bool,
    /// Whether all has to be looked at: something that the caller waits for has happened, and inotify tells a little
    /// later than poll; or the kernel has lost count.
    ended: bool,
}

/// A group with all that tells of it.
#[derive(Debug)]
struct Watched {
    group: Group,
    notices: Vec<Notice>,
    depth: Depth,
    sources: Vec<Source>,
    children: BTreeSet<String>,
}

impl Group {
    /// Begins to watch the group alone; what happens from now on is not missed.
    ///
    /// # Errors
    /// Fails if the group has gone, or has no controller that gives such a notice.
    pub fn watch(&self, notices: &[Notice]) -> Result<Watch, Error> {
        let mut watch = Watch::new()?;
        watch.add(self.below(&[])?, notices, &[], Depth::Alone)?;
        Ok(watch)
    }
}

impl Watch {
    /// Makes a watch of no group.
    ///
    /// # Errors
    /// EMFILE where the user has too many inotify instances.
    pub fn new() -> Result<Self, Error> {
        let (writes, groups, ready) = (BTreeMap::new(), BTreeMap::new(), VecDeque::new());
        Ok(Self { files: Files::new()?, writes, groups, next_number: 0, ready })
    }

    /// Watches one more group. The notices `wanted` have to be there; `welcome` are left out where this machine or
    /// this user does not have them.
    ///
    /// # Errors
    /// Fails if the group has gone, or cannot give what is wanted.
    pub fn add(
        &mut self,
        group: Group,
        wanted: &[Notice],
        welcome: &[Notice],
        depth: Depth,
    ) -> Result<(), Error> {
        let number = self.number();
        let reach = depth.reach();
        let mut watched = Watched::new(group, depth);
        self.watch_directories(number, &watched.group)?;
        for notice in wanted {
            self.open(number, &mut watched, *notice, reach, None)?;
            watched.notices.push(*notice);
        }
        for notice in welcome {
            match self.open(number, &mut watched, *notice, reach, None) {
                Ok(()) => watched.notices.push(*notice),
                Err(error) if !watched.group.exists() => return Err(error),
                // What this machine lacks is left out, as was asked for.
                Err(_) => {}
            }
        }
        if !watched.group.exists() {
            let path = watched.group.path().as_str();
            return Err(Error::call("watch", path, Errno::NOENT).with_kind(ErrorKind::NotFound));
        }
        self.adopt(number, watched, None);
        Ok(())
    }

    /// Tells first how things are with the groups that are watched, as if they had just become so: whether each is
    /// populated, and whether it is frozen.
    ///
    /// # Errors
    /// Fails if a file of a group cannot be read though the group is there.
    pub fn tell_now(&mut self) -> Result<(), Error> {
        for watched in self.groups.values() {
            let now = watched.sources.iter().filter_map(Source::now);
            let told = now.map(|event| Told { group: watched.group.path().clone(), event });
            self.ready.extend(told);
        }
        Ok(())
    }

    /// Tells whether all groups have gone, so that nothing will be told any more.
    pub fn is_over(&self) -> bool {
        self.groups.is_empty() && self.ready.is_empty()
    }

    /// Waits for the next event; `None` if there is none within `timeout`, or ever again.
    ///
    /// # Errors
    /// Fails if a file of a group can no longer be read though the group is there.
    pub fn next(&mut self, timeout: Option<Duration>) -> Result<Option<Told>, Error> {
        self.next_until(timeout, &[])
    }

    /// Waits as [`Watch::next`] does, and no longer than until one of `ends` can be read, such as the pidfd of a
    /// process with which the group's life ends. What happened before that is told first.
    ///
    /// # Errors
    /// As [`Watch::next`].
    pub fn next_until(
        &mut self,
        timeout: Option<Duration>,
        ends: &[BorrowedFd<'_>],
    ) -> Result<Option<Told>, Error> {
        let deadline = timeout.map(|timeout| Instant::now() + timeout);
        loop {
            if let Some(told) = self.ready.pop_front() {
                return Ok(Some(told));
            }
            if self.groups.is_empty() {
                return Ok(None);
            }
            let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
            let ended = self.wait(left, ends)?;
            if self.ready.is_empty() && (ended || left.is_some_and(|left| left.is_zero())) {
                return Ok(None);
            }
        }
    }

    /// Lists what the watch listens to, as commands or comments of a shell.
    pub fn shell(&self) -> Vec<String> {
        let sources = self
            .groups
            .values()
            .flat_map(|watched| watched.sources.iter().map(|source| source.shell(&watched.group)));
        let directories = self.groups.values().flat_map(|watched| {
            watched.group.directories().map(|directory| {
                let path = watched.group.full(&directory.path);
                format!("inotifywait -m -e create,delete {}", path.display())
            })
        });
        sources.chain(directories).collect()
    }

    fn number(&mut self) -> usize {
        self.next_number += 1;
        self.next_number
    }

    /// Listens for the group's own end and for groups right below it.
    fn watch_directories(&mut self, number: usize, group: &Group) -> Result<(), Error> {
        for directory in group.directories() {
            if let Some((above, name)) = above(directory.path.as_str(), &directory.base) {
                let life = Interest { group: number, what: What::Life(name.to_owned()) };
                self.files.directory(group, above, life)?;
            }
            self.files.directory(group, &directory.path, Interest { group: number, what: What::Below })?;
        }
        Ok(())
    }

    /// Opens a source. Of a group that came meanwhile, it tells what is not `known` of it.
    fn open(
        &mut self,
        number: usize,
        watched: &mut Watched,
        notice: Notice,
        reach: Reach,
        known: Option<&Known>,
    ) -> Result<(), Error> {
        let index = watched.sources.len();
        let interest = || Interest { group: number, what: What::Source(index) };
        let (mut source, files) = Source::open(&watched.group, notice, reach)?;
        let news = known.and_then(|known| known.news(&source));
        for path in files {
            self.files.file(&watched.group, &path, interest())?;
        }
        if let Source::Members(members) = &source {
            self.hear_of_moves(&watched.group, members, &interest)?;
        }
        // What came between the first look and now is told by nobody.
        let since = source.look(&watched.group, Cause::File)?;
        let group = watched.group.path();
        let told = news.into_iter().chain(since).map(|event| Told { group: group.clone(), event });
        self.ready.extend(told);
        watched.sources.push(source);
        Ok(())
    }

    /// Listens for processes that are moved on v1: all writes in the hierarchy where that is allowed, and otherwise
    /// those into the group and the groups below it.
    fn hear_of_moves(
        &mut self,
        group: &Group,
        members: &members::Members,
        interest: &dyn Fn() -> Interest,
    ) -> Result<(), Error> {
        let base = members.base();
        if self.writes.contains_key(base) {
            return Ok(());
        }
        if let Ok(writes) = palisade_sys::fanotify::writes_below(&group.full(base)) {
            self.writes.insert(base.to_owned(), writes);
            return Ok(());
        }
        let mut paths = vec![members.path().to_owned()];
        while let Some(path) = paths.pop() {
            for name in ["cgroup.procs", "tasks"] {
                self.files.file(group, &join(&path, name), interest())?;
            }
            paths.extend(group.children(&path)?);
        }
        Ok(())
    }

    /// Waits for something to look at, and looks; tells whether one of `ends` can be read.
    fn wait(&mut self, left: Option<Duration>, ends: &[BorrowedFd<'_>]) -> Result<bool, Error> {
        let now = Instant::now();
        let due = self.sources().filter_map(|(_, _, source)| source.due()).min();
        let due = due.map(|due| due.saturating_duration_since(now));
        let step = left.into_iter().chain(due).min();
        let mut polled = vec![PollFd::from_borrowed_fd(self.files.as_fd(), PollFlags::IN)];
        polled.extend(ends.iter().map(|end| PollFd::from_borrowed_fd(*end, PollFlags::IN)));
        polled.extend(self.writes.values().map(|writes| PollFd::new(writes, PollFlags::IN)));
        let first = polled.len();
        let mut owners = Vec::new();
        for (number, index, source) in self.sources() {
            if let Some((descriptor, flags)) = source.descriptor() {
                owners.push((number, index));
                polled.push(PollFd::from_borrowed_fd(descriptor, flags));
            }
        }
        match rustix::event::poll(&mut polled, step.map(timespec).as_ref()) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(errno) => return Err(Error::call("poll the events of", "groups", errno)),
        }
        let is_ready = |polled: &&PollFd<'_>| !polled.revents().is_empty();
        let woken = Woken {
            causes: (owners.into_iter().zip(&polled[first..]))
                .filter(|(_, polled)| is_ready(polled))
                .map(|(owner, polled)| (owner, Cause::Descriptor(polled.revents())))
                .collect(),
            moved: polled[1 + ends.len()..first].iter().any(|polled| is_ready(&polled)),
            ended: polled[1..=ends.len()].iter().any(|polled| is_ready(&polled)),
        };
        let ended = woken.ended;
        self.collect(woken)?;
        Ok(ended)
    }

    fn sources(&self) -> impl Iterator<Item = (usize, usize, &Source)> {
        self.groups.iter().flat_map(|(number, watched)| {
            watched.sources.iter().enumerate().map(move |(index, source)| (*number, index, source))
        })
    }

    /// Takes what the kernel has told, and looks at the sources that it is about.
    fn collect(&mut self, mut woken: Woken) -> Result<(), Error> {
        for writes in self.writes.values() {
            palisade_sys::fanotify::take(writes.as_fd())
                .map_err(|errno| Error::call("read fanotify of", "a v1 hierarchy", errno))?;
        }
        let mut gone = BTreeSet::new();
        for signal in self.files.take()? {
            match signal {
                Signal::Changed { group, source } => {
                    woken.causes.entry((group, source)).or_insert(Cause::File);
                }
                Signal::Came { group, name } => self.child_came(group, &name),
                Signal::Went { group, name } => self.child_went(group, &name),
                Signal::Ended { group } => {
                    if self.groups.get(&group).is_some_and(|watched| !watched.group.exists()) {
                        gone.insert(group);
                    }
                }
                Signal::Lost => {
                    gone.extend(self.rescan());
                    woken.ended = true;
                }
            }
        }
        self.look(&woken)?;
        for number in gone {
            self.end(number);
        }
        Ok(())
    }

    /// Looks at the sources that were told of, those that are due, and those that go by what others were told.
    fn look(&mut self, woken: &Woken) -> Result<(), Error> {
        let now = Instant::now();
        for (number, watched) in &mut self.groups {
            let stirred = woken.causes.range((*number, 0)..=(*number, usize::MAX)).next().is_some();
            for (index, source) in watched.sources.iter_mut().enumerate() {
                let cause = match woken.causes.get(&(*number, index)) {
                    Some(cause) => *cause,
                    None if woken.ended => Cause::File,
                    None if woken.moved && matches!(source, Source::Members(_)) => Cause::File,
                    None if source.due().is_some_and(|due| due <= now) => Cause::Due,
                    None if stirred => Cause::Neighbour,
                    None => continue,
                };
                let events = match source.look(&watched.group, cause) {
                    Ok(events) => events,
                    // Its directory has gone in this hierarchy; that of the group tells when it has in all.
                    Err(error) if matches!(error.errno(), Some(Errno::NOENT | Errno::NODEV)) => Vec::new(),
                    Err(error) => return Err(error),
                };
                let group = watched.group.path();
                self.ready.extend(events.into_iter().map(|event| Told { group: group.clone(), event }));
            }
        }
        Ok(())
    }
}

impl Watched {
    fn new(group: Group, depth: Depth) -> Self {
        Self { group, notices: Vec::new(), depth, sources: Vec::new(), children: BTreeSet::new() }
    }
}

/// Says whether a source counts what happens in the groups below.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reach {
    /// Only what happens in the group itself.
    Own,
    /// That as well.
    Below,
}

impl Depth {
    fn reach(self) -> Reach {
        match self {
            Self::Alone => Reach::Below,
            Self::Subtree => Reach::Own,
        }
    }
}

/// Splits a directory from the anchor into the one above it and its own name; none for the top of a hierarchy.
fn above<'a>(path: &'a str, base: &str) -> Option<(&'a str, &'a str)> {
    if path == base {
        return None;
    }
    Some(path.rsplit_once('/').unwrap_or(("", path)))
}
