//! `pin` and `unpin`: namespaces that outlive their processes, under a name.

use std::path::PathBuf;

use palisade_namespace::{Kinds, PinOperation, Pins};
use palisade_runtime::{Result, Store};

use super::kinds::differing;
use crate::arguments::Telling;
use crate::arguments::ns::{Pin, Unpin};
use crate::steps::{Step, carry_out};

/// The directory of all names: no id of a container can be called so.
pub(super) fn directory(store: &Store) -> PathBuf {
    store.root().join("@ns")
}

pub(crate) fn pin(verb: &Pin, store: &Store) -> Result<u8> {
    let pid = verb.process.pid(store)?.as_raw_nonzero().get().unsigned_abs();
    let kinds = match verb.kinds.kinds() {
        Kinds::NONE => differing(pid)?,
        named => named,
    };
    let pins = Pins::new(directory(store));
    let _lock = lock(&pins, verb.telling)?;
    carry(pins.keep(&verb.name.0, pid, kinds)?, verb.telling)
}

pub(crate) fn unpin(verb: &Unpin, store: &Store) -> Result<u8> {
    let pins = Pins::new(directory(store));
    let names: Vec<&str> = verb.names.iter().map(|name| name.0.as_str()).collect();
    let _lock = lock(&pins, verb.telling)?;
    carry(pins.let_go(&names)?, verb.telling)
}

/// Whoever only tells changes nothing, and makes no directory to lock.
fn lock(pins: &Pins, telling: Telling) -> Result<Option<palisade_namespace::PinLock>> {
    Ok(if telling.dry_run { None } else { Some(pins.lock()?) })
}

fn carry(operations: Vec<PinOperation>, telling: Telling) -> Result<u8> {
    let steps: Vec<Box<dyn Step>> =
        operations.into_iter().map(|operation| Box::new(operation) as Box<dyn Step>).collect();
    carry_out(&steps, telling).map(|()| 0)
}
