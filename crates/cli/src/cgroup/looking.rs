//! The shell commands that show what a verb does which only looks.

use palisade_cgroup::{Layout, Place, Version, quote};
use palisade_runtime::{Result, Store};

use super::procs::none;
use crate::arguments::cgroup::{Of, Procs, Save, Show, Top, Tree};
use crate::flags::GroupName;

pub(super) fn layout() -> Vec<String> {
    vec!["cat /proc/cgroups".to_owned(), "grep ' - cgroup' /proc/self/mountinfo".to_owned()]
}

pub(super) fn tree(verb: &Tree, store: &Store) -> Result<Vec<String>> {
    let group = or_root(verb.group.as_ref());
    let depth = verb.depth.map(|depth| format!("-maxdepth {} ", depth.saturating_add(1))).unwrap_or_default();
    let line = |place: &Place| {
        format!("find {} {depth}-name cgroup.procs -exec grep -c '' {{}} +", directory(place))
    };
    Ok(places(&group, &verb.hierarchies.controllers, store)?.iter().map(line).collect())
}

/// What is looked at again and again: the files that say what groups use.
pub(super) fn top(verb: &Top, store: &Store) -> Result<Vec<String>> {
    let group = or_root(verb.group.as_ref());
    let files = USED.map(|name| format!("-name {}", quote(name))).join(" -o ");
    let directories: Vec<_> = places(&group, &[], store)?.iter().map(directory).collect();
    Ok(vec![format!("find {} \\( {files} \\) -exec grep -sH . {{}} +", directories.join(" "))])
}

/// The files of both versions by which `top` says what a group uses.
const USED: [&str; 14] = [
    "cpuacct.usage",
    "cpu.stat",
    "memory.usage_in_bytes",
    "memory.limit_in_bytes",
    "memory.stat",
    "memory.oom_control",
    "memory.current",
    "memory.max",
    "memory.events",
    "blkio.throttle.io_service_bytes_recursive",
    "io.stat",
    "pids.current",
    "pids.max",
    "*.pressure",
];

pub(super) fn show(verb: &Show, store: &Store) -> Result<Vec<String>> {
    Ok(places(&verb.group, &[], store)?.iter().map(all_files).collect())
}

pub(super) fn of(verb: &Of, store: &Store) -> Result<Vec<String>> {
    let line = |pid: rustix::process::Pid| format!("cat /proc/{pid}/cgroup");
    verb.processes.iter().map(|process| process.pid(store).map(line)).collect()
}

pub(super) fn procs(verb: &Procs, store: &Store) -> Result<Vec<String>> {
    let line = |place: &Place| {
        let file = match (verb.threads, place.version) {
            (false, _) => "cgroup.procs",
            (true, Version::V1) => "tasks",
            (true, Version::V2) => "cgroup.threads",
        };
        match verb.recursive {
            true => format!("find {} -name {file} -exec cat {{}} +", directory(place)),
            false => format!("cat {}", quote(&place.file(file).to_string_lossy())),
        }
    };
    Ok(places(&verb.group, &verb.hierarchies.controllers, store)?.iter().map(line).collect())
}

pub(super) fn save(verb: &Save, store: &Store) -> Result<Vec<String>> {
    let line = |place: &Place| match verb.recursive {
        true => format!("find {} -type f -exec grep -s . {{}} +", directory(place)),
        false => all_files(place),
    };
    Ok(places(&verb.group, &[], store)?.iter().map(line).collect())
}

fn or_root(group: Option<&GroupName>) -> GroupName {
    group.cloned().unwrap_or_else(|| GroupName::Absolute("/".to_owned()))
}

/// The group where it is.
fn places(group: &GroupName, controllers: &[String], store: &Store) -> Result<Vec<Place>> {
    let mut places = group.places(&Layout::detect()?, controllers, store)?;
    let first = places.first().cloned();
    places.retain(Place::exists);
    match first.filter(|_| places.is_empty()) {
        Some(first) => Err(none(&first)),
        None => Ok(places),
    }
}

fn all_files(place: &Place) -> String {
    format!("grep -s . {}/*", directory(place))
}

fn directory(place: &Place) -> String {
    quote(&place.directory().to_string_lossy())
}
