//! The rules that are in force: `net list` and `net rm`.

use palisade_cgroup::Layout;
use palisade_network::packets::{self, Deed, Direction, Listed, Subject};
use palisade_runtime::{Error, Result, Store};
use serde::Serialize;

use super::shell;
use crate::arguments::cgroup::net::{List, RemoveRules};
use crate::flags::RuleName;
use crate::output::print_rows;
use crate::steps::{Step, carry_out};

/// A rule; the names of the fields are promised.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Row {
    /// The number to remove it by.
    number: u64,
    /// The group as it was named; null where the name was too long to be kept.
    group: Option<String>,
    /// The directory of a v2 group from `/sys/fs/cgroup`.
    directory: Option<String>,
    /// The class of a v1 group.
    class: Option<u32>,
    /// Whether the v2 group has gone: no packet meets the rule any more.
    gone: bool,
    direction: &'static str,
    protocol: Option<&'static str>,
    port: Option<u16>,
    action: &'static str,
    mark: Option<u32>,
    packets: u64,
    bytes: u64,
}

const HEADER: [&str; 6] = ["RULE", "GROUP", "MATCH", "ACTION", "PACKETS", "BYTES"];

pub(super) fn list(verb: &List) -> Result<u8> {
    let rows: Vec<Row> = packets::list()?.into_iter().map(row).collect();
    print_rows(verb.telling.format, &HEADER, &rows, cells)?;
    Ok(0)
}

pub(super) fn remove(verb: &RemoveRules, store: &Store) -> Result<u8> {
    let all = packets::list()?;
    let mut chosen: Vec<Listed> = Vec::new();
    for name in &verb.rules {
        let found: Vec<&Listed> = match name {
            RuleName::Number(number) => all.iter().filter(|rule| rule.handle == *number).collect(),
            RuleName::Group(group) => {
                let path = group.path(&Layout::detect()?, store)?;
                all.iter().filter(|rule| rule.name.as_deref() == Some(path.as_str())).collect()
            }
        };
        if found.is_empty() {
            let what = match name {
                RuleName::Number(number) => format!("net rm {number}: there is no such rule"),
                RuleName::Group(group) => {
                    let path = group.path(&Layout::detect()?, store)?;
                    format!("net rm {path}: the group has no rule")
                }
            };
            return Err(Error::new(what).hint("pal cgroup net list"));
        }
        chosen.extend(found.into_iter().filter(|rule| !chosen.contains(rule)).cloned().collect::<Vec<_>>());
    }
    carry_out(&[Box::new(Removing { chosen, all }) as Box<dyn Step>], verb.telling)?;
    Ok(0)
}

/// Removes rules, and the table with the last.
struct Removing {
    chosen: Vec<Listed>,
    all: Vec<Listed>,
}

impl Step for Removing {
    fn shell(&self) -> Vec<String> {
        packets::removal(&self.chosen, &self.all).iter().map(|command| shell(command)).collect()
    }

    fn perform(&self) -> Result<()> {
        Ok(packets::remove(&self.chosen)?)
    }
}

fn row(rule: Listed) -> Row {
    let (directory, class, gone) = match rule.subject {
        Subject::Group(directory) => (Some(directory), None, false),
        Subject::Gone(_) => (None, None, true),
        Subject::Class(class) => (None, Some(class), false),
    };
    let (action, mark) = match rule.deed {
        Deed::Count => ("count", None),
        Deed::Drop => ("drop", None),
        Deed::Mark(mark) => ("mark", Some(mark)),
    };
    Row {
        number: rule.handle,
        group: rule.name,
        directory,
        class,
        gone,
        direction: match rule.direction {
            Direction::Out => "out",
            Direction::In => "in",
        },
        protocol: rule.protocol.map(packets::Protocol::word),
        port: rule.port,
        action,
        mark,
        packets: rule.packets,
        bytes: rule.bytes,
    }
}

fn cells(row: &Row) -> Vec<String> {
    let class = row.class.map(|class| format!("class {class:#x}"));
    let name = row.group.clone().or_else(|| row.directory.clone()).or(class).unwrap_or_default();
    let group = if row.gone { format!("{name} (gone)") } else { name };
    let mut matched = row.direction.to_owned();
    if let Some(protocol) = row.protocol {
        matched.push_str(&format!(" {protocol}"));
    }
    if let Some(port) = row.port {
        matched.push_str(&format!(" to {port}"));
    }
    let action = match row.mark {
        Some(mark) => format!("mark {mark:#x}"),
        None => row.action.to_owned(),
    };
    vec![row.number.to_string(), group, matched, action, row.packets.to_string(), row.bytes.to_string()]
}
