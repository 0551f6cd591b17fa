//! The command line of `pal ns`.

use clap::{Args, Subcommand, ValueEnum};

use super::super::flags::{KindName, ProcessName};
use super::Printing;

// `pal ns`.
#[derive(Debug, Args)]
pub(crate) struct Ns {
    #[command(subcommand)]
    pub(crate) verb: Verb,
}

#[derive(Debug, Subcommand)]
#[command(defer = true)]
pub(crate) enum Verb {
    /// List all namespaces, also those without a process
    Ls(List),
    /// Show how pid or user namespaces are nested
    Tree(Tree),
    /// Show the namespaces that a process is in
    Of(Of),
    /// Tell whether processes are in the same namespaces: exit code 0 when in all, 1 when not
    Same(Same),
}

#[derive(Debug, Args)]
pub(crate) struct List {
    /// Only these kinds
    #[arg(short, long = "type", value_name = "KIND", value_enum, value_delimiter = ',')]
    pub(crate) kinds: Vec<KindName>,
    /// Only those that this process is in
    #[arg(short, long, value_name = "PID|@CONTAINER")]
    pub(crate) process: Option<ProcessName>,
    /// Look for those without a process in all mount namespaces, and through all descriptors however many they are
    #[arg(short, long)]
    pub(crate) all: bool,
    #[command(flatten)]
    pub(crate) printing: Printing,
}

#[derive(Debug, Args)]
pub(crate) struct Tree {
    /// What is nested: user namespaces, each with all that it owns, or pid namespaces
    #[arg(long, value_enum, default_value_t = Nesting::User)]
    pub(crate) by: Nesting,
    #[command(flatten)]
    pub(crate) printing: Printing,
}

/// The two kinds that are nested.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Nesting {
    /// User namespaces, and all that they own.
    User,
    /// Pid namespaces.
    Pid,
}

#[derive(Debug, Args)]
pub(crate) struct Of {
    /// The process
    #[arg(value_name = "PID|@CONTAINER")]
    pub(crate) process: ProcessName,
    #[command(flatten)]
    pub(crate) printing: Printing,
}

#[derive(Debug, Args)]
pub(crate) struct Same {
    /// The processes; one alone is compared with the caller
    #[arg(value_name = "PID|@CONTAINER", required = true)]
    pub(crate) processes: Vec<ProcessName>,
    #[command(flatten)]
    pub(crate) printing: Printing,
}
