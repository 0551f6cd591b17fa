//! `events`.

use std::io::Write;

use palisade_runtime::{Error, ErrorKind, Occurrence, Result, Statistics, Store};
use serde::Serialize;

use crate::arguments::Events;

/// A line of the stream, as runc writes it.
#[derive(Serialize)]
struct Line<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<&'a Statistics>,
}

pub(crate) fn events(verb: &Events, store: &Store) -> Result<u8> {
    let container = store.find(&verb.id)?;
    let mut tell = |occurrence: Occurrence| {
        let (kind, data) = match &occurrence {
            Occurrence::Statistics(statistics) => ("stats", Some(statistics.as_ref())),
            Occurrence::OutOfMemory => ("oom", None),
        };
        print(&Line { kind, id: &verb.id, data })
    };
    let told = match verb.stats {
        true => tell(Occurrence::Statistics(Box::new(container.statistics()?))),
        false => container.follow(verb.interval, &mut tell),
    };
    match told {
        // Whoever reads has read enough.
        Err(error) if error.kind() == ErrorKind::ReaderGone => Ok(0),
        told => told.map(|()| 0),
    }
}

fn print(line: &Line<'_>) -> Result<()> {
    let mut text = serde_json::to_string(line).map_err(|error| Error::new(format!("write JSON: {error}")))?;
    text.push('\n');
    let mut stdout = std::io::stdout().lock();
    stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()).map_err(|error| {
        let message = format!("write standard output: {error}");
        match error.kind() {
            std::io::ErrorKind::BrokenPipe => Error::of(ErrorKind::ReaderGone, message),
            _ => Error::new(message),
        }
    })
}
