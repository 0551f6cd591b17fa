//! What can be done to a group from the view, after it was asked for.

use std::fmt;
use std::str::FromStr;

use palisade_cgroup::limits::Limits;
use palisade_cgroup::{Error, Group, GroupPath, Layout, Limit};
use rustix::process::{Signal, getpid};

use crate::flags::{Bytes, Cpus};

/// Something to be done to a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Action {
    pub(super) path: String,
    pub(super) work: Work,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Work {
    Freeze,
    Thaw,
    Kill,
    Limit(Setting),
}

/// A limit as it is typed: `memory 64M`, `pids 100`, `cpu 1.5`, each also `max`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Setting {
    Memory(Limit),
    Pids(Limit),
    /// In microseconds of each [`Cpus::PERIOD`].
    Cpu(Limit),
}

impl FromStr for Setting {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || "wanted memory SIZE, pids NUMBER or cpu NUMBER, or max for no limit".to_owned();
        let (name, value) = text.trim().split_once([' ', '=']).ok_or_else(wrong)?;
        let value = value.trim();
        let limit = |parse: fn(&str) -> Option<u64>| match value {
            "max" => Ok(Limit::Max),
            _ => parse(value).map(Limit::Value).ok_or_else(wrong),
        };
        match name {
            "memory" => limit(|value| value.parse::<Bytes>().ok().map(|bytes| bytes.0)).map(Self::Memory),
            "pids" => limit(|value| value.parse().ok()).map(Self::Pids),
            "cpu" => limit(|value| value.parse::<Cpus>().ok().map(|cpus| cpus.0)).map(Self::Cpu),
            _ => Err(wrong()),
        }
    }
}

impl Setting {
    fn limits(&self) -> Limits {
        let mut limits = Limits::default();
        match *self {
            Self::Memory(limit) => limits.memory.limit = Some(limit),
            Self::Pids(limit) => limits.pids = Some(limit),
            Self::Cpu(quota) => {
                limits.cpu.quota = Some(quota);
                limits.cpu.period = Some(Cpus::PERIOD);
            }
        }
        limits
    }
}

impl fmt::Display for Action {
    /// As what is asked: `kill all processes of /a`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = &self.path;
        match &self.work {
            Work::Freeze => write!(f, "freeze {path}"),
            Work::Thaw => write!(f, "thaw {path}"),
            Work::Kill => write!(f, "kill all processes of {path}"),
            Work::Limit(setting) => write!(f, "set {setting} of {path}"),
        }
    }
}

impl fmt::Display for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, limit) = match self {
            Self::Memory(limit) => ("memory", limit),
            Self::Pids(limit) => ("pids", limit),
            Self::Cpu(limit) => ("cpu", limit),
        };
        match (self, limit) {
            (_, Limit::Max) => write!(f, "{name} max"),
            (Self::Memory(_), Limit::Value(bytes)) => write!(f, "{name} {}", Bytes(*bytes)),
            (Self::Cpu(_), Limit::Value(quota)) => write!(f, "{name} {}", Cpus(*quota)),
            (Self::Pids(_), Limit::Value(number)) => write!(f, "{name} {number}"),
        }
    }
}

/// Does it and returns what to tell.
pub(super) fn perform(layout: &Layout, action: &Action) -> String {
    match attempt(layout, action) {
        Ok(()) => format!("done: {action}"),
        Err(reason) => reason,
    }
}

fn attempt(layout: &Layout, action: &Action) -> Result<(), String> {
    let text = |error: Error| error.to_string();
    let path = GroupPath::new(&action.path).map_err(|error| error.to_string())?;
    let group = Group::open(layout, &path).map_err(text)?;
    if matches!(action.work, Work::Freeze | Work::Kill) && group.procs().map_err(text)?.contains(&getpid()) {
        // The terminal would be left as it is, and nobody could thaw.
        return Err(format!("{action}: this program is in that group"));
    }
    match &action.work {
        Work::Freeze => group.freeze(),
        Work::Thaw => group.thaw(),
        Work::Kill => group.kill(Signal::KILL),
        Work::Limit(setting) => group.apply(layout, &setting.limits()),
    }
    .map_err(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings() {
        for (text, shown) in [
            ("memory 64M", "memory 64M"),
            ("memory=max", "memory max"),
            (" pids 100 ", "pids 100"),
            ("cpu 1.5", "cpu 1.5"),
            ("cpu max", "cpu max"),
        ] {
            assert_eq!(text.parse::<Setting>().map(|setting| setting.to_string()).as_deref(), Ok(shown));
        }
        for bad in ["", "memory", "memory x", "swap 1", "pids -1", "cpu 0"] {
            assert!(bad.parse::<Setting>().is_err(), "{bad:?}");
        }
    }
}
