//! The options of `create` and `run`.

use std::path::PathBuf;

use clap::Args;

#[derive(Debug, Args)]
pub(crate) struct Make {
    /// The container's id, of letters, digits, and _ + . -
    #[arg(value_name = "ID")]
    pub(crate) id: String,
    /// Directory with config.json
    #[arg(short, long, value_name = "DIR", default_value = ".")]
    pub(crate) bundle: PathBuf,
    /// Configuration to take in place of the bundle's config.json
    #[arg(short = 'f', long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Unix socket that receives the terminal's master
    #[arg(long, value_name = "SOCKET")]
    pub(crate) console_socket: Option<PathBuf>,
    /// Unix socket that receives a pidfd of the first process
    #[arg(long, value_name = "SOCKET")]
    pub(crate) pidfd_socket: Option<PathBuf>,
    /// File to write the first process's number to
    #[arg(long, value_name = "FILE")]
    pub(crate) pid_file: Option<PathBuf>,
    /// Enter the root by a moved mount, where the host's root is an initramfs
    #[arg(long)]
    pub(crate) no_pivot: bool,
    /// Leave the container the caller's session keyring
    #[arg(long)]
    pub(crate) no_new_keyring: bool,
    /// Leave the container's orphans to whoever takes them in; else palisade does, and waits for them
    #[arg(long)]
    pub(crate) no_subreaper: bool,
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
}
