//! What is set in a group, to be kept and set again: in neutral names, so on a machine of either version.

use super::{Amount, Assignment, Entries, Entry, Key, Property, Purpose, Slot, TABLE};
use crate::{Error, GroupPath, Layout, Place};

/// A property that is not what a new group has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// The neutral name.
    pub name: String,
    /// The value, in the units of that name.
    pub entries: Entries,
}

/// What setting a property would change.
#[derive(Clone, Debug)]
pub struct Difference {
    /// The value now; empty for none.
    pub now: String,
    /// The value that is wanted.
    pub new: String,
    /// What sets it.
    pub assignment: Assignment,
}

/// Reads what is set in the group `path` and differs from what a new group would have.
///
/// # Errors
/// [`crate::ErrorKind::NotFound`] where there is no such group.
pub fn kept(layout: &Layout, path: &GroupPath) -> Result<Vec<Kept>, Error> {
    let everywhere = Place::everywhere(layout, path);
    if let (false, Some(first)) = (everywhere.iter().any(Place::exists), everywhere.first()) {
        first.read("cgroup.procs")?;
    }
    let mut found = Vec::new();
    for property in TABLE {
        if !matches!(property.purpose, Purpose::Limit(_) | Purpose::Inherited) {
            continue;
        }
        for name in names(property, &everywhere) {
            let Ok(key) = Key::find(&name) else { continue };
            let Some((place, slot, entries)) = current(&key, property, layout, path) else { continue };
            let entries = property.changed(&key, slot, &place, entries);
            if !entries.is_empty() {
                found.push(Kept { name, entries });
            }
        }
    }
    // An idle group has no weight that could be set.
    if found.iter().any(|kept| kept.name == "cpu-idle") {
        found.retain(|kept| kept.name != "cpu-weight");
    }
    Ok(found)
}

/// Finds out what setting a property would change; none where it is so already.
///
/// # Errors
/// A value that is none, a property that this machine does not have.
pub fn difference(
    layout: &Layout,
    path: &GroupPath,
    assignment: Assignment,
) -> Result<Option<Difference>, Error> {
    let (key, text) = (&assignment.key, &assignment.value);
    let Some(property) = key.properties.first() else {
        let now = key.get(layout, path).map(|value| value.value).unwrap_or_default();
        let new = text.clone();
        return Ok((now != new).then_some(Difference { now, new, assignment }));
    };
    let place = key.place(layout, path)?;
    let slot = key.target(property, &place)?;
    let form = key.form(property);
    let wanted = form.read(text).map_err(|word| assignment.wrong(&word, form.unit.wanted()))?;
    let now = current(key, property, layout, path).map(|(_, _, entries)| entries).unwrap_or_default();
    // What comes to the same in the file is the same.
    let is_so = |entry: &Entry| {
        let written = slot.unit.write(&entry.amount);
        let same = |one: &&Entry| one.key == entry.key && slot.unit.write(&one.amount) == written;
        now.iter().any(|one| same(&one))
            || entry.amount == Amount::Max && now.iter().all(|one| one.key != entry.key)
    };
    if place.exists() && !now.is_empty() && wanted.iter().all(is_so) {
        return Ok(None);
    }
    let shown = |entries: &[Entry]| form.show(entries).unwrap_or_default().join(", ");
    let (now, new) = (shown(&now), shown(&wanted));
    Ok(Some(Difference { now, new, assignment }))
}

/// Reads a property under its own name where this machine and the group have it.
fn current(
    key: &Key,
    property: &'static Property,
    layout: &Layout,
    path: &GroupPath,
) -> Option<(Place, &'static Slot, Entries)> {
    let place = key.place(layout, path).ok()?;
    let slot = key.target(property, &place).ok()?;
    let text = place.read_raw(&key.fill(slot.file)).ok()?;
    let entries = property.entries(slot, &text, &place).ok()?;
    Some((place, slot, entries))
}

impl Property {
    /// Leaves out what a new group has.
    fn changed(&self, key: &Key, slot: &Slot, place: &Place, entries: Entries) -> Entries {
        let is_default = |entry: &Entry| match (self.purpose, &entry.key) {
            (_, Some(_)) => match &entry.amount {
                Amount::Max => true,
                // Interfaces without a priority have 0.
                Amount::Number(number) => *number == 0 && self.name == "net-prio-ifpriomap",
                Amount::Text(text) => text.split_whitespace().all(|pair| pair.ends_with("=max")),
            },
            (Purpose::Limit(defaults), None) => defaults.contains(&entry.amount.to_string().as_str()),
            _ => false,
        };
        if self.purpose == Purpose::Inherited {
            let above = place.above().pop().and_then(|above| above.read_raw(&key.fill(slot.file)).ok());
            let inherited = above.and_then(|text| slot.read(&text).ok());
            let is_empty = entries.iter().all(|entry| entry.amount == Amount::Text(String::new()));
            return if place.path.is_root() || is_empty || inherited.as_ref() == Some(&entries) {
                Vec::new()
            } else {
                entries
            };
        }
        entries.into_iter().filter(|entry| !is_default(entry)).collect()
    }
}

/// Lists the names of a property: one for each page size.
fn names(property: &Property, places: &[Place]) -> Vec<String> {
    if !property.name.contains('*') {
        return vec![property.name.to_owned()];
    }
    let mut names = Vec::new();
    for slot in property.v1.slots().iter().chain(property.v2.slots()) {
        let Some((before, after)) = slot.file.split_once('*') else { continue };
        let files = places.iter().filter_map(|place| std::fs::read_dir(place.directory()).ok());
        for file in files.flatten().flatten() {
            let name = file.file_name().to_string_lossy().into_owned();
            let size = name.strip_prefix(before).and_then(|rest| rest.strip_suffix(after));
            if let Some(size) = size.filter(|size| !size.contains('.')) {
                names.push(property.name.replace('*', size));
            }
        }
    }
    names.sort();
    names.dedup();
    names
}
