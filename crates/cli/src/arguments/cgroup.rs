//! The command line of `pal cgroup`.

use clap::{Args, Subcommand};

use super::super::flags::GroupName;
use super::{Printing, Telling};

/// `pal cgroup`.
#[derive(Debug, Args)]
pub(crate) struct Cgroup {
    #[command(subcommand)]
    pub(crate) verb: Verb,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Show where each controller lives on this machine
    Layout(Layout),
    /// Make groups, and what is missing above them
    Create(Create),
    /// Remove groups that hold no processes
    Rm(Remove),
}

/// The hierarchies that a verb is about.
#[derive(Debug, Args)]
pub(crate) struct Hierarchies {
    /// In the hierarchies of these controllers, or in name=NAME, alone
    #[arg(short, long, value_name = "LIST", value_delimiter = ',')]
    pub(crate) controllers: Vec<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Layout {
    #[command(flatten)]
    pub(crate) printing: Printing,
}

#[derive(Debug, Args)]
pub(crate) struct Create {
    /// The groups' paths; relative ones are below the group that was given to the user, below the root for root
    #[arg(value_name = "GROUP", required = true)]
    pub(crate) groups: Vec<GroupName>,
    /// In the hierarchies of these controllers, or in name=NAME, alone; on v2 the controllers are enabled
    #[arg(short, long, value_name = "LIST", value_delimiter = ',')]
    pub(crate) controllers: Vec<String>,
    #[command(flatten)]
    pub(crate) telling: Telling,
}

#[derive(Debug, Args)]
pub(crate) struct Remove {
    /// The groups
    #[arg(value_name = "GROUP", required = true)]
    pub(crate) groups: Vec<GroupName>,
    /// Remove the groups below them, too
    #[arg(short, long)]
    pub(crate) recursive: bool,
    #[command(flatten)]
    pub(crate) hierarchies: Hierarchies,
    #[command(flatten)]
    pub(crate) telling: Telling,
}
