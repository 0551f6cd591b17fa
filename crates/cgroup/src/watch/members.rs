//! Whether a group holds a process.

use super::Event;
use super::source::{Cause, Source};
use crate::recipe::{Directory, join};
use crate::{Error, ErrorKind, Group};
use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags};
use std::time::{Duration, Instant};

/// How long to leave a process alone that has ended and is still on the list.
const MOMENT: Duration = Duration::from_millis(5);
/// pidfd_open's flag for a single thread; kernel 6.9.
const THREAD: PidfdFlags = PidfdFlags::from_bits_retain(0o200);

/// `cgroup.events` of a v2 group.
#[derive(Debug)]
pub(super) struct Populated {
    directory: Directory,
    file: String,
    last: bool,
}

/// A v1 group. Nothing tells that it becomes empty, but as long as one member lives and stays it is not: one at a time
/// is waited for.
#[derive(Debug)]
pub(super) struct Members {
    directory: Directory,
    held: Option<OwnedFd>,
    due: Option<Instant>,
    last: bool,
}

impl Populated {
    pub(super) fn open(group: &Group, directory: &Directory) -> Result<(Source, Vec<String>), Error> {
        let text = group.read_in(directory, "cgroup.events")?;
        let file = join(&directory.path, "cgroup.events");
        let source = Self { directory: directory.clone(), file: file.clone(), last: is_populated(&text) };
        Ok((Source::Populated(source), vec![file]))
    }

    pub(super) fn look(&mut self, group: &Group) -> Result<Option<Event>, Error> {
        let text = group.read_in(&self.directory, "cgroup.events")?;
        Ok(turn(&mut self.last, is_populated(&text)))
    }

    pub(super) fn now(&self) -> Event {
        event(self.last)
    }

    pub(super) fn file(&self) -> &str {
        &self.file
    }
}

impl Members {
    pub(super) fn open(group: &Group) -> Result<(Source, Vec<String>), Error> {
        let Some(directory) = group.principal() else {
            let cause = "it has no directory in any hierarchy";
            return Err(Error::text("watch", group.path().as_str(), cause, ErrorKind::NotFound));
        };
        let mut members = Self { directory: directory.clone(), held: None, due: None, last: false };
        members.last = members.hold(group)?;
        Ok((Source::Members(members), Vec::new()))
    }

    pub(super) fn descriptor(&self) -> Option<(BorrowedFd<'_>, PollFlags)> {
        self.held.as_ref().map(|held| (held.as_fd(), PollFlags::IN))
    }

    pub(super) fn due(&self) -> Option<Instant> {
        self.due
    }

    pub(super) fn look(&mut self, group: &Group, cause: Cause) -> Result<Option<Event>, Error> {
        if cause == Cause::Neighbour {
            return Ok(None);
        }
        self.due = None;
        let now = self.hold(group)?;
        Ok(turn(&mut self.last, now))
    }

    pub(super) fn now(&self) -> Event {
        event(self.last)
    }

    pub(super) fn path(&self) -> &str {
        &self.directory.path
    }

    /// The mount point of the hierarchy, from the anchor.
    pub(super) fn base(&self) -> &str {
        &self.directory.base
    }

    /// Takes hold of a thread of the group, on an older kernel of a process; `false` if there is none.
    fn hold(&mut self, group: &Group) -> Result<bool, Error> {
        self.held = None;
        let mut any = false;
        for (name, flags) in [("tasks", THREAD), ("cgroup.procs", PidfdFlags::empty())] {
            let ids = group.members_in(&self.directory, name)?;
            any = !ids.is_empty();
            let Some((id, held)) = open_first(group, &ids, flags)? else { continue };
            // Its number may have been given anew, or it may have been moved.
            let stays = group.members_in(&self.directory, name)?.contains(&id);
            if stays && !has_ended(&held) {
                self.held = Some(held);
                return Ok(true);
            }
            break;
        }
        // Those that there were are on their way out, or others came.
        self.due = any.then(|| Instant::now() + MOMENT);
        Ok(any)
    }
}

/// Opens the first that is there; none of them where this kernel does not know `flags`.
fn open_first(group: &Group, ids: &[Pid], flags: PidfdFlags) -> Result<Option<(Pid, OwnedFd)>, Error> {
    for id in ids {
        match rustix::process::pidfd_open(*id, flags) {
            Ok(held) => return Ok(Some((*id, held))),
            Err(Errno::SRCH) => {}
            Err(Errno::INVAL | Errno::NOENT) => return Ok(None),
            Err(errno) => {
                let operation = format!("pidfd_open {} of", id.as_raw_nonzero());
                return Err(Error::call(operation, group.path().as_str(), errno));
            }
        }
    }
    Ok(None)
}

fn has_ended(held: &OwnedFd) -> bool {
    let mut polled = [PollFd::new(held, PollFlags::IN)];
    rustix::event::poll(&mut polled, Some(&Timespec { tv_sec: 0, tv_nsec: 0 })).is_ok_and(|ready| ready > 0)
}

fn is_populated(events: &str) -> bool {
    events.lines().any(|line| line == "populated 1")
}

fn turn(last: &mut bool, now: bool) -> Option<Event> {
    let turned = *last != now;
    *last = now;
    turned.then(|| event(now))
}

fn event(populated: bool) -> Event {
    if populated { Event::Populated } else { Event::Empty }
}
