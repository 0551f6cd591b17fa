//! Removing a group.

use crate::hint::crowd;
use crate::{Error, Group};
use rustix::fs::AtFlags;
use rustix::io::Errno;
use std::time::{Duration, Instant};

/// How long a group whose last processes are on their way out may stay busy.
const PATIENCE: Duration = Duration::from_secs(2);
/// The first wait between two tries; each is twice the one before, up to [`LONGEST_WAIT`].
const FIRST_WAIT: Duration = Duration::from_micros(200);
const LONGEST_WAIT: Duration = Duration::from_millis(20);

impl Group {
    /// Removes the group and all groups below it, in every hierarchy; what is already gone is fine.
    ///
    /// A group stays busy for a moment after its last process ended: removing is tried again for two seconds.
    ///
    /// # Errors
    /// Returns what could not be removed; everything else is removed all the same.
    pub fn remove(&self) -> Result<(), Vec<Error>> {
        let deadline = Instant::now() + PATIENCE;
        let remove = |directory: &crate::recipe::Directory| self.remove_tree(&directory.path, deadline).err();
        let errors: Vec<Error> = self.directories().filter_map(remove).collect();
        if errors.is_empty() { Ok(()) } else { Err(errors) }
    }

    fn remove_tree(&self, path: &str, deadline: Instant) -> Result<(), Error> {
        let mut wait = FIRST_WAIT;
        loop {
            // Nearly always there are no groups below, so the directory is not listed first.
            match rustix::fs::unlinkat(&self.anchor, path, AtFlags::REMOVEDIR) {
                Ok(()) | Err(Errno::NOENT) => return Ok(()),
                Err(Errno::BUSY | Errno::NOTEMPTY) => {}
                Err(errno) => return Err(Error::call("rmdir", self.full(path), errno)),
            }
            let children = self.children(path)?;
            children.iter().try_for_each(|child| self.remove_tree(child, deadline))?;
            if children.is_empty() {
                if Instant::now() >= deadline {
                    return Err(self.still_busy(path));
                }
                std::thread::sleep(wait);
                wait = (wait * 2).min(LONGEST_WAIT);
            }
        }
    }

    fn still_busy(&self, path: &str) -> Error {
        let error = Error::call("rmdir", self.full(path), Errno::BUSY);
        let held = self.procs().unwrap_or_default();
        match held.first() {
            Some(pid) => error.with_hint(format!("it holds {}", crowd(*pid, held.len()))),
            None => error.with_hint("it stayed busy for two seconds without a process in sight"),
        }
    }
}
