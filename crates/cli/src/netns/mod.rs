//! `pal netns`: network namespaces with names, which `ip netns` sees, too.

mod list;

use palisade_runtime::Result;

use crate::arguments::netns::Verb;

pub(crate) fn dispatch(verb: &Verb) -> Result<u8> {
    match verb {
        Verb::List(verb) => list::list(verb),
    }
}
