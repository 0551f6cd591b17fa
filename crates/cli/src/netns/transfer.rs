//! `move`: a network device to another network namespace.

use std::cell::OnceCell;
use std::rc::Rc;

use palisade_network::{Luggage, Operation, Place, Site, Transfer, Work, check_name};
use palisade_runtime::{Result, Store};

use super::carry;
use crate::arguments::netns::Move;

pub(crate) fn transfer(verb: &Move, store: &Store) -> Result<u8> {
    check_name(&verb.device)?;
    let inside = verb.name.clone().unwrap_or_else(|| verb.device.clone());
    check_name(&inside)?;
    let from = match &verb.from {
        Some(name) => name.place(store)?,
        None => Place::Own,
    };
    let home = Rc::new(Site::new(from));
    let there = Rc::new(Site::new(verb.to.place(store)?));
    let luggage = match verb.keep_addresses {
        true => Some(Luggage::of(&home, &verb.device)?.1),
        false => None,
    };
    let device = verb.device.clone();
    let transfer = Transfer { device, inside, there, luggage, moved: OnceCell::new() };
    carry(vec![Operation::In(home, Work::Move(transfer))], verb.telling)
}
