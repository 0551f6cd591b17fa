//! From what a person types to properties.

use super::{Property, Slot, TABLE};
use crate::{Controller, Error, ErrorKind, Version};

/// What a name stands for.
#[derive(Clone, Debug)]
pub struct Key {
    /// The name as it was typed.
    pub name: String,
    /// The properties that it stands for: several where one file has several.
    pub properties: Vec<&'static Property>,
    /// What stands for the `*` in their names.
    pub star: Option<String>,
    /// Whose name it is.
    pub dialect: Dialect,
    /// The controller, where the table does not know the file.
    pub raw: Option<Controller>,
}

/// Says whose name for a property was typed, and so in which units its value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// The name of neither version, with v2's units.
    Neutral,
    /// The name of a file in one version.
    File(Version),
    /// The name of a file in both versions.
    Both,
}

impl Key {
    /// Finds what a name stands for: a file's in v1 or v2, the neutral one of a property, or the name of a v2 or v1
    /// file with any of `.`, `-` and `_` between its words. What begins with a controller's name may be a file that
    /// is not in the table.
    ///
    /// # Errors
    /// A name that can be none of these, with the one that is spelled most like it.
    pub fn find(name: &str) -> Result<Self, Error> {
        Self::in_table(name).or_else(|| Self::raw(name)).ok_or_else(|| unknown(name))
    }

    fn in_table(name: &str) -> Option<Self> {
        let by_file = |version, exact| {
            let (found, star) = select(|property| {
                let mut slots = property.side(version).slots().iter();
                slots.find_map(|slot: &Slot| matches(slot.file, name, exact))
            });
            (!found.is_empty()).then_some((found, star))
        };
        let key = |(properties, star), dialect| {
            Some(Self { name: name.to_owned(), properties, star, dialect, raw: None })
        };
        match (by_file(Version::V1, Exact::Yes), by_file(Version::V2, Exact::Yes)) {
            (Some(_), Some(found)) => return key(found, Dialect::Both),
            (Some(found), None) => return key(found, Dialect::File(Version::V1)),
            (None, Some(found)) => return key(found, Dialect::File(Version::V2)),
            (None, None) => {}
        }
        let (found, star) = select(|property| matches(property.name, name, Exact::No));
        if !found.is_empty() {
            return key((found, star), Dialect::Neutral);
        }
        for version in [Version::V2, Version::V1] {
            if let Some(found) = by_file(version, Exact::No) {
                return key(found, Dialect::File(version));
            }
        }
        None
    }

    fn raw(name: &str) -> Option<Self> {
        let (prefix, rest) = name.split_once('.')?;
        let controller = match prefix {
            "cgroup" => Controller::Freezer,
            _ => Controller::from_name(prefix)?,
        };
        let plain = !rest.is_empty() && !name.contains(['/', '\0', '\n']);
        let (properties, star, dialect) = (Vec::new(), None, Dialect::Both);
        plain.then(|| Self { name: name.to_owned(), properties, star, dialect, raw: Some(controller) })
    }

    /// Makes the error for a file of a controller that there is not.
    pub(super) fn unknown(&self) -> Error {
        unknown(&self.name)
    }

    /// Returns the controller that it is of.
    pub fn controller(&self) -> Controller {
        let of_table = self.properties.first().map(|property| property.controller);
        self.raw.or(of_table).unwrap_or(Controller::Freezer)
    }

    /// Returns the slot of `property` that this name is about in `version`; none where it is no name of that version.
    pub fn slot(&self, property: &'static Property, version: Version) -> Option<&'static Slot> {
        match self.dialect {
            Dialect::Neutral => return None,
            Dialect::File(own) if own != version => return None,
            Dialect::File(_) | Dialect::Both => {}
        }
        let mut slots = property.side(version).slots().iter();
        slots.find(|slot| matches(slot.file, &self.name, Exact::No).is_some())
    }

    /// Puts what stands for the `*` into a name of the table.
    pub fn fill(&self, name: &str) -> String {
        match &self.star {
            Some(star) => name.replace('*', star),
            None => name.to_owned(),
        }
    }
}

/// Finds the name of the table that is spelled most like one that it does not have.
pub(super) fn nearest(name: &str) -> Option<String> {
    let files = |property: &'static Property| {
        let slots = property.v1.slots().iter().chain(property.v2.slots());
        slots.map(|slot| slot.file).chain([property.name])
    };
    let nearest = TABLE.iter().flat_map(files).map(|known| (distance(known, name), known)).min();
    // Further away it is another word.
    let nearest = nearest.filter(|(distance, known)| *distance * 3 <= known.len());
    nearest.map(|(_, known)| known.replace('*', "2MB"))
}

fn unknown(name: &str) -> Error {
    let error = Error::text("use", name, "no property of a group has this name", ErrorKind::NotFound);
    match nearest(name) {
        Some(nearest) => error.with_hint(format!("did you mean {nearest}?")),
        None => error.with_hint("pal cgroup get GROUP lists what a group has"),
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Exact {
    Yes,
    No,
}

type Selection = (Vec<&'static Property>, Option<String>);

fn select(matches: impl Fn(&'static Property) -> Option<Option<String>>) -> Selection {
    let found: Vec<_> = TABLE.iter().filter_map(|property| Some((property, matches(property)?))).collect();
    let star = found.iter().find_map(|(_, star)| star.clone());
    (found.into_iter().map(|(property, _)| property).collect(), star)
}

/// Compares a name with one of the table; gives what stands for its `*`.
fn matches(known: &str, name: &str, exact: Exact) -> Option<Option<String>> {
    let plain = |byte: u8| match (exact, byte) {
        (Exact::No, b'.' | b'_') => b'-',
        _ => byte,
    };
    let same = |known: &str, name: &str| {
        known.len() == name.len() && known.bytes().map(plain).eq(name.bytes().map(plain))
    };
    let Some((before, after)) = known.split_once('*') else {
        return same(known, name).then_some(None);
    };
    let (start, rest) = name.split_at_checked(before.len())?;
    let (inner, end) = rest.split_at_checked(rest.len().checked_sub(after.len())?)?;
    if !same(before, start) || !same(after, end) {
        return None;
    }
    let is_size = inner.ends_with('B') && inner.bytes().all(|byte| byte.is_ascii_alphanumeric());
    is_size.then(|| Some(inner.to_owned()))
}

/// Counts the letters that have to be put in, taken out or changed to get from one word to the other.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (index, letter) in a.chars().enumerate() {
        let mut before = row[0];
        row[0] = index + 1;
        for (column, other) in b.iter().enumerate() {
            let change = before + usize::from(letter != *other);
            before = row[column + 1];
            row[column + 1] = change.min(before + 1).min(row[column] + 1);
        }
    }
    row[b.len()]
}
