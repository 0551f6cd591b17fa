//! The command line, word for word runc's, with what crun has beside it.
//!
//! Nothing here knows the rest of the program: `cargo xtask man` reads these definitions, too.

mod checkpoint;
mod events;
mod exec;
mod global;
mod look;
mod make;
mod manage;
mod update;

use clap::{Args, Parser, Subcommand};

pub(crate) use checkpoint::{Checkpoint, Images, Restore};
pub(crate) use events::Events;
pub(crate) use exec::Exec;
pub(crate) use global::{CgroupManager, Global, LogFormat, LogLevel};
pub(crate) use look::{Format, List, Plan, PlanFormat, Ps, Spec};
pub(crate) use make::{Make, Run};
pub(crate) use manage::{Delete, Kill};
pub(crate) use update::Update;

/// An OCI runtime: runs containers from bundles, on cgroup v1, v2 and hybrid machines, as root and as an ordinary user.
#[derive(Debug, Parser)]
#[command(name = "palisade", version, disable_help_subcommand = true, disable_version_flag = true)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) verb: Verb,
}

// The options of a verb are put together when that verb is asked for: a start does not pay for all the others.
#[derive(Debug, Subcommand)]
#[command(defer = true)]
pub(crate) enum Verb {
    /// Make a container; its program waits for start
    Create(Make),
    /// Let the program of a created container begin
    Start(Id),
    /// Make a container, start it, wait for its end and delete it
    Run(Run),
    /// Run one more process in a container
    Exec(Exec),
    /// Print the state of a container as JSON
    State(Id),
    /// Send a signal to a container's first process
    Kill(Kill),
    /// Remove a container that has ended
    Delete(Delete),
    /// List containers
    List(List),
    /// List the processes of a container
    Ps(Ps),
    /// Tell what a container uses, and that it has run out of memory, as lines of JSON
    Events(Events),
    /// Change the limits of a container
    Update(Update),
    /// Freeze all processes of a container
    Pause(Id),
    /// Let a frozen container go on
    Resume(Id),
    /// Write a container's processes to files by criu, and end them
    Checkpoint(Checkpoint),
    /// Make a container whose processes criu makes from files
    Restore(Restore),
    /// Write an example config.json
    Spec(Spec),
    /// Print what this build on this kernel can do, as JSON
    Features,
    /// Show what making a container would do, step by step, without doing it
    Plan(Plan),
}

#[derive(Debug, Args)]
pub(crate) struct Id {
    /// The container's id
    #[arg(value_name = "ID")]
    pub(crate) id: String,
}
