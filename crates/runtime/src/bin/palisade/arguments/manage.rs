//! The options of the verbs that change a container.

use clap::Args;

#[derive(Debug, Args)]
pub(crate) struct Kill {
    /// The container's id
    #[arg(value_name = "ID")]
    pub(crate) id: String,
    /// A signal by name or number
    #[arg(value_name = "SIGNAL", default_value = "TERM")]
    pub(crate) signal: String,
    /// Send it to all processes of the container
    #[arg(short, long)]
    pub(crate) all: bool,
    /// Take ID for a regular expression: every container whose id matches
    #[arg(short, long)]
    pub(crate) regex: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Delete {
    /// The containers' ids
    #[arg(value_name = "ID", required = true)]
    pub(crate) ids: Vec<String>,
    /// Kill a container that runs; it is no error when there is none
    #[arg(short, long)]
    pub(crate) force: bool,
    /// Take each ID for a regular expression: every container whose id matches
    #[arg(short, long)]
    pub(crate) regex: bool,
}
