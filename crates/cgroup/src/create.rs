//! Groups made and removed by hand, as operations.

use crate::hint::crowd;
use crate::{Controller, Error, ErrorKind, Operation, Place, Version, file};
use rustix::fs::CWD;
use rustix::io::Errno;

impl Operation {
    /// Works out how to make the groups `places` and what is missing above them.
    ///
    /// In the v2 tree `controllers` are enabled from the root down to the group above.
    ///
    /// # Errors
    /// [`ErrorKind::Other`] with EEXIST if all are there and no controller is to be enabled.
    pub fn create(places: &[Place], controllers: &[Controller]) -> Result<Vec<Self>, Error> {
        let mut operations = Vec::new();
        for place in places {
            let missing = place.above().into_iter().chain([place.clone()]).filter(|place| !place.exists());
            for group in missing {
                operations.push(Self::MakeDirectory(group.clone()));
                operations.extend(Self::fill_cpuset(&group));
            }
        }
        for place in places.iter().filter(|place| place.version == Version::V2) {
            operations.extend(place.above().iter().filter_map(|above| Self::enable(above, controllers)));
        }
        match places.first().filter(|_| operations.is_empty()) {
            Some(first) => {
                Err(Error::call("mkdir", first.directory(), Errno::EXIST).with_hint("the group is there"))
            }
            None => Ok(operations),
        }
    }

    /// Fills a new v1 cpuset as the nearest group above is: no process can enter one without CPUs or memory nodes.
    fn fill_cpuset(place: &Place) -> Vec<Self> {
        if place.version == Version::V2 || !place.controllers.contains(&Controller::Cpuset) {
            return Vec::new();
        }
        let above = place.above();
        let filled = |file: &str| {
            let values = above.iter().rev().filter_map(|above| above.read_raw(file).ok());
            let value = values.map(|text| text.trim().to_owned()).find(|value| !value.is_empty())?;
            Some(Self::write(place, file, &value))
        };
        ["cpuset.cpus", "cpuset.mems"].into_iter().filter_map(filled).collect()
    }

    /// Works out how to enable those of `controllers` for the groups below `place` that are not yet; none to do where
    /// all are.
    pub fn enable(place: &Place, controllers: &[Controller]) -> Option<Self> {
        let enabled = place.read_raw("cgroup.subtree_control").unwrap_or_default();
        let missing = controllers
            .iter()
            .map(ToString::to_string)
            .filter(|name| !enabled.split_whitespace().any(|e| e == name));
        let (on, off): (Vec<String>, Vec<String>) =
            missing.map(|name| (format!("+{name}"), format!("-{name}"))).unzip();
        (!on.is_empty()).then(|| Self::Write {
            place: place.clone(),
            file: "cgroup.subtree_control".to_owned(),
            value: on.join(" "),
            before: Some(off.join(" ")),
        })
    }

    /// Works out how to remove the groups `places`, and with [`Below::Too`] all groups below them, the lowest first.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] if none is there, [`ErrorKind::Occupied`] if one holds processes, which it names: then
    /// nothing is to be removed.
    pub fn remove(places: &[Place], below: Below) -> Result<Vec<Self>, Error> {
        let mut operations = Vec::new();
        let there: Vec<&Place> = places.iter().filter(|place| place.exists()).collect();
        if let (true, Some(first)) = (there.is_empty(), places.first()) {
            return Err(
                Error::call("rmdir", first.directory(), Errno::NOENT).with_hint("there is no such group")
            );
        }
        for place in there {
            for group in place.tree()?.into_iter().rev() {
                if group != *place && below == Below::Refuse {
                    return Err(Error::call("rmdir", place.directory(), Errno::BUSY)
                        .with_hint(format!("the group {} is below it; -r removes it, too", group.path)));
                }
                refuse_inhabited(&group)?;
                operations.push(Self::RemoveDirectory(group));
            }
        }
        Ok(operations)
    }
}

/// Says what is done about groups below one that is removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Below {
    /// They are removed.
    Too,
    /// The group is not removed.
    Refuse,
}

impl Place {
    /// Lists the group and all groups below it, each before those below it.
    ///
    /// # Errors
    /// A directory that cannot be read; a group that goes meanwhile is left out.
    pub fn tree(&self) -> Result<Vec<Self>, Error> {
        let mut found = vec![self.clone()];
        let mut next = 0;
        while let Some(place) = found.get(next) {
            let directory = place.directory();
            let mut names =
                file::directories(CWD, &directory).map_err(|errno| Error::call("list", directory, errno))?;
            names.sort();
            let below = names.iter().filter_map(|name| place.path.join(name).ok());
            let below: Vec<Self> = below.map(|path| Self { path, ..self.clone() }).collect();
            found.extend(below);
            next += 1;
        }
        Ok(found)
    }
}

fn refuse_inhabited(place: &Place) -> Result<(), Error> {
    let held = place.read_raw("cgroup.procs").unwrap_or_default();
    let Some(first) = held.lines().next() else { return Ok(()) };
    let hint = format!("it holds {}", crowd(first, held.lines().count()));
    Err(Error::call("rmdir", place.directory(), Errno::BUSY).with_kind(ErrorKind::Occupied).with_hint(hint))
}
