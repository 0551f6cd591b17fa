//! `ps`: the containers that are there.

use std::time::SystemTime;

use palisade_oci::Timestamp;
use palisade_oci::state::Status;
use palisade_runtime::{Container, Machine, Result, Store};
use serde::Serialize;

use crate::arguments::List;
use crate::config::{COMMAND, IMAGE};
use crate::end::Ended;
use crate::output::print_rows;
use crate::table;

/// A container as it is listed; the names of the fields are promised.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Row {
    name: String,
    status: Status,
    /// The first process; 0 for a container that has ended.
    pid: u32,
    created: Timestamp,
    image: String,
    command: String,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    end: Option<Ended>,
}

pub(crate) fn list(verb: &List, store: &Store) -> Result<u8> {
    let machine = Machine::default();
    let mut rows = Vec::new();
    for container in store.list()? {
        let row = row(&container, &machine)?;
        if verb.all || row.status != Status::Stopped {
            rows.push(row);
        }
    }
    print_rows(verb.format, &HEADER, &rows, cells)?;
    Ok(0)
}

const HEADER: [&str; 6] = ["NAME", "STATUS", "PID", "AGE", "IMAGE", "COMMAND"];

fn row(container: &Container, machine: &Machine) -> Result<Row> {
    let printed = container.printed(machine)?;
    let mut annotations = printed.annotations;
    let ended = printed.status == Status::Stopped;
    let command = match annotations.remove(COMMAND) {
        Some(command) => command,
        // Made by another program.
        None => container.process_pattern().map(|process| process.args.join(" ")).unwrap_or_default(),
    };
    Ok(Row {
        name: printed.id,
        status: printed.status,
        pid: printed.pid,
        created: printed.created,
        image: annotations.remove(IMAGE).unwrap_or_else(|| printed.rootfs.display().to_string()),
        command,
        end: ended.then(|| Ended::read(container.state_directory())).flatten(),
    })
}

fn cells(row: &Row) -> Vec<String> {
    let status = match &row.end {
        Some(end) if end.out_of_memory => format!("exited {}, out of memory", end.exit_code),
        Some(end) => format!("exited {}", end.exit_code),
        None => row.status.to_string(),
    };
    let age = SystemTime::now().duration_since(row.created.to_system_time()).unwrap_or_default();
    let pid = if row.pid == 0 { "-".to_owned() } else { row.pid.to_string() };
    vec![row.name.clone(), status, pid, table::age(age.as_secs()), row.image.clone(), row.command.clone()]
}
