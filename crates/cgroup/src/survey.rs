//! Many groups at a glance: a walk over the tree, and of each group only the files that are asked for.
//!
//! [`Survey::walk`] finds the groups of all hierarchies, [`Survey::read`] tells what one of them uses, and
//! [`Rates::between`] compares two readings. It is made for thousands of groups once a second;
//! [`Group::stats`](crate::Group::stats) knows more about one.

mod counters;
mod metrics;
mod rates;
mod sources;
mod walk;

pub use counters::{Counters, Stalls};
pub use metrics::Metrics;
pub use rates::Rates;
pub use walk::Place;

use crate::{Error, Layout};
use rustix::fd::OwnedFd;
use rustix::fs::{CWD, Mode, OFlags};
use rustix::io::Errno;
use sources::Source;

/// Nearly every file of a group fits into this.
const CHUNK: usize = 8 * 1024;

/// Holds what it takes to look at the groups of a machine again and again: a descriptor of each hierarchy that has
/// something to tell, and buffers.
#[derive(Debug)]
pub struct Survey {
    /// The mount points.
    trees: Vec<OwnedFd>,
    sources: Vec<Source>,
    buffer: Vec<u8>,
    path: String,
}

impl Survey {
    /// Opens the hierarchies that can tell any of `metrics`.
    ///
    /// # Errors
    /// Names the mount point that cannot be opened.
    pub fn new(layout: &Layout, metrics: Metrics) -> Result<Self, Error> {
        let mut trees = Vec::new();
        let mut sources = Vec::new();
        for (index, hierarchy) in layout.hierarchies.iter().enumerate() {
            let found = sources::of(layout, index, metrics, trees.len());
            if found.is_empty() {
                continue;
            }
            let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
            let mount = rustix::fs::openat(CWD, &hierarchy.mount, flags, Mode::empty())
                .map_err(|errno| Error::call("open", &hierarchy.mount, errno))?;
            trees.push(mount);
            sources.extend(found);
        }
        Ok(Self { trees, sources, buffer: vec![0; CHUNK], path: String::new() })
    }

    /// Returns what can be told on this machine at all.
    pub fn metrics(&self) -> Metrics {
        self.sources.iter().fold(Metrics::NONE, |all, source| all | source.metrics)
    }

    /// Returns those metrics that count a group alone on this machine where they could count the groups below it, too:
    /// adding these up is left to the caller.
    pub fn alone(&self) -> Metrics {
        let alone = self.sources.iter().filter(|source| source.alone);
        alone.fold(Metrics::NONE, |all, source| all | source.metrics)
    }

    /// Reads what a group uses. What is not asked for, and what the group does not have or does not show, is `None`; a
    /// group that has gone has nothing.
    pub fn read(&mut self, place: &Place, metrics: Metrics) -> Counters {
        let mut counters = Counters::default();
        for index in 0..self.sources.len() {
            let source = self.sources[index];
            if !metrics.meets(source.metrics) || !place.is_in(source.tree) {
                continue;
            }
            if let Ok(length) = self.fill(place, &source) {
                (source.parse)(&self.buffer[..length], &mut counters);
            }
        }
        counters
    }

    /// Reads a file into the buffer.
    fn fill(&mut self, place: &Place, source: &Source) -> Result<usize, Errno> {
        self.path.clear();
        self.path.push_str(place.relative());
        self.path.push('/');
        self.path.push_str(source.file);
        let flags = OFlags::RDONLY | OFlags::CLOEXEC;
        let file = rustix::fs::openat(&self.trees[source.tree], self.path.as_str(), flags, Mode::empty())?;
        let mut filled = 0;
        loop {
            match rustix::io::read(&file, &mut self.buffer[filled..]) {
                Ok(count) => filled += count,
                Err(Errno::INTR) => continue,
                Err(errno) => return Err(errno),
            }
            // The kernel writes such a file as a whole: what leaves room in the buffer was all, and one call is enough.
            if filled < self.buffer.len() {
                return Ok(filled);
            }
            self.buffer.resize(filled * 2, 0);
        }
    }
}

#[cfg(test)]
mod tests;
