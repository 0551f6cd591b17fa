//! The command line of `pal netns`.

use clap::{Args, Subcommand};

use super::Printing;

/// `pal netns`.
#[derive(Debug, Args)]
pub(crate) struct Netns {
    #[command(subcommand)]
    pub(crate) verb: Verb,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// List them
    List(List),
}

#[derive(Debug, Args)]
pub(crate) struct List {
    #[command(flatten)]
    pub(crate) printing: Printing,
}
