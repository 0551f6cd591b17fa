//! `set`: sets properties.

use palisade_cgroup::interface::{Assignment, Key};
use palisade_cgroup::{Group, Layout, Operation};
use palisade_runtime::{Result, Store};

use crate::arguments::cgroup::Set;
use crate::steps::{carry_out, steps};

pub(crate) fn set(verb: &Set, store: &Store) -> Result<u8> {
    let layout = Layout::detect()?;
    let path = verb.group.path(&layout, store)?;
    let mut assignments = Vec::new();
    for setting in &verb.settings {
        assignments.push(Assignment { key: Key::find(&setting.key)?, value: setting.value.clone() });
    }
    // Without it a dry run would print what cannot work.
    Group::open(&layout, &path)?;
    carry_out(&steps(Operation::set(&layout, &path, &assignments)?), verb.telling)?;
    Ok(0)
}
