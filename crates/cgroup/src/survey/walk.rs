//! The groups that are there.

use super::Survey;
use crate::{Error, GroupPath};
use rustix::fd::{AsFd, BorrowedFd};
use rustix::fs::{AtFlags, FileType, Mode, OFlags, RawDir};
use rustix::io::Errno;
use std::mem::MaybeUninit;

/// Takes some 100 entries of a directory at once.
const ENTRIES: usize = 8 * 1024;

/// Names a group that was found, and the hierarchies of the survey that have it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    path: String,
    /// One bit for each tree.
    present: u32,
    /// The index of the group above among those of the same walk; `None` where the walk began.
    pub parent: Option<usize>,
    /// How far below the group that the walk began with.
    pub depth: usize,
}

impl Place {
    /// Returns the path from the top of the hierarchies, which begins with `/`.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Returns the last part of the path; `/` for the root.
    pub fn name(&self) -> &str {
        self.path.rsplit('/').next().filter(|name| !name.is_empty()).unwrap_or("/")
    }

    pub(super) fn is_in(&self, tree: usize) -> bool {
        self.present & (1 << tree) != 0
    }

    /// Returns the path to open from a mount point.
    pub(super) fn relative(&self) -> &str {
        relative(&self.path)
    }
}

impl Survey {
    /// Finds the group `top` and all groups below it, each right after the one above and in the order of their names.
    ///
    /// A group whose name is not UTF-8 is passed over.
    ///
    /// # Errors
    /// [`crate::ErrorKind::NotFound`] if no hierarchy has `top`.
    pub fn walk(&self, top: &GroupPath) -> Result<Vec<Place>, Error> {
        let mut found = Vec::new();
        self.walk_into(top, &mut found)?;
        Ok(found)
    }

    /// Finds the same and adds it to `found`.
    ///
    /// # Errors
    /// As for [`Survey::walk`].
    pub fn walk_into(&self, top: &GroupPath, found: &mut Vec<Place>) -> Result<(), Error> {
        let mut lister = Lister { names: Vec::new(), space: Box::new([MaybeUninit::uninit(); ENTRIES]) };
        let mut present = 0;
        for (index, tree) in self.trees.iter().enumerate() {
            if subdirectories(tree.as_fd(), relative(top.as_str())).is_ok() {
                present |= 1 << index;
            }
        }
        if present == 0 {
            return Err(Error::no_group(top));
        }
        let first = Place { path: top.as_str().to_owned(), present, parent: None, depth: 0 };
        let mut pending = vec![first];
        while let Some(place) = pending.pop() {
            for (index, tree) in self.trees.iter().enumerate().filter(|(index, _)| place.is_in(*index)) {
                lister.list(tree.as_fd(), place.relative(), 1 << index);
            }
            let base = if place.path == "/" { "" } else { place.path.as_str() };
            let (parent, depth) = (Some(found.len()), place.depth + 1);
            // The last is taken first.
            pending.extend(lister.merged().rev().map(|(name, present)| {
                let mut path = String::with_capacity(base.len() + 1 + name.len());
                path.push_str(base);
                path.push('/');
                path.push_str(name);
                Place { path, present, parent, depth }
            }));
            lister.names.clear();
            found.push(place);
        }
        Ok(())
    }
}

/// Collects the names in the directories of one group.
struct Lister {
    names: Vec<(String, u32)>,
    space: Box<[MaybeUninit<u8>; ENTRIES]>,
}

impl Lister {
    /// Adds what is in one tree. A directory that has just gone has nothing.
    fn list(&mut self, tree: BorrowedFd<'_>, path: &str, bit: u32) {
        // A look at the number of links costs a tenth of a list, and most groups have none below them.
        if subdirectories(tree, path).unwrap_or(0) == 0 {
            return;
        }
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let Ok(directory) = rustix::fs::openat(tree, path, flags, Mode::empty()) else { return };
        let mut entries = RawDir::new(directory, &mut self.space[..]);
        while let Some(Ok(entry)) = entries.next() {
            if entry.file_type() != FileType::Directory {
                continue;
            }
            match entry.file_name().to_str() {
                Ok("." | "..") | Err(_) => {}
                Ok(name) => self.names.push((name.to_owned(), bit)),
            }
        }
    }

    /// Returns each name once with the bits of all trees that have it, in order.
    fn merged(&mut self) -> impl DoubleEndedIterator<Item = (&str, u32)> {
        self.names.sort_unstable();
        self.names.dedup_by(|next, first| {
            let same = next.0 == first.0;
            if same {
                first.1 |= next.1;
            }
            same
        });
        self.names.iter().map(|(name, bits)| (name.as_str(), *bits))
    }
}

/// Counts the directories in a directory, by the links to it: its own, the one from above, and one from each.
#[allow(clippy::useless_conversion, reason = "other architectures have 32 bits of links")]
fn subdirectories(tree: BorrowedFd<'_>, path: &str) -> Result<u64, Errno> {
    let stat = rustix::fs::statat(tree, path, AtFlags::empty())?;
    if FileType::from_raw_mode(stat.st_mode) != FileType::Directory {
        return Err(Errno::NOTDIR);
    }
    // Some file systems do not count, and say 1; none of those holds cgroups, but a test may.
    Ok(u64::from(stat.st_nlink).checked_sub(2).unwrap_or(u64::MAX))
}

fn relative(path: &str) -> &str {
    match path.trim_start_matches('/') {
        "" => ".",
        path => path,
    }
}
