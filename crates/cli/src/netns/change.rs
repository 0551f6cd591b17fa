//! `add`, `del`, `set` and `attach`: what changes names and numbers.

use std::rc::Rc;

use palisade_network::{Name, Operation, Place, Site, WantedId};
use palisade_runtime::{Error, Result, Store};

use super::carry;
use crate::arguments::netns::{Add, Attach, Delete, Set};

pub(crate) fn add(verb: &Add) -> Result<u8> {
    carry(names(&verb.names)?.into_iter().map(Operation::Add).collect(), verb.telling)
}

pub(crate) fn delete(verb: &Delete) -> Result<u8> {
    let names = if verb.all {
        let all = palisade_network::list()?.into_iter().map(|named| Name::new(named.name));
        all.collect::<palisade_network::Result<_>>()?
    } else {
        names(&verb.names)?
    };
    // There is no way back, so nothing is begun that would end half way.
    if let [_, _, ..] = names.as_slice() {
        let missing = names.iter().find(|name| rustix::fs::lstat(name.path()).is_err());
        if let Some(name) = missing {
            return Err(Error::new(format!("there is no network namespace {name}; none was deleted")));
        }
    }
    carry(names.into_iter().map(Operation::Delete).collect(), verb.telling)
}

pub(crate) fn set(verb: &Set) -> Result<u8> {
    let name = Name::new(verb.name.as_str())?;
    let number = match verb.nsid.as_str() {
        "auto" => WantedId::Free,
        text => match text.parse().ok().filter(|number| i32::try_from(*number).is_ok()) {
            Some(number) => WantedId::Number(number),
            None => {
                return Err(Error::new(format!(
                    "NSID {text:?}: wanted a number from 0 to {} or auto",
                    i32::MAX
                )));
            }
        },
    };
    let site = Rc::new(Site::new(Place::Name(name)));
    carry(vec![Operation::SetId(site, number)], verb.telling)
}

pub(crate) fn attach(verb: &Attach, store: &Store) -> Result<u8> {
    let name = Name::new(verb.name.as_str())?;
    let site = Rc::new(Site::new(Place::Process(verb.process.pid(store)?)));
    carry(vec![Operation::Attach(name, site)], verb.telling)
}

/// Checks all names before anything is done.
fn names(words: &[String]) -> Result<Vec<Name>> {
    let mut names = Vec::new();
    for word in words {
        let name = Name::new(word.as_str())?;
        if names.contains(&name) {
            return Err(Error::new(format!("network namespace {name} is named twice")));
        }
        names.push(name);
    }
    Ok(names)
}
