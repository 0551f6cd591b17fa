//! `enable` and `disable`: which controllers the groups below one have.

use palisade_cgroup::{Controller, Layout, Operation, Reach, controller};
use palisade_runtime::{Result, Store};

use crate::arguments::cgroup::{Disable, Enable};
use crate::steps::{carry_out, steps};

pub(crate) fn enable(verb: &Enable, store: &Store) -> Result<u8> {
    let layout = Layout::detect()?;
    let path = verb.group.path(&layout, store)?;
    let reach = if verb.parents { Reach::Parents } else { Reach::Group };
    let controllers = find(&verb.controllers)?;
    let operations = Operation::enable_below(&layout, &path, &controllers, reach, verb.make_leaf.as_deref())?;
    carry_out(&steps(operations), verb.telling)?;
    Ok(0)
}

pub(crate) fn disable(verb: &Disable, store: &Store) -> Result<u8> {
    let layout = Layout::detect()?;
    let path = verb.group.path(&layout, store)?;
    let operations = Operation::disable_below(&layout, &path, &find(&verb.controllers)?)?;
    carry_out(&steps(operations), verb.telling)?;
    Ok(0)
}

fn find(names: &[String]) -> Result<Vec<Controller>> {
    names.iter().map(|name| Ok(controller(name)?)).collect()
}
