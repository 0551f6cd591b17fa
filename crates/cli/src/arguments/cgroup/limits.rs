//! The verbs of `pal cgroup` that set limits and pass controllers on.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::super::super::flags::{GroupName, Setting};
use super::super::Telling;

#[derive(Debug, Args)]
pub(crate) struct Set {
    /// The group
    #[arg(value_name = "GROUP")]
    pub(crate) group: GroupName,
    /// Properties by their names in v1 (memory.limit_in_bytes), in v2 (memory.max) or in neither (memory-max), each
    /// with its value in the units of that name; sizes may be 40M or 1.5G, no limit is max
    #[arg(value_name = "NAME=VALUE", required = true)]
    pub(crate) settings: Vec<Setting>,
    #[command(flatten)]
    pub(crate) telling: Telling,
}

#[derive(Debug, Args)]
pub(crate) struct Get {
    /// The group
    #[arg(value_name = "GROUP")]
    pub(crate) group: GroupName,
    /// Properties by their names in v1, in v2 or in neither; every file of the group where none is named
    #[arg(value_name = "NAME")]
    pub(crate) names: Vec<String>,
    /// Every file of these controllers
    #[arg(short = 'g', long = "controllers", value_name = "LIST", value_delimiter = ',')]
    pub(crate) controllers: Vec<String>,
    /// Print values without their names
    #[arg(short, long)]
    pub(crate) values: bool,
    #[command(flatten)]
    pub(crate) telling: Telling,
}

#[derive(Debug, Args)]
pub(crate) struct Enable {
    /// The group whose groups below get the controllers
    #[arg(value_name = "GROUP")]
    pub(crate) group: GroupName,
    /// The controllers
    #[arg(value_name = "CONTROLLER", required = true)]
    pub(crate) controllers: Vec<String>,
    /// Enable them in all groups above first
    #[arg(short, long)]
    pub(crate) parents: bool,
    /// Move the processes that the group itself holds into this group below it first, which is made
    #[arg(long, value_name = "NAME", num_args = 0..=1, require_equals = true, default_missing_value = "leaf")]
    pub(crate) make_leaf: Option<String>,
    #[command(flatten)]
    pub(crate) telling: Telling,
}

#[derive(Debug, Args)]
pub(crate) struct Disable {
    /// The group
    #[arg(value_name = "GROUP")]
    pub(crate) group: GroupName,
    /// The controllers
    #[arg(value_name = "CONTROLLER", required = true)]
    pub(crate) controllers: Vec<String>,
    #[command(flatten)]
    pub(crate) telling: Telling,
}

#[derive(Debug, Args)]
pub(crate) struct Devices {
    /// The group
    #[arg(value_name = "GROUP")]
    pub(crate) group: GroupName,
    /// What to do
    #[arg(value_enum, default_value_t = DeviceAction::List)]
    pub(crate) action: DeviceAction,
    /// Devices as v1 writes them: c 1:3 rwm, b 8:* r, a for all
    #[arg(value_name = "RULE")]
    pub(crate) rules: Vec<String>,
    #[command(flatten)]
    pub(crate) telling: Telling,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum DeviceAction {
    /// Show the rules of the group; the groups above decide, too
    List,
    /// Allow devices, as far as the groups above do
    Allow,
    /// Deny devices
    Deny,
    /// Allow all that the group above does
    Reset,
}

#[derive(Debug, Args)]
pub(crate) struct Save {
    /// The group
    #[arg(value_name = "GROUP")]
    pub(crate) group: GroupName,
    /// The groups below it, too
    #[arg(short, long)]
    pub(crate) recursive: bool,
    #[command(flatten)]
    pub(crate) telling: Telling,
}

#[derive(Debug, Args)]
pub(crate) struct Apply {
    /// A file that pal cgroup save has written, - for standard input
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// In place of the group that was saved
    #[arg(long, value_name = "GROUP")]
    pub(crate) to: Option<GroupName>,
    #[command(flatten)]
    pub(crate) telling: Telling,
}
