//! The command line of `pal ns`.

use clap::{Args, Subcommand};

use super::super::flags::ProcessName;
use super::Printing;

/// `pal ns`.
#[derive(Debug, Args)]
pub(crate) struct Ns {
    #[command(subcommand)]
    pub(crate) verb: Verb,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Show the namespaces that a process is in
    Of(Of),
}

#[derive(Debug, Args)]
pub(crate) struct Of {
    /// The process
    #[arg(value_name = "PID|@CONTAINER")]
    pub(crate) process: ProcessName,
    #[command(flatten)]
    pub(crate) printing: Printing,
}
