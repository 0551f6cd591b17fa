//! The verbs that make, give away and remove hierarchies and groups.

use std::path::PathBuf;

use clap::{ArgGroup, Args};

use super::super::super::flags::GroupName;
use super::super::Telling;
use super::Hierarchies;

#[derive(Debug, Args)]
#[command(group = ArgGroup::new("what").required(true).multiple(true).args(["controllers", "all", "name", "v2"]))]
pub(crate) struct Mount {
    /// The directory to mount on, made where it is not there
    #[arg(value_name = "DIRECTORY")]
    pub(crate) point: PathBuf,
    /// A v1 hierarchy with these controllers
    #[arg(short, long, value_name = "LIST", value_delimiter = ',', conflicts_with_all = ["all", "v2"])]
    pub(crate) controllers: Vec<String>,
    /// A v1 hierarchy with all controllers
    #[arg(long, conflicts_with = "v2")]
    pub(crate) all: bool,
    /// The name of the v1 hierarchy, which needs no controllers then
    #[arg(long, value_name = "NAME", conflicts_with = "v2")]
    pub(crate) name: Option<String>,
    /// The v2 tree
    #[arg(long)]
    pub(crate) v2: bool,
    /// The program that the kernel runs for each v1 group that becomes empty and asks for it
    #[arg(long, value_name = "PATH", conflicts_with = "v2")]
    pub(crate) release_agent: Option<String>,
    /// Options of the file system, such as nsdelegate or clone_children
    #[arg(short, long, value_name = "LIST", value_delimiter = ',')]
    pub(crate) options: Vec<String>,
    #[command(flatten)]
    pub(crate) telling: Telling,
}

#[derive(Debug, Args)]
pub(crate) struct Umount {
    /// The mount points
    #[arg(value_name = "DIRECTORY", required = true)]
    pub(crate) points: Vec<PathBuf>,
    /// Remove the directories that were mounted on, too
    #[arg(long)]
    pub(crate) rmdir: bool,
    #[command(flatten)]
    pub(crate) telling: Telling,
}

#[derive(Debug, Args)]
pub(crate) struct Create {
    /// The groups' paths; relative ones are below the group that was given to the user, below the root for root
    #[arg(value_name = "GROUP", required = true)]
    pub(crate) groups: Vec<GroupName>,
    /// In the hierarchies of these controllers, in name=NAME or in v2 alone; on v2 the controllers are enabled
    #[arg(short, long, value_name = "LIST", value_delimiter = ',')]
    pub(crate) controllers: Vec<String>,
    /// Make a group of the v2 tree that takes single threads
    #[arg(long)]
    pub(crate) threaded: bool,
    /// Have the kernel run the release agent of the v1 hierarchy when the group becomes empty
    #[arg(long)]
    pub(crate) notify_on_release: bool,
    /// Set the release agent of the v1 hierarchies
    #[arg(long, value_name = "PATH", requires = "notify_on_release")]
    pub(crate) release_agent: Option<String>,
    #[command(flatten)]
    pub(crate) telling: Telling,
}

#[derive(Debug, Args)]
pub(crate) struct Remove {
    /// The groups
    #[arg(value_name = "GROUP", required = true)]
    pub(crate) groups: Vec<GroupName>,
    /// Remove the groups below them, too
    #[arg(short, long)]
    pub(crate) recursive: bool,
    #[command(flatten)]
    pub(crate) hierarchies: Hierarchies,
    #[command(flatten)]
    pub(crate) telling: Telling,
}

#[derive(Debug, Args)]
pub(crate) struct Delegate {
    /// The group
    #[arg(value_name = "GROUP")]
    pub(crate) group: GroupName,
    /// Who may make groups below it and move own processes within, by name or number
    #[arg(value_name = "USER[:GROUP]")]
    pub(crate) user: String,
    #[command(flatten)]
    pub(crate) hierarchies: Hierarchies,
    #[command(flatten)]
    pub(crate) telling: Telling,
}
