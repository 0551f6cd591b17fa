//! `rm`: removes groups.

use palisade_cgroup::{Below, Layout, Operation};
use palisade_runtime::{Result, Store};

use crate::arguments::cgroup::Remove;
use crate::steps::{carry_out, steps};

pub(crate) fn remove(verb: &Remove, store: &Store) -> Result<u8> {
    let layout = Layout::detect()?;
    let below = if verb.recursive { Below::Too } else { Below::Refuse };
    let mut operations = Vec::new();
    for group in &verb.groups {
        let places = group.places(&layout, &verb.hierarchies.controllers, store)?;
        let mut new = Operation::remove(&places, below)?;
        new.retain(|operation| !operations.contains(operation));
        operations.extend(new);
    }
    carry_out(&steps(operations), verb.telling)?;
    Ok(0)
}
