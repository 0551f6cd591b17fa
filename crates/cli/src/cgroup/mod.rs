//! `pal cgroup`: control groups, with or without a container.

mod create;
mod layout;
mod remove;

use palisade_runtime::{Result, Store};

use crate::arguments::cgroup::Verb;

pub(crate) fn dispatch(verb: &Verb, store: &Store) -> Result<u8> {
    match verb {
        Verb::Layout(verb) => layout::show(verb),
        Verb::Create(verb) => create::create(verb, store),
        Verb::Rm(verb) => remove::remove(verb, store),
    }
}
