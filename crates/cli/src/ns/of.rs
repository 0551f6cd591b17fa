//! `of`: the namespaces that a process is in.

use palisade_namespace::Kind;
use palisade_runtime::{Error, Result, Store};
use serde::Serialize;

use crate::arguments::Format;
use crate::arguments::ns::Of;
use crate::output::{print, print_json};
use crate::table;

/// A namespace of a process; the names of the fields are promised.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Row {
    #[serde(rename = "type")]
    kind: &'static str,
    number: u64,
}

pub(crate) fn show(verb: &Of, store: &Store) -> Result<u8> {
    let pid = verb.process.pid(store)?.as_raw_nonzero();
    let rows = Kind::ALL.into_iter().map(|kind| row(pid.get(), kind)).collect::<Result<Vec<_>>>()?;
    match verb.printing.format {
        Format::Json => print_json(&rows)?,
        Format::Table => {
            let cells: Vec<_> =
                rows.iter().map(|row| vec![row.kind.to_owned(), row.number.to_string()]).collect();
            print(&table::draw(&["TYPE", "NUMBER"], &cells, table::width()))?;
        }
    }
    Ok(0)
}

fn row(pid: i32, kind: Kind) -> Result<Row> {
    let path = format!("/proc/{pid}/ns/{}", kind.proc_name());
    let found =
        rustix::fs::stat(path.as_str()).map_err(|errno| Error::call(format!("stat {path}"), errno))?;
    Ok(Row { kind: kind.proc_name(), number: found.st_ino })
}
