//! `tree`: the groups below one.

use std::collections::{BTreeMap, BTreeSet};

use palisade_cgroup::{Layout, Place};
use palisade_runtime::{Result, Store};
use serde::Serialize;

use super::{label, procs};
use crate::arguments::Format;
use crate::arguments::cgroup::Tree;
use crate::flags::GroupName;
use crate::output::{print, print_json};
use crate::table;

/// A group in a tree; the names of the fields are promised.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Row {
    group: String,
    /// How many processes the group itself holds, in any of the hierarchies.
    processes: usize,
    hierarchies: Vec<String>,
}

/// The processes of a group and where it is.
#[derive(Default)]
struct Found {
    pids: BTreeSet<i32>,
    hierarchies: Vec<String>,
}

/// Groups by the parts of their paths, which puts each before those below it.
type Groups = BTreeMap<Vec<String>, Found>;

pub(crate) fn show(verb: &Tree, store: &Store) -> Result<u8> {
    let layout = Layout::detect()?;
    let root = GroupName::Absolute("/".to_owned());
    let group = verb.group.as_ref().unwrap_or(&root);
    let places = group.places(&layout, &verb.hierarchies.controllers, store)?;
    let there: Vec<Place> = places.iter().filter(|place| place.exists()).cloned().collect();
    if let (true, Some(first)) = (there.is_empty(), places.first()) {
        return Err(procs::none(first));
    }
    let depth = verb.depth.unwrap_or(usize::MAX);
    let sets: Vec<&[Place]> = match verb.by_hierarchy {
        true => there.chunks(1).collect(),
        false => vec![&there],
    };
    let trees = sets.iter().map(|places| walk(&layout, places, depth)).collect::<Result<Vec<_>>>()?;
    match verb.telling.format {
        Format::Json => {
            let rows: Vec<Row> = trees.into_iter().flat_map(rows).collect();
            print_json(&rows)?;
        }
        Format::Table => print(&draw(&layout, &sets, &trees))?,
    }
    Ok(0)
}

fn walk(layout: &Layout, places: &[Place], depth: usize) -> Result<Groups> {
    let mut found = Groups::new();
    for place in places {
        let label = label::of_place(layout, place);
        for group in place.tree()? {
            let parts: Vec<String> =
                group.path.relative().split('/').filter(|part| !part.is_empty()).map(str::to_owned).collect();
            let top = place.path.relative().split('/').filter(|part| !part.is_empty()).count();
            if parts.len() > depth.saturating_add(top) {
                continue;
            }
            let entry = found.entry(parts).or_default();
            entry.pids.extend(procs::members(&group, false)?);
            entry.hierarchies.push(label.clone());
        }
    }
    Ok(found)
}

fn rows(groups: Groups) -> Vec<Row> {
    let row = |(parts, found): (Vec<String>, Found)| Row {
        group: format!("/{}", parts.join("/")),
        processes: found.pids.len(),
        hierarchies: found.hierarchies,
    };
    groups.into_iter().map(row).collect()
}

fn draw(layout: &Layout, sets: &[&[Place]], trees: &[Groups]) -> String {
    let mut text = String::new();
    for (places, groups) in sets.iter().zip(trees) {
        let one = sets.len() > 1;
        if let (true, [place]) = (one, places) {
            let gap = if text.is_empty() { "" } else { "\n" };
            let label = label::of_place(layout, place);
            text.push_str(&format!("{gap}{label} on {}\n", place.mount.display()));
        }
        let branches = branches(groups);
        let some = groups.values().any(|found| found.hierarchies.len() < places.len());
        let mut header = vec!["GROUP", "PROCS"];
        header.extend(some.then_some("HIERARCHIES"));
        let cells = groups.values().zip(branches).map(|(found, branch)| {
            let mut cells = vec![branch, found.pids.len().to_string()];
            cells.extend(some.then(|| match found.hierarchies.len() == places.len() {
                true => "all".to_owned(),
                false => found.hierarchies.join(" "),
            }));
            cells
        });
        text.push_str(&table::draw(&header, &cells.collect::<Vec<_>>(), table::width()));
    }
    text
}

/// Draws the names of the groups with the lines that lead to them.
fn branches(groups: &Groups) -> Vec<String> {
    let paths: Vec<&Vec<String>> = groups.keys().collect();
    let top = paths.first().map_or(0, |path| path.len());
    // From the end: a group is the last of its parent's if none of that level came since the level above.
    let mut open: Vec<bool> = Vec::new();
    let mut lines: Vec<String> = Vec::new();
    for path in paths.iter().rev() {
        let level = path.len() - top;
        open.truncate(level + 1);
        open.resize(level + 1, false);
        lines.push(branch(path, level, &open));
        open[level] = true;
    }
    lines.reverse();
    lines
}

fn branch(path: &[String], level: usize, open: &[bool]) -> String {
    if level == 0 {
        return format!("/{}", path.join("/"));
    }
    let mut line: String = open[1..level].iter().map(|open| if *open { "│  " } else { "   " }).collect();
    line.push_str(if open[level] { "├─ " } else { "└─ " });
    line.push_str(path.last().map_or("", String::as_str));
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_lead_to_each_group() {
        let paths = ["", "a", "a/b", "a/b/c", "a/d", "e", "e/f"];
        let parts =
            |path: &&str| path.split('/').filter(|part| !part.is_empty()).map(str::to_owned).collect();
        let groups: Groups = paths.iter().map(|path| (parts(path), Found::default())).collect();
        assert_eq!(branches(&groups), ["/", "├─ a", "│  ├─ b", "│  │  └─ c", "│  └─ d", "└─ e", "   └─ f"]);
    }
}
