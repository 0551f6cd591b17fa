//! `update`: new limits for a container.

use palisade_cgroup::{Group, Limits, Recipe};
use palisade_oci::state::Status;
use palisade_oci::{Resources, Spec};

use super::Container;
use super::class::Shares;
use crate::compile::{self, Violations};
use crate::error::{Error, ErrorKind, Result};
use crate::host::Host;
use crate::scope::Unit;

/// Where resources stand in a configuration; those of an update stand alone.
const SECTION: &str = "/linux/resources";

impl Container {
    /// Sets limits of the container's cgroup: all that `resources` names, or none. What it does not name stays as it
    /// is. Gives what a user should know though it is no error.
    ///
    /// Device rules that are those of the container's own configuration are not set again: others may have added
    /// devices since.
    ///
    /// # Errors
    /// A container that has ended or has no cgroup; limits that cannot be, by their places in `resources`; a write
    /// that the kernel refuses.
    pub fn update(&self, host: &Host, resources: &Resources) -> Result<Vec<String>> {
        self.update_shares(host, resources, &Shares::default())
    }

    /// Sets shares of the container's class of service as well: all that is named, or none.
    ///
    /// # Errors
    /// As [`Self::update`], and a container without a class of service.
    pub fn update_shares(&self, host: &Host, resources: &Resources, shares: &Shares) -> Result<Vec<String>> {
        let status = self.status()?;
        if status == Status::Stopped {
            let message = format!("{}: container not running", self.record.id);
            return Err(Error::of(ErrorKind::NotRunning, message));
        }
        if shares.is_empty() {
            return self.limit(host, resources);
        }
        let undo = self.share(shares)?;
        if *resources == Resources::default() {
            return Ok(Vec::new());
        }
        self.limit(host, resources).map_err(|error| match undo.take_back() {
            Ok(()) => error,
            Err(also) => error.hint(format_args!("and {also}")),
        })
    }

    fn limit(&self, host: &Host, resources: &Resources) -> Result<Vec<String>> {
        let group = self.group()?.ok_or_else(|| {
            Error::new(format!("container {} has no cgroup", self.record.id))
                .hint("only a cgroup can have limits")
        })?;
        let spec = self.with_resources(resources)?;
        let (limits, warnings) = compile::update(host, &spec).map_err(refused)?;
        let limits = group.complete(&limits)?;
        let recipe = recipe(host, &group, &limits)?;
        change(&group, &recipe)?;
        if let Some(unit) = &self.record.unit {
            tell_systemd(unit, host, &group, limits)?;
        }
        Ok(warnings.into_iter().map(|warning| warning.replacen(SECTION, "resources: ", 1)).collect())
    }

    /// The container's configuration with other resources.
    fn with_resources(&self, resources: &Resources) -> Result<Spec> {
        let mut spec = self.directory.config()?;
        let mut resources = resources.clone();
        if resources.devices == spec.linux.resources.devices {
            resources.devices.clear();
        }
        spec.linux.resources = resources;
        Ok(spec)
    }
}

fn recipe(host: &Host, group: &Group, limits: &Limits) -> Result<Recipe> {
    Recipe::new(&host.cgroups, group.path(), limits).map_err(|refusals| {
        let mut violations = Violations::default();
        violations.refuse(&refusals);
        refused(violations)
    })
}

/// Tells systemd what was set. It writes that, too, and less exactly, so it is set once more.
fn tell_systemd(unit: &Unit, host: &Host, group: &Group, mut limits: Limits) -> Result<()> {
    let cpu = &mut limits.cpu;
    if (cpu.quota.is_some() || cpu.period.is_some())
        && let Some((quota, period)) = group.bandwidth()?
    {
        // Of one of them it makes nothing without the other.
        (cpu.quota, cpu.period) = (Some(quota), Some(period));
    }
    unit.update(&limits, &host.cgroups)?;
    change(group, &recipe(host, group, &limits)?)
}

fn change(group: &Group, recipe: &Recipe) -> Result<()> {
    group.change(recipe).map_err(|error| match error.knob() {
        Some(knob) => Error::from(error).context(format_args!("resources: /{}", compile::limit_field(knob))),
        None => error.into(),
    })
}

fn refused(mut violations: Violations) -> Error {
    for violation in &mut violations.0 {
        if let Some(rest) = violation.pointer.strip_prefix(SECTION) {
            violation.pointer = rest.to_owned();
        }
    }
    Error::of(ErrorKind::Invalid, violations.to_string()).context("resources")
}
