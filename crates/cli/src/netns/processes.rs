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
    match verb.telling.format {
        Format::Json => print_json(&names.into_iter().map(|name| NameRow { name }).collect::<Vec<_>>())?,
        Format::Table => print(&names.into_iter().map(|name| name + "\n").collect::<String>())?,
    }
    Ok(0)
}

/// The shell command that shows the same as `identify`.
pub(super) fn shell_of_names(verb: &Identify, store: &Store) -> Result<Vec<String>> {
    let process = match &verb.process {
        Some(process) => process.pid(store)?.to_string(),
        None => "self".to_owned(),
    };
    Ok(vec![format!("find -L {} -samefile /proc/{process}/ns/net", palisade_network::DIRECTORY)])
}

/// The shell command that shows the same as `pids`.
pub(super) fn shell_of_pids(verb: &Pids) -> Result<Vec<String>> {
    let name = Name::new(verb.name.as_str())?;
    let file = palisade_cgroup::quote(&name.path().to_string_lossy());
    Ok(vec![format!("find -L /proc/[0-9]*/ns/net -samefile {file}")])
}

pub(crate) fn pids(verb: &Pids) -> Result<u8> {
    let found = processes_in(&Name::new(verb.name.as_str())?)?;
    match verb.telling.format {
        Format::Json => print_json(&found.pids.iter().map(|pid| PidRow { pid: *pid }).collect::<Vec<_>>())?,
        Format::Table => print(&found.pids.iter().map(|pid| format!("{pid}\n")).collect::<String>())?,
    }
    if found.hidden > 0 {
        let processes = if found.hidden == 1 { "process" } else { "processes" };
        say(format_args!(
            "{} {processes} of others could not be looked at (needs CAP_SYS_PTRACE)",
            found.hidden
        ));
    }
    Ok(0)
}
