//! The command line of `pal cgroup net`.

use clap::{Args, Subcommand, ValueEnum};

use super::super::super::flags::{GroupName, Mark, RuleName};
use super::super::Telling;
use super::Hierarchies;

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(crate) struct Net {
    #[command(subcommand)]
    pub(crate) verb: Option<NetVerb>,
    #[command(flatten)]
    pub(crate) rule: NewRule,
}

#[derive(Debug, Subcommand)]
pub(crate) enum NetVerb {
    /// List the rules, with what they have counted
    List(List),
    /// Remove a rule by its number, or all rules of a group
    Rm(RemoveRules),
}

// A rule to be added; a comment of documentation would become that of the verb.
#[derive(Debug, Args)]
pub(crate) struct NewRule {
    /// The group; with a v2 tree the groups below it are meant, too
    #[arg(value_name = "GROUP", required = true)]
    pub(crate) group: Option<GroupName>,
    /// What to do with its packets, which are counted in any case
    #[arg(value_name = "count|drop|mark", required = true, hide_possible_values = true)]
    pub(crate) deed: Option<DeedWord>,
    /// The mark
    #[arg(value_name = "MARK", required_if_eq("deed", "mark"))]
    pub(crate) mark: Option<Mark>,
    /// Packets from or to the sockets of the group
    #[arg(long, value_enum, default_value_t = DirectionWord::Out)]
    pub(crate) direction: DirectionWord,
    /// Packets of this protocol alone
    #[arg(long, value_enum)]
    pub(crate) proto: Option<ProtocolWord>,
    /// Packets to this port alone
    #[arg(long)]
    pub(crate) port: Option<u16>,
    #[command(flatten)]
    pub(crate) hierarchies: Hierarchies,
    #[command(flatten)]
    pub(crate) telling: Telling,
}

#[derive(Debug, Args)]
pub(crate) struct List {
    #[command(flatten)]
    pub(crate) telling: Telling,
}

#[derive(Debug, Args)]
pub(crate) struct RemoveRules {
    /// The rules
    #[arg(value_name = "GROUP|NUMBER", required = true)]
    pub(crate) rules: Vec<RuleName>,
    #[command(flatten)]
    pub(crate) telling: Telling,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum DeedWord {
    Count,
    Drop,
    Mark,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum DirectionWord {
    Out,
    In,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ProtocolWord {
    Tcp,
    Udp,
    Icmp,
}
