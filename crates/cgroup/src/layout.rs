//! Where each controller lives on this machine.

use crate::mountinfo::{self, CgroupMount};
use crate::{Controller, Error, GroupPath, Version};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Maps each controller to the hierarchy that it lives in: v1, v2 and hybrid machines in one model.
///
/// It is plain data: tests write it down as a literal, [`Layout::detect`] reads it from the machine.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Layout {
    /// The mounted hierarchies in the order of their mounts.
    pub hierarchies: Vec<Hierarchy>,
    /// The home of each controller.
    pub homes: BTreeMap<Controller, Home>,
}

/// Describes one mounted hierarchy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hierarchy {
    /// The interface that this tree speaks.
    pub version: Version,
    /// Where it is mounted.
    pub mount: PathBuf,
    /// The group that is seen at the mount point; not `/` where a container was given a part of the tree.
    pub root: String,
    /// The controllers of this tree; on v2 those that the group at the mount point offers.
    pub controllers: Vec<Controller>,
    /// The name of a named v1 hierarchy, such as `systemd`.
    pub name: Option<String>,
    /// The group of this process in this tree, as `/proc/self/cgroup` tells it.
    pub own: String,
}

/// Says where a controller is to be found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Home {
    /// In the hierarchy with this index in [`Layout::hierarchies`].
    Hierarchy(usize),
    /// The kernel has it, but no mounted hierarchy does.
    NotMounted,
    /// The kernel was started with `cgroup_disable=` for it.
    Disabled,
    /// The kernel was built without it.
    Absent,
}

impl Layout {
    /// Reads the layout of this machine, as this process sees it.
    ///
    /// # Errors
    /// Fails if a file under `/proc` cannot be read, or if no cgroup hierarchy is mounted.
    pub fn detect() -> Result<Self, Error> {
        let mountinfo = crate::file::read_path("/proc/self/mountinfo")?;
        let cgroups = crate::file::read_path_text("/proc/cgroups")?;
        let own = crate::file::read_path_text("/proc/self/cgroup")?;
        let mounts = mountinfo::parse(&mountinfo);
        let v2_controllers = match best_mounts(&mounts).find(|mount| mount.version == Version::V2) {
            Some(mount) => crate::file::read_path_text(mount.mount.join("cgroup.controllers"))?,
            None => String::new(),
        };
        let layout = Self::from_mounts(&mounts, &cgroups, &own, &v2_controllers);
        if layout.hierarchies.is_empty() {
            return Err(Error::no_hierarchy());
        }
        Ok(layout)
    }

    /// Builds a layout from the texts of `/proc/self/mountinfo`, `/proc/cgroups`, `/proc/self/cgroup` and the
    /// `cgroup.controllers` at the v2 mount point (empty without one).
    ///
    /// Of several mounts of one hierarchy it takes the first that is writable, else the first.
    pub fn parse(mountinfo: &str, cgroups: &str, own: &str, v2_controllers: &str) -> Self {
        Self::from_mounts(&mountinfo::parse(mountinfo.as_bytes()), cgroups, own, v2_controllers)
    }

    fn from_mounts(mounts: &[CgroupMount], cgroups: &str, own: &str, v2_controllers: &str) -> Self {
        let hierarchies: Vec<Hierarchy> = best_mounts(mounts)
            .map(|mount| Hierarchy {
                version: mount.version,
                mount: mount.mount.clone(),
                root: mount.root.clone(),
                controllers: match mount.version {
                    Version::V1 => mount.controllers.clone(),
                    Version::V2 => {
                        v2_controllers.split_whitespace().filter_map(Controller::from_name).collect()
                    }
                },
                name: mount.name.clone(),
                own: own_group(own, mount).unwrap_or("/").to_owned(),
            })
            .collect();
        let homes = Controller::ALL.into_iter().map(|c| (c, home_of(c, &hierarchies, cgroups))).collect();
        Self { hierarchies, homes }
    }

    /// Returns the home of `controller`; one that the layout does not mention is absent.
    pub fn home(&self, controller: Controller) -> Home {
        self.homes.get(&controller).copied().unwrap_or(Home::Absent)
    }

    /// Returns the hierarchy that `controller` lives in.
    pub fn hierarchy(&self, controller: Controller) -> Option<&Hierarchy> {
        match self.home(controller) {
            Home::Hierarchy(index) => self.hierarchies.get(index),
            Home::NotMounted | Home::Disabled | Home::Absent => None,
        }
    }

    /// Returns the version of the hierarchy that `controller` lives in.
    pub fn version(&self, controller: Controller) -> Option<Version> {
        self.hierarchy(controller).map(|hierarchy| hierarchy.version)
    }

    /// Returns the v2 tree, if it is mounted.
    pub fn unified(&self) -> Option<&Hierarchy> {
        self.hierarchies.iter().find(|hierarchy| hierarchy.version == Version::V2)
    }

    /// Tells whether v2 is the only hierarchy.
    pub fn is_pure_v2(&self) -> bool {
        self.hierarchies.iter().all(|hierarchy| hierarchy.version == Version::V2)
    }

    /// Returns the nearest directory that all mounts are in: one descriptor of it reaches every group.
    pub fn anchor(&self) -> PathBuf {
        let mut mounts = self.hierarchies.iter().map(|hierarchy| hierarchy.mount.as_path());
        let first = mounts.next().unwrap_or(Path::new("/"));
        mounts.fold(first.to_owned(), |shared, mount| {
            shared.components().zip(mount.components()).take_while(|(a, b)| a == b).map(|(a, _)| a).collect()
        })
    }
}

impl Hierarchy {
    /// Returns this process's own group as a path below the mount point; `None` if it is not in sight there.
    pub fn own_path(&self) -> Option<GroupPath> {
        let below =
            if self.root == "/" { Some(self.own.as_str()) } else { self.own.strip_prefix(&self.root) };
        match below? {
            "" => Some(GroupPath::root()),
            path => GroupPath::new(path).ok(),
        }
    }
}

/// Passes over the mounts of a hierarchy that another mount of it stands for.
fn best_mounts(mounts: &[CgroupMount]) -> impl Iterator<Item = &CgroupMount> {
    mounts.iter().enumerate().filter_map(|(index, mount)| {
        let mut twins = mounts.iter().enumerate().filter(|(_, twin)| twin.device == mount.device);
        let first = twins.clone().next()?.0;
        let best = twins.find(|(_, twin)| twin.writable).map_or(first, |(index, _)| index);
        (best == index).then_some(mount)
    })
}

/// Finds the line of `/proc/self/cgroup` (`id:controllers:path`) that belongs to `mount`.
fn own_group<'a>(text: &'a str, mount: &CgroupMount) -> Option<&'a str> {
    text.lines().find_map(|line| {
        let mut fields = line.splitn(3, ':');
        let (_, list, path) = (fields.next()?, fields.next()?, fields.next()?);
        let same = match mount.version {
            Version::V2 => list.is_empty(),
            Version::V1 if mount.controllers.is_empty() => {
                mount.name.as_deref().is_some_and(|name| list.strip_prefix("name=") == Some(name))
            }
            Version::V1 => {
                list.split(',').filter_map(Controller::from_name).any(|c| mount.controllers.contains(&c))
            }
        };
        same.then_some(path)
    })
}

fn home_of(controller: Controller, hierarchies: &[Hierarchy], cgroups: &str) -> Home {
    if let Some(index) = hierarchies.iter().position(|h| h.controllers.contains(&controller)) {
        return Home::Hierarchy(index);
    }
    let v2 = hierarchies.iter().position(|h| h.version == Version::V2);
    if let Some(index) = v2.filter(|_| controller.is_core_on_v2()) {
        return Home::Hierarchy(index);
    }
    // Columns: name, hierarchy, number of groups, enabled.
    let line = cgroups.lines().find_map(|line| {
        let mut fields = line.split_whitespace();
        (fields.next() == Some(controller.name(Version::V1))).then(|| fields.nth(2))
    });
    match line {
        Some(Some("0")) => Home::Disabled,
        Some(_) => Home::NotMounted,
        None => Home::Absent,
    }
}
