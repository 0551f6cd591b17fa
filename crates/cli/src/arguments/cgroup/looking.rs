//! The verbs that show hierarchies, groups and who is in them.

use clap::Args;

use super::super::super::flags::{GroupName, ProcessName};
use super::super::Telling;
use super::Hierarchies;

#[derive(Debug, Args)]
pub(crate) struct Layout {
    #[command(flatten)]
    pub(crate) telling: Telling,
}

#[derive(Debug, Args)]
pub(crate) struct Tree {
    /// The group to begin with; the root without
    #[arg(value_name = "GROUP")]
    pub(crate) group: Option<GroupName>,
    #[command(flatten)]
    pub(crate) hierarchies: Hierarchies,
    /// One tree for each hierarchy, in place of one for all
    #[arg(long)]
    pub(crate) by_hierarchy: bool,
    /// How many levels to show
    #[arg(long, value_name = "N")]
    pub(crate) depth: Option<usize>,
    #[command(flatten)]
    pub(crate) telling: Telling,
}

#[derive(Debug, Args)]
pub(crate) struct Show {
    /// The group
    #[arg(value_name = "GROUP")]
    pub(crate) group: GroupName,
    #[command(flatten)]
    pub(crate) telling: Telling,
}

#[derive(Debug, Args)]
pub(crate) struct Of {
    /// Processes, or threads
    #[arg(value_name = "PID|@CONTAINER", required = true)]
    pub(crate) processes: Vec<ProcessName>,
    #[command(flatten)]
    pub(crate) telling: Telling,
}

#[derive(Debug, Args)]
pub(crate) struct Procs {
    /// The group
    #[arg(value_name = "GROUP")]
    pub(crate) group: GroupName,
    /// Show threads
    #[arg(long)]
    pub(crate) threads: bool,
    /// Show those of the groups below it, too
    #[arg(short, long)]
    pub(crate) recursive: bool,
    #[command(flatten)]
    pub(crate) hierarchies: Hierarchies,
    #[command(flatten)]
    pub(crate) telling: Telling,
}
