//! `monitor`: names as they come and go.

use palisade_network::{Change, Watch};
use palisade_runtime::{Error, Result};
use serde::Serialize;

use crate::arguments::Format;
use crate::arguments::netns::Monitor;
use crate::log::Reader;
use crate::output::{pipe, print_bytes};

/// What happened, one to a line; the names of the fields are promised.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Row {
    /// `add` or `delete`.
    event: &'static str,
    name: String,
}

pub(crate) fn monitor(verb: &Monitor) -> Result<u8> {
    let mut watch = Watch::begin()?;
    let pipe = pipe();
    while let Some(change) = watch.wait(pipe)? {
        let row = match change {
            Change::Added(name) => Row { event: "add", name },
            Change::Deleted(name) => Row { event: "delete", name },
        };
        let line = match verb.telling.format {
            Format::Table => format!("{} {}\n", row.event, row.name),
            Format::Json => {
                let text = serde_json::to_string(&row);
                text.map_err(|error| Error::new(format!("write JSON: {error}")))? + "\n"
            }
        };
        if matches!(print_bytes(line.as_bytes())?, Reader::Gone) {
            break;
        }
    }
    Ok(0)
}
