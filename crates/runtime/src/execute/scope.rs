//! The group where systemd makes it.

use palisade_systemd::Manager;

use super::Host;
use crate::error::{Error, Result};
use crate::scope::{Scope, Unit};

/// A scope that was made, and the connection over which it can be stopped.
#[derive(Debug)]
pub(super) struct Running {
    manager: Manager,
    unit: Unit,
}

impl Host<'_> {
    pub(super) fn start_scope(&mut self, scope: &Scope) -> Result<()> {
        let pid = self.process()?.pid;
        let mut manager = scope.unit.of.connect()?;
        scope.start(&mut manager, pid)?;
        self.scope = Some(Running { manager, unit: scope.unit.clone() });
        Ok(())
    }

    /// Moves the process in: systemd may know of fewer hierarchies, and of no group below its own.
    pub(super) fn enter_group(&mut self) -> Result<()> {
        let Some(recipe) = &self.plan.group else { return Ok(()) };
        let pid = self.process()?.pid;
        self.made_group = true;
        let group = self.group.insert(recipe.claim()?);
        Ok(group.adopt(recipe, pid)?)
    }

    pub(super) fn attach_to_unit(&self, unit: &Unit, below: &str) -> Result<()> {
        let pid = self.process()?.pid.as_raw_nonzero().get().unsigned_abs();
        let attached = unit.of.connect()?.attach_processes(&unit.name, below, &[pid]);
        attached.map_err(|error| Error::from(error).context(format_args!("move process {pid} into {unit}")))
    }
}

impl Running {
    /// Removes a scope whose processes are dead.
    pub(super) fn remove(mut self) -> Result<()> {
        self.unit.remove(&mut self.manager)
    }
}
