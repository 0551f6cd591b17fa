//! `show`: all about a group.

mod usage;

use std::collections::BTreeMap;

use palisade_cgroup::{Group, Layout, Place, Stats, Version};
use palisade_runtime::{Result, Store};
use serde::Serialize;

use super::{label, procs};
use crate::arguments::Format;
use crate::arguments::cgroup::Show;
use crate::output::{print, print_json};
use crate::table;

/// A group; the names of the fields are promised.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Shown {
    group: String,
    hierarchies: Vec<Row>,
    /// What the group uses, whichever version counts it.
    usage: Stats,
}

/// A group in one hierarchy; the names of the fields are promised.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Row {
    hierarchy: String,
    directory: String,
    uid: u32,
    gid: u32,
    /// `domain`, `domain threaded`, `domain invalid` or `threaded` on v2.
    #[serde(rename = "type")]
    kind: Option<String>,
    /// The controllers that the group has.
    controllers: Vec<String>,
    /// Those that the groups below it have, on v2.
    enabled: Option<Vec<String>>,
    processes: Vec<i32>,
    threads: usize,
    /// How many groups are below it, on all levels.
    below: usize,
    /// Whether there is a process in it or below it.
    populated: bool,
    frozen: Option<bool>,
    notify_on_release: Option<bool>,
    /// The program of the hierarchy that hears of empty groups.
    release_agent: Option<String>,
    clone_children: Option<bool>,
    /// The interface files that have one line.
    files: BTreeMap<String, String>,
}

pub(crate) fn show(verb: &Show, store: &Store) -> Result<u8> {
    let layout = Layout::detect()?;
    let path = verb.group.path(&layout, store)?;
    let places = Place::everywhere(&layout, &path);
    let there: Vec<&Place> = places.iter().filter(|place| place.exists()).collect();
    if let (true, Some(first)) = (there.is_empty(), places.first()) {
        return Err(procs::none(first));
    }
    let hierarchies = there.iter().map(|place| row(&layout, place)).collect::<Result<Vec<_>>>()?;
    let usage = Group::open(&layout, &path)?.stats()?;
    let shown = Shown { group: path.to_string(), hierarchies, usage };
    match verb.telling.format {
        Format::Json => print_json(&shown)?,
        Format::Table => print(&draw(&shown))?,
    }
    Ok(0)
}

fn row(layout: &Layout, place: &Place) -> Result<Row> {
    let owner = rustix::fs::stat(place.directory()).ok();
    let line = |name: &str| place.read(name).ok().map(|text| text.trim().to_owned());
    let flag = |name: &str| line(name).map(|text| text == "1");
    let words = |text: String| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    let v1 = place.version == Version::V1;
    let tree = place.tree()?;
    let processes = procs::members(place, false)?;
    let populated = match line("cgroup.events") {
        Some(text) => text.lines().any(|line| line == "populated 1"),
        None => tree.iter().any(|group| procs::members(group, false).is_ok_and(|found| !found.is_empty())),
    };
    let frozen = match line(if v1 { "freezer.state" } else { "cgroup.events" }) {
        Some(text) if v1 => Some(text == "FROZEN"),
        Some(text) => Some(text.lines().any(|line| line == "frozen 1")),
        None => None,
    };
    let root = Place { path: palisade_cgroup::GroupPath::root(), ..place.clone() };
    Ok(Row {
        hierarchy: label::of_place(layout, place),
        directory: place.directory().display().to_string(),
        uid: owner.as_ref().map_or(0, |owner| owner.st_uid),
        gid: owner.as_ref().map_or(0, |owner| owner.st_gid),
        kind: line("cgroup.type").or_else(|| (!v1).then(|| "root".to_owned())),
        controllers: match line("cgroup.controllers") {
            Some(text) => words(text),
            None => place.controllers.iter().map(|one| one.name(Version::V1).to_owned()).collect(),
        },
        enabled: line("cgroup.subtree_control").map(words),
        threads: procs::members(place, true)?.len(),
        processes,
        below: tree.len() - 1,
        populated,
        frozen,
        notify_on_release: flag("notify_on_release"),
        release_agent: root
            .read("release_agent")
            .ok()
            .map(|text| text.trim().to_owned())
            .filter(|text| !text.is_empty()),
        clone_children: flag("cgroup.clone_children"),
        files: files(place),
    })
}

/// Reads the interface files of the group's controllers that have one line.
fn files(place: &Place) -> BTreeMap<String, String> {
    let Ok(entries) = std::fs::read_dir(place.directory()) else { return BTreeMap::new() };
    let names = entries.flatten().filter_map(|entry| {
        let is_file = entry.file_type().is_ok_and(|kind| kind.is_file());
        entry.file_name().into_string().ok().filter(|name| is_file && is_setting(name))
    });
    let read = |name: String| {
        let text = place.read(&name).ok()?;
        let line = text.trim_end();
        (!line.contains('\n')).then(|| (name, line.to_owned()))
    };
    names.filter_map(read).collect()
}

fn is_setting(name: &str) -> bool {
    name.contains('.') && (!name.starts_with("cgroup.") || name.starts_with("cgroup.max."))
}

fn draw(shown: &Shown) -> String {
    let mut text = format!("{}\n\n", shown.group);
    let header = ["HIERARCHY", "OWNER", "PROCS", "THREADS", "BELOW", "STATE", "CONTROLLERS", "ENABLED BELOW"];
    let cells: Vec<_> = shown.hierarchies.iter().map(cells).collect();
    text.push_str(&table::draw(&header, &cells, table::width()));
    let usage = usage::rows(shown);
    if !usage.is_empty() {
        text.push('\n');
        text.push_str(&table::draw(
            &["RESOURCE", "USED", "LIMIT", "MOST", "REFUSED"],
            &usage,
            table::width(),
        ));
    }
    let mut pids: Vec<i32> = shown.hierarchies.iter().flat_map(|row| row.processes.clone()).collect();
    pids.sort_unstable();
    pids.dedup();
    if !pids.is_empty() {
        const MOST: usize = 10;
        let shown: Vec<_> =
            pids.iter().take(MOST).map(|pid| vec![pid.to_string(), procs::command(*pid)]).collect();
        text.push('\n');
        text.push_str(&table::draw(&["PID", "COMMAND"], &shown, table::width()));
        if pids.len() > MOST {
            text.push_str(&format!("and {} more\n", pids.len() - MOST));
        }
    }
    text
}

fn cells(row: &Row) -> Vec<String> {
    let list = |words: &[String]| if words.is_empty() { "-".to_owned() } else { words.join(",") };
    vec![
        row.hierarchy.clone(),
        format!("{}:{}", row.uid, row.gid),
        row.processes.len().to_string(),
        row.threads.to_string(),
        row.below.to_string(),
        state(row),
        list(&row.controllers),
        row.enabled.as_deref().map_or_else(|| "-".to_owned(), list),
    ]
}

/// Says in a few words what is not as usual.
fn state(row: &Row) -> String {
    let mut words: Vec<String> = row.kind.iter().filter(|kind| *kind != "domain").cloned().collect();
    words.push(if row.populated { "populated" } else { "empty" }.to_owned());
    words.extend((row.frozen == Some(true)).then(|| "frozen".to_owned()));
    if row.notify_on_release == Some(true) {
        let agent = row.release_agent.as_deref().unwrap_or("nobody");
        words.push(format!("tells {agent} when empty"));
    }
    words.extend((row.clone_children == Some(true)).then(|| "clones".to_owned()));
    words.join(", ")
}
