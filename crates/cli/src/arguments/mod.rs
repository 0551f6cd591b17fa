//! The command line of `pal`.

pub(crate) mod cgroup;
pub(crate) mod netns;
pub(crate) mod ns;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use super::flags::{Bytes, Cpus, DeviceFlag, SecurityOption, Setting, Swap, Tmpfs, Ulimit, Volume};

/// What the help begins with.
const EXAMPLE: &str = r#"Run a program in a container made of this machine's own system, as root or as an ordinary user:

    pal run @host -- sh -c 'echo "hello from $(hostname), pid $$"; cat /proc/self/cgroup'
"#;

/// Containers and their primitives, for a person at a terminal.
#[derive(Debug, Parser)]
#[command(name = "pal", version, disable_help_subcommand = true, before_help = EXAMPLE, max_term_width = 100)]
pub(crate) struct Arguments {
    /// Directory for the state of containers, which should be gone after a reboot
    #[arg(long, value_name = "DIR", global = true)]
    pub(crate) root: Option<PathBuf>,
    #[command(subcommand)]
    pub(crate) verb: Option<Verb>,
}

#[derive(Debug, Subcommand)]
#[command(defer = true)]
pub(crate) enum Verb {
    /// Run a program in a new container
    Run(Box<RunArguments>),
    /// List containers
    Ps(List),
    /// Run one more program in a container
    Exec(Exec),
    /// Send a signal to a container's first process
    Kill(Kill),
    /// Remove containers that have ended
    Rm(Remove),
    /// Print what a container of the background has written
    Logs(Logs),
    /// Change the limits of containers that run
    Update(Update),
    /// Stop all processes of containers where they are
    Pause(Names),
    /// Let paused containers go on
    Unpause(Names),
    /// Control groups: see, make, limit, watch
    Cgroup(cgroup::Cgroup),
    /// Namespaces of all kinds: see, make, enter, keep
    Ns(ns::Ns),
    /// Network namespaces with names
    Netns(netns::Netns),
}

// How a command of the toolbox tells what it does, where it has formats of its own for what it finds.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct Explaining {
    /// Print the shell commands that show the same
    #[arg(long)]
    pub(crate) explain: bool,
    /// Do nothing; print the shell commands that would do it
    #[arg(long)]
    pub(crate) dry_run: bool,
}

// How a command of the toolbox tells what it does and finds. Here and below no comment is for documentation, as clap would
// take it for what the command does, once the definitions of a verb are made after its description.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct Telling {
    /// Print each step as it is done, as the shell command that would do the same, and its time
    #[arg(long)]
    pub(crate) explain: bool,
    /// Do nothing; print the shell commands that would do it
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// How to print; what only changes something prints its steps as json, and otherwise nothing
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub(crate) format: Format,
}

impl Telling {
    /// Nothing is asked for.
    pub(crate) const QUIET: Self = Self { explain: false, dry_run: false, format: Format::Table };

    /// The same for steps of a verb that prints something else of its own once they are done.
    pub(crate) fn of_steps(self) -> Self {
        Self { format: if self.dry_run { self.format } else { Format::Table }, ..self }
    }
}

#[derive(Debug, Args)]
pub(crate) struct List {
    /// Show those that have ended, too
    #[arg(short, long)]
    pub(crate) all: bool,
    /// How to print
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub(crate) format: Format,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For a person
    Table,
    /// For a program
    Json,
}

#[derive(Debug, Args)]
pub(crate) struct Exec {
    /// The container's name
    #[arg(value_name = "NAME")]
    pub(crate) name: String,
    /// The program and its arguments
    #[arg(value_name = "CMD", required = true, trailing_var_arg = true)]
    pub(crate) command: Vec<String>,
    /// Let the program read standard input
    #[arg(short, long)]
    pub(crate) interactive: bool,
    /// Give the program a terminal
    #[arg(short, long)]
    pub(crate) tty: bool,
    /// Set a variable of the environment, or pass one on
    #[arg(short, long, value_name = "NAME[=VALUE]")]
    pub(crate) env: Vec<String>,
    /// Working directory in the container
    #[arg(short, long, value_name = "DIR")]
    pub(crate) workdir: Option<String>,
    /// Run as this user, by number or by name in the container
    #[arg(short, long, value_name = "USER[:GROUP]")]
    pub(crate) user: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Kill {
    /// The containers' names
    #[arg(value_name = "NAME", required = true)]
    pub(crate) names: Vec<String>,
    /// A signal by name or number
    #[arg(short, long, default_value = "KILL")]
    pub(crate) signal: String,
}

#[derive(Debug, Args)]
pub(crate) struct Remove {
    /// The containers' names
    #[arg(value_name = "NAME", required = true)]
    pub(crate) names: Vec<String>,
    /// Kill a container that runs; it is no error when there is none
    #[arg(short, long)]
    pub(crate) force: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Update {
    /// The containers' names
    #[arg(value_name = "NAME", required = true)]
    pub(crate) names: Vec<String>,
    #[command(flatten)]
    pub(crate) limits: LimitFlags,
}

#[derive(Debug, Args)]
pub(crate) struct Names {
    /// The containers' names
    #[arg(value_name = "NAME", required = true)]
    pub(crate) names: Vec<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Logs {
    /// The container's name
    #[arg(value_name = "NAME")]
    pub(crate) name: String,
    /// Wait for more until the container ends
    #[arg(short, long)]
    pub(crate) follow: bool,
}

#[derive(Debug, Args)]
pub(crate) struct RunArguments {
    /// Where the file system comes from: @host (this machine's own, nothing is changed or kept) or a directory
    #[arg(value_name = "@host|DIR")]
    pub(crate) image: String,
    /// The program and its arguments; sh without
    #[arg(value_name = "CMD", trailing_var_arg = true)]
    pub(crate) command: Vec<String>,

    /// Let the program read standard input
    #[arg(short, long)]
    pub(crate) interactive: bool,
    /// Give the program a terminal
    #[arg(short, long)]
    pub(crate) tty: bool,
    /// Run in the background; pal logs NAME prints the output
    #[arg(short, long)]
    pub(crate) detach: bool,
    /// Remove a container of the background when it has ended (one of the foreground always is)
    #[arg(long)]
    pub(crate) rm: bool,
    /// Name of the container; made up without
    #[arg(long)]
    pub(crate) name: Option<String>,
    /// Host name in the container; its name without
    #[arg(long, value_name = "NAME")]
    pub(crate) hostname: Option<String>,
    /// Set a variable of the environment, or pass one on
    #[arg(short, long, value_name = "NAME[=VALUE]")]
    pub(crate) env: Vec<String>,
    /// Working directory in the container
    #[arg(short, long, value_name = "DIR")]
    pub(crate) workdir: Option<String>,
    /// Run as this user, by number or by name in the container
    #[arg(short, long, value_name = "USER[:GROUP]")]
    pub(crate) user: Option<String>,

    /// Show a file or directory of the host in the container
    #[arg(short, long, value_name = "SOURCE:TARGET[:ro]", help_heading = "Files")]
    pub(crate) volume: Vec<Volume>,
    /// Mount an empty file system in memory
    #[arg(long, value_name = "TARGET[:OPTIONS]", help_heading = "Files")]
    pub(crate) tmpfs: Vec<Tmpfs>,
    /// Make the container's root read-only
    #[arg(long, help_heading = "Files")]
    pub(crate) read_only: bool,
    /// Let the container use a device
    #[arg(long, value_name = "HOST[:TARGET][:rwm]", help_heading = "Files")]
    pub(crate) device: Vec<DeviceFlag>,

    #[command(flatten)]
    pub(crate) limits: LimitFlags,
    /// Limit of a process, see setrlimit(2)
    #[arg(long, value_name = "NAME=SOFT[:HARD]", help_heading = "Limits")]
    pub(crate) ulimit: Vec<Ulimit>,
    /// Make the container's cgroup below this one
    #[arg(long, value_name = "PATH", help_heading = "Limits")]
    pub(crate) cgroup_parent: Option<String>,

    /// Add a capability, or ALL
    #[arg(long, value_name = "CAP", help_heading = "Rights")]
    pub(crate) cap_add: Vec<String>,
    /// Take a capability away, or ALL
    #[arg(long, value_name = "CAP", help_heading = "Rights")]
    pub(crate) cap_drop: Vec<String>,
    /// seccomp=FILE, seccomp=unconfined, no-new-privileges=false
    #[arg(long, value_name = "OPTION", help_heading = "Rights")]
    pub(crate) security_opt: Vec<SecurityOption>,
    /// Give all capabilities and devices, and protect nothing
    #[arg(long, help_heading = "Rights")]
    pub(crate) privileged: bool,
    /// Set a kernel parameter of the container
    #[arg(long, value_name = "NAME=VALUE", help_heading = "Rights")]
    pub(crate) sysctl: Vec<Setting>,
    /// Network: none of its own but loopback, or the host's
    #[arg(long, value_enum, default_value_t = Net::None, help_heading = "Rights")]
    pub(crate) net: Net,

    /// Run a small init as process 1, which reaps orphans and passes signals on
    #[arg(long, help_heading = "How it runs")]
    pub(crate) init: bool,
    /// Print each step as it is done, the shell command that would do the same, and its time
    #[arg(long, help_heading = "How it runs")]
    pub(crate) explain: bool,
    /// Do nothing; say what would be run, with --explain all steps
    #[arg(long, help_heading = "How it runs")]
    pub(crate) dry_run: bool,
}

// The limits of a container's cgroup.
#[derive(Debug, Default, Args)]
pub(crate) struct LimitFlags {
    /// Most memory
    #[arg(long, value_name = "SIZE", help_heading = "Limits")]
    pub(crate) memory: Option<Bytes>,
    /// Most memory and swap together; -1 for all swap
    #[arg(long, value_name = "SIZE", allow_hyphen_values = true, help_heading = "Limits")]
    pub(crate) memory_swap: Option<Swap>,
    /// Most CPU time, in CPUs
    #[arg(long, value_name = "N", help_heading = "Limits")]
    pub(crate) cpus: Option<Cpus>,
    /// Share of CPU time when it is short; 1024 is the usual
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(2..=262_144), help_heading = "Limits")]
    pub(crate) cpu_shares: Option<u64>,
    /// CPUs to run on
    #[arg(long, value_name = "LIST", help_heading = "Limits")]
    pub(crate) cpuset_cpus: Option<String>,
    /// Most processes and threads; -1 for no limit
    #[arg(long, value_name = "N", allow_hyphen_values = true, help_heading = "Limits")]
    pub(crate) pids_limit: Option<i64>,
}

/// The container's network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Net {
    /// A network namespace of its own.
    None,
    /// The host's.
    Host,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::{Command, CommandFactory};

    #[test]
    fn a_verb_is_described_alike_before_and_after_its_definitions_are_made() {
        let families = [cgroup::Cgroup::augment_args, ns::Ns::augment_args, netns::Netns::augment_args];
        let families = families.map(|augment| augment(Command::new("family").disable_help_subcommand(true)));
        for mut command in families.into_iter().chain([Arguments::command()]) {
            let told = |command: &Command| -> Vec<(String, Option<String>)> {
                let verbs = command.get_subcommands();
                verbs
                    .map(|verb| (verb.get_name().to_owned(), verb.get_about().map(ToString::to_string)))
                    .collect()
            };
            let before = told(&command);
            command.build();
            assert_eq!(told(&command), before);
        }
    }
}
