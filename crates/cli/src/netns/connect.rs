//! `connect`: a line or a bridge between two network namespaces.

use std::rc::Rc;

use palisade_network::{Bridge, Connection, Place, Site, plan};
use palisade_runtime::{Result, Store};

use super::carry;
use crate::arguments::netns::Connect;

pub(crate) fn connect(verb: &Connect, store: &Store) -> Result<u8> {
    let addresses = verb.addr.iter().map(|text| text.parse()).collect::<palisade_network::Result<_>>()?;
    let ends = [verb.first.place(store)?, verb.second.place(store)?];
    let place = match &verb.bridge_in {
        Some(name) => name.place(store)?,
        None => Place::Own,
    };
    // A namespace that two of them are in is opened once.
    let [first, second] = ends.map(|place| Rc::new(Site::new(place)));
    let known = [&first, &second].into_iter().find(|site| *site.place() == place).map(Rc::clone);
    let bridge = verb.bridge.clone().map(|name| {
        let site = known.unwrap_or_else(|| Rc::new(Site::new(place)));
        Bridge { name, site }
    });
    carry(plan(&Connection { ends: [first, second], bridge, addresses })?, verb.telling)
}
