//! Setting properties under any of their names: from what was typed to what is written.

use super::home::memory_file;
use super::order::in_order;
use super::{Amount, Entries, Entry, Key, Place as Position, Property, Purpose, Slot, Unit, size};
use crate::{Error, ErrorKind, GroupPath, Layout, Limit, Operation, Place, convert};

/// Files that take processes and threads, and have no value that could be put back.
const MEMBERS: [&str; 2] = ["cgroup.procs", "cgroup.threads"];

/// A value for a property, as a person types both.
#[derive(Clone, Debug)]
pub struct Assignment {
    /// What is set.
    pub key: Key,
    /// The value, in the units of the name.
    pub value: String,
}

/// A value on its way into a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pending {
    pub(super) place: Place,
    pub(super) file: String,
    pub(super) value: Piece,
}

/// A value, or a part of one: some files take several at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Piece {
    /// All that is written.
    Whole(String),
    /// The word with this index.
    Word(usize, String),
    /// `name=value` of a device.
    Pair(String, String),
}

impl Operation {
    /// Works out how to set properties of the group `path`, in an order that the kernel takes; reads what the values
    /// depend on.
    ///
    /// # Errors
    /// A value that is none, a property that this machine does not have, and why, or that cannot be set.
    pub fn set(layout: &Layout, path: &GroupPath, assignments: &[Assignment]) -> Result<Vec<Self>, Error> {
        let mut pending = Vec::new();
        // Memory and swap together depend on memory.
        let (both, others): (Vec<_>, Vec<_>) =
            assignments.iter().partition(|assignment| assignment.key.is_of_swap());
        for assignment in others.into_iter().chain(both) {
            if MEMBERS.contains(&assignment.key.name.as_str()) {
                let name = assignment.key.name.as_str();
                let error = Error::text("set", name, "it moves processes", ErrorKind::Refused);
                return Err(error.with_hint("pal cgroup attach GROUP PID"));
            }
            let place = assignment.key.place(layout, path)?;
            assignment.plan(&place, &mut pending)?;
        }
        Ok(in_order(merged(pending)?))
    }
}

impl Key {
    fn is_of_swap(&self) -> bool {
        self.properties.iter().any(|property| property.v1.slots().iter().any(|s| memory_file(s).is_some()))
    }
}

impl Assignment {
    fn plan(&self, place: &Place, pending: &mut Vec<Pending>) -> Result<(), Error> {
        if let Some(file) = self.key.native(place) {
            return self.plan_native(place, file, pending);
        }
        let mut found = false;
        for property in &self.key.properties {
            let form = self.key.form(property);
            let entries = form.read(&self.value).map_err(|word| self.wrong(&word, form.unit.wanted()))?;
            if entries.is_empty() {
                continue;
            }
            let slot = self.key.target(property, place)?;
            if property.purpose == Purpose::Reading || matches!(slot.place, Position::Field(_)) {
                let cause = "it can only be read";
                return Err(Error::text("set", self.key.name.as_str(), cause, ErrorKind::Refused));
            }
            let entries = self.account_for_memory(&form, slot, entries, place, pending)?;
            self.push(property, slot, &entries, place, pending)?;
            found = true;
        }
        let unit = self.key.properties.first().map_or(Unit::Text, |property| self.key.form(property).unit);
        if found { Ok(()) } else { Err(self.wrong(&self.value, unit.wanted())) }
    }

    /// Passes on what was typed for a file that is there; sizes are counted out and no limit is spelled as the file
    /// wants it.
    fn plan_native(&self, place: &Place, file: String, pending: &mut Vec<Pending>) -> Result<(), Error> {
        if self.key.raw.is_some() && place.exists() && !place.file(&file).exists() {
            return Err(self.key.unknown());
        }
        let own = |property| self.key.slot(property, place.version);
        let slots: Vec<&Slot> = self.key.properties.iter().filter_map(|property| own(*property)).collect();
        let slot = slots.first().copied();
        let pair = |name: &str| {
            slots
                .iter()
                .find(|slot| matches!(slot.place, Position::Pair(own) if own == name))
                .map(|slot| slot.unit)
        };
        let lines = match slot {
            None => vec![self.value.clone()],
            Some(slot) => self.value.lines().map(|line| spelled(slot, line, &pair)).collect(),
        };
        let lines = if lines.is_empty() { vec![String::new()] } else { lines };
        pending.extend(lines.into_iter().map(|line| {
            let value = match slot.map(|slot| slot.place) {
                // One word is the first; the other stays.
                Some(Position::Word(_)) if !line.trim().contains(' ') => Piece::Word(0, line),
                _ => Piece::Whole(line),
            };
            Pending { place: place.clone(), file: file.clone(), value }
        }));
        Ok(())
    }

    fn push(
        &self,
        property: &Property,
        slot: &'static Slot,
        entries: &[Entry],
        place: &Place,
        pending: &mut Vec<Pending>,
    ) -> Result<(), Error> {
        for entry in entries {
            let value = slot.unit.write(&entry.amount);
            let value = value.ok_or_else(|| {
                self.wrong(
                    &entry.amount.to_string(),
                    slot.unit.writable().unwrap_or(property.unit().wanted()),
                )
            })?;
            let value = match (slot.place, &entry.key) {
                (Position::Word(index), _) => Piece::Word(index, value),
                (Position::Pair(name), Some(key)) => Piece::Pair(key.clone(), format!("{name}={value}")),
                (_, Some(key)) => Piece::Whole(format!("{key} {value}")),
                (_, None) => Piece::Whole(value),
            };
            pending.push(Pending { place: place.clone(), file: self.key.fill(slot.file), value });
        }
        Ok(())
    }

    /// v1 limits memory and swap together, v2 swap alone: one needs the limit on memory to come to the other.
    fn account_for_memory(
        &self,
        form: &Slot,
        slot: &Slot,
        mut entries: Entries,
        place: &Place,
        pending: &[Pending],
    ) -> Result<Entries, Error> {
        let file = match (memory_file(form), memory_file(slot)) {
            (Some(_), None) => "memory.max",
            (None, Some(file)) => file,
            _ => return Ok(entries),
        };
        let refused = |cause: &str| Error::text("set", self.key.name.as_str(), cause, ErrorKind::Refused);
        let text = match pending.iter().rev().find(|one| one.file == file) {
            Some(Pending { value: Piece::Whole(value), .. }) => value.clone(),
            _ if place.exists() => place.read(file)?,
            // A group that is to be made has no limit.
            _ => String::new(),
        };
        let memory = limit(&Unit::BytesV1.read(&text).unwrap_or(Amount::Max));
        for entry in &mut entries {
            let typed = limit(&entry.amount);
            let amount = if memory_file(form).is_some() {
                convert::swap_alone(Some(memory), Some(typed)).map_err(refused)?.unwrap_or(typed)
            } else {
                match (memory, typed) {
                    (_, Limit::Max) => Limit::Max,
                    (Limit::Value(memory), Limit::Value(swap)) => Limit::Value(memory.saturating_add(swap)),
                    (Limit::Max, Limit::Value(_)) => {
                        let cause = "v1 limits memory and swap together, and memory has no limit";
                        return Err(refused(cause).with_hint("set memory.max in the same call"));
                    }
                }
            };
            entry.amount = match amount {
                Limit::Max => Amount::Max,
                Limit::Value(bytes) => Amount::Number(bytes),
            };
        }
        Ok(entries)
    }

    pub(super) fn wrong(&self, word: &str, wanted: &str) -> Error {
        let cause = format!("{word:?} is not {wanted}");
        Error::text("set", self.key.name.as_str(), cause, ErrorKind::Refused)
    }
}

fn limit(amount: &Amount) -> Limit {
    match amount {
        Amount::Number(number) => Limit::Value(*number),
        Amount::Max | Amount::Text(_) => Limit::Max,
    }
}

/// Spells a line for the file itself.
fn spelled(slot: &Slot, line: &str, pair: &dyn Fn(&str) -> Option<Unit>) -> String {
    let plain = |unit: Unit, word: &str| match word {
        "max" | "-1" if !matches!(unit, Unit::Text) => {
            unit.write(&Amount::Max).unwrap_or_else(|| word.to_owned())
        }
        _ if unit.is_size() => size(word).map_or_else(|| word.to_owned(), |bytes| bytes.to_string()),
        _ => word.to_owned(),
    };
    match slot.place {
        Position::Whole => plain(slot.unit, line),
        Position::Lines | Position::Word(_) | Position::Pair(_) => {
            let spell = |(index, word): (usize, &str)| match word.split_once('=') {
                Some((name, value)) => match pair(name) {
                    Some(unit) => format!("{name}={}", plain(unit, value)),
                    None => word.to_owned(),
                },
                None if index == 0 && slot.place == Position::Lines => word.to_owned(),
                None => plain(slot.unit, word),
            };
            line.split_whitespace().enumerate().map(spell).collect::<Vec<_>>().join(" ")
        }
        _ => line.to_owned(),
    }
}

/// Puts the parts of one write together.
fn merged(pending: Vec<Pending>) -> Result<Vec<Pending>, Error> {
    let mut merged: Vec<Pending> = Vec::new();
    for next in pending {
        let same = merged.iter_mut().find(|one| {
            (&one.place, &one.file) == (&next.place, &next.file)
                && match (&one.value, &next.value) {
                    (Piece::Word(..), Piece::Word(..)) => true,
                    (Piece::Pair(one, _), Piece::Pair(next, _)) => one == next,
                    _ => false,
                }
        });
        match (same.map(|one| &mut one.value), next.value) {
            (Some(Piece::Word(index, word)), Piece::Word(other, new)) if *index != other => {
                let words = if *index < other { [word.as_str(), &new] } else { [new.as_str(), word] };
                // A whole line is a first word that has the others with it.
                *word = words.join(" ");
                *index = 0;
            }
            (Some(Piece::Word(_, word)), Piece::Word(_, new)) => *word = new,
            (Some(Piece::Pair(_, pairs)), Piece::Pair(_, new)) => *pairs = format!("{pairs} {new}"),
            (_, value) => merged.push(Pending { value, ..next }),
        }
    }
    merged.into_iter().map(completed).collect()
}

/// Fills in the words that stay, and makes one text of it.
fn completed(one: Pending) -> Result<Pending, Error> {
    let value = match one.value {
        Piece::Whole(value) => value,
        Piece::Pair(key, pairs) => format!("{key} {pairs}"),
        // The kernel keeps the others by itself.
        Piece::Word(0, word) => word,
        Piece::Word(index, word) => {
            let text = one.place.read(&one.file)?;
            let stay: Vec<&str> = text.split_whitespace().take(index).collect();
            format!("{} {word}", stay.join(" "))
        }
    };
    Ok(Pending { value: Piece::Whole(value), ..one })
}
