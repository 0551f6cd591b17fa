//! The values of flags: one file a kind, each read from the text that a person types.

mod cpus;
mod device;
mod interval;
mod mount;
mod namespace;
mod netns;
mod packet;
mod pressure;
mod size;
mod span;
mod target;
mod ulimit;

pub(crate) use cpus::Cpus;
pub(crate) use device::DeviceFlag;
pub(crate) use interval::Interval;
pub(crate) use mount::{Tmpfs, Volume};
pub(crate) use namespace::{IdRange, Ids, KindName, MapChoice, NamespaceTarget, PinName, PropagationChoice};
pub(crate) use netns::NetnsName;
pub(crate) use packet::{Mark, RuleName};
pub(crate) use pressure::{Degree, PressureFlag, ResourceWord};
pub(crate) use size::{Bytes, Swap};
pub(crate) use span::Span;
pub(crate) use target::{GroupName, ProcessName};
pub(crate) use ulimit::Ulimit;

use std::str::FromStr;

/// `KEY=VALUE` of `--sysctl`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Setting {
    pub(crate) key: String,
    pub(crate) value: String,
}

impl FromStr for Setting {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once('=') {
            Some((key, value)) if !key.is_empty() => {
                Ok(Self { key: key.to_owned(), value: value.to_owned() })
            }
            _ => Err("wanted NAME=VALUE".to_owned()),
        }
    }
}

/// What `--security-opt` takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum SecurityOption {
    /// `seccomp=unconfined`.
    Unconfined,
    /// `seccomp=FILE`.
    Seccomp(std::path::PathBuf),
    /// `no-new-privileges[=true|false]`.
    NoNewPrivileges(bool),
}

impl FromStr for SecurityOption {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once(['=', ':']).unwrap_or((text, "")) {
            ("seccomp", "unconfined") => Ok(Self::Unconfined),
            ("seccomp", file) if !file.is_empty() => Ok(Self::Seccomp(file.into())),
            ("no-new-privileges", "" | "true") => Ok(Self::NoNewPrivileges(true)),
            ("no-new-privileges", "false") => Ok(Self::NoNewPrivileges(false)),
            _ => Err("wanted seccomp=FILE, seccomp=unconfined or no-new-privileges=false".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn security_options() {
        for (text, wanted) in [
            ("seccomp=unconfined", Some(SecurityOption::Unconfined)),
            ("seccomp:unconfined", Some(SecurityOption::Unconfined)),
            ("seccomp=a=b.json", Some(SecurityOption::Seccomp("a=b.json".into()))),
            ("no-new-privileges", Some(SecurityOption::NoNewPrivileges(true))),
            ("no-new-privileges=false", Some(SecurityOption::NoNewPrivileges(false))),
            ("seccomp", None),
            ("no-new-privileges=no", None),
            ("label=disable", None),
        ] {
            assert_eq!(text.parse::<SecurityOption>().ok(), wanted, "{text}");
        }
    }

    #[test]
    fn settings() {
        let setting: Setting = "net.ipv4.ip_forward=a=b".parse().unwrap();
        assert_eq!((setting.key.as_str(), setting.value.as_str()), ("net.ipv4.ip_forward", "a=b"));
        assert!("a".parse::<Setting>().is_err() && "=1".parse::<Setting>().is_err());
    }
}
