//! `pal ns`: namespaces of all kinds, with or without a container.

mod enter;
mod keep;
mod kinds;
mod list;
mod looking;
mod new;
mod of;
mod people;
mod program;
mod same;
mod told;
mod tree;

use palisade_runtime::{Result, Store};

use crate::arguments::ns::Verb;
use crate::steps::look;

pub(crate) fn dispatch(verb: &Verb, store: &Store) -> Result<u8> {
    match verb {
        Verb::Ls(verb) => look(verb.telling, || Ok(looking::list(verb)), || list::list(verb, store)),
        Verb::Tree(verb) => look(verb.telling, || Ok(looking::tree(verb)), || tree::tree(verb)),
        Verb::Of(verb) => look(verb.telling, || looking::of(verb, store), || of::show(verb, store)),
        Verb::Same(verb) => look(verb.telling, || looking::same(verb, store), || same::compare(verb, store)),
        Verb::New(verb) => new::new(verb, store),
        Verb::Enter(verb) => enter::enter(verb, store),
        Verb::Pin(verb) => keep::pin(verb, store),
        Verb::Unpin(verb) => keep::unpin(verb, store),
    }
}
