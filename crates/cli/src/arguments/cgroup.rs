//! The command line of `pal cgroup`.

use clap::{Args, Subcommand};

use super::Printing;

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
}

#[derive(Debug, Args)]
pub(crate) struct Layout {
    #[command(flatten)]
    pub(crate) printing: Printing,
}
