//! `delegate`: gives a group to a user.

use std::path::Path;

use palisade_cgroup::{Layout, Operation, Owner};
use palisade_runtime::{Result, Store};

use crate::arguments::cgroup::Delegate;
use crate::steps::{carry_out, steps};
use crate::user::Database;

pub(crate) fn delegate(verb: &Delegate, store: &Store) -> Result<u8> {
    let account = Database::read(Path::new("/"))?.find(Some(&verb.user))?;
    let layout = Layout::detect()?;
    let places = verb.group.places(&layout, &verb.hierarchies.controllers, store)?;
    let owner = Owner { uid: account.uid, gid: account.gid };
    carry_out(&steps(Operation::delegate(&places, owner)?), verb.telling)?;
    Ok(0)
}
