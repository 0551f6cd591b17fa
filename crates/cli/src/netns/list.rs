//! `list`: the names that there are.

use palisade_runtime::Result;
use serde::Serialize;

use crate::arguments::netns::List;
use crate::output::print_rows;

/// A name; the names of the fields are promised.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Row {
    name: String,
    /// The number that this network namespace knows it by; null where it has none.
    nsid: Option<i32>,
}

pub(crate) fn list(verb: &List) -> Result<u8> {
    let rows = palisade_network::list()?.into_iter().map(|named| Row { name: named.name, nsid: named.nsid });
    let number = |nsid: Option<i32>| nsid.map_or_else(|| "-".to_owned(), |nsid| nsid.to_string());
    print_rows(verb.telling.format, &["NAME", "NSID"], &rows.collect::<Vec<_>>(), |row| {
        vec![row.name.clone(), number(row.nsid)]
    })?;
    Ok(0)
}
