//! `pause` and `resume`.

use palisade_cgroup::Group;
use palisade_oci::state::Status;

use super::Container;
use crate::error::{Error, Result};

impl Container {
    /// Freezes all processes.
    ///
    /// # Errors
    /// A container that does not run or has no cgroup.
    pub fn pause(&self) -> Result<()> {
        match self.status()? {
            Status::Running => Ok(self.freezable()?.freeze()?),
            // A created one, too: its start would wait for a process that cannot go on.
            status => Err(self.wrong_state("pause", status)),
        }
    }

    /// Lets frozen processes go on.
    ///
    /// # Errors
    /// A container that is not paused.
    pub fn resume(&self) -> Result<()> {
        match self.status()? {
            Status::Paused => Ok(self.freezable()?.thaw()?),
            status => Err(self.wrong_state("resume", status)),
        }
    }

    fn wrong_state(&self, verb: &str, status: Status) -> Error {
        Error::new(format!("cannot {verb} container {}: it is {status}", self.record.id))
    }

    fn freezable(&self) -> Result<Group> {
        self.group()?.ok_or_else(|| {
            Error::new(format!("container {} has no cgroup", self.record.id))
                .hint("only a cgroup can be frozen")
        })
    }
}
