//! A network namespace on the command line.

use std::str::FromStr;

/// A network namespace: its name, a process that is in it, `host` for that of process 1, or `@NAME` for a container's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum NetnsName {
    /// A name, a number or `host`; which one it is depends on the names that there are.
    Word(String),
    /// The name of a container.
    Container(String),
}

impl FromStr for NetnsName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.strip_prefix('@') {
            _ if text.is_empty() || text == "@" => Err("wanted a NAME, a PID, @CONTAINER or host".to_owned()),
            Some(name) => Ok(Self::Container(name.to_owned())),
            None => Ok(Self::Word(text.to_owned())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn network_namespaces() {
        assert_eq!("@web".parse(), Ok(NetnsName::Container("web".to_owned())));
        for word in ["web", "17", "host"] {
            assert_eq!(word.parse(), Ok(NetnsName::Word(word.to_owned())));
        }
        assert!("".parse::<NetnsName>().is_err() && "@".parse::<NetnsName>().is_err());
    }
}
