//! `of`: the namespaces that a process is in.

use palisade_namespace::{Kind, Target, number_of, open};
use palisade_runtime::{Result, Store};
use serde::Serialize;

use crate::arguments::ns::Of;
use crate::output::print_rows;

/// A namespace of a process; the names of the fields are promised.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Row {
    /// `pid_for_children` and `time_for_children` are those that its next children will be in.
    #[serde(rename = "type")]
    kind: &'static str,
    number: u64,
    /// The user namespace that owns it.
    owner: Option<u64>,
    /// Whether the caller is in it, too.
    own: bool,
}

pub(crate) fn show(verb: &Of, store: &Store) -> Result<u8> {
    let pid = verb.process.pid(store)?.as_raw_nonzero().get().unsigned_abs();
    let names = Kind::ALL.map(|kind| (kind, kind.proc_name()));
    let later = [(Kind::Pid, "pid_for_children"), (Kind::Time, "time_for_children")];
    let mut rows = Vec::with_capacity(names.len() + later.len());
    for (kind, name) in names {
        rows.push(row(pid, kind, name)?);
    }
    // There is none before the first child in a pid namespace that was made for children.
    rows.extend(later.into_iter().filter_map(|(kind, name)| row(pid, kind, name).ok()));
    print_rows(verb.telling.format, &["TYPE", "NUMBER", "OWNER", "OWN"], &rows, cells)?;
    Ok(0)
}

fn row(pid: u32, kind: Kind, name: &'static str) -> Result<Row> {
    let number = number_of(pid, name)?;
    let own = number_of(std::process::id(), name)?;
    let owner = open(kind, &Target::Path(format!("/proc/{pid}/ns/{name}").into()))
        .and_then(|handle| handle.owner()?.identity())
        .ok();
    Ok(Row { kind: name, number, owner: owner.map(|owner| owner.inode), own: own == number })
}

fn cells(row: &Row) -> Vec<String> {
    let owner = row.owner.map_or_else(|| "-".to_owned(), |owner| owner.to_string());
    let own = if row.own { "yes" } else { "no" };
    vec![row.kind.to_owned(), row.number.to_string(), owner, own.to_owned()]
}
