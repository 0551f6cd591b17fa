//! `create`: makes groups.

use palisade_cgroup::{Controller, Layout, Operation};
use palisade_runtime::{Result, Store};

use crate::arguments::cgroup::Create;
use crate::steps::{carry_out, steps};

pub(crate) fn create(verb: &Create, store: &Store) -> Result<u8> {
    let layout = Layout::detect()?;
    let mut operations = Vec::new();
    for group in &verb.groups {
        let places = group.places(&layout, &verb.controllers, store)?;
        // What two groups have in common is made once.
        let new = Operation::create(&places, &on_v2(&layout, &verb.controllers))?;
        operations
            .extend(new.into_iter().filter(|operation| !operations.contains(operation)).collect::<Vec<_>>());
    }
    carry_out(&steps(operations), verb.telling)?;
    Ok(0)
}

/// Picks the controllers that have to be enabled: what every v2 group can do anyway does not.
fn on_v2(layout: &Layout, names: &[String]) -> Vec<Controller> {
    let in_tree = |controller: &Controller| {
        layout.unified().is_some_and(|unified| unified.controllers.contains(controller))
    };
    names.iter().filter_map(|name| Controller::from_name(name)).filter(in_tree).collect()
}
