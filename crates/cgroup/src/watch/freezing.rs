//! Whether all processes of a group are frozen.

use super::Event;
use super::source::{Cause, Source};
use crate::recipe::{Directory, ancestors, join};
use crate::{Error, Group};
use std::time::{Duration, Instant};

/// How often to look at a v1 group that is on its way to be frozen, at first and at most.
const FIRST_WAIT: Duration = Duration::from_millis(1);
const LONGEST_WAIT: Duration = Duration::from_millis(100);

/// `cgroup.events` of a v2 group.
#[derive(Debug)]
pub(super) struct Freezing {
    directory: Directory,
    file: String,
    last: bool,
}

/// `freezer.state` of a v1 group. inotify tells of writes to it and to those above, as they freeze it, too.
#[derive(Debug)]
pub(super) struct FreezerFile {
    directory: Directory,
    file: String,
    last: bool,
    wait: Duration,
    due: Option<Instant>,
}

impl Freezing {
    pub(super) fn open(group: &Group, directory: &Directory) -> Result<(Source, Vec<String>), Error> {
        let text = group.read_in(directory, "cgroup.events")?;
        let file = join(&directory.path, "cgroup.events");
        let source = Self { directory: directory.clone(), file: file.clone(), last: is_frozen(&text) };
        Ok((Source::Freezing(source), vec![file]))
    }

    pub(super) fn look(&mut self, group: &Group) -> Result<Option<Event>, Error> {
        let text = group.read_in(&self.directory, "cgroup.events")?;
        Ok(turn(&mut self.last, is_frozen(&text)))
    }

    pub(super) fn now(&self) -> Option<Event> {
        self.last.then_some(Event::Frozen)
    }

    pub(super) fn file(&self) -> &str {
        &self.file
    }
}

impl FreezerFile {
    pub(super) fn open(group: &Group, directory: &Directory) -> Result<(Source, Vec<String>), Error> {
        let text = group.read_in(directory, NAME)?;
        let file = join(&directory.path, NAME);
        // The top of the hierarchy has no such file.
        let above = ancestors(directory).filter(|path| *path != directory.base).map(|path| join(path, NAME));
        let files: Vec<String> = above.chain([file.clone()]).collect();
        let mut source = Self {
            directory: directory.clone(),
            file,
            last: text.trim() == "FROZEN",
            wait: FIRST_WAIT,
            due: None,
        };
        source.come_back(&text);
        Ok((Source::FreezerFile(source), files))
    }

    pub(super) fn look(&mut self, group: &Group, cause: Cause) -> Result<Option<Event>, Error> {
        match cause {
            Cause::Neighbour => return Ok(None),
            Cause::Due => {}
            Cause::File | Cause::Descriptor(_) => self.wait = FIRST_WAIT,
        }
        let text = group.read_in(&self.directory, NAME)?;
        self.come_back(&text);
        Ok(turn(&mut self.last, text.trim() == "FROZEN"))
    }

    pub(super) fn due(&self) -> Option<Instant> {
        self.due
    }

    pub(super) fn now(&self) -> Option<Event> {
        self.last.then_some(Event::Frozen)
    }

    pub(super) fn file(&self) -> &str {
        &self.file
    }

    /// The kernel notes that all have stopped when somebody looks, and tells nobody.
    fn come_back(&mut self, state: &str) {
        self.due = (state.trim() == "FREEZING").then(|| Instant::now() + self.wait);
        self.wait = (self.wait * 2).min(LONGEST_WAIT);
    }
}

const NAME: &str = "freezer.state";

fn is_frozen(events: &str) -> bool {
    events.lines().any(|line| line == "frozen 1")
}

fn turn(last: &mut bool, now: bool) -> Option<Event> {
    let turned = *last != now;
    *last = now;
    turned.then_some(if now { Event::Frozen } else { Event::Thawed })
}
