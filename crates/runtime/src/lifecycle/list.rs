//! The containers of a state directory.

use std::path::{Path, PathBuf};

use super::{Container, Force, delete};
use crate::error::{During, Error, ErrorKind, Result};
use crate::id::ContainerId;

/// A state directory.
#[derive(Debug, Clone)]
pub struct Store {
    root: PathBuf,
}

impl Store {
    /// Names a state directory; it is made with the first container.
    #[must_use]
    pub fn new(root: PathBuf) -> Self {
        Self { root }
    }

    /// Its path.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Finds a container.
    ///
    /// # Errors
    /// `NotFound` when there is none of that id.
    pub fn get(&self, id: &ContainerId) -> Result<Container> {
        Container::load(&self.root, id)
    }

    /// Finds a container by the text of its id.
    ///
    /// # Errors
    /// `NotFound`, also for a text that is no id.
    pub fn find(&self, id: &str) -> Result<Container> {
        let id = ContainerId::new(id).map_err(|error| Error::of(ErrorKind::NotFound, error.to_string()))?;
        self.get(&id)
    }

    /// All containers, by id. One that goes away meanwhile is left out.
    ///
    /// # Errors
    /// A directory that cannot be read.
    pub fn list(&self) -> Result<Vec<Container>> {
        let entries = match std::fs::read_dir(&self.root) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            other => other.during(format_args!("read {}", self.root.display()))?,
        };
        let mut containers = Vec::new();
        for entry in entries {
            let entry = entry.during(format_args!("read {}", self.root.display()))?;
            // Whatever else somebody has put there is no container.
            if !entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                continue;
            }
            let Some(id) = entry.file_name().to_str().and_then(|name| ContainerId::new(name).ok()) else {
                continue;
            };
            match self.get(&id) {
                Ok(container) => containers.push(container),
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        containers.sort_by(|one, other| one.record.id.cmp(&other.record.id));
        Ok(containers)
    }

    /// Removes a container of which only remains may be there; gives what went wrong with its poststop hooks.
    ///
    /// # Errors
    /// As [`Container::delete`]; with force it is none that there is nothing.
    pub fn delete(&self, id: &ContainerId, force: Force) -> Result<Vec<String>> {
        match self.get(id) {
            Ok(container) => container.delete(force),
            Err(error) if error.kind() == ErrorKind::NotFound && force == Force::Yes => {
                match delete::remove_rest(&self.root, id) {
                    Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
                    _ => Ok(Vec::new()),
                }
            }
            Err(error) => Err(error),
        }
    }
}
