//! Groups below a group.

use crate::make::MODE;
use crate::recipe::{Directory, join};
use crate::{Controller, Error, ErrorKind, Group, GroupPath, InvalidPath, Version};
use rustix::io::Errno;
use std::str::FromStr;

/// Names a group below another one, in the hierarchies of some controllers or in all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubGroup {
    /// The controllers whose v1 hierarchies are meant; all hierarchies where there are none.
    pub controllers: Vec<Controller>,
    /// The path, from the group above.
    pub path: GroupPath,
}

/// Says why a text names no group below another one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidSubGroup(String);

impl FromStr for SubGroup {
    type Err = InvalidSubGroup;

    /// Reads what runc's `exec --cgroup` takes: `PATH`, or `CONTROLLER[,CONTROLLER...]:PATH`.
    fn from_str(text: &str) -> Result<Self, InvalidSubGroup> {
        let invalid = |reason: String| InvalidSubGroup(format!("cgroup {text:?}: {reason}"));
        let (list, path) = text.split_once(':').map_or((None, text), |(list, path)| (Some(list), path));
        let find = |name: &str| {
            Controller::from_name(name).ok_or_else(|| invalid(format!("{name:?} is no controller")))
        };
        let controllers = list.map_or(Ok(Vec::new()), |list| list.split(',').map(find).collect())?;
        let absolute = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
        let path = GroupPath::new(&absolute).map_err(|error: InvalidPath| invalid(error.to_string()))?;
        Ok(Self { controllers, path })
    }
}

impl Group {
    /// Opens groups below this one: where `chosen` names none in a hierarchy, that stays this group's own.
    ///
    /// A choice without controllers counts in each hierarchy that has such a group.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] where there is no such group, [`ErrorKind::Unsupported`] where a choice names a
    /// controller that is not in a v1 hierarchy of its own.
    pub fn below(&self, chosen: &[SubGroup]) -> Result<Self, Error> {
        let mut places = self.places.clone();
        for choice in chosen {
            let mut found = false;
            for place in places.iter_mut().flatten().filter(|place| choice.is_about(place)) {
                let below = choice.of(place);
                if self.is_there(&below) {
                    *place = below;
                    found = true;
                }
            }
            if !found {
                return Err(self.not_below(choice));
            }
        }
        let anchor = crate::group::open_anchor(&self.anchor_path)?;
        let (anchor_path, path) = (self.anchor_path.clone(), self.path.clone());
        Ok(Self { anchor, anchor_path, path, places, made: Vec::new() })
    }

    /// Makes a group below this one, in each hierarchy that this one is in; it may be there.
    ///
    /// # Errors
    /// Names the directory that could not be made.
    pub fn make_below(&self, path: &GroupPath) -> Result<Self, Error> {
        for place in self.directories() {
            let mut directory = place.path.clone();
            for part in path.relative().split('/') {
                directory = join(&directory, part);
                match rustix::fs::mkdirat(&self.anchor, directory.as_str(), MODE) {
                    Ok(()) | Err(Errno::EXIST) => {}
                    Err(errno) => return Err(Error::call("mkdir", self.full(&directory), errno)),
                }
            }
        }
        self.below(&[SubGroup { controllers: Vec::new(), path: path.clone() }])
    }

    fn not_below(&self, choice: &SubGroup) -> Error {
        let lacks = |controller: &&Controller| {
            self.find_home(**controller).is_none_or(|home| home.version == Version::V2)
        };
        if let Some(controller) = choice.controllers.iter().find(lacks) {
            let operation = format!("find the {controller} group {} below", choice.path.as_str());
            let cause = "the controller has no v1 hierarchy here; give the path alone";
            return Error::text(operation, self.path.as_str(), cause, ErrorKind::Unsupported);
        }
        let operation = format!("find the group {} below", choice.path.as_str());
        Error::text(operation, self.path.as_str(), "there is no such group", ErrorKind::NotFound)
    }
}

impl SubGroup {
    fn of(&self, place: &Directory) -> Directory {
        let path = match self.path.is_root() {
            true => place.path.clone(),
            false => join(&place.path, self.path.relative()),
        };
        Directory { path, ..place.clone() }
    }

    fn is_about(&self, place: &Directory) -> bool {
        let controllers = &self.controllers;
        let named = || place.controllers.iter().any(|controller| controllers.contains(controller));
        controllers.is_empty() || place.version == Version::V1 && named()
    }
}

impl std::fmt::Display for InvalidSubGroup {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for InvalidSubGroup {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn choices_are_read() {
        for (text, controllers, path) in [
            ("/a/b", &[][..], "/a/b"),
            ("a", &[], "/a"),
            ("memory,pids:/a", &[Controller::Memory, Controller::Pids], "/a"),
            ("/", &[], "/"),
        ] {
            let choice: SubGroup = text.parse().unwrap();
            assert_eq!((choice.controllers.as_slice(), choice.path.as_str()), (controllers, path), "{text}");
        }
    }

    #[test]
    fn what_leads_outside_is_refused() {
        for text in ["..", "/../x", "a/../../b", "memory:..", "luck:/a", ":/a", "a//b", "memory:./a"] {
            assert!(text.parse::<SubGroup>().is_err(), "{text:?} was taken");
        }
    }
}
