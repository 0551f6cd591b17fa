//! `list`: the names that there are.

use palisade_runtime::{Error, Result};
use serde::Serialize;

use crate::arguments::Format;
use crate::arguments::netns::List;
use crate::output::{print, print_json};
use crate::table;

/// Where the names are, as files that namespaces are mounted on; that of iproute2.
const DIRECTORY: &str = "/run/netns";

/// A name; the names of the fields are promised.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Row {
    name: String,
}

pub(crate) fn list(verb: &List) -> Result<u8> {
    let rows = names()?;
    match verb.printing.format {
        Format::Json => print_json(&rows)?,
        Format::Table => {
            let cells: Vec<_> = rows.into_iter().map(|row| vec![row.name]).collect();
            print(&table::draw(&["NAME"], &cells, table::width()))?;
        }
    }
    Ok(0)
}

fn names() -> Result<Vec<Row>> {
    let entries = match std::fs::read_dir(DIRECTORY) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(Error::io(format!("list {DIRECTORY}"), &error)),
    };
    let mut rows: Vec<Row> = entries
        .flatten()
        .map(|entry| Row { name: entry.file_name().to_string_lossy().into_owned() })
        .collect();
    rows.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(rows)
}
