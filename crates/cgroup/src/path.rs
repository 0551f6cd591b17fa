//! The path of a group below the mount of its hierarchy.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// Holds a validated group path such as `/pods/web`, the same in every hierarchy.
///
/// It is absolute, taken from the mount point of a hierarchy, and has no empty part, no `.`, no `..`, no NUL
/// and no newline, so that joining it to a mount point never leads out of the mount. Only `/` names the root.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct GroupPath(String);

/// Says why a text is not a group path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidPath {
    path: String,
    reason: &'static str,
}

/// The kernel refuses a longer name of one directory.
const NAME_MAX: usize = 255;
/// The whole path has to fit into `PATH_MAX` with a mount point before and a file name after it.
const PATH_MAX: usize = 3000;

impl GroupPath {
    /// Validates `path`; a trailing `/` is dropped.
    ///
    /// # Errors
    /// Names the path and the rule that it breaks.
    pub fn new(path: &str) -> Result<Self, InvalidPath> {
        let invalid = |reason| Err(InvalidPath { path: path.to_owned(), reason });
        let Some(body) = path.strip_prefix('/') else {
            return invalid("it does not begin with /");
        };
        if path.len() > PATH_MAX {
            return invalid("it is longer than 3000 bytes");
        }
        if body.is_empty() {
            return Ok(Self("/".to_owned()));
        }
        let body = body.strip_suffix('/').unwrap_or(body);
        for part in body.split('/') {
            match part {
                "" => return invalid("it has an empty part"),
                "." | ".." => return invalid("it has a part . or .."),
                _ if part.len() > NAME_MAX => return invalid("a part is longer than 255 bytes"),
                _ if part.contains(['\0', '\n']) => return invalid("it has a NUL or a newline"),
                _ => {}
            }
        }
        Ok(Self(format!("/{body}")))
    }

    /// Returns the root of a hierarchy.
    pub fn root() -> Self {
        Self("/".to_owned())
    }

    /// Appends `below`, one or more parts with `/` between them.
    ///
    /// # Errors
    /// As for [`GroupPath::new`].
    pub fn join(&self, below: &str) -> Result<Self, InvalidPath> {
        Self::new(&format!("{}/{}", self.0.trim_end_matches('/'), below))
    }

    /// Returns the path with its leading `/`.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the path without its leading `/`: empty for the root.
    pub fn relative(&self) -> &str {
        &self.0[1..]
    }

    /// Tells whether this is the root of the hierarchy.
    pub fn is_root(&self) -> bool {
        self.0.len() == 1
    }

    /// Returns the group one level up; `None` for the root.
    pub fn parent(&self) -> Option<Self> {
        let (above, _) = self.0.rsplit_once('/').filter(|_| !self.is_root())?;
        Some(if above.is_empty() { Self::root() } else { Self(above.to_owned()) })
    }
}

impl FromStr for GroupPath {
    type Err = InvalidPath;

    fn from_str(path: &str) -> Result<Self, InvalidPath> {
        Self::new(path)
    }
}

impl TryFrom<String> for GroupPath {
    type Error = InvalidPath;

    fn try_from(path: String) -> Result<Self, InvalidPath> {
        Self::new(&path)
    }
}

impl From<GroupPath> for String {
    fn from(path: GroupPath) -> Self {
        path.0
    }
}

impl fmt::Display for GroupPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for InvalidPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cgroup path {:?}: {}", self.path, self.reason)
    }
}

impl std::error::Error for InvalidPath {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn valid_paths_keep_their_text() {
        for (text, kept) in [("/", "/"), ("/a", "/a"), ("/a/b/", "/a/b"), ("/a..b/.c", "/a..b/.c")] {
            assert_eq!(GroupPath::new(text).unwrap().as_str(), kept);
        }
    }

    #[test]
    fn paths_that_could_lead_out_are_refused() {
        let long = format!("/{}", "x".repeat(256));
        let deep = "/x".repeat(1600);
        for bad in ["", "a", "//", "/a//b", "/..", "/a/../b", "/./a", "/a\0b", "/a\nb", &long, &deep] {
            assert!(GroupPath::new(bad).is_err(), "{bad:?} was taken");
        }
    }

    #[test]
    fn parents_end_at_the_root() {
        let path = GroupPath::new("/a/b").unwrap();
        let above = path.parent().unwrap();
        assert_eq!(above.as_str(), "/a");
        assert_eq!(above.parent(), Some(GroupPath::root()));
        assert_eq!(GroupPath::root().parent(), None);
        assert_eq!(GroupPath::root().join("a/b").unwrap(), path);
        assert!(path.join("..").is_err());
    }
}
