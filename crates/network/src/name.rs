use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use crate::error::{Error, Result};

/// Where the names are, as files that namespaces are mounted on: that of iproute2, so each tool sees the other's.
pub const DIRECTORY: &str = "/run/netns";

/// Where the files are that cover those of /etc for programs in a namespace, below a directory of its name.
pub const COVERS: &str = "/etc/netns";

/// iproute2 takes no longer ones.
const LONGEST: usize = 254;

/// The name of a network namespace: one component of a path, known to be one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Name(String);

impl Name {
    /// Checks a name.
    ///
    /// # Errors
    /// What is empty, `.` or `..`, longer than 254 bytes, or has a slash or a control character in it.
    pub fn new(name: impl Into<String>) -> Result<Self> {
        let name = name.into();
        let wrong = match name.as_str() {
            "" => "is empty",
            "." | ".." => "is a directory's",
            _ if name.contains('/') => "has a slash in it",
            _ if name.chars().any(char::is_control) => "has a control character in it",
            _ if name.len() > LONGEST => "is longer than 254 bytes",
            _ => return Ok(Self(name)),
        };
        // What moves the cursor must not get to a terminal, and a line stays a line.
        let shown: String = name.chars().flat_map(char::escape_default).take(40).collect();
        Err(Error::rule(format_args!("name of a network namespace '{shown}'"), wrong))
    }

    /// Returns the text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the file that the namespace is mounted on.
    #[must_use]
    pub fn path(&self) -> PathBuf {
        [DIRECTORY, &self.0].iter().collect()
    }

    /// Returns the directory of the files that cover those of /etc.
    #[must_use]
    pub fn covers(&self) -> PathBuf {
        [COVERS, &self.0].iter().collect()
    }
}

impl FromStr for Name {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        Self::new(text)
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_one_component() {
        for good in ["a", "net-A", "...", "a b", "ü", &"x".repeat(254)] {
            assert_eq!(Name::new(good).map(|name| name.to_string()).as_deref(), Ok(good));
        }
        for (bad, why) in [
            ("", "is empty"),
            (".", "is a directory's"),
            ("..", "is a directory's"),
            ("a/b", "has a slash in it"),
            ("../etc", "has a slash in it"),
            ("a\nb", "has a control character in it"),
            (&"x".repeat(255), "is longer than 254 bytes"),
        ] {
            let line = Name::new(bad).unwrap_err().to_string();
            assert!(line.ends_with(why) && !line.contains('\n'), "{line}");
        }
        assert_eq!(Name::new("a").unwrap().path(), PathBuf::from("/run/netns/a"));
    }
}
