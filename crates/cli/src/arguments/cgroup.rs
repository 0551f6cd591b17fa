//! The command line of `pal cgroup`.

mod limits;
mod looking;
mod making;
pub(crate) mod net;
mod processes;
mod top;
pub(crate) mod watch;

pub(crate) use limits::{Apply, DeviceAction, Devices, Disable, Enable, Get, Save, Set};
pub(crate) use looking::{Layout, Of, Procs, Show, Tree};
pub(crate) use making::{Create, Delegate, Mount, Remove, Umount};
pub(crate) use processes::{Attach, Exec, Freeze, Kill};
pub(crate) use top::{SortKey, Top, TopFormat};

use clap::{Args, Subcommand};

// `pal cgroup`.
#[derive(Debug, Args)]
pub(crate) struct Cgroup {
    #[command(subcommand)]
    pub(crate) verb: Verb,
}

#[derive(Debug, Subcommand)]
#[command(defer = true)]
pub(crate) enum Verb {
    /// Show where each controller lives on this machine; with --explain why, and what it brings along
    Layout(Layout),
    /// Mount a hierarchy
    Mount(Mount),
    /// Take the mount of a hierarchy away
    Umount(Umount),
    /// Make groups, and what is missing above them
    Create(Create),
    /// Remove groups that hold no processes
    Rm(Remove),
    /// Show the groups below one, and how many processes are in each
    Tree(Tree),
    /// Show all about a group
    Show(Show),
    /// Show the groups that processes are in
    Of(Of),
    /// Show the processes of a group
    Procs(Procs),
    /// Move processes or threads into a group
    Attach(Attach),
    /// Run a program in a group
    Exec(Exec),
    /// Suspend all processes of groups
    Freeze(Freeze),
    /// Resume all processes of groups
    Thaw(Freeze),
    /// Send a signal to all processes of groups
    Kill(Kill),
    /// Give a group to a user
    Delegate(Delegate),
    /// Watch what groups use, live or once
    Top(Top),
    /// Tell what happens in groups, as it happens, and run commands upon it
    Watch(Box<watch::Watch>),
    /// Count, drop or mark the packets of groups
    Net(net::Net),
    /// Set limits and other properties, all or none
    Set(Set),
    /// Show limits and other properties
    Get(Get),
    /// Pass controllers of the v2 tree on to the groups below one
    Enable(Enable),
    /// No longer pass controllers on
    Disable(Disable),
    /// Show or change which devices a group may use
    Devices(Devices),
    /// Print what is set in a group as TOML
    Save(Save),
    /// Set what a file says, make groups that are missing; shows what changes first
    Apply(Apply),
}

// The hierarchies that a verb is about.
#[derive(Debug, Args)]
pub(crate) struct Hierarchies {
    /// In the hierarchies of these controllers, in name=NAME or in v2 alone
    #[arg(short, long, value_name = "LIST", value_delimiter = ',')]
    pub(crate) controllers: Vec<String>,
}
