//! From JSON to the fields of a section; what is wrong is collected with its place, and reading goes on.
//!
//! Readers are kept from being inlined into one another: they run once a field, and a small binary starts sooner.

use std::borrow::Cow;
use std::collections::BTreeMap;

use crate::error::Fault;
use crate::json::Json;

/// More faults than these are counted and not told: the rest of such a file is of no use to anybody.
const MOST_FAULTS: usize = 20;

/// A place in a document: a chain of steps that ends at its root.
#[derive(Clone, Copy)]
pub struct Place<'p> {
    above: Option<&'p Self>,
    step: Step<'p>,
}

#[derive(Clone, Copy)]
enum Step<'p> {
    Root,
    Field(&'p str),
    Index(usize),
}

impl<'p> Place<'p> {
    pub(crate) const ROOT: Self = Self { above: None, step: Step::Root };

    pub(crate) const fn field(&'p self, name: &'p str) -> Self {
        Self { above: Some(self), step: Step::Field(name) }
    }

    pub(crate) const fn index(&'p self, index: usize) -> Self {
        Self { above: Some(self), step: Step::Index(index) }
    }

    /// Returns the JSON pointer (RFC 6901).
    fn pointer(&self) -> String {
        let mut pointer = self.above.map(Self::pointer).unwrap_or_default();
        match self.step {
            Step::Root => {}
            Step::Field(name) => {
                pointer.push('/');
                pointer.push_str(&name.replace('~', "~0").replace('/', "~1"));
            }
            Step::Index(index) => {
                pointer.push('/');
                pointer.push_str(&index.to_string());
            }
        }
        pointer
    }
}

/// What is wrong with a document, and what was left out of it.
#[derive(Default)]
pub struct Findings {
    pub(crate) faults: Vec<Fault>,
    pub(crate) untold: usize,
    pub(crate) notes: Vec<Fault>,
}

impl Findings {
    #[inline(never)]
    pub(crate) fn fault(&mut self, place: &Place<'_>, message: &str) {
        if self.faults.len() < MOST_FAULTS {
            self.faults.push(Fault::new(&place.pointer(), message));
        } else {
            self.untold += 1;
        }
    }

    #[inline(never)]
    pub(crate) fn unwanted(&mut self, place: &Place<'_>, wanted: &str, found: &Json<'_>) {
        self.fault(place, &format!("wanted {wanted}, found {found}"));
    }

    /// Notes what is left out though it is no fault.
    pub(crate) fn note(&mut self, place: &Place<'_>, message: &str) {
        if self.notes.len() < MOST_FAULTS {
            self.notes.push(Fault::new(&place.pointer(), message));
        }
    }
}

/// What a field can hold. Where nothing sensible was found, reading notes a fault and gives an empty value.
pub trait Content: Default {
    fn read(json: Json<'_>, place: &Place<'_>, findings: &mut Findings) -> Self;

    /// Whether it is what an absent field means, and so is left out when it is written.
    fn is_empty(&self) -> bool;
}

/// An object that is being read, field by field.
pub(crate) struct Object<'r, 'j> {
    /// None where something else was found: then no field is missed.
    fields: Option<Vec<(Cow<'j, str>, Json<'j>)>>,
    place: &'r Place<'r>,
    findings: &'r mut Findings,
}

impl<'r, 'j> Object<'r, 'j> {
    pub(crate) fn open(json: Json<'j>, place: &'r Place<'r>, findings: &'r mut Findings) -> Self {
        Self { fields: fields(json, place, findings), place, findings }
    }

    /// Reads a field that may be absent or null.
    #[inline(never)]
    pub(crate) fn optional<T: Content>(&mut self, name: &'static str) -> T {
        match self.take(name) {
            None | Some(Json::Null) => T::default(),
            Some(json) => T::read(json, &self.place.field(name), self.findings),
        }
    }

    /// Reads a field whose default is assumed where it is absent.
    #[inline(never)]
    pub(crate) fn assumed<T: Content>(&mut self, name: &'static str) -> T {
        match self.take(name) {
            None => T::default(),
            Some(json) => T::read(json, &self.place.field(name), self.findings),
        }
    }

    /// Reads a field that has to be there.
    #[inline(never)]
    pub(crate) fn required<T: Content>(&mut self, name: &'static str) -> T {
        match self.take(name) {
            Some(json) => T::read(json, &self.place.field(name), self.findings),
            None => {
                self.miss(name, "required, but missing");
                T::default()
            }
        }
    }

    /// Reads a text that has to be there and must not be empty.
    #[inline(never)]
    pub(crate) fn filled(&mut self, name: &'static str) -> String {
        match self.take(name) {
            Some(Json::Text(text)) if !text.is_empty() => text.into_owned(),
            Some(Json::Text(_)) => {
                self.miss(name, "required, but empty");
                String::new()
            }
            Some(json) => String::read(json, &self.place.field(name), self.findings),
            None => {
                self.miss(name, "required, but missing");
                String::new()
            }
        }
    }

    #[inline(never)]
    fn miss(&mut self, name: &'static str, message: &str) {
        if self.fields.is_some() {
            self.findings.fault(&self.place.field(name), message);
        }
    }

    #[inline(never)]
    fn take(&mut self, name: &'static str) -> Option<Json<'j>> {
        let fields = self.fields.as_mut()?;
        let index = fields.iter().position(|(key, _)| key == name)?;
        let (_, json) = fields.swap_remove(index);
        if fields.iter().any(|(key, _)| key == name) {
            self.findings.fault(&self.place.field(name), "given twice");
        }
        Some(json)
    }
}

fn fields<'j>(
    json: Json<'j>,
    place: &Place<'_>,
    findings: &mut Findings,
) -> Option<Vec<(Cow<'j, str>, Json<'j>)>> {
    match json {
        Json::Object(fields) => Some(fields),
        other => {
            findings.unwanted(place, "an object", &other);
            None
        }
    }
}

impl<T: Content> Content for Option<T> {
    fn read(json: Json<'_>, place: &Place<'_>, findings: &mut Findings) -> Self {
        Some(T::read(json, place, findings))
    }

    fn is_empty(&self) -> bool {
        self.is_none()
    }
}

impl<T: Content> Content for Vec<T> {
    #[inline(never)]
    fn read(json: Json<'_>, place: &Place<'_>, findings: &mut Findings) -> Self {
        match json {
            Json::List(list) => {
                let numbered = list.into_iter().enumerate();
                numbered.map(|(index, json)| T::read(json, &place.index(index), findings)).collect()
            }
            other => {
                findings.unwanted(place, "an array", &other);
                Self::new()
            }
        }
    }

    fn is_empty(&self) -> bool {
        self.is_empty()
    }
}

impl<T: Content> Content for BTreeMap<String, T> {
    #[inline(never)]
    fn read(json: Json<'_>, place: &Place<'_>, findings: &mut Findings) -> Self {
        let mut map = Self::new();
        for (key, json) in fields(json, place, findings).unwrap_or_default() {
            let here = place.field(&key);
            let value = T::read(json, &here, findings);
            if map.contains_key(&*key) {
                findings.fault(&here, "given twice");
            } else {
                map.insert(key.into_owned(), value);
            }
        }
        map
    }

    fn is_empty(&self) -> bool {
        self.is_empty()
    }
}

impl Content for String {
    #[inline(never)]
    fn read(json: Json<'_>, place: &Place<'_>, findings: &mut Findings) -> Self {
        match json {
            Json::Text(text) => text.into_owned(),
            other => {
                findings.unwanted(place, "a string", &other);
                Self::new()
            }
        }
    }

    fn is_empty(&self) -> bool {
        self.is_empty()
    }
}

impl Content for bool {
    fn read(json: Json<'_>, place: &Place<'_>, findings: &mut Findings) -> Self {
        match json {
            Json::Yes(value) => value,
            other => {
                findings.unwanted(place, "a boolean", &other);
                false
            }
        }
    }

    fn is_empty(&self) -> bool {
        !self
    }
}

/// Takes an integer of any size that JSON readers know.
fn integer(json: &Json<'_>) -> Option<i128> {
    match json {
        Json::Unsigned(value) => Some(i128::from(*value)),
        Json::Negative(value) => Some(i128::from(*value)),
        _ => None,
    }
}

macro_rules! integers {
    ($($type:ty),+) => {
        $(impl Content for $type {
            fn read(json: Json<'_>, place: &Place<'_>, findings: &mut Findings) -> Self {
                match integer(&json).and_then(|value| Self::try_from(value).ok()) {
                    Some(value) => value,
                    None => {
                        refuse_integer(i128::from(Self::MIN), i128::from(Self::MAX), &json, place, findings);
                        0
                    }
                }
            }

            fn is_empty(&self) -> bool {
                *self == 0
            }
        })+
    };
}

integers!(i32, i64, u16, u32, u64);

fn refuse_integer(least: i128, most: i128, json: &Json<'_>, place: &Place<'_>, findings: &mut Findings) {
    // A range as wide as numbers go tells a reader nothing, unless it was left.
    if least == i128::from(i64::MIN) && integer(json).is_none() {
        findings.unwanted(place, "an integer", json);
    } else {
        findings.unwanted(place, &format!("an integer from {least} to {most}"), json);
    }
}

/// Finds a word in a closed set; the first stands for one that is not in it.
pub(crate) fn word(words: &[&str], json: &Json<'_>, place: &Place<'_>, findings: &mut Findings) -> usize {
    if let Json::Text(text) = json
        && let Some(index) = words.iter().position(|word| word == text)
    {
        return index;
    }
    let found = match json {
        Json::Text(text) => format!("{text:?}"),
        other => other.to_string(),
    };
    findings.fault(place, &format!("wanted one of {}; found {found}", words.join(", ")));
    0
}
