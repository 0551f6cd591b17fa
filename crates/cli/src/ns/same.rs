//! `same`: whether processes are in the same namespaces.

use palisade_namespace::{Kind, number_of};
use palisade_runtime::{Result, Store};
use serde::Serialize;

use crate::arguments::ns::Same;
use crate::output::print_rows;

/// A kind; the names of the fields are promised.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Row {
    #[serde(rename = "type")]
    kind: &'static str,
    same: bool,
    /// The number of each process's namespace.
    numbers: Vec<u64>,
}

pub(crate) fn compare(verb: &Same, store: &Store) -> Result<u8> {
    let mut pids = Vec::with_capacity(verb.processes.len() + 1);
    for process in &verb.processes {
        pids.push(process.pid(store)?.as_raw_nonzero().get().unsigned_abs());
    }
    if pids.len() == 1 {
        pids.push(std::process::id());
    }
    let rows = Kind::ALL.into_iter().map(|kind| row(&pids, kind)).collect::<Result<Vec<_>>>()?;
    let numbers: Vec<String> = pids.iter().map(|pid| format!("OF {pid}")).collect();
    let header: Vec<&str> = ["TYPE", "SAME"].into_iter().chain(numbers.iter().map(String::as_str)).collect();
    print_rows(verb.telling.format, &header, &rows, cells)?;
    Ok(u8::from(rows.iter().any(|row| !row.same)))
}

fn row(pids: &[u32], kind: Kind) -> Result<Row> {
    let name = kind.proc_name();
    let numbers = pids.iter().map(|pid| number_of(*pid, name)).collect::<std::result::Result<Vec<_>, _>>()?;
    Ok(Row { kind: name, same: numbers.windows(2).all(|pair| pair[0] == pair[1]), numbers })
}

fn cells(row: &Row) -> Vec<String> {
    let same = if row.same { "yes" } else { "no" };
    let numbers = row.numbers.iter().map(u64::to_string);
    [row.kind.to_owned(), same.to_owned()].into_iter().chain(numbers).collect()
}
