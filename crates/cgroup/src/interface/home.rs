//! Where on a machine a name of the table leads.

use super::{Dialect, Key, Place as Position, Property, Side, Slot, Unit};
use crate::choice::not_here;
use crate::{Error, ErrorKind, GroupPath, Layout, Place, Version};
use std::borrow::Cow;

impl Key {
    /// Finds the group `path` in the hierarchy that this name leads to.
    ///
    /// # Errors
    /// [`ErrorKind::Unsupported`] where no mounted hierarchy has the controller; says why, and what to use.
    pub fn place(&self, layout: &Layout, path: &GroupPath) -> Result<Place, Error> {
        if self.is_core() {
            let unified = layout.unified().map(|unified| Place::new(unified, path));
            return unified.ok_or_else(|| {
                let cause = "no cgroup v2 tree is mounted, which alone has it";
                Error::text("use", self.name.as_str(), cause, ErrorKind::Unsupported)
            });
        }
        let controller = self.controller();
        layout.hierarchy(controller).map(|hierarchy| Place::new(hierarchy, path)).ok_or_else(|| {
            let error = not_here(controller, layout.home(controller));
            match self.properties.first().map(|property| property.v2) {
                Some(Side::Absent(instead)) if controller.is_v1_only() => {
                    error.and_hint(&format!("only cgroup v1 has it; on v2 {instead}"))
                }
                _ => error,
            }
        })
    }

    /// Tells whether every group of the v2 tree has it, and nobody else.
    fn is_core(&self) -> bool {
        let core = |file: &str| file.starts_with("cgroup.");
        let alone = |property: &&Property| {
            property.v1.slots().is_empty() && property.v2.slots().iter().all(|slot| core(slot.file))
        };
        match self.raw {
            Some(_) => core(&self.name),
            None => self.properties.iter().all(alone),
        }
    }

    /// Returns the file of `place` that this is the name of; none where it has to be translated.
    pub(super) fn native(&self, place: &Place) -> Option<String> {
        if self.raw.is_some() {
            return Some(self.name.clone());
        }
        let mut properties = self.properties.iter();
        let slot = properties.find_map(|property| self.slot(property, place.version))?;
        Some(self.fill(slot.file))
    }

    /// Returns the form that values under this name have, of one of its properties.
    pub(super) fn form(&self, property: &'static Property) -> Cow<'static, Slot> {
        let own = [Version::V1, Version::V2].into_iter().find_map(|version| self.slot(property, version));
        match own.filter(|_| self.dialect != Dialect::Neutral) {
            Some(slot) => Cow::Borrowed(slot),
            None => Cow::Owned(property.neutral()),
        }
    }

    /// Finds where `place` has a property: of several files the first that is there.
    pub(super) fn target(&self, property: &'static Property, place: &Place) -> Result<&'static Slot, Error> {
        let slots = match property.side(place.version) {
            Side::Absent(instead) => return Err(self.absent(place, instead)),
            side => side.slots(),
        };
        let there = slots.iter().find(|slot| place.file(&self.fill(slot.file)).exists());
        there.or(slots.first()).ok_or_else(|| self.absent(place, "there is nothing in its place"))
    }

    fn absent(&self, place: &Place, instead: &str) -> Error {
        let other = if place.version == Version::V1 { Version::V2 } else { Version::V1 };
        let cause = format!("only cgroup {other} has it");
        let (here, controller) = (place.version, self.controller());
        let text =
            format!("the {} controller of this machine is on {here}; {instead}", controller.name(here));
        Error::text("use", self.name.as_str(), cause, ErrorKind::Unsupported).with_hint(text)
    }
}

impl Property {
    /// Returns the form that its values have under its own name.
    pub(super) fn neutral(&self) -> Slot {
        let is_keyed = |slot: &Slot| matches!(slot.place, Position::Lines | Position::Pair(_));
        let keyed = self.v1.slots().iter().chain(self.v2.slots()).any(is_keyed);
        let place = if keyed { Position::Lines } else { Position::Whole };
        Slot { file: self.name, place, unit: self.unit() }
    }
}

/// Returns the file with the part of a v1 value that is memory alone, where the value is of memory and swap together.
pub(super) fn memory_file(slot: &Slot) -> Option<&'static str> {
    match slot.unit {
        Unit::BytesWithMemory(file) => Some(file),
        _ => None,
    }
}
