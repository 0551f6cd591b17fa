//! `pal cgroup`: control groups, with or without a container.

mod layout;

use palisade_runtime::{Result, Store};

use crate::arguments::cgroup::Verb;

pub(crate) fn dispatch(verb: &Verb, _store: &Store) -> Result<u8> {
    match verb {
        Verb::Layout(verb) => layout::show(verb),
    }
}
