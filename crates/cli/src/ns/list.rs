//! `ls`: all namespaces.

use palisade_namespace::{Depth, Found, Keeper, Kind, Kinds, Scope, Survey, number_of, survey};
use palisade_runtime::{Result, Store};
use serde::Serialize;

use super::kinds::every;
use super::people::{People, command_of, user_of};
use crate::arguments::ns::List;
use crate::output::{print_rows, say};
use crate::spinner::Spinner;

/// From how many processes on their descriptors are looked through on request alone: it would take longer than all
/// the rest.
const MANY: usize = 4000;

/// A namespace; the names of the fields are promised.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Row {
    #[serde(rename = "type")]
    pub(super) kind: &'static str,
    pub(super) number: u64,
    /// The user namespace that owns it.
    pub(super) owner: Option<u64>,
    /// The pid or user namespace that it is nested in.
    pub(super) parent: Option<u64>,
    /// Who made it, for the user kind.
    pub(super) owner_uid: Option<u32>,
    pub(super) processes: u32,
    /// The process in it with the lowest number.
    pub(super) pid: Option<u32>,
    /// The user of that process, or who made the namespace.
    pub(super) user: Option<String>,
    pub(super) command: Option<String>,
    pub(super) kept_by: Vec<KeptBy>,
}

/// What keeps a namespace alive.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase", tag = "by", rename_all_fields = "camelCase")]
pub(super) enum KeptBy {
    Process,
    Mount {
        path: String,
        /// The mount namespace that has the mount, where it is not the caller's.
        mount_namespace: Option<u64>,
    },
    Descriptor {
        pid: u32,
        descriptor: u32,
    },
    Namespace {
        number: u64,
    },
}

const HEADER: [&str; 8] = ["NUMBER", "TYPE", "OWNER", "PROCS", "PID", "USER", "KEPT BY", "COMMAND"];

pub(crate) fn list(verb: &List, store: &Store) -> Result<u8> {
    let kinds: Kinds = match verb.kinds.as_slice() {
        [] => every(),
        kinds => kinds.iter().map(|name| name.kind()).collect(),
    };
    let process = verb.process.as_ref().map(|process| process.pid(store)).transpose()?;
    let mut found = look(kinds, if verb.all { Effort::All } else { Effort::Usual })?;
    if let Some(pid) = process {
        let pid = pid.as_raw_nonzero().get().unsigned_abs();
        let own: Vec<u64> = kinds
            .iter()
            .map(|kind| number_of(pid, kind.proc_name()))
            .collect::<std::result::Result<_, _>>()?;
        found.namespaces.retain(|one| own.contains(&one.number));
    }
    let rows = rows(&found.namespaces);
    print_rows(verb.telling.format, &HEADER, &rows, cells)?;
    Ok(0)
}

/// How far to look.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Effort {
    /// As far as it takes no time.
    Usual,
    /// Wherever a namespace can be.
    All,
}

/// Surveys the machine and says what was left out.
pub(super) fn look(kinds: Kinds, effort: Effort) -> Result<Survey> {
    let depth = match effort {
        Effort::All => Depth::Everything,
        Effort::Usual => Depth::Descriptors { most: MANY },
    };
    let spinner = match effort {
        Effort::All => Spinner::begin("looking through all mount namespaces and descriptors"),
        Effort::Usual => None,
    };
    let found = survey(Scope { kinds, depth })?;
    drop(spinner);
    if found.crowded {
        let count = found.processes;
        say(format_args!("the open descriptors of {count} processes were not looked through (--all does)"));
    }
    if found.unreadable > 0 {
        let (unreadable, count) = (found.unreadable, found.processes);
        let (does, whose) = if unreadable == 1 { ("does", "its") } else { ("do", "their") };
        say(format_args!(
            "{unreadable} of {count} processes {does} not show {whose} namespaces to this user"
        ));
    }
    Ok(found)
}

/// Describes namespaces, with what their processes are called.
pub(super) fn rows(found: &[Found]) -> Vec<Row> {
    let people = People::read();
    let mut latest: Option<(u32, Option<String>, Option<String>)> = None;
    let mut rows = Vec::with_capacity(found.len());
    for one in found {
        let shown = one.first.or_else(|| holder(one));
        if let Some(pid) = shown
            && latest.as_ref().is_none_or(|(known, _, _)| *known != pid)
        {
            latest = Some((pid, user_of(pid).map(|uid| people.name(uid)), command_of(pid)));
        }
        let (user, command) = match (&latest, shown) {
            (Some((_, user, command)), Some(_)) => (user.clone(), command.clone()),
            _ => (one.owner_uid.map(|uid| people.name(uid)), None),
        };
        rows.push(row(one, user, command));
    }
    rows
}

/// Returns the process whose descriptor keeps a namespace.
fn holder(found: &Found) -> Option<u32> {
    found.keepers.iter().find_map(|keeper| match keeper {
        Keeper::Descriptor { pid, .. } => Some(*pid),
        Keeper::Mount { .. } | Keeper::Namespace(_) => None,
    })
}

fn row(found: &Found, user: Option<String>, command: Option<String>) -> Row {
    let process = (found.processes > 0).then_some(KeptBy::Process);
    let others = found.keepers.iter().map(|keeper| match keeper {
        Keeper::Mount { path, namespace } => {
            KeptBy::Mount { path: path.display().to_string(), mount_namespace: *namespace }
        }
        Keeper::Descriptor { pid, number } => KeptBy::Descriptor { pid: *pid, descriptor: *number },
        Keeper::Namespace(number) => KeptBy::Namespace { number: *number },
    });
    let nested = matches!(found.kind, Kind::Pid | Kind::User);
    Row {
        kind: found.kind.proc_name(),
        number: found.number,
        owner: found.owner,
        parent: found.parent.filter(|_| nested),
        owner_uid: found.owner_uid,
        processes: found.processes,
        pid: found.first,
        user,
        command,
        kept_by: process.into_iter().chain(others).collect(),
    }
}

fn cells(row: &Row) -> Vec<String> {
    let number = |number: Option<u64>| number.map_or_else(|| "-".to_owned(), |number| number.to_string());
    let or_nothing = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
    vec![
        row.number.to_string(),
        row.kind.to_owned(),
        number(row.owner),
        row.processes.to_string(),
        number(row.pid.map(u64::from)),
        or_nothing(&row.user),
        kept(row),
        or_nothing(&row.command),
    ]
}

/// Says in a cell what keeps a namespace: processes are counted in another one.
pub(super) fn kept(row: &Row) -> String {
    let words: Vec<String> = row
        .kept_by
        .iter()
        .map(|by| match by {
            KeptBy::Process => "process".to_owned(),
            KeptBy::Mount { path, mount_namespace: None } => path.clone(),
            KeptBy::Mount { path, mount_namespace: Some(number) } => format!("{path} in mnt {number}"),
            KeptBy::Descriptor { pid, descriptor } => format!("descriptor {descriptor} of {pid}"),
            KeptBy::Namespace { number } => format!("namespace {number}"),
        })
        .collect();
    match words.as_slice() {
        [] => "-".to_owned(),
        [only] => only.clone(),
        [first, second] => format!("{first}, {second}"),
        [first, .., last] => format!("{first}, {} more, {last}", words.len() - 2),
    }
}
