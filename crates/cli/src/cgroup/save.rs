//! `save`: what is set in groups, as TOML.

use std::collections::BTreeMap;

use palisade_cgroup::device::{DevicePattern, DeviceRule, Verdict};
use palisade_cgroup::interface::{Amount, Entry, Kept, kept};
use palisade_cgroup::{DeviceRules, GroupPath, Layout, Shown, device_place};
use palisade_runtime::{Error, Result, Store};
use serde::{Deserialize, Serialize};
use toml::Value;

use crate::arguments::Format;
use crate::arguments::cgroup::Save;
use crate::output::{print, print_json};
use crate::spinner::Spinner;

/// What a file has; the names of the fields are promised.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Saved {
    /// By the path of a group its properties by their neutral names; `devices` are rules of which the last decides.
    pub(super) groups: BTreeMap<String, BTreeMap<String, Value>>,
}

/// The name under which the rules for devices are.
pub(super) const DEVICES: &str = "devices";

pub(crate) fn save(verb: &Save, store: &Store) -> Result<u8> {
    let layout = Layout::detect()?;
    let path = verb.group.path(&layout, store)?;
    let spinner = if verb.recursive { Spinner::begin("reading what is set") } else { None };
    let mut saved = Saved::default();
    let mut shown = Shown::All;
    saved.groups.insert(path.to_string(), group(&layout, &path, &mut shown)?);
    if verb.recursive {
        for place in verb.group.places(&layout, &[], store)?.iter().filter(|place| place.exists()) {
            for below in place.tree()?.into_iter().skip(1) {
                if !saved.groups.contains_key(below.path.as_str()) {
                    saved.groups.insert(below.path.to_string(), group(&layout, &below.path, &mut shown)?);
                }
            }
        }
    }
    drop(spinner);
    if verb.telling.format == Format::Json {
        return print_json(&saved).map(|()| 0);
    }
    let text = toml::to_string(&saved).map_err(|error| Error::new(format!("write TOML: {error}")))?;
    if shown == Shown::Allowed {
        print(
            "# v1 does not show which devices are denied where all others are allowed: those are not in here\n",
        )?;
    }
    print(&text)?;
    Ok(0)
}

/// Finds the properties of a group, and whether the kernel shows all of its rules for devices.
fn group(layout: &Layout, path: &GroupPath, shown: &mut Shown) -> Result<BTreeMap<String, Value>> {
    let mut properties: BTreeMap<String, Value> =
        kept(layout, path)?.into_iter().map(|Kept { name, entries }| (name, value(&entries))).collect();
    // Whoever may not read the rules has none to save.
    let rules = device_place(layout, path).ok().and_then(|place| DeviceRules::read(&place).ok());
    let rules = rules.filter(|_| !path.is_root());
    if rules.as_ref().is_some_and(|rules| rules.shown == Shown::Allowed) {
        *shown = Shown::Allowed;
    }
    if let Some(policy) = rules.and_then(|rules| rules.policy) {
        let words = std::iter::once(all(policy.default)).chain(policy.rules);
        let words = words.map(|rule| Value::String(rule.to_string())).collect();
        properties.insert(DEVICES.to_owned(), Value::Array(words));
    }
    Ok(properties)
}

/// Makes the rule that decides on everything.
pub(super) fn all(verdict: Verdict) -> DeviceRule {
    let kind = palisade_cgroup::device::DeviceKind::All;
    let access = palisade_cgroup::device::Access::ALL;
    DevicePattern { kind, major: None, minor: None, access }.rule(verdict)
}

fn value(entries: &[Entry]) -> Value {
    match entries {
        [Entry { key: None, amount }] => amount_value(amount),
        _ => {
            let pair = |entry: &Entry| Some((entry.key.clone()?, amount_value(&entry.amount)));
            Value::Table(entries.iter().filter_map(pair).collect())
        }
    }
}

fn amount_value(amount: &Amount) -> Value {
    match amount {
        Amount::Number(number) => match i64::try_from(*number) {
            Ok(number) => Value::Integer(number),
            Err(_) => Value::String(number.to_string()),
        },
        Amount::Max | Amount::Text(_) => Value::String(amount.to_string()),
    }
}
