//! Namespaces, their kinds and their id maps, as a person types them.

use std::str::FromStr;

use clap::ValueEnum;

/// A kind of namespace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum KindName {
    /// Mount points
    #[value(name = "mnt", alias = "mount")]
    Mount,
    /// Process numbers
    Pid,
    /// Network devices, routes, sockets
    #[value(alias = "network")]
    Net,
    /// System V objects and POSIX message queues
    Ipc,
    /// Host name and domain name
    Uts,
    /// User ids, group ids, capabilities
    User,
    /// The root of cgroup paths
    Cgroup,
    /// The monotonic and boot-time clocks
    Time,
}

/// Which ids of outside a new user namespace has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum MapChoice {
    /// The own ids alone, as 0
    Root,
    /// The own ids as 0, and from 1 on the ranges of /etc/subuid and /etc/subgid; for root these ranges alone
    Auto,
    /// All ids that there are, each as itself
    All,
    /// None: everybody is nobody
    None,
}

/// What mounts in a new mount namespace have to do with those outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum PropagationChoice {
    /// Nothing is passed on in either direction
    Private,
    /// Mounts of outside arrive
    Slave,
    /// Mounts are shared from here on with namespaces made of this one, and with outside where they were
    Shared,
    /// As outside
    Unchanged,
}

/// `INNER:OUTER:COUNT` of an id map.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct IdRange {
    pub(crate) inner: u32,
    pub(crate) outer: u32,
    pub(crate) count: u32,
}

/// Where namespaces are found that are to be entered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum NamespaceTarget {
    /// Those of a process.
    Process(super::ProcessName),
    /// Those kept under a name.
    Pin(PinName),
    /// The one behind a file.
    File(String),
}

/// A name that namespaces are kept under.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PinName(pub(crate) String);

/// `UID[:GID]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ids {
    pub(crate) uid: u32,
    pub(crate) gid: u32,
}

impl FromStr for IdRange {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let numbers: Option<Vec<u32>> = text.split(':').map(|number| number.parse().ok()).collect();
        match numbers.as_deref() {
            Some([inner, outer, count]) => Ok(Self { inner: *inner, outer: *outer, count: *count }),
            _ => Err("wanted INNER:OUTER:COUNT, three numbers".to_owned()),
        }
    }
}

impl FromStr for PinName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let allowed = |character: char| character.is_ascii_alphanumeric() || "_+-.".contains(character);
        match text {
            "" => Err("the name is empty".to_owned()),
            "." | ".." => Err("that would name a directory".to_owned()),
            _ if text.len() > 128 => Err("the name is longer than 128 bytes".to_owned()),
            // It could not be told from a process.
            _ if text.bytes().all(|byte| byte.is_ascii_digit()) => {
                Err("a number is taken for that of a process".to_owned())
            }
            _ => match text.chars().find(|character| !allowed(*character)) {
                Some(character) => {
                    Err(format!("{character:?} is not allowed in a name; use letters, digits and _ + - ."))
                }
                None => Ok(Self(text.to_owned())),
            },
        }
    }
}

impl FromStr for NamespaceTarget {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.starts_with('/') {
            return Ok(Self::File(text.to_owned()));
        }
        if text.starts_with('@') || text.parse::<i64>().is_ok() {
            return text.parse().map(Self::Process);
        }
        text.parse().map(Self::Pin)
    }
}

impl FromStr for Ids {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (uid, gid) = text.split_once(':').unwrap_or((text, text));
        // The highest number means "no change" to the kernel.
        let id = |text: &str| text.parse().ok().filter(|id| *id != u32::MAX);
        match (id(uid), id(gid)) {
            (Some(uid), Some(gid)) => Ok(Self { uid, gid }),
            _ => Err("wanted UID or UID:GID, numbers in the namespace".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::ProcessName;
    use super::*;

    #[test]
    fn ranges() {
        assert_eq!("0:1000:1".parse(), Ok(IdRange { inner: 0, outer: 1000, count: 1 }));
        for bad in ["", "0:1000", "0:1000:1:1", "a:1:1", "-1:0:1", "0:4294967296:1"] {
            assert!(bad.parse::<IdRange>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn targets() {
        assert_eq!("17".parse(), Ok(NamespaceTarget::Process(ProcessName::Pid(17))));
        assert_eq!("@web".parse(), Ok(NamespaceTarget::Process(ProcessName::Container("web".to_owned()))));
        assert_eq!("web".parse(), Ok(NamespaceTarget::Pin(PinName("web".to_owned()))));
        assert_eq!("/run/netns/a".parse(), Ok(NamespaceTarget::File("/run/netns/a".to_owned())));
        for bad in ["", "@", "0", "-1", "a/b", "..", "a b"] {
            assert!(bad.parse::<NamespaceTarget>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn ids() {
        assert_eq!("7".parse(), Ok(Ids { uid: 7, gid: 7 }));
        assert_eq!("7:8".parse(), Ok(Ids { uid: 7, gid: 8 }));
        assert!("".parse::<Ids>().is_err() && "4294967295".parse::<Ids>().is_err());
    }
}
