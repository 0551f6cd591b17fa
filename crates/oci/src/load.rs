use std::fs::File;
use std::io::Read;
use std::path::Path;

use crate::json::Json;
use crate::read::{Content, Findings, Place};
use crate::{Error, Fault, Spec};

/// The version of the runtime specification that Palisade implements.
pub const VERSION: &str = "1.3.0";

/// A file larger than this is no configuration; the specification has no limit.
const MAX_BYTES: u64 = 16 << 20;

/// A section of a configuration, or the whole, that can be read by itself.
pub trait Part: Content {}

/// A configuration with what had to be left out of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loaded {
    /// The configuration.
    pub spec: Spec,
    /// What was left out and has to be said as a warning: capabilities that no kernel known here has.
    pub notes: Vec<Fault>,
}

/// Reads a config.json; a capability that is not known is an error.
///
/// Fields that are not known are ignored, as the specification wants, and null is the same as absent where a field
/// may be absent. A field that is given twice is an error: readers differ in which one they take.
///
/// # Errors
/// A file that cannot be read, or all in it that is not as the specification says.
pub fn load(path: &Path) -> Result<Spec, Error> {
    parse(&path.display().to_string(), &read(path)?)
}

/// Reads a config.json as the specification wants it read: capabilities that are not known become notes, to be
/// printed as warnings.
///
/// # Errors
/// As [`load`], but for those capabilities.
pub fn load_noting(path: &Path) -> Result<Loaded, Error> {
    parse_noting(&path.display().to_string(), &read(path)?)
}

/// Reads a file that holds one part of a configuration, as the process of `exec` or the resources of `update`.
///
/// # Errors
/// As [`load`].
pub fn load_as<T: Part>(path: &Path) -> Result<T, Error> {
    parse_as(&path.display().to_string(), &read(path)?)
}

/// Does what [`load`] does with a text; `source` is its name in errors.
///
/// # Errors
/// As [`load`].
pub fn parse(source: &str, text: &[u8]) -> Result<Spec, Error> {
    let (spec, findings) = parse_spec(source, text)?;
    strict(source, spec, findings)
}

/// Does what [`load_noting`] does with a text; `source` is its name in errors.
///
/// # Errors
/// As [`load_noting`].
pub fn parse_noting(source: &str, text: &[u8]) -> Result<Loaded, Error> {
    let (spec, mut findings) = parse_spec(source, text)?;
    let notes = std::mem::take(&mut findings.notes);
    strict(source, spec, findings).map(|spec| Loaded { spec, notes })
}

/// Does what [`load_as`] does with a text; `source` is its name in errors.
///
/// # Errors
/// As [`load`].
pub fn parse_as<T: Part>(source: &str, text: &[u8]) -> Result<T, Error> {
    let (part, findings) = parse_part(source, text)?;
    strict(source, part, findings)
}

fn parse_spec(source: &str, text: &[u8]) -> Result<(Spec, Findings), Error> {
    let (spec, mut findings) = parse_part::<Spec>(source, text)?;
    if let Some(message) = wrong_version(&spec.version) {
        findings.fault(&Place::ROOT.field("ociVersion"), &message);
    }
    Ok((spec, findings))
}

fn parse_part<T: Part>(source: &str, text: &[u8]) -> Result<(T, Findings), Error> {
    let json = Json::parse(text).map_err(|error| Error::syntax(source, &error))?;
    let mut findings = Findings::default();
    let part = T::read(json, &Place::ROOT, &mut findings);
    Ok((part, findings))
}

/// Gives what was read if nothing at all was found about it.
fn strict<T>(source: &str, value: T, findings: Findings) -> Result<T, Error> {
    let Findings { mut faults, untold, notes } = findings;
    faults.extend(notes);
    if faults.is_empty() { Ok(value) } else { Err(Error::new(source, faults, untold)) }
}

/// Checks that the version is one of those that version 1.3 can stand for: any of major version 1. That none was
/// given is a fault already.
fn wrong_version(version: &str) -> Option<String> {
    let core = version.split(['-', '+']).next().unwrap_or_default();
    let mut numbers = core.split('.').map(str::parse::<u32>);
    let numbers = (numbers.next(), numbers.next(), numbers.next(), numbers.next());
    match numbers {
        _ if version.is_empty() => None,
        (Some(Ok(1)), Some(Ok(_)), Some(Ok(_)), None) => None,
        (Some(Ok(_)), Some(Ok(_)), Some(Ok(_)), None) => Some(format!("wanted version 1, found {version:?}")),
        _ => Some(format!("wanted a version as 1.3.0, found {version:?}")),
    }
}

fn read(path: &Path) -> Result<Vec<u8>, Error> {
    let failed = |error| Error::read(&path.display().to_string(), &error);
    let file = File::open(path).map_err(failed)?;
    let mut text = Vec::with_capacity(16 << 10);
    let length = file.take(MAX_BYTES + 1).read_to_end(&mut text).map_err(failed)?;
    if u64::try_from(length).is_ok_and(|length| length <= MAX_BYTES) {
        Ok(text)
    } else {
        Err(Error::too_large(&path.display().to_string()))
    }
}

#[cfg(test)]
mod tests;
