//! `state`, `list`, `spec`, `features`: verbs that look and change nothing.

use std::collections::BTreeMap;
use std::io::Write;

use palisade_cgroup::Layout;
use palisade_oci::example::{CgroupTree, Owner, example};
use palisade_oci::state::Record;
use palisade_runtime::{Error, Machine, Result, Store};
use serde::Serialize;

use crate::arguments::{Format, List, Spec};

pub(crate) fn print(text: &str) -> Result<u8> {
    let mut stdout = std::io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        // Whoever read has read enough.
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(0),
        Err(error) => Err(Error::io("write standard output", &error)),
        Ok(()) => Ok(0),
    }
}

pub(crate) fn print_json<T: Serialize>(value: &T) -> Result<u8> {
    let text =
        serde_json::to_string_pretty(value).map_err(|error| Error::new(format!("write JSON: {error}")))?;
    print(&format!("{text}\n"))
}

pub(crate) fn state(id: &str, store: &Store) -> Result<u8> {
    print_json(&store.find(id)?.printed(&Machine::default())?)
}

pub(crate) fn list(verb: &List, store: &Store) -> Result<u8> {
    let containers = store.list()?;
    let machine = Machine::default();
    let mut owners = BTreeMap::new();
    let mut records = Vec::with_capacity(containers.len());
    for container in &containers {
        let mut record = container.printed(&machine)?;
        let uid = container.record().owner;
        record.owner = owners.entry(uid).or_insert_with(|| owner(uid)).clone();
        records.push(record);
    }
    if verb.quiet {
        let ids: String = records.iter().map(|record| format!("{}\n", record.id)).collect();
        return print(&ids);
    }
    match verb.format {
        Format::Json if records.is_empty() => print("null\n"),
        Format::Json => {
            let text = serde_json::to_string(&records)
                .map_err(|error| Error::new(format!("write JSON: {error}")))?;
            print(&format!("{text}\n"))
        }
        Format::Table => print(&table(&records)),
    }
}

pub(crate) fn owner(uid: u32) -> String {
    let passwd = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    let name = passwd.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)?.parse() == Ok(uid)).then(|| name.to_owned())
    });
    name.unwrap_or_else(|| format!("#{uid}"))
}

/// runc's columns, each as wide as its widest cell and three blanks.
fn table(records: &[Record]) -> String {
    let mut rows = vec![["ID", "PID", "STATUS", "BUNDLE", "CREATED", "OWNER"].map(str::to_owned)];
    rows.extend(records.iter().map(|record| {
        let Record { id, pid, status, bundle, created, owner, .. } = record;
        let bundle = bundle.display().to_string();
        [id.clone(), pid.to_string(), status.to_string(), bundle, created.to_string(), owner.clone()]
    }));
    align(&rows)
}

pub(crate) fn align<const N: usize>(rows: &[[String; N]]) -> String {
    let widths: Vec<usize> = (0..N)
        .map(|column| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0).max(9))
        .collect();
    let mut text = String::new();
    for row in rows {
        let cells: Vec<String> =
            row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        text.push_str(cells.join("   ").trim_end());
        text.push('\n');
    }
    text
}

pub(crate) fn spec(verb: &Spec) -> Result<u8> {
    let owner = if verb.rootless {
        Owner::Rootless { uid: rustix::process::geteuid().as_raw(), gid: rustix::process::getegid().as_raw() }
    } else {
        Owner::Root
    };
    let unified = Layout::detect().is_ok_and(|layout| layout.is_pure_v2());
    let tree = if unified { CgroupTree::Unified } else { CgroupTree::Legacy };
    let path = verb.bundle.join("config.json");
    let file = std::fs::File::options().write(true).create_new(true).open(&path);
    let text = format!("{}\n", example(owner, tree));
    file.and_then(|mut file| file.write_all(text.as_bytes())).map_err(|error| {
        let failed = Error::io(format_args!("write {}", path.display()), &error);
        if error.kind() == std::io::ErrorKind::AlreadyExists {
            failed.hint("remove it first")
        } else {
            failed
        }
    })?;
    Ok(0)
}

pub(crate) fn features() -> Result<u8> {
    print_json(&palisade_runtime::features()?)
}
