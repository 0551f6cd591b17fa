//! What a hierarchy is called in a table.

use palisade_cgroup::{Hierarchy, Layout, Place, Version};

/// Calls a hierarchy by its controllers or its name: `cpu,cpuacct`, `name=systemd`, `v2`.
pub(crate) fn of(hierarchy: &Hierarchy) -> String {
    if hierarchy.version == Version::V2 {
        return "v2".to_owned();
    }
    let mut words: Vec<String> =
        hierarchy.controllers.iter().map(|controller| controller.name(Version::V1).to_owned()).collect();
    words.extend(hierarchy.name.iter().map(|name| format!("name={name}")));
    words.join(",")
}

/// Calls the hierarchy of a group.
pub(crate) fn of_place(layout: &Layout, place: &Place) -> String {
    layout.hierarchies.iter().find(|hierarchy| hierarchy.mount == place.mount).map(of).unwrap_or_default()
}
