//! From flags to a configuration: what `config.json` would say.

mod mounts;
mod resources;
mod security;
mod spec;

use palisade_namespace::Rights;
use palisade_runtime::Host;

use crate::image::Image;
use crate::machine::Machine;
use crate::user::Account;

pub(crate) use resources::{controllers, limits};
pub(crate) use spec::{COMMAND, IMAGE, build};

/// What a configuration depends on beside the flags.
#[derive(Debug)]
pub(crate) struct Facts<'a> {
    pub(crate) host: &'a Host,
    pub(crate) machine: &'a Machine,
    /// The controllers that groups of this user can have.
    pub(crate) controllers: Vec<palisade_cgroup::Controller>,
    pub(crate) name: &'a str,
    pub(crate) hostname: &'a str,
    pub(crate) image: &'a Image,
    pub(crate) account: &'a Account,
}

impl Facts<'_> {
    /// Whether the container needs a user namespace.
    pub(crate) fn rights(&self) -> Rights {
        self.host.rights()
    }
}
