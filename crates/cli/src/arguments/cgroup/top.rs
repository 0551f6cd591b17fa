//! The command line of `pal cgroup top`.

use clap::{Args, ValueEnum};

use super::super::super::flags::{GroupName, Interval};
use super::super::Explaining;

#[derive(Debug, Args)]
pub(crate) struct Top {
    /// The group to begin with; all groups without
    #[arg(value_name = "GROUP|@CONTAINER")]
    pub(crate) group: Option<GroupName>,
    /// Show containers instead of all groups
    #[arg(long, conflicts_with = "group")]
    pub(crate) containers: bool,
    /// Seconds between two looks
    #[arg(long, value_name = "SECONDS", default_value = "1")]
    pub(crate) interval: Interval,
    /// What comes first
    #[arg(long, value_enum, value_name = "KEY", default_value_t = SortKey::Name)]
    pub(crate) sort: SortKey,
    /// Show only groups whose path contains this
    #[arg(long, value_name = "TEXT")]
    pub(crate) filter: Option<String>,
    /// Leave after so many looks
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..), conflicts_with_all = ["once", "format"])]
    pub(crate) looks: Option<u64>,
    /// Print once what happens in one interval, and end
    #[arg(long)]
    pub(crate) once: bool,
    /// How to print once
    #[arg(long, value_enum)]
    pub(crate) format: Option<TopFormat>,
    #[command(flatten)]
    pub(crate) explaining: Explaining,
}

/// What groups are sorted by; the largest comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum SortKey {
    /// The name, from a to z
    Name,
    /// CPU time
    Cpu,
    /// Memory
    Memory,
    /// Bytes read and written
    Io,
    /// Processes and threads
    Tasks,
    /// The longest wait for CPU, memory or I/O
    Pressure,
    /// Tasks that were killed as memory ran out
    Oom,
}

/// How what groups use is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum TopFormat {
    /// For a person
    Table,
    /// For a program
    Json,
    /// For a spreadsheet
    Csv,
    /// For Prometheus: the counters as they are, without an interval
    Openmetrics,
}
