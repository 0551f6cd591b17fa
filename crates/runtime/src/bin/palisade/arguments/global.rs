//! The options before the verb.

use std::path::PathBuf;

use clap::{ArgAction, Args, ValueEnum};

/// Options before the verb.
#[derive(Debug, Args)]
pub(crate) struct Global {
    /// Directory for the state of containers, which should be gone after a reboot
    #[arg(long, value_name = "DIR")]
    pub(crate) root: Option<PathBuf>,
    /// Where errors and warnings go, beside standard error: a file, file:FILE, syslog:NAME or journald:NAME
    #[arg(long, value_name = "WHERE")]
    pub(crate) log: Option<String>,
    /// Format of the log
    #[arg(long, value_enum, default_value_t = LogFormat::Text)]
    pub(crate) log_format: LogFormat,
    /// How much is told: error, warning, or debug for each step of create and run
    #[arg(long, value_name = "LEVEL", value_enum, hide_possible_values = true, default_value_t = LogLevel::Warning)]
    pub(crate) log_level: LogLevel,
    /// As --log-level debug
    #[arg(long)]
    pub(crate) debug: bool,
    /// As --cgroup-manager systemd
    #[arg(long)]
    pub(crate) systemd_cgroup: bool,
    /// Who makes the cgroups: cgroupfs for palisade itself, systemd, or disabled for nobody
    #[arg(long, value_name = "WHO", value_enum, hide_possible_values = true)]
    pub(crate) cgroup_manager: Option<CgroupManager>,
    /// Accepted for runc's sake; what a user may do is found out
    #[arg(long, value_enum, hide = true)]
    pub(crate) rootless: Option<Rootless>,
    /// Print version
    #[arg(short = 'v', short_alias = 'V', long, action = ArgAction::Version)]
    pub(crate) version: Option<bool>,
}

impl Global {
    /// Who makes the cgroups.
    pub(crate) fn cgroup_manager(&self) -> CgroupManager {
        match self.cgroup_manager {
            Some(manager) => manager,
            None if self.systemd_cgroup => CgroupManager::Systemd,
            None => CgroupManager::Cgroupfs,
        }
    }

    /// How much is told.
    pub(crate) fn log_level(&self) -> LogLevel {
        if self.debug { LogLevel::Debug } else { self.log_level }
    }
}

/// runc's words for `--rootless`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Rootless {
    Auto,
    True,
    False,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    Text,
    Json,
}

/// How much is told, from the least on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub(crate) enum LogLevel {
    Error,
    Warning,
    Debug,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum CgroupManager {
    Cgroupfs,
    Systemd,
    Disabled,
}
