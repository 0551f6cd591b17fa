//! `identify` and `pids`: which process is in which network namespace.

use palisade_network::{Name, names_of, processes_in};
use palisade_runtime::{Result, Store};
use serde::Serialize;

use crate::arguments::Format;
use crate::arguments::netns::{Identify, Pids};
use crate::output::{print, print_json, say};

/// A name of a process's network namespace; the names of the fields are promised.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct NameRow {
    name: String,
}

/// A process of a network namespace; the names of the fields are promised.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct PidRow {
    pid: u32,
}

pub(crate) fn identify(verb: &Identify, store: &Store) -> Result<u8> {
    let pid = match &verb.process {
        Some(process) => process.pid(store)?,
        None => rustix::process::getpid(),
    };
    let names = names_of(pid)?;
    match verb.printing.format {
        Format::Json => print_json(&names.into_iter().map(|name| NameRow { name }).collect::<Vec<_>>())?,
        Format::Table => print(&names.into_iter().map(|name| name + "\n").collect::<String>())?,
    }
    Ok(0)
}

pub(crate) fn pids(verb: &Pids) -> Result<u8> {
    let found = processes_in(&Name::new(verb.name.as_str())?)?;
    match verb.printing.format {
        Format::Json => print_json(&found.pids.iter().map(|pid| PidRow { pid: *pid }).collect::<Vec<_>>())?,
        Format::Table => print(&found.pids.iter().map(|pid| format!("{pid}\n")).collect::<String>())?,
    }
    if found.hidden > 0 {
        say(format_args!(
            "{} processes of others could not be looked at (needs CAP_SYS_PTRACE)",
            found.hidden
        ));
    }
    Ok(0)
}
