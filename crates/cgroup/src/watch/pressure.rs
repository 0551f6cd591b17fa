//! Resources that get scarce.

use super::memory::{counter, take};
use super::source::{Cause, Source, open as open_file};
use super::{Event, PressureLevel, Stall};
use crate::recipe::{Directory, join};
use crate::stats::Resource;
use crate::{Controller, Error, ErrorKind, Group, Version, file};
use rustix::event::PollFlags;
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::fs::OFlags;
use rustix::io::Errno;
use std::time::{Duration, Instant};

/// The kernel tells of v1's pressure as often as it reclaims; it is told on once in this time.
const PACE: Duration = Duration::from_secs(1);

/// The windows for those who may have the kernel look often, and for the others.
const WINDOW: Duration = Duration::from_secs(1);
const WIDE_WINDOW: Duration = Duration::from_secs(2);

/// An eventfd for a level of v1's memory pressure.
#[derive(Debug)]
pub(super) struct Levels {
    directory: Directory,
    counter: OwnedFd,
    level: PressureLevel,
    told: Option<Instant>,
}

/// A trigger in a pressure file of a v2 group.
#[derive(Debug)]
pub(super) struct Trigger {
    file: String,
    trigger: Option<OwnedFd>,
    stall: Stall,
    event: Event,
}

/// Opens what tells of a level: for memory what its home has, else the v2 tree.
pub(super) fn open(
    group: &Group,
    resource: Resource,
    level: PressureLevel,
) -> Result<(Source, Vec<String>), Error> {
    let home = group.find_home(Controller::Memory);
    match home.filter(|home| resource == Resource::Memory && home.version == Version::V1) {
        Some(directory) => {
            let counter = counter(group, directory, "memory.pressure_level", level.word())?;
            let directory = directory.clone();
            Ok((Source::Levels(Levels { directory, counter, level, told: None }), Vec::new()))
        }
        None => {
            let event = Event::Pressure(resource, level);
            match trigger(group, resource, Stall::of(level, WINDOW), event.clone()) {
                // Without CAP_SYS_RESOURCE.
                Err(error) if matches!(error.errno(), Some(Errno::INVAL | Errno::PERM)) => {
                    trigger(group, resource, Stall::of(level, WIDE_WINDOW), event)
                }
                result => result,
            }
        }
    }
}

fn trigger(
    group: &Group,
    resource: Resource,
    stall: Stall,
    event: Event,
) -> Result<(Source, Vec<String>), Error> {
    let name = match resource {
        Resource::Cpu => "cpu.pressure",
        Resource::Memory => "memory.pressure",
        Resource::Io => "io.pressure",
    };
    let Some(directory) = group.unified() else {
        let cause = "it has no directory in a v2 tree";
        let operation = format!("watch {name} of");
        return Err(Error::text(operation, group.path().as_str(), cause, ErrorKind::Unsupported));
    };
    let file = open_file(group, directory, name, OFlags::RDWR | OFlags::NONBLOCK)?;
    let value = stall.to_string();
    file::write_value(&file, &value).map_err(|errno| {
        let error = group.write_error(directory, name, &value, errno);
        match errno {
            Errno::OPNOTSUPP => error.with_hint("this kernel was started without psi=1"),
            Errno::INVAL | Errno::PERM => {
                error.with_hint("a window is 500 ms to 10 s, and without CAP_SYS_RESOURCE a multiple of 2 s")
            }
            _ => error,
        }
    })?;
    let path = join(&directory.path, name);
    Ok((Source::Trigger(Trigger { file: path, trigger: Some(file), stall, event }), Vec::new()))
}

impl Levels {
    pub(super) fn descriptor(&self) -> (BorrowedFd<'_>, PollFlags) {
        (self.counter.as_fd(), PollFlags::IN)
    }

    pub(super) fn look(&mut self, group: &Group, cause: Cause) -> Option<Event> {
        // The eventfd is signalled a last time when the group is removed, which then is no pressure.
        if !matches!(cause, Cause::Descriptor(_)) || !take(&self.counter) || !group.is_there(&self.directory)
        {
            return None;
        }
        let now = Instant::now();
        if self.told.is_some_and(|told| now.duration_since(told) < PACE) {
            return None;
        }
        self.told = Some(now);
        Some(Event::Pressure(Resource::Memory, self.level))
    }

    pub(super) fn path(&self) -> &str {
        &self.directory.path
    }

    pub(super) fn level(&self) -> PressureLevel {
        self.level
    }
}

impl Trigger {
    pub(super) fn open(
        group: &Group,
        resource: Resource,
        stall: Stall,
    ) -> Result<(Source, Vec<String>), Error> {
        trigger(group, resource, stall, Event::Stall(resource, stall))
    }

    pub(super) fn descriptor(&self) -> Option<(BorrowedFd<'_>, PollFlags)> {
        self.trigger.as_ref().map(|trigger| (trigger.as_fd(), PollFlags::PRI))
    }

    /// Goes by what poll has said: the kernel says it once.
    pub(super) fn look(&mut self, cause: Cause) -> Option<Event> {
        let Cause::Descriptor(flags) = cause else { return None };
        if flags.intersects(PollFlags::ERR | PollFlags::HUP | PollFlags::NVAL) {
            // The group has gone, which its directory tells.
            self.trigger = None;
            return None;
        }
        flags.contains(PollFlags::PRI).then(|| self.event.clone())
    }

    pub(super) fn file(&self) -> &str {
        &self.file
    }

    pub(super) fn stall(&self) -> Stall {
        self.stall
    }
}
