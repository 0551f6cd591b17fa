//! `attach`: moves processes or threads into a group.

use palisade_cgroup::{Granularity, Group, Layout, Operation, Place, Version};
use palisade_runtime::{Error, Result, Store};
use rustix::io::Errno;

use crate::arguments::cgroup::Attach;
use crate::steps::{Step, carry_out};

/// The group that takes the processes of an inner one.
const LEAF: &str = "leaf";

pub(crate) fn attach(verb: &Attach, store: &Store) -> Result<u8> {
    let layout = Layout::detect()?;
    let mut places = verb.group.places(&layout, &verb.hierarchies.controllers, store)?;
    let mut operations = Vec::new();
    if verb.make_leaf {
        for place in places.iter_mut().filter(|place| place.version == Version::V2) {
            let leaf = leaf(place)?;
            operations.extend(Operation::make_leaf(place, &leaf)?);
            *place = leaf;
        }
        if !places.iter().any(|place| place.version == Version::V2) {
            return Err(Error::new("--make-leaf: the group is in no v2 tree")
                .hint("on v1 any group may hold processes"));
        }
    }
    // Without it a dry run would print what cannot work.
    Group::open(&layout, &verb.group.path(&layout, store)?)?;
    let granularity = if verb.thread { Granularity::Thread } else { Granularity::Process };
    for process in &verb.processes {
        let pid = process.pid(store)?;
        operations.extend(Operation::attach(&layout, &places, pid, granularity)?);
    }
    let moves: Vec<Box<dyn Step>> =
        operations.into_iter().map(|operation| Box::new(Move(operation)) as Box<dyn Step>).collect();
    carry_out(&moves, verb.telling)?;
    Ok(0)
}

fn leaf(place: &Place) -> Result<Place> {
    let path = place.path.join(LEAF).map_err(|error| Error::new(error.to_string()))?;
    Ok(Place { path, ..place.clone() })
}

/// An operation whose refusal names the option that helps.
struct Move(Operation);

impl Step for Move {
    fn shell(&self) -> Vec<String> {
        self.0.shell()
    }

    fn perform(&self) -> Result<()> {
        self.0.perform().map_err(|error| match error.errno() {
            Some(Errno::BUSY) => error.and_hint("--make-leaf makes a group leaf and puts them there").into(),
            _ => error.into(),
        })
    }

    fn undo(&self) -> Result<()> {
        Ok(self.0.undo()?)
    }
}
