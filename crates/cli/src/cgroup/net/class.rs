//! The net_cls class of a v1 group.

use std::collections::BTreeSet;
use std::path::Path;

use palisade_cgroup::{Operation, Place};
use palisade_runtime::{Error, Result};

use crate::output::say;
use crate::steps::Step;

const FILE: &str = "net_cls.classid";

/// The first class that is given to a group without one: c60:1 in the words of tc.
const FIRST: u32 = 0x0c60_0001;

/// Gives a group a class, and says so.
pub(super) struct Classing {
    operation: Operation,
    said: String,
}

/// Returns the class of a group, and what gives it one where it has none.
pub(super) fn of(place: &Place) -> Result<(u32, Option<Classing>)> {
    let text = place.read(FILE)?;
    let class = number(&text)
        .ok_or_else(|| Error::new(format!("{}: {} is no class", place.file(FILE).display(), text.trim())))?;
    if class != 0 {
        return Ok((class, None));
    }
    let mut used = BTreeSet::new();
    collect(&place.mount, &mut used);
    let class = (FIRST..).find(|class| !used.contains(class)).unwrap_or(FIRST);
    let operation = Operation::write(place, FILE, &format!("{class:#x}")).with_way_back();
    let said = format!("{} has the class {class:#x} of net_cls now", place.path);
    Ok((class, Some(Classing { operation, said })))
}

/// Collects the classes of all groups; one that goes meanwhile has none.
fn collect(directory: &Path, used: &mut BTreeSet<u32>) {
    used.extend(std::fs::read_to_string(directory.join(FILE)).ok().as_deref().and_then(number));
    for entry in std::fs::read_dir(directory).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            collect(&entry.path(), used);
        }
    }
}

fn number(text: &str) -> Option<u32> {
    text.trim().parse().ok()
}

impl Step for Classing {
    fn shell(&self) -> Vec<String> {
        self.operation.shell()
    }

    fn perform(&self) -> Result<()> {
        self.operation.perform()?;
        say(&self.said);
        Ok(())
    }

    fn undo(&self) -> Result<()> {
        Ok(self.operation.undo()?)
    }
}
