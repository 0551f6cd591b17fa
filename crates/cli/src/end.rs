//! How a container of the background ended: a file beside its record.

use std::path::Path;

use palisade_oci::Timestamp;
use palisade_runtime::{Error, Result};
use serde::{Deserialize, Serialize};

const FILE: &str = "end.json";

/// The end of a container.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Ended {
    pub(crate) exit_code: u8,
    /// Whether the kernel ended processes of it for want of memory.
    pub(crate) out_of_memory: bool,
    pub(crate) ended: Timestamp,
}

impl Ended {
    pub(crate) fn now(exit_code: u8, out_of_memory: bool) -> Self {
        Self { exit_code, out_of_memory, ended: Timestamp::now() }
    }

    /// Writes it down; where the directory is gone the container was removed, and that is all right.
    pub(crate) fn write(&self, directory: &Path) -> Result<()> {
        let text = serde_json::to_vec(self).unwrap_or_default();
        match std::fs::write(directory.join(FILE), text) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(Error::new(format!("write {}: {error}", directory.join(FILE).display())))
            }
            _ => Ok(()),
        }
    }

    /// Reads it; none while a container runs, or where nobody saw its end.
    pub(crate) fn read(directory: &Path) -> Option<Self> {
        serde_json::from_slice(&std::fs::read(directory.join(FILE)).ok()?).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_is_read_back() {
        let directory = tempfile::tempdir().unwrap();
        assert_eq!(Ended::read(directory.path()), None);
        let ended = Ended::now(137, true);
        ended.write(directory.path()).unwrap();
        assert_eq!(Ended::read(directory.path()), Some(ended.clone()));
        ended.write(Path::new("/nonexistent/palisade")).unwrap();
    }
}
