//! Groups in every hierarchy that is mounted.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use rustix::process::Pid;

use super::mount;

/// All groups of the machine.
#[derive(Debug)]
pub(super) struct Groups(BTreeSet<PathBuf>);

impl Groups {
    pub(super) fn read() -> Self {
        let mut groups = BTreeSet::new();
        let mounts = mount::read();
        for hierarchy in mounts.iter().filter(|mount| matches!(mount.kind.as_str(), "cgroup" | "cgroup2")) {
            collect(&hierarchy.point, &mut groups);
        }
        Self(groups)
    }

    /// Lists the groups that are new, parents first.
    ///
    /// Other programs of the machine make groups as well, and hold processes in them; a group of theirs is told
    /// by that. `ours` are the processes that do not count as others.
    pub(super) fn added(&self, ours: &[Pid]) -> Vec<PathBuf> {
        let now = Self::read();
        // systemd keeps a slice once it has made it.
        let is_slice = |group: &PathBuf| group.extension().is_some_and(|extension| extension == "slice");
        let added: Vec<&PathBuf> = now.0.difference(&self.0).filter(|group| !is_slice(group)).collect();
        let foreign: Vec<&&PathBuf> = added.iter().filter(|group| has_others(group, ours)).collect();
        let is_ours = |group: &PathBuf| !foreign.iter().any(|other| other.starts_with(group));
        added.iter().filter(|group| is_ours(group)).map(|group| (*group).clone()).collect()
    }
}

/// Removes an empty group.
pub(super) fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_dir(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        result => result,
    }
}

/// Adds all groups below `directory`; one that goes meanwhile is left out.
fn collect(directory: &Path, groups: &mut BTreeSet<PathBuf>) {
    let Ok(entries) = fs::read_dir(directory) else { return };
    for entry in entries.flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            let path = entry.path();
            collect(&path, groups);
            groups.insert(path);
        }
    }
}

fn has_others(group: &Path, ours: &[Pid]) -> bool {
    let text = fs::read_to_string(group.join("cgroup.procs")).unwrap_or_default();
    let pids = text.lines().filter_map(|line| Pid::from_raw(line.parse().ok()?));
    pids.into_iter().any(|pid| !ours.contains(&pid))
}
