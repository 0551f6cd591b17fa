//! Controllers of the v2 tree passed on to the groups below one, as operations.

use crate::choice::not_here;
use crate::{Controller, Error, ErrorKind, GroupPath, Layout, Operation, Place, Version};

/// Says in which groups controllers are enabled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// In the group alone.
    Group,
    /// In all groups above it first, which a controller has to come through.
    Parents,
}

impl Operation {
    /// Works out how to enable controllers for the groups below `path` of the v2 tree; none to do where all are.
    ///
    /// With `leaf`, the name of a group right below, the processes that the group itself holds move there first.
    ///
    /// # Errors
    /// [`ErrorKind::Unsupported`] for a controller that is not in the v2 tree; says where it is.
    pub fn enable_below(
        layout: &Layout,
        path: &GroupPath,
        controllers: &[Controller],
        reach: Reach,
        leaf: Option<&str>,
    ) -> Result<Vec<Self>, Error> {
        let place = in_tree(layout, path, controllers, "enable")?;
        let mut operations = Vec::new();
        if reach == Reach::Parents {
            operations.extend(place.above().iter().filter_map(|above| Self::enable(above, controllers)));
        }
        let Some(enable) = Self::enable(&place, controllers) else { return Ok(operations) };
        // The root may hold processes.
        if let Some(name) = leaf.filter(|_| !place.path.is_root()) {
            let path = place.path.join(name).map_err(|invalid| {
                Error::text("make the leaf", name, invalid.to_string(), ErrorKind::Other)
            })?;
            if !place.read("cgroup.procs")?.trim().is_empty() {
                operations.extend(Self::make_leaf(&place, &Place { path, ..place.clone() })?);
            }
        }
        operations.push(enable);
        Ok(operations)
    }

    /// Works out how to disable controllers for the groups below `path` of the v2 tree; none to do where none is
    /// enabled.
    ///
    /// # Errors
    /// As for [`Operation::enable_below`].
    pub fn disable_below(
        layout: &Layout,
        path: &GroupPath,
        controllers: &[Controller],
    ) -> Result<Vec<Self>, Error> {
        let place = in_tree(layout, path, controllers, "disable")?;
        let enabled = place.read("cgroup.subtree_control")?;
        let names = controllers.iter().map(ToString::to_string);
        let names: Vec<String> = names.filter(|name| enabled.split_whitespace().any(|e| e == name)).collect();
        let words =
            |sign: &str| names.iter().map(|name| format!("{sign}{name}")).collect::<Vec<_>>().join(" ");
        let write = Self::Write {
            place,
            file: "cgroup.subtree_control".to_owned(),
            value: words("-"),
            before: Some(words("+")),
        };
        Ok(if names.is_empty() { Vec::new() } else { vec![write] })
    }
}

/// Finds the group in the v2 tree, which has to have all of these controllers.
fn in_tree(
    layout: &Layout,
    path: &GroupPath,
    controllers: &[Controller],
    deed: &str,
) -> Result<Place, Error> {
    let unsupported = |name: &str, cause: &str| Error::text(deed, name, cause, ErrorKind::Unsupported);
    for controller in controllers {
        let name = controller.name(Version::V2);
        match layout.hierarchy(*controller) {
            Some(home) if home.version == Version::V1 => {
                let hint = format!("{} is its hierarchy", home.mount.display());
                return Err(unsupported(name, "it is on v1, where every group has it").with_hint(hint));
            }
            Some(_) if controller.is_core_on_v2() => {
                return Err(unsupported(name, "every v2 group has it without"));
            }
            Some(_) => {}
            None => return Err(not_here(*controller, layout.home(*controller))),
        }
    }
    let unified = layout.unified().map(|unified| Place::new(unified, path));
    unified.ok_or_else(|| unsupported(path.as_str(), "no cgroup v2 tree is mounted"))
}
