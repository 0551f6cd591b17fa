use std::mem::MaybeUninit;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::path::Path;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::fs::inotify::{self, CreateFlags, ReadFlags, WatchFlags};
use rustix::io::{Errno, retry_on_intr};

use crate::error::{During, Error, Result};
use crate::name::DIRECTORY;
use crate::names::entries;

/// What happened to a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// It was added.
    Added(String),
    /// It was deleted.
    Deleted(String),
}

/// Sees names come and go, by `inotify(7)`. It sleeps meanwhile.
#[derive(Debug)]
pub struct Watch {
    inotify: OwnedFd,
    /// The watch on the directory of the names; without it, that above is watched until it comes.
    directory: Option<i32>,
    /// Names that were found in a directory that had just come; the notice of them may be still to come.
    found: Vec<String>,
    /// What has happened and was not asked for yet, the last first.
    waiting: Vec<Change>,
}

impl Watch {
    /// Begins to watch. Names that are there already are not told.
    ///
    /// # Errors
    /// A directory that cannot be read, no watch that is left for the user.
    pub fn begin() -> Result<Self> {
        let inotify = inotify::init(CreateFlags::CLOEXEC).during("inotify_init1")?;
        let mut watch = Self { inotify, directory: None, found: Vec::new(), waiting: Vec::new() };
        watch.look()?;
        Ok(watch)
    }

    /// Waits for the next change; none comes any more once the other end of `pipe` is closed.
    ///
    /// # Errors
    /// None that the kernel is known to answer with.
    pub fn wait(&mut self, pipe: Option<BorrowedFd<'_>>) -> Result<Option<Change>> {
        loop {
            if let Some(change) = self.waiting.pop() {
                return Ok(Some(change));
            }
            if let Some(pipe) = pipe
                && self.is_closed(pipe)?
            {
                return Ok(None);
            }
            let mut changes = Vec::new();
            if self.read(&mut changes)? == Directory::Awaited {
                self.look()?;
                if self.directory.is_some() {
                    self.found = entries()?;
                    changes.extend(self.found.iter().cloned().map(Change::Added));
                }
            }
            changes.reverse();
            self.waiting = changes;
        }
    }

    /// Waits for a change, and tells whether the other end of a pipe is closed.
    fn is_closed(&self, pipe: BorrowedFd<'_>) -> Result<bool> {
        let mut polled = [
            PollFd::new(&self.inotify, PollFlags::IN),
            // What is wrong with it is told in any case.
            PollFd::from_borrowed_fd(pipe, PollFlags::empty()),
        ];
        retry_on_intr(|| poll(&mut polled, None)).during("poll inotify")?;
        Ok(polled[1].revents().contains(PollFlags::ERR))
    }

    /// Watches the directory of the names, or where it is not there the one above.
    fn look(&mut self) -> Result<()> {
        let names = WatchFlags::CREATE | WatchFlags::DELETE | WatchFlags::MOVE | WatchFlags::ONLYDIR;
        self.directory = self.watch(DIRECTORY, names)?;
        if self.directory.is_none() {
            let parent = Path::new(DIRECTORY).parent().and_then(Path::to_str).unwrap_or("/");
            let comes = WatchFlags::CREATE | WatchFlags::MOVED_TO | WatchFlags::ONLYDIR;
            self.watch(parent, comes)?
                .ok_or_else(|| Error::call(format_args!("watch {parent}"), Errno::NOENT))?;
            // It may have come in between.
            self.directory = self.watch(DIRECTORY, names)?;
        }
        Ok(())
    }

    fn watch(&self, path: &str, flags: WatchFlags) -> Result<Option<i32>> {
        match inotify::add_watch(&self.inotify, path, flags) {
            Ok(number) => Ok(Some(number)),
            Err(Errno::NOENT) => Ok(None),
            Err(errno) => Err(Error::call(format_args!("watch {path}"), errno)),
        }
    }

    /// Reads what the kernel has to tell, and waits for it.
    fn read(&mut self, changes: &mut Vec<Change>) -> Result<Directory> {
        let mut buffer = [MaybeUninit::uninit(); 4096];
        let mut reader = inotify::Reader::new(&self.inotify, &mut buffer);
        let mut directory = Directory::Watched;
        loop {
            let event = match reader.next() {
                Err(Errno::INTR) => continue,
                event => event.during("read inotify")?,
            };
            let name = event.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            let (ours, events) = (self.directory == Some(event.wd()), event.events());
            if ours && events.contains(ReadFlags::IGNORED) {
                // The directory itself has gone; there may be another one.
                self.directory = None;
                directory = Directory::Awaited;
            } else if ours && events.intersects(ReadFlags::CREATE | ReadFlags::MOVED_TO) {
                match self.found.iter().position(|found| *found == name) {
                    Some(told) => drop(self.found.swap_remove(told)),
                    None => changes.push(Change::Added(name)),
                }
            } else if ours && events.intersects(ReadFlags::DELETE | ReadFlags::MOVED_FROM) {
                self.found.retain(|found| *found != name);
                changes.push(Change::Deleted(name));
            } else if self.directory.is_none() && Path::new(DIRECTORY).file_name() == Some(name.as_ref()) {
                directory = Directory::Awaited;
            }
            if reader.is_buffer_empty() {
                return Ok(directory);
            }
        }
    }
}

/// What is known of the directory of the names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Directory {
    /// It is watched, or has not come yet.
    Watched,
    /// It may be there by now.
    Awaited,
}
