//! `apply`: groups become what a file says.

use std::cell::RefCell;
use std::io::Read;

use palisade_cgroup::device::{DevicePattern, DeviceRule, InvalidRule, Verdict};
use palisade_cgroup::interface::{Assignment, Difference, Key, difference};
use palisade_cgroup::{
    Controller, DeviceChange, DeviceRules, Error as CgroupError, GroupPath, Layout, Operation, Place,
    device_place,
};
use palisade_runtime::{Error, Result, Store};
use rustix::io::Errno;
use serde::Serialize;
use toml::Value;

use super::save::{DEVICES, Saved, all};
use crate::arguments::cgroup::Apply;
use crate::arguments::{Format, Telling};
use crate::flags::GroupName;
use crate::output::{print, print_json, say};
use crate::steps::{Step, carry_out, steps};
use crate::table;

type CgroupResult<T> = std::result::Result<T, CgroupError>;

const HEADER: [&str; 4] = ["GROUP", "PROPERTY", "NOW", "NEW"];

/// What changes; the names of the fields are promised.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Row {
    group: String,
    /// `-` where the group itself is made.
    property: String,
    now: String,
    new: String,
}

pub(crate) fn apply(verb: &Apply, store: &Store) -> Result<u8> {
    let layout = Layout::detect()?;
    let saved = read(verb)?;
    let mut plan = Plan::default();
    let first = saved.groups.keys().next().cloned().unwrap_or_default();
    for (name, properties) in &saved.groups {
        let group = place_of(name, &first, verb.to.as_ref())?;
        let path = group.path(&layout, store)?;
        plan.add(&layout, &group, &path, properties, store)?;
    }
    let (rows, all) = steps_of(plan, layout);
    let tell = || match verb.telling.format {
        Format::Json => print_json(&rows),
        Format::Table => print(&difference_told(&rows, verb.telling)),
    };
    if !verb.telling.dry_run {
        // Told once it is done: a refusal takes all of it back.
        carry_out(&all, verb.telling.of_steps())?;
        return tell().map(|()| 0);
    }
    tell()?;
    if verb.telling.format == Format::Table {
        // Commands would be no JSON.
        carry_out(&all, verb.telling.of_steps())?;
    }
    Ok(0)
}

/// Draws what changes, as comments where commands follow; nothing where nothing does.
fn difference_told(rows: &[Row], telling: Telling) -> String {
    if rows.is_empty() {
        return String::new();
    }
    let cells = |row: &Row| vec![row.group.clone(), row.property.clone(), row.now.clone(), row.new.clone()];
    let drawn = table::draw(&HEADER, &rows.iter().map(cells).collect::<Vec<_>>(), table::width());
    let mark = if telling.dry_run { "# " } else { "" };
    drawn.lines().map(|line| format!("{mark}{line}\n")).collect()
}

fn read(verb: &Apply) -> Result<Saved> {
    let shown = verb.file.display();
    let fail = |error: std::io::Error| Error::io(format_args!("read {shown}"), &error);
    let mut text = String::new();
    if verb.file.as_os_str() == "-" {
        std::io::stdin().lock().read_to_string(&mut text).map_err(fail)?;
    } else {
        text = std::fs::read_to_string(&verb.file).map_err(fail)?;
    }
    toml::from_str(&text).map_err(|error| {
        let line = error.span().map_or(1, |span| text[..span.start].lines().count().max(1));
        Error::new(format!("read {shown}: line {line}: {}", error.message().replace('\n', ", ")))
    })
}

/// Finds where a group of the file goes: below another one where the caller wants the first to be that.
fn place_of(name: &str, first: &str, to: Option<&GroupName>) -> Result<GroupName> {
    let below = name.strip_prefix(first).unwrap_or(name);
    let refuse = |why: &str| Error::new(format!("apply {name}: {why}"));
    match to {
        None if !name.starts_with('/') => Err(refuse("the path of a group begins with /")),
        None => Ok(GroupName::Absolute(name.to_owned())),
        Some(_) if !name.starts_with(first) || !below.is_empty() && !below.starts_with('/') => {
            Err(refuse(&format!("it is not below {first}, which --to puts elsewhere")))
        }
        Some(GroupName::Absolute(to)) => Ok(GroupName::Absolute(format!("{to}{below}"))),
        Some(GroupName::Relative(to)) => Ok(GroupName::Relative(format!("{to}{below}"))),
        Some(GroupName::Container(_)) if !below.is_empty() => Err(refuse("a container is one group")),
        Some(container) => Ok(container.clone()),
    }
}

/// All that is to be done, and what it changes.
#[derive(Default)]
struct Plan {
    rows: Vec<Row>,
    new: Vec<Operation>,
    settings: Vec<(GroupPath, Vec<Assignment>)>,
    devices: Vec<Operation>,
}

impl Plan {
    fn add(
        &mut self,
        layout: &Layout,
        group: &GroupName,
        path: &GroupPath,
        properties: &std::collections::BTreeMap<String, Value>,
        store: &Store,
    ) -> Result<()> {
        let row = |name: &str, now: &str, new: &str| Row {
            group: path.to_string(),
            property: name.to_owned(),
            now: now.to_owned(),
            new: new.to_owned(),
        };
        let mut places = group.places(layout, &[], store)?;
        let is_there = places.iter().any(Place::exists);
        if !is_there {
            self.rows.push(row("-", "-", "made"));
        }
        let (mut assignments, mut controllers, mut needed) = (Vec::new(), Vec::new(), Vec::new());
        for (name, value) in properties.iter().filter(|(name, _)| *name != DEVICES) {
            let assignment = Assignment { key: Key::find(name)?, value: text(name, value)? };
            let controller = assignment.key.controller();
            needed.push(controller);
            if layout.unified().is_some_and(|unified| unified.controllers.contains(&controller)) {
                controllers.push(controller);
            }
            if let Some(Difference { now, new, assignment }) = difference(layout, path, assignment)? {
                self.rows.push(row(name, &now, &new));
                assignments.push(assignment);
            }
        }
        // A group that is there stays where it is.
        let is_needed =
            |place: &Place| needed.iter().any(|controller| place.controllers.contains(controller));
        places.retain(|place| !is_there || place.exists() || is_needed(place));
        self.make(&places, &controllers)?;
        if !assignments.is_empty() {
            self.settings.push((path.clone(), assignments));
        }
        if let Some(value) = properties.get(DEVICES) {
            let wanted = rules(value)?;
            let place = device_place(layout, path)?;
            let now = if place.exists() { in_force(&DeviceRules::read(&place)?) } else { Vec::new() };
            if now != wanted {
                let shown = |rules: &[DeviceRule]| {
                    rules.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
                };
                self.rows.push(row(DEVICES, &shown(&now), &shown(&wanted)));
                let change = DeviceChange::Add(wanted);
                let before = None;
                self.devices.push(match place.exists() {
                    true => Operation::devices(layout, path, change)?,
                    false => Operation::Devices { place, change, before },
                });
            }
        }
        Ok(())
    }

    /// Makes what is missing of a group, and enables what its properties need.
    fn make(&mut self, places: &[Place], controllers: &[Controller]) -> Result<()> {
        match Operation::create(places, controllers) {
            Err(error) if error.errno() == Some(Errno::EXIST) => {}
            created => {
                let missing: Vec<Operation> =
                    created?.into_iter().filter(|one| !self.new.contains(one)).collect();
                self.new.extend(missing);
            }
        }
        Ok(())
    }
}

/// The steps: groups, their properties, their devices.
fn steps_of(plan: Plan, layout: Layout) -> (Vec<Row>, Vec<Box<dyn Step>>) {
    let Plan { rows, new, settings: groups, devices } = plan;
    let mut all = steps(new);
    if !groups.is_empty() {
        all.push(Box::new(Settings { layout, groups, done: RefCell::default() }));
    }
    all.extend(steps(devices));
    (rows, all)
}

/// Properties of groups, looked at when these are there. Some have to fit those of the group above: CPUs are taken away
/// from below and given from above, and the kernel refuses what comes too early. A dry run has the order of the file.
struct Settings {
    layout: Layout,
    groups: Vec<(GroupPath, Vec<Assignment>)>,
    done: RefCell<Vec<Operation>>,
}

impl Settings {
    fn plan(&self, group: &(GroupPath, Vec<Assignment>)) -> CgroupResult<Vec<Operation>> {
        Operation::set(&self.layout, &group.0, &group.1)
    }

    fn set(&self, group: &(GroupPath, Vec<Assignment>)) -> CgroupResult<()> {
        for operation in self.plan(group)? {
            operation.perform()?;
            self.done.borrow_mut().push(operation);
        }
        Ok(())
    }

    /// Sets one group after the other, then again those that were refused for as long as that gets somewhere.
    fn set_all(&self) -> CgroupResult<()> {
        let mut rest: Vec<_> = self.groups.iter().collect();
        while !rest.is_empty() {
            let before = rest.len();
            let mut errors = Vec::new();
            rest.retain(|group| self.set(group).map_err(|error| errors.push(error)).is_err());
            if rest.len() == before {
                // What comes too early is busy; anything else is what is wrong.
                let is_own = |error: &CgroupError| error.errno() != Some(Errno::BUSY);
                let told = errors.iter().position(is_own).unwrap_or(0);
                return Err(errors.swap_remove(told));
            }
        }
        Ok(())
    }
}

impl Step for Settings {
    fn shell(&self) -> Vec<String> {
        let commands = |operations: &[Operation]| -> Vec<String> {
            operations.iter().flat_map(Operation::shell).collect()
        };
        let done = self.done.borrow();
        if !done.is_empty() {
            return commands(&done);
        }
        let planned = self.groups.iter().map(|group| match self.plan(group) {
            Ok(operations) => commands(&operations),
            Err(error) => vec![format!("# {error}")],
        });
        planned.flatten().collect()
    }

    fn perform(&self) -> Result<()> {
        self.set_all().map_err(|error| {
            self.undo().err().iter().for_each(say);
            error.into()
        })
    }

    fn undo(&self) -> Result<()> {
        let undone: Vec<_> = self.done.take().iter().rev().map(Operation::undo).collect();
        Ok(undone.into_iter().collect::<CgroupResult<()>>()?)
    }
}

/// Makes of a value what a person would have typed.
fn text(name: &str, value: &Value) -> Result<String> {
    let plain = |value: &Value| match value {
        Value::String(text) => Some(text.clone()),
        Value::Integer(number) => Some(number.to_string()),
        _ => None,
    };
    let lines = match value {
        Value::Table(table) => table
            .iter()
            .map(|(key, value)| Some(format!("{key} {}", plain(value)?)))
            .collect::<Option<Vec<_>>>(),
        _ => plain(value).map(|text| vec![text]),
    };
    let wanted = "wanted a number, a text, or a table of these";
    lines.map(|lines| lines.join("\n")).ok_or_else(|| Error::new(format!("{name}: {wanted}")))
}

fn rules(value: &Value) -> Result<Vec<DeviceRule>> {
    let wrong = || Error::new("devices: wanted a list of rules such as \"allow c 1:3 rwm\"");
    let words = value.as_array().ok_or_else(wrong)?;
    let rule = |word: &Value| {
        let (verb, pattern) = word.as_str().and_then(|word| word.split_once(' ')).ok_or_else(wrong)?;
        let verdict = match verb {
            "allow" => Verdict::Allow,
            "deny" => Verdict::Deny,
            _ => return Err(wrong()),
        };
        let pattern: DevicePattern =
            pattern.parse().map_err(|invalid: InvalidRule| Error::new(invalid.to_string()))?;
        Ok(pattern.rule(verdict))
    };
    words.iter().map(rule).collect()
}

fn in_force(rules: &DeviceRules) -> Vec<DeviceRule> {
    match &rules.policy {
        Some(policy) => std::iter::once(all(policy.default)).chain(policy.rules.iter().copied()).collect(),
        None => Vec::new(),
    }
}
