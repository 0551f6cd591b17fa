//! Hearing of files that change and of directories that come and go: inotify(7).

use crate::{Error, Group};
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::fs::inotify::{CreateFlags, ReadFlags, Reader, WatchFlags, add_watch, init, remove_watch};
use rustix::io::Errno;
use std::collections::BTreeMap;
use std::mem::MaybeUninit;

/// How much one read takes; a name is at most 255 bytes.
const BUFFER: usize = 8192;

/// All watches of files and directories, behind one descriptor.
#[derive(Debug)]
pub(super) struct Files {
    inotify: OwnedFd,
    /// By the number of the watch: the kernel has one for each file, whoever asks.
    interests: BTreeMap<i32, Vec<Interest>>,
}

/// Says what a watch is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Interest {
    pub(super) group: usize,
    pub(super) what: What,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum What {
    /// The source of the group with this index.
    Source(usize),
    /// Groups that come and go below the group.
    Below,
    /// The end of the group itself, whose name in the directory above is this.
    Life(String),
}

/// What was heard.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Signal {
    /// A file of a source.
    Changed {
        group: usize,
        source: usize,
    },
    Came {
        group: usize,
        name: String,
    },
    Went {
        group: usize,
        name: String,
    },
    /// A directory of the group has gone in one hierarchy.
    Ended {
        group: usize,
    },
    /// There was more than the kernel keeps.
    Lost,
}

impl Files {
    pub(super) fn new() -> Result<Self, Error> {
        let inotify = init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK).map_err(|errno| {
            let error = Error::call("inotify_init for", "groups", errno);
            match errno {
                Errno::MFILE => error.with_hint("more watches than fs.inotify.max_user_instances allows"),
                _ => error,
            }
        })?;
        Ok(Self { inotify, interests: BTreeMap::new() })
    }

    /// Listens for writes to a file, and for changes that the kernel notifies of.
    pub(super) fn file(&mut self, group: &Group, path: &str, interest: Interest) -> Result<(), Error> {
        self.add(group, path, WatchFlags::MODIFY, interest)
    }

    /// Listens for directories that come and go.
    pub(super) fn directory(&mut self, group: &Group, path: &str, interest: Interest) -> Result<(), Error> {
        let flags = match interest.what {
            What::Below => WatchFlags::CREATE | WatchFlags::DELETE,
            _ => WatchFlags::DELETE,
        };
        self.add(group, path, flags | WatchFlags::ONLYDIR, interest)
    }

    fn add(&mut self, group: &Group, path: &str, flags: WatchFlags, interest: Interest) -> Result<(), Error> {
        let path = group.full(path);
        let number =
            add_watch(&self.inotify, path.as_path(), flags | WatchFlags::MASK_ADD).map_err(|errno| {
                let error = Error::call("inotify_add_watch", path, errno);
                match errno {
                    Errno::NOSPC => error.with_hint("more files than fs.inotify.max_user_watches allows"),
                    _ => error,
                }
            })?;
        self.interests.entry(number).or_default().push(interest);
        Ok(())
    }

    /// Gives up what only this group wanted.
    pub(super) fn forget(&mut self, group: usize) {
        let inotify = &self.inotify;
        self.interests.retain(|number, interests| {
            interests.retain(|interest| interest.group != group);
            if interests.is_empty() {
                // The kernel may have dropped it with its file.
                let _gone = remove_watch(inotify, *number);
            }
            !interests.is_empty()
        });
    }

    /// Takes all that was heard since the last time.
    pub(super) fn take(&mut self) -> Result<Vec<Signal>, Error> {
        let mut buffer = [MaybeUninit::uninit(); BUFFER];
        let mut reader = Reader::new(&self.inotify, &mut buffer);
        let mut signals = Vec::new();
        loop {
            let event = match reader.next() {
                Ok(event) => event,
                Err(Errno::AGAIN) => return Ok(signals),
                Err(Errno::INTR) => continue,
                Err(errno) => return Err(Error::call("read inotify of", "groups", errno)),
            };
            if event.events().contains(ReadFlags::QUEUE_OVERFLOW) {
                signals.push(Signal::Lost);
            }
            let name = event.file_name().map(|name| name.to_string_lossy().into_owned());
            let interests = self.interests.get(&event.wd()).map_or(&[][..], Vec::as_slice);
            signals.extend(interests.iter().filter_map(|interest| signal(interest, event.events(), &name)));
        }
    }
}

impl AsFd for Files {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.inotify.as_fd()
    }
}

fn signal(interest: &Interest, flags: ReadFlags, name: &Option<String>) -> Option<Signal> {
    let group = interest.group;
    let came = flags.contains(ReadFlags::CREATE);
    match (&interest.what, name) {
        (What::Source(source), None) if flags.contains(ReadFlags::MODIFY) => {
            Some(Signal::Changed { group, source: *source })
        }
        (What::Below, Some(name)) if flags.contains(ReadFlags::ISDIR) => {
            let name = name.clone();
            Some(if came { Signal::Came { group, name } } else { Signal::Went { group, name } })
        }
        (What::Life(own), Some(name)) if own == name && !came => Some(Signal::Ended { group }),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_heard_depends_on_who_listens() {
        let interest = |what| Interest { group: 7, what };
        let name = |name: &str| Some(name.to_owned());
        let directory = ReadFlags::ISDIR;
        let (life, below) = (interest(What::Life("a".into())), interest(What::Below));
        let ended = Some(Signal::Ended { group: 7 });
        assert_eq!(signal(&life, ReadFlags::DELETE | directory, &name("a")), ended);
        assert_eq!(signal(&life, ReadFlags::DELETE | directory, &name("b")), None);
        assert_eq!(signal(&life, ReadFlags::CREATE | directory, &name("a")), None, "a sibling's watch");
        let came = Some(Signal::Came { group: 7, name: "b".into() });
        assert_eq!(signal(&below, ReadFlags::CREATE | directory, &name("b")), came);
        assert_eq!(signal(&below, ReadFlags::CREATE, &name("b")), None, "a file");
        let changed = Some(Signal::Changed { group: 7, source: 2 });
        assert_eq!(signal(&interest(What::Source(2)), ReadFlags::MODIFY, &None), changed);
        assert_eq!(signal(&interest(What::Source(2)), ReadFlags::IGNORED, &None), None);
    }
}
