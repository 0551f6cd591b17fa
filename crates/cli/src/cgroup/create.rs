//! `create`: makes groups.

use palisade_cgroup::{Controller, GroupPath, Layout, Operation, Place, Version};
use palisade_runtime::{Error, Result, Store};

use crate::arguments::cgroup::Create;
use crate::steps::{carry_out, steps};

pub(crate) fn create(verb: &Create, store: &Store) -> Result<u8> {
    let layout = Layout::detect()?;
    let mut operations = Vec::new();
    for group in &verb.groups {
        let places = group.places(&layout, &verb.controllers, store)?;
        let mut new = Operation::create(&places, &on_v2(&layout, &verb.controllers))?;
        new.extend(threaded(verb, &places)?);
        new.extend(notified(verb, &places)?);
        // What two groups have in common is made once.
        new.retain(|operation| !operations.contains(operation));
        operations.extend(new);
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

fn threaded(verb: &Create, places: &[Place]) -> Result<Option<Operation>> {
    if !verb.threaded {
        return Ok(None);
    }
    match places.iter().find(|place| place.version == Version::V2) {
        Some(place) => Ok(Some(Operation::write(place, "cgroup.type", "threaded"))),
        None => Err(Error::new("--threaded: the group is in no v2 tree")
            .hint("each v1 group takes single threads: pal cgroup attach --thread")),
    }
}

/// The v1 way to hear of a group that becomes empty; see "What does notify_on_release do?" in cgroups.rst of the
/// kernel.
fn notified(verb: &Create, places: &[Place]) -> Result<Vec<Operation>> {
    if !verb.notify_on_release {
        return Ok(Vec::new());
    }
    let v1: Vec<&Place> = places.iter().filter(|place| place.version == Version::V1).collect();
    if v1.is_empty() {
        return Err(Error::new("--notify-on-release: the group is in no v1 hierarchy")
            .hint("v2 has no release agents: pal cgroup watch --on-empty works on both"));
    }
    let root = |place: &&Place| Place { path: GroupPath::root(), ..(*place).clone() };
    let agents = verb.release_agent.iter().flat_map(|agent| {
        v1.iter().map(|place| Operation::write(&root(place), "release_agent", agent).with_way_back())
    });
    let notices = v1.iter().map(|place| Operation::write(place, "notify_on_release", "1"));
    Ok(agents.chain(notices).collect())
}
