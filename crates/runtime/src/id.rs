//! The id of a container.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// A container's id: letters, digits and `_ + - .`, not `.` or `..`, at most 255 bytes, so that it is a file name and
/// the name of a cgroup.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ContainerId(String);

impl ContainerId {
    /// Takes an id over.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn new(id: &str) -> Result<Self> {
        let refuse = |why: &str| Err(Error::new(format!("container id {id:?}: {why}")));
        let allowed = |character: char| character.is_ascii_alphanumeric() || "_+-.".contains(character);
        match id {
            "" => refuse("it is empty"),
            "." | ".." => refuse("it would name a directory"),
            _ if id.len() > 255 => refuse("it is longer than 255 bytes"),
            _ => match id.chars().find(|character| !allowed(*character)) {
                Some(character) => {
                    refuse(&format!("{character:?} is not allowed; use letters, digits and _ + - ."))
                }
                None => Ok(Self(id.to_owned())),
            },
        }
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ContainerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids() {
        for good in ["a", "web-1", "A_b+c.d", "..."] {
            assert!(ContainerId::new(good).is_ok(), "{good}");
        }
        let long = "x".repeat(256);
        for bad in ["", ".", "..", "a/b", "../x", "a b", "ä", "a\n", long.as_str()] {
            assert!(ContainerId::new(bad).is_err(), "{bad}");
        }
    }
}
