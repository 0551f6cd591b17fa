//! Learning of what happens in a group without asking again and again.

mod source;

use crate::freeze::timespec;
use crate::{Error, Group};
use rustix::event::{PollFd, PollFlags};
use rustix::fd::BorrowedFd;
use rustix::io::Errno;
use source::Source;
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// How often a machine with v1 alone is asked whether the group is empty: it has nothing that would tell.
const ASK: Duration = Duration::from_millis(100);
/// How often a wait is broken off for a look: poll does not return when a v2 group is removed.
const LOOK: Duration = Duration::from_secs(1);

/// Names what to watch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Notice {
    /// Whether the group, or one below it, holds a process.
    Populated,
    /// Tasks ended, or on v1 stopped, for want of memory.
    Oom,
    /// Memory use that crosses this many bytes, either way; v1 only.
    Threshold(u64),
    /// Memory that gets scarce.
    Pressure(PressureLevel),
}

/// Says how scarce memory has to get; v1's levels, on v2 the stall in a second that they are taken to mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PressureLevel {
    /// The kernel reclaims; on v2 some task waited for 50 ms.
    Low,
    /// It swaps and drops caches in use; on v2 some task waited for 150 ms.
    Medium,
    /// It is about to kill; on v2 all tasks waited for 150 ms at once.
    Critical,
}

/// Tells what happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// The first process has come.
    Populated,
    /// The last process has gone.
    Empty,
    /// Memory ran out; so many tasks were killed since the last event, none where v1's OOM killer is off.
    Oom {
        /// How many.
        killed: u64,
    },
    /// Memory use crossed this many bytes.
    Threshold(u64),
    /// Memory has become this scarce.
    Pressure(PressureLevel),
    /// The group was removed; no further event comes.
    Removed,
}

/// Watches a group.
#[derive(Debug)]
pub struct Watch<'a> {
    group: &'a Group,
    sources: Vec<Source>,
    ready: VecDeque<Event>,
    /// Whether some source has to be asked now and then.
    asks: bool,
    removed: bool,
}

impl Group {
    /// Begins to watch the group; what happens from now on is not missed.
    ///
    /// v1 tells by eventfd(2) through `cgroup.event_control`, v2 by poll(2) on its files. That a group is empty is
    /// told by the v2 tree on a hybrid machine, too; with v1 alone it is looked at every 100 ms.
    ///
    /// # Errors
    /// Fails if the group has gone, or has no controller that gives such a notice.
    pub fn watch(&self, notices: &[Notice]) -> Result<Watch<'_>, Error> {
        let sources: Vec<Source> =
            notices.iter().map(|notice| Source::open(self, *notice)).collect::<Result<_, _>>()?;
        let asks = sources.iter().any(|source| source.descriptor().is_none());
        Ok(Watch { group: self, sources, ready: VecDeque::new(), asks, removed: false })
    }
}

impl Watch<'_> {
    /// Waits for the next event; `None` if there is none within `timeout`, or ever again.
    ///
    /// # Errors
    /// Fails if a file of the group can no longer be read though the group is there.
    pub fn next(&mut self, timeout: Option<Duration>) -> Result<Option<Event>, Error> {
        self.next_or(timeout, None)
    }

    /// Waits as [`Watch::next`] does, and no longer than until `end` can be read, such as the pidfd of a process with
    /// which the group's life ends. Then nothing has to be looked at in between.
    ///
    /// # Errors
    /// As [`Watch::next`].
    pub fn next_until(
        &mut self,
        timeout: Option<Duration>,
        end: BorrowedFd<'_>,
    ) -> Result<Option<Event>, Error> {
        self.next_or(timeout, Some(end))
    }

    fn next_or(
        &mut self,
        timeout: Option<Duration>,
        end: Option<BorrowedFd<'_>>,
    ) -> Result<Option<Event>, Error> {
        let deadline = timeout.map(|timeout| Instant::now() + timeout);
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Ok(Some(event));
            }
            if self.removed {
                return Ok(None);
            }
            let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
            let ended = self.wait(left, end)?;
            self.collect()?;
            if self.ready.is_empty() && (ended || left.is_some_and(|left| left.is_zero())) {
                return Ok(None);
            }
        }
    }

    /// Waits for something to look at; tells whether `end` can be read.
    fn wait(&self, left: Option<Duration>, end: Option<BorrowedFd<'_>>) -> Result<bool, Error> {
        let longest = match end {
            _ if self.asks => Some(ASK),
            None => Some(LOOK),
            Some(_) => None,
        };
        let step = left.into_iter().chain(longest).min();
        let end = end.map(|end| PollFd::from_borrowed_fd(end, PollFlags::IN));
        let has_end = end.is_some();
        let sources = self.sources.iter().filter_map(|source| {
            let (descriptor, flags) = source.descriptor()?;
            Some(PollFd::from_borrowed_fd(descriptor, flags))
        });
        let mut polled: Vec<PollFd<'_>> = end.into_iter().chain(sources).collect();
        match rustix::event::poll(&mut polled, step.map(timespec).as_ref()) {
            Ok(_) => Ok(has_end && polled.first().is_some_and(|end| !end.revents().is_empty())),
            Err(Errno::INTR) => Ok(false),
            Err(errno) => Err(Error::call("poll the events of", self.group.path().as_str(), errno)),
        }
    }

    fn collect(&mut self) -> Result<(), Error> {
        for source in &mut self.sources {
            match source.look(self.group)? {
                Some(Event::Removed) => self.removed = true,
                Some(event) => self.ready.push_back(event),
                None => {}
            }
        }
        if self.removed {
            self.ready.push_back(Event::Removed);
        }
        Ok(())
    }
}
