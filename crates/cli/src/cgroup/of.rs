//! `of`: the groups that processes are in.

use palisade_cgroup::{Layout, Membership};
use palisade_runtime::{Result, Store};
use serde::Serialize;

use crate::arguments::Format;
use crate::arguments::cgroup::Of;
use crate::output::print_rows;

/// The group of a process in one hierarchy; the names of the fields are promised.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Row {
    pid: i32,
    /// 0 is the v2 tree.
    id: u32,
    controllers: Vec<String>,
    name: Option<String>,
    group: String,
    /// None where the hierarchy is mounted nowhere in sight.
    directory: Option<String>,
}

const HEADER: [&str; 4] = ["PID", "ID", "CONTROLLERS", "GROUP"];

pub(crate) fn show(verb: &Of, store: &Store) -> Result<u8> {
    let layout = match verb.telling.format {
        Format::Json => Layout::detect()?,
        // The table does without it.
        Format::Table => Layout::default(),
    };
    let mut rows = Vec::new();
    for process in &verb.processes {
        let pid = process.pid(store)?;
        rows.extend(
            Membership::of(pid)?.into_iter().map(|home| row(pid.as_raw_nonzero().get(), home, &layout)),
        );
    }
    print_rows(verb.telling.format, &HEADER, &rows, cells)?;
    Ok(0)
}

fn row(pid: i32, home: Membership, layout: &Layout) -> Row {
    let directory = home.place(layout).map(|place| place.directory().display().to_string());
    let Membership { id, controllers, name, path } = home;
    Row { pid, id, controllers, name, group: path, directory }
}

fn cells(row: &Row) -> Vec<String> {
    let mut what = row.controllers.clone();
    what.extend(row.name.iter().map(|name| format!("name={name}")));
    let what = if row.id == 0 { "(v2)".to_owned() } else { what.join(",") };
    vec![row.pid.to_string(), row.id.to_string(), what, row.group.clone()]
}
