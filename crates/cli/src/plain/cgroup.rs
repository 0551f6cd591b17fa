//! `pal cgroup get` of a group, with whole controllers or single properties.

use crate::arguments::Telling;
use crate::arguments::cgroup::{Get, Verb};

/// Reads the words behind `cgroup`.
pub(super) fn read(words: &[&str]) -> Option<Verb> {
    let ["get", words @ ..] = words else { return None };
    let (controllers, words) = match words {
        ["-g", list, words @ ..] => (list.split(',').map(str::to_owned).collect(), words),
        words => (Vec::new(), words),
    };
    let (group, names) = words.split_first()?;
    if words.iter().any(|word| word.starts_with('-')) {
        return None;
    }
    Some(Verb::Get(Get {
        group: group.parse().ok()?,
        names: names.iter().map(|word| (*word).to_owned()).collect(),
        controllers,
        values: false,
        telling: Telling::QUIET,
    }))
}
