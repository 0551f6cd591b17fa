//! `procs`: the processes of a group.

use std::collections::BTreeMap;

use palisade_cgroup::{Layout, Place, Version};
use palisade_runtime::{Error, Result, Store};
use rustix::io::Errno;
use serde::Serialize;

use super::label;
use crate::arguments::Format;
use crate::arguments::cgroup::Procs;
use crate::output::{print, print_json};
use crate::table;

/// A process or thread in a group; the names of the fields are promised.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Row {
    /// 0 for a process of a pid namespace that this one does not see.
    pid: i32,
    command: String,
    group: String,
    /// Where the process is in this group.
    hierarchies: Vec<String>,
}

pub(crate) fn show(verb: &Procs, store: &Store) -> Result<u8> {
    let layout = Layout::detect()?;
    let places = verb.group.places(&layout, &verb.hierarchies.controllers, store)?;
    let there: Vec<&Place> = places.iter().filter(|place| place.exists()).collect();
    if let (true, Some(first)) = (there.is_empty(), places.first()) {
        return Err(none(first));
    }
    let mut found: BTreeMap<(String, i32), Vec<String>> = BTreeMap::new();
    for place in &there {
        let label = label::of_place(&layout, place);
        let groups = if verb.recursive { place.tree()? } else { vec![(*place).clone()] };
        for group in groups {
            for pid in members(&group, verb.threads)? {
                found.entry((group.path.to_string(), pid)).or_default().push(label.clone());
            }
        }
    }
    let rows = found.into_iter().map(|((group, pid), hierarchies)| Row {
        pid,
        command: command(pid),
        group,
        hierarchies,
    });
    let rows: Vec<Row> = rows.collect();
    match verb.telling.format {
        Format::Json => print_json(&rows)?,
        Format::Table => print(&draw(&rows, there.len(), verb.recursive))?,
    }
    Ok(0)
}

/// Makes the error of a group that is in no hierarchy.
pub(super) fn none(place: &Place) -> Error {
    Error::call(format_args!("open {}", place.directory().display()), Errno::NOENT)
        .hint("there is no such group")
}

/// Reads who is in a group itself; nobody once it has gone.
pub(super) fn members(place: &Place, threads: bool) -> Result<Vec<i32>> {
    let file = match (threads, place.version) {
        (false, _) => "cgroup.procs",
        (true, Version::V1) => "tasks",
        (true, Version::V2) => "cgroup.threads",
    };
    let text = match place.read(file) {
        // A threaded group tells but its threads.
        Err(error) if error.errno() == Some(Errno::OPNOTSUPP) => place.read("cgroup.threads"),
        result => result,
    };
    match text {
        Ok(text) => Ok(text.lines().filter_map(|line| line.parse().ok()).collect()),
        Err(error) if matches!(error.errno(), Some(Errno::NODEV)) || !place.exists() => Ok(Vec::new()),
        Err(error) => Err(error.into()),
    }
}

/// Reads the name of a process or thread; `?` once it has gone.
pub(super) fn command(pid: i32) -> String {
    let name = std::fs::read_to_string(format!("/proc/{pid}/comm"));
    name.map_or_else(|_| "?".to_owned(), |name| name.trim_end().to_owned())
}

/// Shows the hierarchies only where a process is not in all that the group is in.
fn draw(rows: &[Row], all: usize, recursive: bool) -> String {
    let some = rows.iter().any(|row| row.hierarchies.len() < all);
    let mut header = vec!["PID", "COMMAND"];
    header.extend(recursive.then_some("GROUP"));
    header.extend(some.then_some("HIERARCHIES"));
    let cells = |row: &Row| {
        let mut cells = vec![row.pid.to_string(), row.command.clone()];
        cells.extend(recursive.then(|| row.group.clone()));
        cells.extend(some.then(|| match row.hierarchies.len() == all {
            true => "all".to_owned(),
            false => row.hierarchies.join(" "),
        }));
        cells
    };
    let cells: Vec<_> = rows.iter().map(cells).collect();
    table::draw(&header, &cells, table::width())
}
