//! The verbs that do something to the processes of a group.

use clap::Args;

use super::super::super::flags::{GroupName, ProcessName};
use super::super::Telling;
use super::Hierarchies;

#[derive(Debug, Args)]
pub(crate) struct Attach {
    /// The group
    #[arg(value_name = "GROUP")]
    pub(crate) group: GroupName,
    /// The processes, which move with all their threads
    #[arg(value_name = "PID|@CONTAINER", required_unless_present = "make_leaf")]
    pub(crate) processes: Vec<ProcessName>,
    /// Move the threads with these numbers alone
    #[arg(long, conflicts_with = "make_leaf")]
    pub(crate) thread: bool,
    /// Move the processes, and those that a v2 group holds itself, into a group leaf below it
    #[arg(long)]
    pub(crate) make_leaf: bool,
    #[command(flatten)]
    pub(crate) hierarchies: Hierarchies,
    #[command(flatten)]
    pub(crate) telling: Telling,
}

#[derive(Debug, Args)]
pub(crate) struct Exec {
    /// The group
    #[arg(value_name = "GROUP")]
    pub(crate) group: GroupName,
    /// The program and its arguments
    #[arg(value_name = "CMD", required = true, trailing_var_arg = true)]
    pub(crate) command: Vec<String>,
    #[command(flatten)]
    pub(crate) hierarchies: Hierarchies,
    #[command(flatten)]
    pub(crate) telling: Telling,
}

#[derive(Debug, Args)]
pub(crate) struct Freeze {
    /// The groups; those below are meant, too
    #[arg(value_name = "GROUP", required = true)]
    pub(crate) groups: Vec<GroupName>,
    #[command(flatten)]
    pub(crate) telling: Telling,
}

#[derive(Debug, Args)]
pub(crate) struct Kill {
    /// The groups; those below are meant, too
    #[arg(value_name = "GROUP", required = true)]
    pub(crate) groups: Vec<GroupName>,
    /// A signal by name or number; after KILL no process is left
    #[arg(short, long, default_value = "KILL")]
    pub(crate) signal: String,
    #[command(flatten)]
    pub(crate) telling: Telling,
}
