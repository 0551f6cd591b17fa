//! The command line of `pal cgroup watch`.

use clap::{Args, ValueEnum};

use super::super::super::flags::{Bytes, GroupName, PressureFlag, Span};
use super::super::Explaining;
use super::Hierarchies;

#[derive(Debug, Args)]
pub(crate) struct Watch {
    /// The groups
    #[arg(value_name = "GROUP", required = true)]
    pub(crate) groups: Vec<GroupName>,
    /// Watch each group below them, too, those that are still to come among them
    #[arg(short, long)]
    pub(crate) recursive: bool,
    /// Tell of these alone
    #[arg(short, long = "event", value_name = "LIST", value_enum, value_delimiter = ',')]
    pub(crate) events: Vec<Kind>,
    /// Tell when memory use crosses so many bytes, on v1
    #[arg(long = "threshold", value_name = "BYTES")]
    pub(crate) thresholds: Vec<Bytes>,
    /// Tell when cpu, memory or io gets scarce: RESOURCE, RESOURCE:low, :medium, :critical, or
    /// RESOURCE:some:STALL/WINDOW, :full:STALL/WINDOW such as io:some:150ms/1s
    #[arg(long, value_name = "PRESSURE")]
    pub(crate) pressure: Vec<PressureFlag>,
    /// Tell first whether each is populated and frozen, as if it had just become so
    #[arg(long)]
    pub(crate) now: bool,
    /// Run a command of the shell each time an event comes, which is in its environment: PAL_EVENT, PAL_GROUP, PAL_JSON
    #[arg(long, value_names = ["EVENT", "CMD"], num_args = 2)]
    pub(crate) on: Vec<String>,
    /// The same as --on empty
    #[arg(long, value_name = "CMD")]
    pub(crate) on_empty: Vec<String>,
    /// End after so many events, when the commands upon them have ended
    #[arg(short = 'n', long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) count: Option<u64>,
    /// End after the first event
    #[arg(short = '1', long, conflicts_with = "count")]
    pub(crate) once: bool,
    /// End after this time
    #[arg(long = "for", value_name = "TIME")]
    pub(crate) span: Option<Span>,
    /// How to print
    #[arg(long, value_enum, default_value_t = Format::Lines)]
    pub(crate) format: Format,
    #[command(flatten)]
    pub(crate) hierarchies: Hierarchies,
    #[command(flatten)]
    pub(crate) explaining: Explaining,
}

/// How events are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// A line an event, for a person
    Lines,
    /// A line of JSON an event
    Json,
}

/// What can happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Kind {
    /// The first process has come
    Populated,
    /// The last process has gone
    Empty,
    /// Memory ran out: processes were killed, or wait where v1's OOM killer is off
    Oom,
    /// A limit was hit
    Limit,
    /// A resource is scarce
    Pressure,
    /// Memory use crossed a threshold
    Threshold,
    /// All processes are frozen
    Frozen,
    /// Processes run again
    Thawed,
    /// A group below was made
    Created,
    /// A group was removed
    Removed,
}

impl Kind {
    /// The word for it.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Populated => "populated",
            Self::Empty => "empty",
            Self::Oom => "oom",
            Self::Limit => "limit",
            Self::Pressure => "pressure",
            Self::Threshold => "threshold",
            Self::Frozen => "frozen",
            Self::Thawed => "thawed",
            Self::Created => "created",
            Self::Removed => "removed",
        }
    }
}
