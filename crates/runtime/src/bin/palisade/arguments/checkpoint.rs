//! The options of `checkpoint` and `restore`.

use std::path::PathBuf;

use clap::Args;

// What both verbs take: a doc comment would become the help of each.
#[derive(Debug, Args)]
pub(crate) struct Images {
    /// Directory of the images
    #[arg(long, value_name = "DIR", default_value = "checkpoint")]
    pub(crate) image_path: PathBuf,
    /// Directory of criu's log; that of the images where it is not given
    #[arg(long, value_name = "DIR")]
    pub(crate) work_path: Option<PathBuf>,
    /// Keep open TCP connections
    #[arg(long)]
    pub(crate) tcp_established: bool,
    /// Allow Unix sockets whose other end is outside of the container
    #[arg(long)]
    pub(crate) ext_unix_sk: bool,
    /// Allow a terminal that is not the container's own
    #[arg(long)]
    pub(crate) shell_job: bool,
    /// Keep file locks
    #[arg(long)]
    pub(crate) file_locks: bool,
    /// What becomes of cgroups
    #[arg(long, value_name = "MODE", default_value = "soft", value_parser = ["soft", "full", "strict", "ignore"])]
    pub(crate) manage_cgroups_mode: String,
    /// Namespace that comes back empty: network
    #[arg(long, value_name = "KIND", value_parser = ["network"])]
    pub(crate) empty_ns: Vec<String>,
    /// Drop memory pages from the images that were written or read already
    #[arg(long)]
    pub(crate) auto_dedup: bool,
    /// Send memory pages when they are first touched, by userfaultfd(2)
    #[arg(long)]
    pub(crate) lazy_pages: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Checkpoint {
    /// The container's id
    #[arg(value_name = "ID")]
    pub(crate) id: String,
    #[command(flatten)]
    pub(crate) images: Images,
    /// Images of an earlier checkpoint, relative to the directory of the images
    #[arg(long, value_name = "DIR")]
    pub(crate) parent_path: Option<String>,
    /// Write memory alone and let the container go on
    #[arg(long)]
    pub(crate) pre_dump: bool,
    /// Let the container go on afterwards
    #[arg(long)]
    pub(crate) leave_running: bool,
    /// Skip TCP connections that are not established yet
    #[arg(long)]
    pub(crate) tcp_skip_in_flight: bool,
    /// Link unlinked files back into the file system
    #[arg(long)]
    pub(crate) link_remap: bool,
    /// Server that memory pages are sent to
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub(crate) page_server: Option<String>,
    /// Descriptor that gets a byte once lazy pages can be asked for
    #[arg(long, value_name = "FD")]
    pub(crate) status_fd: Option<i32>,
}

#[derive(Debug, Args)]
pub(crate) struct Restore {
    /// The container's id
    #[arg(value_name = "ID")]
    pub(crate) id: String,
    #[command(flatten)]
    pub(crate) images: Images,
    /// Directory with config.json
    #[arg(short, long, value_name = "DIR", default_value = ".")]
    pub(crate) bundle: PathBuf,
    /// Unix socket that receives the terminal's master
    #[arg(long, value_name = "SOCKET")]
    pub(crate) console_socket: Option<PathBuf>,
    /// File to write the first process's number to
    #[arg(long, value_name = "FILE")]
    pub(crate) pid_file: Option<PathBuf>,
    /// Return once the container runs
    #[arg(short, long)]
    pub(crate) detach: bool,
    /// Leave the container's orphans to whoever takes them in; else palisade does, and waits for them
    #[arg(long)]
    pub(crate) no_subreaper: bool,
    /// Accepted for conmon's sake: keyrings are not in the images
    #[arg(long)]
    pub(crate) no_new_keyring: bool,
    /// Accepted for runc's sake: criu enters the root
    #[arg(long)]
    pub(crate) no_pivot: bool,
    /// SELinux context of mounts in place of that of the images (criu 3.16)
    #[arg(long, value_name = "CONTEXT")]
    pub(crate) lsm_mount_context: Option<String>,
    /// Profile of AppArmor or SELinux in place of that of the images
    #[arg(long, value_name = "TYPE:NAME")]
    pub(crate) lsm_profile: Option<String>,
}
