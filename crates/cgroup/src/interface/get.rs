//! Reading properties under any of their names.

use super::home::memory_file;
use super::{Amount, Dialect, Entries, Entry, Key, Place as Position, Property, Purpose, Slot};
use crate::{Controller, Error, GroupPath, Layout, Place, Version};
use rustix::io::Errno;
use std::collections::BTreeMap;

/// A property of a group as it was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Value {
    /// The name that was asked for.
    pub name: String,
    /// The name of neither version, where the name stands for one property.
    pub neutral: Option<String>,
    /// The controller.
    pub controller: Controller,
    /// The files that the value comes from.
    pub files: Vec<std::path::PathBuf>,
    /// The value in the units of the name, without a newline at its end.
    pub value: String,
    /// What the first of the files has.
    pub raw: String,
}

impl Key {
    /// Reads what this name stands for in the group `path`.
    ///
    /// # Errors
    /// What this machine does not have, and why; a file that cannot be read.
    pub fn get(&self, layout: &Layout, path: &GroupPath) -> Result<Value, Error> {
        self.read(&self.place(layout, path)?)
    }

    fn read(&self, place: &Place) -> Result<Value, Error> {
        let neutral = match self.properties.as_slice() {
            [one] => Some(self.fill(one.name)),
            _ => None,
        };
        let value = |files: Vec<String>, value: String, raw: String| Value {
            name: self.name.clone(),
            neutral: neutral.clone(),
            controller: self.controller(),
            files: files.iter().map(|file| place.file(file)).collect(),
            value: value.trim_end().to_owned(),
            raw: raw.trim_end().to_owned(),
        };
        if let Some(file) = self.native(place) {
            let text = place.read(&file).map_err(|error| self.unreadable(error))?;
            return Ok(value(vec![file], text.clone(), text));
        }
        let (mut files, mut lines, mut raw) = (Vec::new(), Lines::default(), None);
        for property in &self.properties {
            // What this machine does not have of several values in one file is left out.
            let slot = match self.target(property, place) {
                Err(_) if self.properties.len() > 1 => continue,
                slot => slot?,
            };
            let file = self.fill(slot.file);
            let text = place.read(&file).map_err(|error| self.unreadable(error))?;
            let entries = property.entries(slot, &text, place)?;
            lines.add(&self.form(property), &property.in_form(&self.form(property), entries, place)?);
            if !files.contains(&file) {
                files.push(file);
            }
            raw.get_or_insert(text);
        }
        match raw {
            Some(raw) => Ok(value(files, lines.text(), raw)),
            None => {
                let first = self.properties.first();
                Err(first.map_or_else(Error::no_hierarchy, |first| match self.target(first, place) {
                    Err(error) => error,
                    Ok(_) => Error::no_hierarchy(),
                }))
            }
        }
    }

    fn unreadable(&self, error: Error) -> Error {
        let trigger = self.properties.iter().any(|property| property.purpose == Purpose::Trigger);
        match error.errno() {
            Some(Errno::INVAL | Errno::ACCESS) if trigger => error.with_hint("it can only be written"),
            _ => error,
        }
    }
}

impl Property {
    /// Reads the value out of the text of a file, in neutral amounts.
    pub(super) fn entries(&self, slot: &Slot, text: &str, place: &Place) -> Result<Entries, Error> {
        let mut entries = slot.read(text).map_err(|word| {
            let cause = format!("{word:?} is not {}", slot.unit.wanted());
            Error::text("read", place.file(slot.file), cause, crate::ErrorKind::Other)
        })?;
        if let Some(file) = memory_file(slot) {
            let memory = slot.unit.read(&place.read(file)?);
            for entry in &mut entries {
                if let (Amount::Number(both), Some(Amount::Number(memory))) = (&entry.amount, &memory) {
                    entry.amount = Amount::Number(both.saturating_sub(*memory));
                }
            }
        }
        Ok(entries)
    }

    /// Adds the memory to swap for a name that counts both.
    fn in_form(&self, form: &Slot, mut entries: Entries, place: &Place) -> Result<Entries, Error> {
        if memory_file(form).is_none() || place.version == Version::V1 {
            return Ok(entries);
        }
        let file = if form.file.contains("usage") { "memory.current" } else { "memory.max" };
        let memory = super::Unit::Bytes.read(&place.read(file)?);
        for entry in &mut entries {
            entry.amount = match (&entry.amount, &memory) {
                (Amount::Number(swap), Some(Amount::Number(memory))) => {
                    Amount::Number(swap.saturating_add(*memory))
                }
                _ => Amount::Max,
            };
        }
        Ok(entries)
    }
}

/// The lines of a file put together from several properties.
#[derive(Default)]
struct Lines {
    lines: Vec<String>,
    words: Vec<String>,
    pairs: BTreeMap<String, Vec<String>>,
}

impl Lines {
    fn add(&mut self, form: &Slot, entries: &[Entry]) {
        match form.place {
            Position::Word(_) => self.words.extend(form.show(entries).unwrap_or_default()),
            Position::Pair(name) => {
                for entry in entries {
                    if let (Some(key), Some(value)) = (&entry.key, form.unit.show(&entry.amount)) {
                        self.pairs.entry(key.clone()).or_default().push(format!("{name}={value}"));
                    }
                }
            }
            _ => self.lines.extend(form.show(entries).unwrap_or_default()),
        }
    }

    fn text(mut self) -> String {
        if !self.words.is_empty() {
            self.lines.push(self.words.join(" "));
        }
        self.lines.extend(self.pairs.into_iter().map(|(key, pairs)| format!("{key} {}", pairs.join(" "))));
        self.lines.join("\n")
    }
}

/// Reads every file of the group in `place` that is of one of `controllers`, of all of the hierarchy's where there are
/// none; what can only be written is left out.
///
/// # Errors
/// A group that is not there.
pub fn list(place: &Place, controllers: &[Controller]) -> Result<Vec<Value>, Error> {
    let directory = place.directory();
    let fail = |error: std::io::Error| {
        let errno = Errno::from_io_error(&error).unwrap_or(Errno::IO);
        let error = Error::call("list", directory.clone(), errno);
        if errno == Errno::NOENT { error.with_hint("there is no such group") } else { error }
    };
    let mut names: Vec<String> = std::fs::read_dir(&directory)
        .map_err(fail)?
        .flatten()
        .filter_map(|entry| entry.file_name().into_string().ok())
        .collect();
    names.sort_unstable();
    let is_wanted = |name: &&String| {
        let own = name.split('.').next().and_then(Controller::from_name);
        own.is_some_and(|own| {
            (controllers.is_empty() || controllers.contains(&own))
                && (place.version == Version::V2 || place.controllers.contains(&own))
        })
    };
    let mut values = Vec::new();
    for name in names.iter().filter(is_wanted) {
        let Ok(mut key) = Key::find(name) else { continue };
        key.dialect = Dialect::Both;
        if let Ok(value) = key.read(place) {
            values.push(value);
        }
    }
    Ok(values)
}
