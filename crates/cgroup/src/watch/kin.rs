//! Groups below those that are watched, as they come and go.

use super::{Depth, Event, Notice, Reach, Told, Watch, Watched};
use crate::recipe::{Directory, join};
use crate::{Group, Version};
use std::collections::BTreeSet;

impl Watch {
    /// Takes a group in, and with it the groups below it.
    pub(super) fn adopt(&mut self, number: usize, mut watched: Watched) {
        let names = watched.group.child_names();
        watched.children.extend(names.iter().cloned());
        let depth = watched.depth;
        let below = match depth {
            Depth::Alone => Vec::new(),
            Depth::Subtree => names.iter().filter_map(|name| watched.below(name)).collect(),
        };
        self.groups.insert(number, watched);
        for (group, notices) in below {
            self.adopt_child(group, &notices);
        }
    }

    /// Watches a group below one that is watched with its subtree; one that has gone meanwhile is passed over.
    fn adopt_child(&mut self, group: Group, notices: &[Notice]) {
        if self.groups.values().any(|watched| watched.group.path() == group.path()) {
            return;
        }
        let number = self.number();
        let mut watched = Watched::new(group, Depth::Subtree);
        if self.watch_directories(number, &watched.group).is_err() {
            self.files.forget(number);
            return;
        }
        for notice in notices {
            // A group below need not have every controller that the one above has.
            let _lacking = self.open(number, &mut watched, *notice, Reach::Own);
        }
        if watched.group.exists() {
            self.adopt(number, watched);
        } else {
            self.files.forget(number);
        }
    }

    pub(super) fn child_came(&mut self, number: usize, name: &str) {
        let Some(watched) = self.groups.get_mut(&number) else { return };
        // On v1 and hybrid a group comes once in each hierarchy.
        if !watched.children.insert(name.to_owned()) {
            return;
        }
        let Ok(path) = watched.group.path().join(name) else { return };
        let tells = watched.notices.contains(&Notice::Children);
        let below = if watched.depth == Depth::Subtree { watched.below(name) } else { None };
        if tells {
            self.ready.push_back(Told { group: path, event: Event::Created });
        }
        if let Some((group, notices)) = below {
            self.adopt_child(group, &notices);
        }
    }

    pub(super) fn child_went(&mut self, number: usize, name: &str) {
        let Some(watched) = self.groups.get_mut(&number) else { return };
        if watched.group.has_child(name) || !watched.children.remove(name) {
            return;
        }
        let Ok(path) = watched.group.path().join(name) else { return };
        let tells = watched.notices.contains(&Notice::Children);
        // One that is watched itself tells of its end itself.
        let is_watched = self.groups.values().any(|watched| *watched.group.path() == path);
        if tells && !is_watched {
            self.ready.push_back(Told { group: path, event: Event::Removed });
        }
    }

    /// Compares all groups with what is there, as the kernel had more to tell than it keeps; gives those that went.
    pub(super) fn rescan(&mut self) -> Vec<usize> {
        let numbers: Vec<usize> = self.groups.keys().copied().collect();
        for number in &numbers {
            let Some(watched) = self.groups.get(number) else { continue };
            let now = watched.group.child_names();
            let gone: Vec<String> = watched.children.difference(&now).cloned().collect();
            gone.iter().for_each(|name| self.child_went(*number, name));
            now.iter().for_each(|name| self.child_came(*number, name));
        }
        let exists = |number: &usize| self.groups.get(number).is_none_or(|watched| watched.group.exists());
        numbers.into_iter().filter(|number| !exists(number)).collect()
    }

    pub(super) fn end(&mut self, number: usize) {
        self.files.forget(number);
        if let Some(watched) = self.groups.remove(&number) {
            self.ready.push_back(Told { group: watched.group.path().clone(), event: Event::Removed });
        }
    }
}

impl Watched {
    /// Opens the group `name` below, with the notices that it is to give.
    fn below(&self, name: &str) -> Option<(Group, Vec<Notice>)> {
        let group = self.group.child(name)?;
        let notices = self.notices.iter().copied().filter(|notice| notice.is_of_each_group()).collect();
        Some((group, notices))
    }
}

impl Group {
    /// Opens the group `name` right below this one; `None` if it is not there.
    fn child(&self, name: &str) -> Option<Self> {
        let path = self.path.join(name).ok()?;
        let mut group = self.below(&[]).ok()?;
        for place in &mut group.places {
            *place = place.take().and_then(|mut directory| {
                directory.path = join(&directory.path, name);
                self.is_there(&directory).then_some(directory)
            });
        }
        group.path = path;
        group.places.iter().any(Option::is_some).then_some(group)
    }

    fn has_child(&self, name: &str) -> bool {
        self.directories().any(|directory| {
            let path = join(&directory.path, name);
            self.is_there(&Directory { path, ..directory.clone() })
        })
    }

    /// Lists the groups right below in all hierarchies; none where a directory cannot be read.
    fn child_names(&self) -> BTreeSet<String> {
        let children =
            self.directories().flat_map(|directory| self.children(&directory.path).unwrap_or_default());
        children.filter_map(|path| Some(path.rsplit_once('/')?.1.to_owned())).collect()
    }

    /// Returns the directory in the v2 tree, if the group has one.
    pub(super) fn unified(&self) -> Option<&Directory> {
        self.directories().find(|directory| directory.version == Version::V2)
    }
}
