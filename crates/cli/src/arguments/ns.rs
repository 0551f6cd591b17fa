//! The command line of `pal ns`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::super::flags::{
    IdRange, Ids, KindName, MapChoice, NamespaceTarget, PinName, ProcessName, PropagationChoice,
};
use super::Telling;

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
    /// Run a program in new namespaces
    New(Box<New>),
    /// Run a program in namespaces that there are
    Enter(Box<Enter>),
    /// Keep the namespaces of a process under a name
    Pin(Pin),
    /// Keep them no longer
    Unpin(Unpin),
}

#[derive(Debug, Args)]
pub(crate) struct List {
    /// Only these kinds
    #[arg(short = 't', long = "type", value_name = "KIND", value_enum, value_delimiter = ',')]
    pub(crate) kinds: Vec<KindName>,
    /// Only those that this process is in
    #[arg(short, long, value_name = "PID|@CONTAINER")]
    pub(crate) process: Option<ProcessName>,
    /// Look for those without a process in all mount namespaces, and through all descriptors however many they are
    #[arg(short, long)]
    pub(crate) all: bool,
    #[command(flatten)]
    pub(crate) telling: Telling,
}

#[derive(Debug, Args)]
pub(crate) struct Tree {
    /// What is nested: user namespaces, each with all that it owns, or pid namespaces
    #[arg(long, value_enum, default_value_t = Nesting::User)]
    pub(crate) by: Nesting,
    #[command(flatten)]
    pub(crate) telling: Telling,
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
    pub(crate) telling: Telling,
}

#[derive(Debug, Args)]
pub(crate) struct Same {
    /// The processes; one alone is compared with the caller
    #[arg(value_name = "PID|@CONTAINER", required = true)]
    pub(crate) processes: Vec<ProcessName>,
    #[command(flatten)]
    pub(crate) telling: Telling,
}

// The eight kinds as switches.
#[derive(Debug, Args)]
pub(crate) struct KindSwitches {
    /// Mount points
    #[arg(short, long, help_heading = "Kinds")]
    pub(crate) mount: bool,
    /// Process numbers
    #[arg(short, long, help_heading = "Kinds")]
    pub(crate) pid: bool,
    /// Network devices, routes, sockets
    #[arg(short, long, help_heading = "Kinds")]
    pub(crate) net: bool,
    /// System V objects and POSIX message queues
    #[arg(short, long, help_heading = "Kinds")]
    pub(crate) ipc: bool,
    /// Host name and domain name
    #[arg(short, long, help_heading = "Kinds")]
    pub(crate) uts: bool,
    /// User ids, group ids, capabilities
    #[arg(short = 'U', long, help_heading = "Kinds")]
    pub(crate) user: bool,
    /// The root of cgroup paths
    #[arg(short = 'C', long, help_heading = "Kinds")]
    pub(crate) cgroup: bool,
    /// The monotonic and boot-time clocks
    #[arg(short = 'T', long, help_heading = "Kinds")]
    pub(crate) time: bool,
    /// All eight
    #[arg(short, long, help_heading = "Kinds")]
    pub(crate) all: bool,
}

#[derive(Debug, Args)]
pub(crate) struct New {
    /// The program and its arguments; $SHELL without
    #[arg(value_name = "CMD", trailing_var_arg = true)]
    pub(crate) command: Vec<String>,
    #[command(flatten)]
    pub(crate) kinds: KindSwitches,
    /// Host name, in a uts namespace
    #[arg(long, value_name = "NAME")]
    pub(crate) hostname: Option<String>,
    /// NIS domain name, in a uts namespace
    #[arg(long, value_name = "NAME")]
    pub(crate) domainname: Option<String>,
    /// Which ids the user namespace has [default: root]
    #[arg(long, value_enum, value_name = "WHICH")]
    pub(crate) map: Option<MapChoice>,
    /// User ids: COUNT of them from INNER on are those from OUTER on outside; may be repeated
    #[arg(long, value_name = "INNER:OUTER:COUNT")]
    pub(crate) map_users: Vec<IdRange>,
    /// Group ids, likewise
    #[arg(long, value_name = "INNER:OUTER:COUNT")]
    pub(crate) map_groups: Vec<IdRange>,
    /// Set the monotonic clock ahead, in a time namespace
    #[arg(long, value_name = "SECONDS", allow_negative_numbers = true)]
    pub(crate) monotonic: Option<i64>,
    /// Set the boot-time clock ahead, in a time namespace
    #[arg(long, value_name = "SECONDS", allow_negative_numbers = true)]
    pub(crate) boottime: Option<i64>,
    /// What mounts have to do with those outside, in a mount namespace [default: private]
    #[arg(long, value_enum, value_name = "HOW")]
    pub(crate) propagation: Option<PropagationChoice>,
    /// Mount a proc of the new pid namespace on /proc, in a mount namespace
    #[arg(long)]
    pub(crate) mount_proc: bool,
    /// Keep the namespaces under this name when the program has ended
    #[arg(long, value_name = "NAME")]
    pub(crate) pin: Option<PinName>,
    /// Run a small init as process 1, which reaps orphans and passes signals on
    #[arg(long)]
    pub(crate) init: bool,
    #[command(flatten)]
    pub(crate) telling: Telling,
}

#[derive(Debug, Args)]
pub(crate) struct Enter {
    /// A process, a container, a name of pin, or the file of a namespace
    #[arg(value_name = "PID|@CONTAINER|NAME|FILE")]
    pub(crate) target: NamespaceTarget,
    /// The program and its arguments; $SHELL without
    #[arg(value_name = "CMD", trailing_var_arg = true)]
    pub(crate) command: Vec<String>,
    /// Which kinds; without any all that differ from the own
    #[command(flatten)]
    pub(crate) kinds: KindSwitches,
    /// Run with the process's user, groups and capabilities
    #[arg(long, conflicts_with = "run_as")]
    pub(crate) credentials: bool,
    /// Run as this user and group, by their numbers in there; without, as root of a user namespace that is entered
    #[arg(long = "as", value_name = "UID[:GID]")]
    pub(crate) run_as: Option<Ids>,
    /// Run with the process's environment
    #[arg(long)]
    pub(crate) env: bool,
    /// Run in the process's working directory
    #[arg(long, conflicts_with = "workdir")]
    pub(crate) cwd: bool,
    /// Run in this directory
    #[arg(long, value_name = "DIR")]
    pub(crate) workdir: Option<PathBuf>,
    /// Run with the process's root directory
    #[arg(long)]
    pub(crate) chroot: bool,
    /// Run in the process's cgroups
    #[arg(long)]
    pub(crate) join_cgroup: bool,
    #[command(flatten)]
    pub(crate) telling: Telling,
}

#[derive(Debug, Args)]
pub(crate) struct Pin {
    /// The name
    #[arg(value_name = "NAME")]
    pub(crate) name: PinName,
    /// The process
    #[arg(value_name = "PID|@CONTAINER")]
    pub(crate) process: ProcessName,
    /// Which kinds; without any all that differ from the own
    #[command(flatten)]
    pub(crate) kinds: KindSwitches,
    #[command(flatten)]
    pub(crate) telling: Telling,
}

#[derive(Debug, Args)]
pub(crate) struct Unpin {
    /// The names
    #[arg(value_name = "NAME", required = true)]
    pub(crate) names: Vec<PinName>,
    #[command(flatten)]
    pub(crate) telling: Telling,
}
