//! `pal ns`: namespaces of all kinds, with or without a container.

mod kinds;
mod list;
mod of;
mod people;
mod same;
mod tree;

use palisade_runtime::{Result, Store};

use crate::arguments::ns::Verb;

pub(crate) fn dispatch(verb: &Verb, store: &Store) -> Result<u8> {
    match verb {
        Verb::Ls(verb) => list::list(verb, store),
        Verb::Tree(verb) => tree::tree(verb),
        Verb::Of(verb) => of::show(verb, store),
        Verb::Same(verb) => same::compare(verb, store),
    }
}
