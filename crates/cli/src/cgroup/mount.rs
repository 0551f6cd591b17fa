//! `mount` and `umount`: hierarchies.

use std::path::{Path, PathBuf};

use palisade_cgroup::{Mounting, Operation, Wish, controller};
use palisade_runtime::{Error, Result};

use crate::arguments::cgroup::{Mount, Umount};
use crate::steps::{carry_out, steps};

pub(crate) fn mount(verb: &Mount) -> Result<u8> {
    let wish = if verb.v2 {
        Wish::Unified
    } else if verb.all {
        Wish::All
    } else if verb.controllers.is_empty() {
        Wish::Named
    } else {
        let known = verb.controllers.iter().map(|name| controller(name));
        Wish::Controllers(known.collect::<std::result::Result<_, _>>()?)
    };
    let mounting = Mounting {
        wish,
        name: verb.name.clone(),
        release_agent: verb.release_agent.clone(),
        options: verb.options.clone(),
        point: absolute(&verb.point)?,
    };
    carry_out(&steps(Operation::mount(&mounting)?), verb.telling)?;
    Ok(0)
}

pub(crate) fn umount(verb: &Umount) -> Result<u8> {
    let mut operations = Vec::new();
    for point in &verb.points {
        let point = absolute(point)?;
        operations.push(Operation::Unmount { point: point.clone() });
        operations.extend(verb.rmdir.then_some(Operation::RemoveMountPoint(point)));
    }
    carry_out(&steps(operations), verb.telling)?;
    Ok(0)
}

/// What is printed has to work from everywhere.
fn absolute(path: &Path) -> Result<PathBuf> {
    std::path::absolute(path).map_err(|error| Error::io(format_args!("find {}", path.display()), &error))
}
