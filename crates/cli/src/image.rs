//! What a container's file system is made of: `@host` or a directory.

use std::path::{Path, PathBuf};

use palisade_runtime::{Error, Result};
use serde::{Deserialize, Serialize};

/// Where the root file system comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Image {
    /// The machine's own system directories below a private tmpfs.
    Host,
    /// A directory, changed in place.
    Directory(PathBuf),
}

impl Image {
    /// Reads the argument.
    pub(crate) fn parse(text: &str) -> Result<Self> {
        match text {
            "@host" => Ok(Self::Host),
            _ if text.starts_with('@') => {
                Err(Error::new(format!("image {text}: there is none of that name")).hint("@host is built in"))
            }
            _ => {
                let path = Path::new(text);
                match std::fs::metadata(path) {
                    Ok(metadata) if metadata.is_dir() => {
                        let path = std::path::absolute(path);
                        let path = path.map_err(|error| Error::new(format!("image {text}: {error}")))?;
                        Ok(Self::Directory(path))
                    }
                    Ok(_) => Err(Error::new(format!("image {text}: it is not a directory"))),
                    Err(error) => Err(Error::new(format!("image {text}: {error}"))
                        .hint("wanted @host or a directory with a root file system")),
                }
            }
        }
    }

    /// Where the image's files are on the host.
    pub(crate) fn directory(&self) -> &Path {
        match self {
            Self::Host => Path::new("/"),
            Self::Directory(path) => path,
        }
    }

    /// As a person typed it.
    pub(crate) fn name(&self) -> String {
        match self {
            Self::Host => "@host".to_owned(),
            Self::Directory(path) => path.display().to_string(),
        }
    }
}
