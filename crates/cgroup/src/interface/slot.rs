//! Where in a file a value stands.

use super::unit::{Amount, Unit};

/// The value of a property: one amount, or one for each device, interface or resource.
pub type Entries = Vec<Entry>;

/// One amount, of a device where it has a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The device, interface or resource, as the kernel writes it.
    pub key: Option<String>,
    /// How much.
    pub amount: Amount,
}

/// Says which files of a version have a property.
#[derive(Clone, Copy, Debug)]
pub enum Side {
    /// One file.
    At(Slot),
    /// The first of these files that a machine has.
    FirstOf(&'static [Slot]),
    /// None: why, and what to use.
    Absent(&'static str),
}

/// A value in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slot {
    /// The name of the file; a `*` stands for a page size.
    pub file: &'static str,
    /// Where in it.
    pub place: Place,
    /// How it is written.
    pub unit: Unit,
}

/// Says where in a file a value stands, and how it is written there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// The file has nothing else.
    Whole,
    /// The word with this index.
    Word(usize),
    /// A line begins with this key; it cannot be written.
    Field(&'static str),
    /// As [`Place::Field`], but the value alone can be written.
    Switch(&'static str),
    /// The line `default N`, or the number alone.
    General,
    /// Lines of a key and the value; each is written alone.
    Lines,
    /// Lines of a key and `name=value`.
    Pair(&'static str),
}

pub(super) const fn no(why: &'static str) -> Side {
    Side::Absent(why)
}

impl Side {
    /// Returns the files that have the property.
    pub fn slots(&self) -> &[Slot] {
        match self {
            Self::At(slot) => std::slice::from_ref(slot),
            Self::FirstOf(slots) => slots,
            Self::Absent(_) => &[],
        }
    }
}

impl Slot {
    /// Finds the value in the content of the file, or in what was typed for it; none where it is not there.
    ///
    /// # Errors
    /// Returns the word that is no value of the unit.
    pub fn read(&self, text: &str) -> Result<Entries, String> {
        let amount = |word: &str| self.unit.read(word).ok_or_else(|| word.to_owned());
        let alone = |word: &str| amount(word).map(|amount| vec![Entry { key: None, amount }]);
        match self.place {
            Place::Whole => alone(text.trim_end()),
            Place::Word(index) => text.split_whitespace().nth(index).map_or(Ok(Vec::new()), alone),
            Place::Field(key) | Place::Switch(key) => match text.lines().find_map(|line| field(line, key)) {
                Some(word) => alone(word),
                None if matches!(self.place, Place::Switch(_)) && !text.trim().contains(' ') => alone(text),
                None => Ok(Vec::new()),
            },
            Place::General => {
                let mut lines = text.lines();
                match lines.find_map(|line| field(line, "default").or_else(|| single(line))) {
                    Some(word) => alone(word),
                    None => Ok(Vec::new()),
                }
            }
            Place::Lines => keyed(text)
                .filter(|(key, _)| *key != "default")
                .map(|(key, word)| Ok(Entry { key: Some(key.to_owned()), amount: amount(word)? }))
                .collect(),
            Place::Pair(name) => keyed(text)
                .filter_map(|(key, rest)| Some((key, value_of(rest, name)?)))
                .map(|(key, word)| Ok(Entry { key: Some(key.to_owned()), amount: amount(word)? }))
                .collect(),
        }
    }

    /// Returns the texts to write, one a call; [`Place::Word`] and [`Place::Pair`] are put together by the caller.
    pub fn write(&self, entries: &[Entry]) -> Option<Vec<String>> {
        entries.iter().map(|entry| self.line(entry, self.unit.write(&entry.amount)?)).collect()
    }

    /// Shows the value as its file would; lines of several values in one file are put together by the caller.
    pub fn show(&self, entries: &[Entry]) -> Option<Vec<String>> {
        entries.iter().map(|entry| self.shown_line(entry, self.unit.show(&entry.amount)?)).collect()
    }

    fn line(&self, entry: &Entry, value: String) -> Option<String> {
        Some(match (self.place, &entry.key) {
            (Place::Field(_), _) => return None,
            (Place::Pair(name), Some(key)) => format!("{key} {name}={value}"),
            (_, Some(key)) => format!("{key} {value}"),
            (_, None) => value,
        })
    }

    fn shown_line(&self, entry: &Entry, value: String) -> Option<String> {
        match self.place {
            Place::Field(key) | Place::Switch(key) => Some(format!("{key} {value}")),
            // v1 and v2 differ in whether their file has lines for devices, too.
            Place::General if self.file.starts_with("io.") => Some(format!("default {value}")),
            _ => self.line(entry, value),
        }
    }
}

/// Splits lines at their first space.
fn keyed(text: &str) -> impl Iterator<Item = (&str, &str)> {
    text.lines().filter_map(|line| line.trim().split_once(char::is_whitespace))
}

fn field<'t>(line: &'t str, key: &str) -> Option<&'t str> {
    line.trim().strip_prefix(key)?.strip_prefix(' ').map(str::trim)
}

fn single(line: &str) -> Option<&str> {
    Some(line.trim()).filter(|line| !line.is_empty() && !line.contains(char::is_whitespace))
}

fn value_of<'t>(pairs: &'t str, name: &str) -> Option<&'t str> {
    pairs.split_whitespace().find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))
}
