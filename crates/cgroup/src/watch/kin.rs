//! Groups below those that are watched, as they come and go.

use super::source::Source;
use super::{Depth, Event, Notice, Reach, Told, Watch, Watched};
use crate::recipe::{Directory, join};
use crate::{Group, GroupPath, Version};
use std::collections::BTreeSet;

/// What was told of a group; nothing of one that has just come, which is empty and runs.
#[derive(Debug, Default)]
pub(super) struct Known {
    /// The last of events that last.
    last: Vec<Event>,
    children: BTreeSet<String>,
}

impl Known {
    /// Picks what is to be told of a source that was opened just now.
    pub(super) fn news(&self, source: &Source) -> Option<Event> {
        let is_known = |event: &Event| self.last.contains(event);
        match source.now() {
            Some(Event::Empty) => is_known(&Event::Populated).then_some(Event::Empty),
            None => {
                let freezes = matches!(source, Source::Freezing(_) | Source::FreezerFile(_));
                (freezes && is_known(&Event::Frozen)).then_some(Event::Thawed)
            }
            now => now.filter(|event| !is_known(event)),
        }
    }
}

impl Watch {
    /// Takes a group in, and with it the groups below it. Of one that came while others were watched, `known` is what
    /// was told of it; the rest is told now.
    pub(super) fn adopt(&mut self, number: usize, mut watched: Watched, known: Option<&Known>) {
        let names = watched.group.child_names();
        let depth = watched.depth;
        watched.children.clone_from(&names);
        let tells = watched.notices.contains(&Notice::Children);
        let path = watched.group.path().clone();
        let below: Vec<_> = names.iter().map(|name| (name, watched.below(name))).collect();
        self.groups.insert(number, watched);
        for (name, below) in below {
            let is_new = known.is_some_and(|known| !known.children.contains(name));
            if let (true, true, Ok(group)) = (is_new, tells, path.join(name)) {
                self.ready.push_back(Told { group, event: Event::Created });
            }
            if let (Depth::Subtree, Some((group, notices))) = (depth, below) {
                self.adopt_child(group, notices, is_new.then(Known::default).as_ref());
            }
        }
    }

    /// Watches a group below one that is watched with its subtree; one that has gone meanwhile is passed over.
    fn adopt_child(&mut self, group: Group, notices: Vec<Notice>, known: Option<&Known>) {
        if self.number_of(group.path()).is_some() {
            return;
        }
        let number = self.number();
        let mut watched = Watched::new(group, Depth::Subtree);
        if self.watch_directories(number, &watched.group).is_err() {
            self.files.forget(number);
            return;
        }
        for notice in &notices {
            // A group below need not have every controller that the one above has.
            let _lacking = self.open(number, &mut watched, *notice, Reach::Own, known);
        }
        watched.notices = notices;
        if watched.group.exists() {
            self.adopt(number, watched, known);
        } else {
            self.files.forget(number);
        }
    }

    pub(super) fn child_came(&mut self, number: usize, name: &str) {
        let Some(watched) = self.groups.get_mut(&number) else { return };
        let Ok(path) = watched.group.path().join(name) else { return };
        let is_new = watched.children.insert(name.to_owned());
        let tells = watched.notices.contains(&Notice::Children);
        let below = if watched.depth == Depth::Subtree { watched.below(name) } else { None };
        if is_new && tells {
            self.ready.push_back(Told { group: path.clone(), event: Event::Created });
        }
        let Some((group, notices)) = below else { return };
        if is_new {
            self.adopt_child(group, notices, Some(&Known::default()));
        } else {
            self.widen(group, notices);
        }
    }

    /// Watches a group in all hierarchies that it is in by now: on v1 and hybrid it comes in one after the other.
    fn widen(&mut self, group: Group, notices: Vec<Notice>) {
        let Some(number) = self.number_of(group.path()) else {
            // It could not be opened when it came.
            return self.adopt_child(group, notices, Some(&Known::default()));
        };
        let places = |group: &Group| group.directories().count();
        let is_wider = |watched: &Watched| places(&group) > places(&watched.group);
        if !self.groups.get(&number).is_some_and(is_wider) {
            return;
        }
        self.files.forget(number);
        if let Some(watched) = self.groups.remove(&number) {
            self.adopt_child(group, notices, Some(&watched.known()));
        }
    }

    fn number_of(&self, path: &GroupPath) -> Option<usize> {
        let mut groups = self.groups.iter();
        groups.find(|(_, watched)| watched.group.path() == path).map(|(number, _)| *number)
    }

    pub(super) fn child_went(&mut self, number: usize, name: &str) {
        let Some(watched) = self.groups.get_mut(&number) else { return };
        if watched.group.has_child(name) || !watched.children.remove(name) {
            return;
        }
        let Ok(path) = watched.group.path().join(name) else { return };
        let tells = watched.notices.contains(&Notice::Children);
        // One that is watched itself tells of its end itself.
        if tells && self.number_of(&path).is_none() {
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
        let Some(watched) = self.groups.remove(&number) else { return };
        let group = watched.group.path().clone();
        // It may have gone between the looks of the one above and of its own, and is told of once.
        if let (Some(above), Some((_, name))) = (group.parent(), group.as_str().rsplit_once('/')) {
            let above = self.number_of(&above).and_then(|number| self.groups.get_mut(&number));
            if let Some(above) = above {
                above.children.remove(name);
            }
        }
        self.ready.push_back(Told { group, event: Event::Removed });
    }
}

impl Watched {
    fn known(&self) -> Known {
        let last = self.sources.iter().filter_map(Source::now).collect();
        Known { last, children: self.children.clone() }
    }

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
