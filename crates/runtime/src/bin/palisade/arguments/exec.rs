//! The options of `exec`.

use std::path::PathBuf;

use clap::Args;

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
    /// Unix socket that receives a pidfd of the process
    #[arg(long, value_name = "SOCKET")]
    pub(crate) pidfd_socket: Option<PathBuf>,
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
    /// SELinux label of the process
    #[arg(long, value_name = "LABEL")]
    pub(crate) process_label: Option<String>,
    /// AppArmor profile of the process
    #[arg(long, value_name = "PROFILE")]
    pub(crate) apparmor: Option<String>,
    /// Forbid that an exec gives rights
    #[arg(long)]
    pub(crate) no_new_privs: bool,
    /// Give a capability
    #[arg(short, long, value_name = "CAP")]
    pub(crate) cap: Vec<String>,
    /// Pass this many descriptors after stderr to the program
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) preserve_fds: u32,
    /// Put the process into a group below the container's
    #[arg(long, value_name = "[CONTROLLER:]PATH")]
    pub(crate) cgroup: Vec<String>,
    /// Start in a paused container, too; the process begins when that is resumed
    #[arg(long)]
    pub(crate) ignore_paused: bool,
}
