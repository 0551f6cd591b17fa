//! One thing that tells of events, with what it told last.

use super::counters::{Counters, Failures};
use super::freezing::{FreezerFile, Freezing};
use super::members::{Members, Populated};
use super::memory::{OomCounter, OomFile, Threshold};
use super::pressure::{Levels, Trigger};
use super::{Event, Notice, Reach};
use crate::recipe::Directory;
use crate::{Controller, Error, Group, Version};
use rustix::event::PollFlags;
use rustix::fd::BorrowedFd;
use std::time::Instant;

/// A source of events.
#[derive(Debug)]
pub(super) enum Source {
    Populated(Populated),
    Members(Members),
    OomFile(OomFile),
    OomCounter(OomCounter),
    Counters(Counters),
    Failures(Failures),
    Freezing(Freezing),
    FreezerFile(FreezerFile),
    Threshold(Threshold),
    Levels(Levels),
    Trigger(Trigger),
    /// Directories tell, which the watch listens to anyway.
    Children,
}

/// Says why a source is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cause {
    /// One of its files changed.
    File,
    /// Its descriptor is ready.
    Descriptor(PollFlags),
    /// The time has come that it asked for.
    Due,
    /// Another source of the same group was told of something.
    Neighbour,
}

impl Source {
    /// Opens what tells of `notice`, and names the files to listen to, from the anchor.
    pub(super) fn open(group: &Group, notice: Notice, reach: Reach) -> Result<(Self, Vec<String>), Error> {
        match notice {
            Notice::Populated => match group.unified() {
                Some(directory) => Populated::open(group, directory),
                None => Members::open(group),
            },
            Notice::Oom => {
                let directory = group.home(Controller::Memory)?;
                match directory.version {
                    Version::V1 => OomCounter::open(group, directory, reach),
                    Version::V2 => OomFile::open(group, directory, reach),
                }
            }
            Notice::Limits => Counters::open(group, reach),
            Notice::Freezing => {
                let directory = group.home(Controller::Freezer)?;
                match directory.version {
                    Version::V1 => FreezerFile::open(group, directory),
                    Version::V2 => Freezing::open(group, directory),
                }
            }
            Notice::Children => Ok((Self::Children, Vec::new())),
            Notice::Threshold(bytes) => Threshold::open(group, bytes),
            Notice::Pressure(resource, level) => super::pressure::open(group, resource, level),
            Notice::Stall(resource, stall) => Trigger::open(group, resource, stall),
        }
    }

    /// Returns what to poll for.
    pub(super) fn descriptor(&self) -> Option<(BorrowedFd<'_>, PollFlags)> {
        match self {
            Self::Members(source) => source.descriptor(),
            Self::OomCounter(source) => Some(source.descriptor()),
            Self::Failures(source) => Some(source.descriptor()),
            Self::Threshold(source) => Some(source.descriptor()),
            Self::Levels(source) => Some(source.descriptor()),
            Self::Trigger(source) => source.descriptor(),
            Self::Populated(_)
            | Self::OomFile(_)
            | Self::Counters(_)
            | Self::Freezing(_)
            | Self::FreezerFile(_)
            | Self::Children => None,
        }
    }

    /// Returns when to look at it even if nothing is told: only after something was, which is not yet over.
    pub(super) fn due(&self) -> Option<Instant> {
        match self {
            Self::Members(source) => source.due(),
            Self::OomCounter(source) => source.due(),
            Self::Counters(source) => source.due(),
            Self::Failures(source) => source.due(),
            Self::FreezerFile(source) => source.due(),
            _ => None,
        }
    }

    /// Looks whether something has happened; never waits for it.
    pub(super) fn look(&mut self, group: &Group, cause: Cause) -> Result<Vec<Event>, Error> {
        match self {
            Self::Members(source) => source.look(group, cause).map(one),
            Self::OomCounter(source) => source.look(group, cause).map(one),
            Self::Failures(source) => source.look(group),
            Self::Counters(source) => source.look(group),
            Self::FreezerFile(source) => source.look(group, cause).map(one),
            Self::Threshold(source) => source.look(group, cause).map(one),
            Self::Levels(source) => Ok(one(source.look(group, cause))),
            Self::Trigger(source) => Ok(one(source.look(cause))),
            Self::Populated(_) | Self::OomFile(_) | Self::Freezing(_) if cause == Cause::Neighbour => {
                Ok(Vec::new())
            }
            Self::Populated(source) => source.look(group).map(one),
            Self::OomFile(source) => source.look(group).map(one),
            Self::Freezing(source) => source.look(group).map(one),
            Self::Children => Ok(Vec::new()),
        }
    }

    /// Tells how things are, where that is something that lasts.
    pub(super) fn now(&self) -> Option<Event> {
        match self {
            Self::Populated(source) => Some(source.now()),
            Self::Members(source) => Some(source.now()),
            Self::Freezing(source) => source.now(),
            Self::FreezerFile(source) => source.now(),
            _ => None,
        }
    }

    /// Says what it listens to, as a command of a shell, or as a comment where a shell cannot.
    pub(super) fn shell(&self, group: &Group) -> String {
        let modify = |path: &str| format!("inotifywait -m -e modify {}", group.full(path).display());
        let told = |path: &str, name: &str, argument: &str| {
            let directory = group.full(path);
            let directory = directory.display();
            let argument = if argument.is_empty() { String::new() } else { format!(" {argument}") };
            format!(
                "exec 8< {directory}/{name}; echo \"$EVENTFD 8{argument}\" > {directory}/cgroup.event_control"
            )
        };
        match self {
            Self::Populated(source) => modify(source.file()),
            Self::Members(source) => {
                format!("# pidfd of a process in {}/cgroup.procs", group.full(source.path()).display())
            }
            Self::OomFile(source) => modify(source.file()),
            Self::OomCounter(source) => told(source.path(), "memory.oom_control", ""),
            Self::Counters(source) => modify(&source.files().join(" ")),
            Self::Failures(source) => told(source.path(), "memory.pressure_level", "low"),
            Self::Freezing(source) => modify(source.file()),
            Self::FreezerFile(source) => modify(source.file()),
            Self::Threshold(source) => {
                told(source.path(), "memory.usage_in_bytes", &source.bytes().to_string())
            }
            Self::Levels(source) => told(source.path(), "memory.pressure_level", source.level().word()),
            Self::Trigger(source) => {
                let file = group.full(source.file());
                format!("exec 9<> {}; echo '{}' >&9", file.display(), source.stall())
            }
            Self::Children => "# groups below come and go in the directories".to_owned(),
        }
    }
}

/// Opens a file of a group that is kept open.
pub(super) fn open(
    group: &Group,
    directory: &Directory,
    name: &str,
    flags: rustix::fs::OFlags,
) -> Result<rustix::fd::OwnedFd, Error> {
    let path = crate::recipe::join(&directory.path, name);
    let flags = flags | rustix::fs::OFlags::CLOEXEC;
    rustix::fs::openat(&group.anchor, path, flags, rustix::fs::Mode::empty())
        .map_err(|errno| group.read_error(directory, name, errno))
}

fn one(event: Option<Event>) -> Vec<Event> {
    event.into_iter().collect()
}
