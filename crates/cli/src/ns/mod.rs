//! `pal ns`: namespaces of all kinds, with or without a container.

mod of;

use palisade_runtime::{Result, Store};

use crate::arguments::ns::Verb;

pub(crate) fn dispatch(verb: &Verb, store: &Store) -> Result<u8> {
    match verb {
        Verb::Of(verb) => of::show(verb, store),
    }
}
