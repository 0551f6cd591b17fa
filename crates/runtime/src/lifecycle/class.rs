//! The class of service of a container that is there: where it stands in resctrl, and other shares for it.

use std::path::PathBuf;

use palisade_oci::IntelRdt;

use super::Container;
use crate::compile::{self, Violations};
use crate::error::{Error, ErrorKind, Result};
use crate::resctrl::{self, Assignment};

/// A share of cache or memory bandwidth, as a line of `schemata`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shares {
    /// Part of the L3 cache, `L3:0=ff`.
    pub l3_cache: Option<String>,
    /// Memory bandwidth, `MB:0=50`.
    pub memory_bandwidth: Option<String>,
}

impl Shares {
    /// Tells whether nothing is asked.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl Container {
    /// Gives the container's class of service other shares; what is not named stays as it is.
    ///
    /// # Errors
    /// A container without a class of service; a line that is none; what the kernel refuses.
    pub(super) fn share(&self, shares: &Shares) -> Result<Undo> {
        let rdt = self.directory.config()?.linux.intel_rdt.ok_or_else(|| {
            Error::new(format!("container {} has no class of service", self.record.id))
                .hint("linux.intelRdt of its config.json would have given it one")
        })?;
        let wanted = IntelRdt {
            schemata: Vec::new(),
            l3_cache_schema: shares.l3_cache.clone().unwrap_or_default(),
            mem_bw_schema: shares.memory_bandwidth.clone().unwrap_or_default(),
            ..rdt
        };
        let mut violations = Violations::default();
        let root = resctrl::find();
        let assignment =
            compile::class_of_service(&mut violations, &wanted, &self.record.id, root.as_deref());
        let assignment = assignment
            .filter(|_| violations.0.is_empty())
            .ok_or_else(|| Error::of(ErrorKind::Invalid, violations.to_string()).context("resources"))?;
        let before = assignment.change()?;
        Ok(Undo { assignment, before })
    }

    /// Where resctrl is mounted and where the container stands in it; none without a class of service.
    pub(super) fn class(&self) -> Result<Option<(PathBuf, Assignment)>> {
        let Some(root) = resctrl::find() else { return Ok(None) };
        let Some(rdt) = self.directory.config()?.linux.intel_rdt else { return Ok(None) };
        // It was right when the container was made.
        let mut violations = Violations::default();
        let place = compile::class_of_service(&mut violations, &rdt, &self.record.id, Some(&root));
        Ok(place.map(|place| (root, place)))
    }
}

/// Takes a change of shares back.
#[derive(Debug)]
pub(super) struct Undo {
    assignment: Assignment,
    before: String,
}

impl Undo {
    /// Writes what was before.
    pub(super) fn take_back(self) -> Result<()> {
        let schemata = self.before.lines().map(|line| line.trim().to_owned()).collect();
        Assignment { schemata, ..self.assignment }.change().map(drop)
    }
}
