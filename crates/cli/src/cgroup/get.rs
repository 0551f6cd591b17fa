//! `get`: shows properties.

use palisade_cgroup::interface::{Key, Value, list};
use palisade_cgroup::{Controller, Layout, Place, controller, quote};
use palisade_runtime::{Result, Store};
use serde::Serialize;

use crate::arguments::Format;
use crate::arguments::cgroup::Get;
use crate::output::{print, print_json};

/// A property of a group; the names of the fields are promised.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Row<'a> {
    /// As it was asked for.
    name: &'a str,
    /// The name of neither version; null for a file with several properties or one that is not in the table.
    neutral: Option<&'a str>,
    controller: &'static str,
    /// The first of the files that the value comes from.
    file: String,
    /// In the units of the name.
    value: &'a str,
    /// What the file has.
    raw: &'a str,
}

pub(crate) fn get(verb: &Get, store: &Store) -> Result<u8> {
    let values = values(verb, store)?;
    if verb.telling.format == Format::Json {
        print_json(&values.iter().map(row).collect::<Vec<_>>())?;
        return Ok(0);
    }
    let line = |value: &Value| if verb.values { value.value.clone() + "\n" } else { named(value) };
    print(&values.iter().map(line).collect::<String>())?;
    Ok(0)
}

/// The shell commands that show the same, in the units of the files.
pub(super) fn shell(verb: &Get, store: &Store) -> Result<Vec<String>> {
    let mut lines: Vec<String> = Vec::new();
    for file in values(verb, store)?.iter().flat_map(|value| &value.files) {
        let line = format!("cat {}", quote(&file.to_string_lossy()));
        if !lines.contains(&line) {
            lines.push(line);
        }
    }
    Ok(lines)
}

fn values(verb: &Get, store: &Store) -> Result<Vec<Value>> {
    let layout = Layout::detect()?;
    let path = verb.group.path(&layout, store)?;
    let mut values = Vec::new();
    for name in &verb.names {
        values.push(Key::find(name)?.get(&layout, &path)?);
    }
    if verb.names.is_empty() || !verb.controllers.is_empty() {
        values.extend(all(verb, &layout, store)?);
    }
    Ok(values)
}

/// Reads every file of the chosen controllers, of all where none is.
fn all(verb: &Get, layout: &Layout, store: &Store) -> Result<Vec<Value>> {
    let mut chosen: Vec<Controller> = Vec::new();
    for name in &verb.controllers {
        chosen.push(controller(name)?);
    }
    let places = verb.group.places(layout, &verb.controllers, store)?;
    let there = places.iter().filter(|place| place.exists());
    // One that is nowhere is told as missing.
    let there: Vec<&Place> =
        if there.clone().count() == 0 { places.iter().collect() } else { there.collect() };
    let mut values = Vec::new();
    for place in there {
        values.extend(list(place, &chosen)?);
    }
    Ok(values)
}

/// Puts a value of several lines below its name.
fn named(value: &Value) -> String {
    let Value { name, value, .. } = value;
    if !value.contains('\n') {
        return format!("{name}: {value}\n").replace(": \n", ":\n");
    }
    let lines: String = value.lines().map(|line| format!("    {line}\n")).collect();
    format!("{name}:\n{lines}")
}

fn row(value: &Value) -> Row<'_> {
    Row {
        name: &value.name,
        neutral: value.neutral.as_deref(),
        controller: value.controller.name(palisade_cgroup::Version::V1),
        file: value.files.first().map(|file| file.display().to_string()).unwrap_or_default(),
        value: &value.value,
        raw: &value.raw,
    }
}
