//! The interface files of groups under one vocabulary: what v1 calls a thing, what v2 does, and a name of neither.

mod get;
mod home;
mod keep;
mod name;
mod order;
mod set;
mod slot;
mod table;
mod unit;

pub use get::{Value, list};
pub use keep::{Difference, Kept, difference, kept};
pub use name::{Dialect, Key};
pub use set::Assignment;
pub use slot::{Entries, Entry, Place, Side, Slot};
pub use table::TABLE;
pub use unit::{Amount, Unit, size};

use crate::{Controller, Version};

/// A property of a group, whichever files have it.
#[derive(Clone, Copy, Debug)]
pub struct Property {
    /// Its name in neither version; its values are written in v2's units.
    pub name: &'static str,
    /// The controller that it is of.
    pub controller: Controller,
    /// Where v1 has it.
    pub v1: Side,
    /// Where v2 has it.
    pub v2: Side,
    /// What it is for.
    pub purpose: Purpose,
}

/// Says what a property is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// It is set and stays; the values, neutrally written, that a new group has.
    Limit(&'static [&'static str]),
    /// It is set and stays; a new group has what the group above it has.
    Inherited,
    /// A write does something; there is nothing to keep.
    Trigger,
    /// It is read.
    Reading,
}

impl Property {
    /// Returns where `version` has it.
    pub fn side(&self, version: Version) -> &Side {
        match version {
            Version::V1 => &self.v1,
            Version::V2 => &self.v2,
        }
    }

    /// Returns the unit of its values under the neutral name.
    pub fn unit(&self) -> Unit {
        let slot = self.v2.slots().first().or_else(|| self.v1.slots().first());
        let bytes = self.v1.slots().iter().chain(self.v2.slots()).any(|slot| slot.unit.is_size());
        match slot.map_or(Unit::Text, |slot| slot.unit.neutral()) {
            Unit::Number if bytes => Unit::Bytes,
            unit => unit,
        }
    }
}

#[cfg(test)]
mod tests;
