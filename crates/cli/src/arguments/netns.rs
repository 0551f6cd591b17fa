//! The command line of `pal netns`.

use clap::{Args, Subcommand};

use super::super::flags::{NetnsName, ProcessName};
use super::Telling;

// `pal netns`.
#[derive(Debug, Args)]
pub(crate) struct Netns {
    #[command(subcommand)]
    pub(crate) verb: Verb,
}

#[derive(Debug, Subcommand)]
#[command(defer = true)]
pub(crate) enum Verb {
    /// Make network namespaces with names
    Add(Add),
    /// Take names away; a namespace ends with its last name and process
    #[command(visible_alias = "delete")]
    Del(Delete),
    /// List the names
    #[command(visible_alias = "ls")]
    List(List),
    /// Run a program in a network namespace
    #[command(
        override_usage = "pal netns exec [OPTIONS] NAME CMD...\n       pal netns exec [OPTIONS] --all CMD..."
    )]
    Exec(Exec),
    /// Print names as they come and go
    Monitor(Monitor),
    /// Give a network namespace a number in this one
    Set(Set),
    /// Print the names of a process's network namespace
    Identify(Identify),
    /// Print the processes of a network namespace
    Pids(Pids),
    /// Give the network namespace of a process a name
    Attach(Attach),
    /// Move a network device to another network namespace
    Move(Move),
    /// Connect two network namespaces; names that are not there are made
    Connect(Connect),
}

#[derive(Debug, Args)]
pub(crate) struct Add {
    /// The names
    #[arg(value_name = "NAME", required = true)]
    pub(crate) names: Vec<String>,
    #[command(flatten)]
    pub(crate) telling: Telling,
}

#[derive(Debug, Args)]
pub(crate) struct Delete {
    /// The names
    #[arg(value_name = "NAME", required_unless_present = "all")]
    pub(crate) names: Vec<String>,
    /// All names
    #[arg(short, long, conflicts_with = "names")]
    pub(crate) all: bool,
    #[command(flatten)]
    pub(crate) telling: Telling,
}

#[derive(Debug, Args)]
pub(crate) struct List {
    #[command(flatten)]
    pub(crate) telling: Telling,
}

#[derive(Debug, Args)]
pub(crate) struct Exec {
    /// The name, then the program and its arguments
    #[arg(value_name = "NAME CMD", required = true, trailing_var_arg = true)]
    pub(crate) words: Vec<String>,
    /// In every network namespace that has a name, one after the other
    #[arg(short, long)]
    pub(crate) all: bool,
    #[command(flatten)]
    pub(crate) telling: Telling,
}

#[derive(Debug, Args)]
pub(crate) struct Monitor {
    #[command(flatten)]
    pub(crate) telling: Telling,
}

#[derive(Debug, Args)]
pub(crate) struct Set {
    /// The name
    #[arg(value_name = "NAME")]
    pub(crate) name: String,
    /// The number, or auto for the next that is free
    #[arg(value_name = "NSID|auto")]
    pub(crate) nsid: String,
    #[command(flatten)]
    pub(crate) telling: Telling,
}

#[derive(Debug, Args)]
pub(crate) struct Identify {
    /// The process; this one without
    #[arg(value_name = "PID|@CONTAINER")]
    pub(crate) process: Option<ProcessName>,
    #[command(flatten)]
    pub(crate) telling: Telling,
}

#[derive(Debug, Args)]
pub(crate) struct Pids {
    /// The name
    #[arg(value_name = "NAME")]
    pub(crate) name: String,
    #[command(flatten)]
    pub(crate) telling: Telling,
}

#[derive(Debug, Args)]
pub(crate) struct Attach {
    /// The name
    #[arg(value_name = "NAME")]
    pub(crate) name: String,
    /// The process
    #[arg(value_name = "PID|@CONTAINER")]
    pub(crate) process: ProcessName,
    #[command(flatten)]
    pub(crate) telling: Telling,
}

#[derive(Debug, Args)]
pub(crate) struct Move {
    /// The device
    #[arg(value_name = "DEV")]
    pub(crate) device: String,
    /// Where it goes: host is the machine's first network namespace
    #[arg(value_name = "NAME|PID|@CONTAINER|host")]
    pub(crate) to: NetnsName,
    /// Where it is; here without
    #[arg(long, value_name = "NAME|PID|@CONTAINER|host")]
    pub(crate) from: Option<NetnsName>,
    /// What it is called there
    #[arg(long, value_name = "NAME")]
    pub(crate) name: Option<String>,
    /// Give it its addresses back there, and switch it on where it was on
    #[arg(short, long)]
    pub(crate) keep_addresses: bool,
    #[command(flatten)]
    pub(crate) telling: Telling,
}

#[derive(Debug, Args)]
pub(crate) struct Connect {
    /// One
    #[arg(value_name = "NAME|PID|@CONTAINER|host")]
    pub(crate) first: NetnsName,
    /// The other
    #[arg(value_name = "NAME|PID|@CONTAINER|host")]
    pub(crate) second: NetnsName,
    /// Connect both to a bridge, which is made where it is missing
    #[arg(long, value_name = "DEV")]
    pub(crate) bridge: Option<String>,
    /// The network namespace of the bridge; this one without
    #[arg(long, value_name = "NAME|PID|@CONTAINER|host", requires = "bridge")]
    pub(crate) bridge_in: Option<NetnsName>,
    /// Address of each, and a third for the bridge, which both get a default route through; free ones of 10.213.0.0/16
    /// without
    #[arg(long, value_name = "CIDR", num_args = 1..=3)]
    pub(crate) addr: Vec<String>,
    #[command(flatten)]
    pub(crate) telling: Telling,
}
