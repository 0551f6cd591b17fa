//! What a command of the toolbox is about: a process or a group, by its own name or by a container's.

use std::str::FromStr;

/// A process: its number, or `@NAME` for the first process of a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ProcessName {
    /// A number in this process's pid namespace.
    Pid(i32),
    /// The name of a container.
    Container(String),
}

/// A group: its path, or `@NAME` for that of a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum GroupName {
    /// A path from the top.
    Absolute(String),
    /// A path from the group that the caller may make groups in: the top for root.
    Relative(String),
    /// The name of a container.
    Container(String),
}

impl FromStr for ProcessName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Some(name) = text.strip_prefix('@').filter(|name| !name.is_empty()) {
            return Ok(Self::Container(name.to_owned()));
        }
        match text.parse() {
            Ok(pid) if pid > 0 => Ok(Self::Pid(pid)),
            _ => Err("wanted the number of a process or @CONTAINER".to_owned()),
        }
    }
}

impl FromStr for GroupName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.strip_prefix('@') {
            _ if text.is_empty() || text == "@" => Err("wanted the path of a group or @CONTAINER".to_owned()),
            Some(name) => Ok(Self::Container(name.to_owned())),
            None if text.starts_with('/') => Ok(Self::Absolute(text.to_owned())),
            None => Ok(Self::Relative(text.to_owned())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processes() {
        assert_eq!("17".parse(), Ok(ProcessName::Pid(17)));
        assert_eq!("@web".parse(), Ok(ProcessName::Container("web".to_owned())));
        for bad in ["", "@", "0", "-1", "web", "1 "] {
            assert!(bad.parse::<ProcessName>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn groups() {
        assert_eq!("/a/b".parse(), Ok(GroupName::Absolute("/a/b".to_owned())));
        assert_eq!("a/b".parse(), Ok(GroupName::Relative("a/b".to_owned())));
        assert_eq!("@web".parse(), Ok(GroupName::Container("web".to_owned())));
        assert!("".parse::<GroupName>().is_err() && "@".parse::<GroupName>().is_err());
    }
}
