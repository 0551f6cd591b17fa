//! A recipe in the making.

use super::{Action, Enable, FileValue, Need, Recipe, Setting, directories};
use crate::{Controller, GroupPath, Home, Knob, Layout, Refusal, Version};

/// Collects settings and refusals.
pub(super) struct Draft<'a> {
    layout: &'a Layout,
    required: Vec<Controller>,
    prepare: Vec<Setting>,
    settings: Vec<Setting>,
    refusals: Vec<Refusal>,
}

/// The hierarchy that a limit is set in.
#[derive(Clone, Copy)]
pub(super) struct Site {
    pub(super) directory: usize,
    pub(super) version: Version,
}

impl<'a> Draft<'a> {
    pub(super) fn new(layout: &'a Layout) -> Self {
        Self { layout, required: Vec::new(), prepare: Vec::new(), settings: Vec::new(), refusals: Vec::new() }
    }

    /// Finds where `controller` lives and notes that it is needed; refuses `knob` where it lives nowhere.
    pub(super) fn site(&mut self, controller: Controller, knob: Knob) -> Option<Site> {
        let home = self.layout.home(controller);
        let found = match home {
            Home::Hierarchy(index) => self.layout.hierarchies.get(index).map(|h| (index, h.version)),
            Home::NotMounted | Home::Disabled | Home::Absent => None,
        };
        let Some((directory, version)) = found else {
            self.refusals.push(self.refuse_homeless(controller, knob, home));
            return None;
        };
        if !self.required.contains(&controller) {
            self.required.push(controller);
        }
        Some(Site { directory, version })
    }

    /// Finds the v2 tree.
    pub(super) fn unified(&self) -> Option<Site> {
        let directory = self.layout.hierarchies.iter().position(|h| h.version == Version::V2)?;
        Some(Site { directory, version: Version::V2 })
    }

    pub(super) fn layout(&self) -> &Layout {
        self.layout
    }

    /// Notes that a limit needs `controller` in the v2 tree.
    pub(super) fn require(&mut self, controller: Controller) {
        if !self.required.contains(&controller) {
            self.required.push(controller);
        }
    }

    pub(super) fn refuse(&mut self, refusal: Refusal) {
        self.refusals.push(refusal);
    }

    /// Refuses a knob that v2 does not have.
    pub(super) fn refuse_v1_only(&mut self, knob: Knob, controller: Controller) {
        let reason = format!("only cgroup v1 has this; the {controller} controller of this machine is on v2");
        self.refuse(Refusal::new(knob, reason));
    }

    pub(super) fn write(&mut self, site: Site, knob: Knob, file: impl Into<String>, value: impl ToString) {
        self.act(site, knob, Action::Write(file_value(file, value)));
    }

    pub(super) fn act(&mut self, site: Site, knob: Knob, action: Action) {
        self.settings.push(Setting { directory: site.directory, knob: Some(knob), action });
    }

    /// Notes a setting without which no process can enter.
    pub(super) fn prepare(&mut self, site: Site, knob: Option<Knob>, action: Action) {
        self.prepare.push(Setting { directory: site.directory, knob, action });
    }

    /// Completes the recipe for the group `path`.
    pub(super) fn finish(self, path: &GroupPath) -> Result<Recipe, Vec<Refusal>> {
        if !self.refusals.is_empty() {
            return Err(self.refusals);
        }
        let mut directories = directories(self.layout, path);
        for (index, directory) in directories.iter_mut().enumerate() {
            directory.need = self.need(index, directory.version);
        }
        let enable = self.enable().filter(|_| !path.is_root());
        let anchor = self.layout.anchor();
        let path = path.clone();
        Ok(Recipe { path, anchor, directories, enable, prepare: self.prepare, settings: self.settings })
    }

    fn refuse_homeless(&self, controller: Controller, knob: Knob, home: Home) -> Refusal {
        if controller.is_v1_only() && self.layout.is_pure_v2() && home != Home::Absent {
            let name = controller.name(Version::V1);
            return Refusal::new(knob, format!("only cgroup v1 has {name}, and no v1 hierarchy is mounted"));
        }
        Refusal::homeless(knob, controller, home)
    }

    fn need(&self, index: usize, version: Version) -> Need {
        let limited =
            self.settings.iter().chain(&self.prepare).any(|s| s.directory == index && s.knob.is_some());
        let only = version == Version::V2 && self.layout.is_pure_v2();
        if limited || only { Need::Required } else { Need::Optional }
    }

    fn enable(&self) -> Option<Enable> {
        let site = self.unified()?;
        let offered = &self.layout.hierarchies[site.directory].controllers;
        let (required, others): (Vec<_>, Vec<_>) = offered.iter().partition(|c| self.required.contains(c));
        let wanted = if self.layout.is_pure_v2() { others } else { Vec::new() };
        if required.is_empty() && wanted.is_empty() {
            return None;
        }
        Some(Enable { directory: site.directory, required, wanted })
    }
}

pub(super) fn file_value(file: impl Into<String>, value: impl ToString) -> FileValue {
    FileValue { file: file.into(), value: value.to_string() }
}
