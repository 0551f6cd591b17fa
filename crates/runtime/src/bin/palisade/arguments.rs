//! The command line, word for word runc's.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// An OCI runtime: runs containers from bundles, on cgroup v1, v2 and hybrid machines, as root and as an ordinary user.
#[derive(Debug, Parser)]
#[command(name = "palisade", version = VERSION, disable_help_subcommand = true)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) verb: Verb,
}

const VERSION: &str =
    concat!(env!("CARGO_PKG_VERSION"), "\ncommit: ", env!("PALISADE_COMMIT"), "\nspec: 1.3.0");

/// Options before the verb.
#[derive(Debug, Args)]
pub(crate) struct Global {
    /// Directory for the state of containers, which should be gone after a reboot
    #[arg(long, value_name = "DIR")]
    pub(crate) root: Option<PathBuf>,
    /// File that errors and warnings are appended to, beside standard error
    #[arg(long, value_name = "FILE")]
    pub(crate) log: Option<PathBuf>,
    /// Format of that file
    #[arg(long, value_enum, default_value_t = LogFormat::Text)]
    pub(crate) log_format: LogFormat,
    /// Log each step of create and run, too
    #[arg(long)]
    pub(crate) debug: bool,
    /// Have systemd make the cgroups (not supported by this version)
    #[arg(long)]
    pub(crate) systemd_cgroup: bool,
    /// Accepted for runc's sake; what a user may do is found out
    #[arg(long, value_enum, hide = true)]
    pub(crate) rootless: Option<Rootless>,
}

/// runc's words for `--rootless`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Rootless {
    Auto,
    True,
    False,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    Text,
    Json,
}

#[derive(Debug, Subcommand)]
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
    /// Freeze all processes of a container
    Pause(Id),
    /// Let a frozen container go on
    Resume(Id),
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

#[derive(Debug, Args)]
pub(crate) struct Make {
    /// The container's id, of letters, digits, and _ + . -
    #[arg(value_name = "ID")]
    pub(crate) id: String,
    /// Directory with config.json
    #[arg(short, long, value_name = "DIR", default_value = ".")]
    pub(crate) bundle: PathBuf,
    /// Unix socket that receives the terminal's master
    #[arg(long, value_name = "SOCKET")]
    pub(crate) console_socket: Option<PathBuf>,
    /// File to write the first process's number to
    #[arg(long, value_name = "FILE")]
    pub(crate) pid_file: Option<PathBuf>,
    /// Enter the root by a moved mount, where the host's root is an initramfs
    #[arg(long)]
    pub(crate) no_pivot: bool,
    /// Accepted for runc's sake: no session keyring is made by this version
    #[arg(long)]
    pub(crate) no_new_keyring: bool,
    /// Pass this many descriptors after stderr to the program
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) preserve_fds: u32,
    /// Print each step as it is done, with the shell command that would do the same
    #[arg(long)]
    pub(crate) explain: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Run {
    #[command(flatten)]
    pub(crate) make: Make,
    /// Return once the program has begun
    #[arg(short, long)]
    pub(crate) detach: bool,
    /// Do not delete the container when it has ended
    #[arg(long)]
    pub(crate) keep: bool,
    /// Accepted for runc's sake: palisade is no subreaper
    #[arg(long)]
    pub(crate) no_subreaper: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Exec {
    /// The container's id
    #[arg(value_name = "ID")]
    pub(crate) id: String,
    /// The program and its arguments
    #[arg(value_name = "COMMAND", trailing_var_arg = true, allow_hyphen_values = true)]
    pub(crate) command: Vec<String>,
    /// Unix socket that receives the terminal's master
    #[arg(long, value_name = "SOCKET")]
    pub(crate) console_socket: Option<PathBuf>,
    /// Working directory in the container
    #[arg(long, value_name = "DIR")]
    pub(crate) cwd: Option<String>,
    /// Set a variable of the environment
    #[arg(short, long, value_name = "NAME=VALUE")]
    pub(crate) env: Vec<String>,
    /// Give the process a terminal
    #[arg(short, long)]
    pub(crate) tty: bool,
    /// User and group by number
    #[arg(short, long, value_name = "UID[:GID]")]
    pub(crate) user: Option<String>,
    /// Supplementary groups by number
    #[arg(short = 'g', long, value_name = "GID")]
    pub(crate) additional_gids: Vec<u32>,
    /// File with the process section of a config.json
    #[arg(short, long, value_name = "FILE")]
    pub(crate) process: Option<PathBuf>,
    /// Return once the program has begun
    #[arg(short, long)]
    pub(crate) detach: bool,
    /// File to write the process's number to
    #[arg(long, value_name = "FILE")]
    pub(crate) pid_file: Option<PathBuf>,
    /// Forbid that an exec gives rights
    #[arg(long)]
    pub(crate) no_new_privs: bool,
    /// Give a capability
    #[arg(short, long, value_name = "CAP")]
    pub(crate) cap: Vec<String>,
    /// Pass this many descriptors after stderr to the program
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) preserve_fds: u32,
}

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
}

#[derive(Debug, Args)]
pub(crate) struct Delete {
    /// The containers' ids
    #[arg(value_name = "ID", required = true)]
    pub(crate) ids: Vec<String>,
    /// Kill a container that runs; it is no error when there is none
    #[arg(short, long)]
    pub(crate) force: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    Table,
    Json,
}

#[derive(Debug, Args)]
pub(crate) struct List {
    /// How to print
    #[arg(short, long, value_enum, default_value_t = Format::Table)]
    pub(crate) format: Format,
    /// Print ids alone
    #[arg(short, long)]
    pub(crate) quiet: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Ps {
    /// The container's id
    #[arg(value_name = "ID")]
    pub(crate) id: String,
    /// How to print
    #[arg(short, long, value_enum, default_value_t = Format::Table)]
    pub(crate) format: Format,
}

#[derive(Debug, Args)]
pub(crate) struct Spec {
    /// Directory to write to
    #[arg(short, long, value_name = "DIR", default_value = ".")]
    pub(crate) bundle: PathBuf,
    /// Write one for an ordinary user
    #[arg(long)]
    pub(crate) rootless: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Plan {
    /// The container's id
    #[arg(value_name = "ID", default_value = "example")]
    pub(crate) id: String,
    /// Directory with config.json
    #[arg(short, long, value_name = "DIR", default_value = ".")]
    pub(crate) bundle: PathBuf,
    /// How to print
    #[arg(short, long, value_enum, default_value_t = PlanFormat::Table)]
    pub(crate) format: PlanFormat,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum PlanFormat {
    /// What is done, and why
    Table,
    /// The plan as data
    Json,
    /// The shell commands that would do the same
    Shell,
}
