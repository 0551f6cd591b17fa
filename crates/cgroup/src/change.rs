//! Changing the limits of a group that runs: all of them, or none.

use crate::make::enable_controllers;
use crate::recipe::{Action, Directory, FileValue, Setting};
use crate::setting::{Writer, place};
use crate::{Controller, Error, Group, Layout, Limit, Limits, Recipe, Version};

impl Group {
    /// Sets `limits` on a group that already runs.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Refused`] with every limit that the machine cannot give; otherwise as [`Group::change`].
    pub fn apply(&self, layout: &Layout, limits: &Limits) -> Result<(), Error> {
        let recipe = Recipe::new(layout, &self.path, &self.complete(limits)?)
            .map_err(|refusals| Error::refused(self.path.as_str(), &refusals))?;
        self.change(&recipe)
    }

    /// Fills in what a change of one limit has to know of another: v2 limits swap alone, so one on memory and swap
    /// together needs the one on memory that holds.
    ///
    /// # Errors
    /// Fails if the group has gone.
    pub fn complete(&self, limits: &Limits) -> Result<Limits, Error> {
        let mut limits = limits.clone();
        let memory = &mut limits.memory;
        if let (None, Some(Limit::Value(_)), Some(directory)) =
            (memory.limit, memory.swap, self.find_home(Controller::Memory))
            && directory.version == Version::V2
        {
            let text = self.read_in(directory, "memory.max")?;
            memory.limit = Some(text.trim().parse().map_or(Limit::Max, Limit::Value));
        }
        Ok(limits)
    }

    /// Reads the quota of CPU time and the period that it is of, in microseconds; none without the controller.
    ///
    /// # Errors
    /// Fails if the group has gone.
    pub fn bandwidth(&self) -> Result<Option<(Limit, u64)>, Error> {
        let Some(directory) = self.find_home(Controller::Cpu) else { return Ok(None) };
        let text = match directory.version {
            Version::V2 => self.read_in(directory, "cpu.max")?,
            Version::V1 => {
                let quota = self.read_in(directory, "cpu.cfs_quota_us")?;
                quota + " " + &self.read_in(directory, "cpu.cfs_period_us")?
            }
        };
        let mut words = text.split_whitespace();
        let quota = words.next().and_then(|word| word.parse().ok()).map_or(Limit::Max, Limit::Value);
        Ok(words.next().and_then(|word| word.parse().ok()).map(|period| (quota, period)))
    }

    /// Sets the limits of a recipe for this group, which already runs.
    ///
    /// # Errors
    /// Says the file, the value, the error number and what usually causes it; then the limits are what they were
    /// before, or the hint says which could not be put back.
    pub fn change(&self, recipe: &Recipe) -> Result<(), Error> {
        if let Some(enable) = recipe.enable.as_ref().filter(|enable| !enable.required.is_empty())
            && let Some(Some(directory)) = self.places.get(enable.directory)
        {
            enable_controllers(self, directory, enable)?;
        }
        let mut undo = Undo::default();
        // What has no knob only fills the gaps of a new group.
        let asked: Vec<&Setting> =
            recipe.prepare.iter().filter(|setting| setting.knob.is_some()).chain(&recipe.settings).collect();
        // Looks come before all writes; a device program, which has no value to put back, after them.
        for stage in [Stage::Look, Stage::Write, Stage::Program] {
            for setting in asked.iter().filter(|setting| stage == Stage::of(&setting.action)) {
                let Some(directory) = place(self, setting)? else { continue };
                let mut writer = Writer { group: self, directory, undo: Some(&mut undo) };
                if let Err(error) = writer.perform(&setting.action, &[]) {
                    return Err(undo.put_back(self, error.about(setting.knob)));
                }
            }
        }
        Ok(())
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Look,
    Write,
    Program,
}

impl Stage {
    fn of(action: &Action) -> Self {
        match action {
            Action::RequireUsageBelow { .. } => Self::Look,
            Action::DeviceProgram(_) => Self::Program,
            _ => Self::Write,
        }
    }
}

/// What has to be written to have everything as it was, in the order of the changes.
#[derive(Default)]
pub(crate) struct Undo(Vec<(Directory, FileValue)>);

impl Undo {
    /// Finds what to write to take back `write`; none for a file that cannot be read.
    pub(crate) fn look(group: &Group, directory: &Directory, write: &FileValue) -> Option<FileValue> {
        let text = group.read_raw(directory, &write.file).ok()?;
        let value = former(&write.file, &write.value, &text)?;
        Some(FileValue { file: write.file.clone(), value })
    }

    pub(crate) fn push(&mut self, directory: &Directory, before: FileValue) {
        self.0.push((directory.clone(), before));
    }

    /// Puts everything back, the newest first, and gives the error back with what could not be.
    fn put_back(self, group: &Group, error: Error) -> Error {
        let refused = |(directory, write): &(Directory, FileValue)| {
            group.write_in(directory, &write.file, &write.value).is_err()
        };
        let left: Vec<String> =
            self.0.into_iter().rev().filter(refused).map(|(_, write)| write.file).collect();
        if left.is_empty() {
            error
        } else {
            error.and_hint(&format!("and could not put back {}", left.join(", ")))
        }
    }
}

/// Finds what a file with the content `text` has to be given after `value` was written to it.
pub(crate) fn former(file: &str, value: &str, text: &str) -> Option<String> {
    let first = text.lines().next().unwrap_or_default().trim();
    if file == "cgroup.subtree_control" {
        return switched_back(value, first);
    }
    let Some((key, _)) = value.split_once(' ').filter(|_| is_keyed(file)) else {
        return Some(match file {
            // It shows names with its values.
            "memory.oom_control" => first.rsplit(' ').next()?.to_owned(),
            // A write of nothing is none.
            _ if first.is_empty() => "\n".to_owned(),
            _ => first.to_owned(),
        });
    };
    let line = text.lines().find(|line| line.split(' ').next() == Some(key));
    Some(match line {
        Some(line) => line.to_owned(),
        // Lines that are not there stand for what holds without them.
        None if file == "io.max" => format!("{key} rbps=max wbps=max riops=max wiops=max"),
        None if file.starts_with("io.") => format!("{key} default"),
        None => format!("{key} 0"),
    })
}

/// Finds what undoes the switches of `value`, `+cpu -memory`, that change what is on; none where nothing changes.
fn switched_back(value: &str, on: &str) -> Option<String> {
    let back = |word: &str| {
        let name = word.get(1..)?;
        match (word.starts_with('+'), on.split(' ').any(|enabled| enabled == name)) {
            (true, false) => Some(format!("-{name}")),
            (false, true) => Some(format!("+{name}")),
            _ => None,
        }
    };
    let words: Vec<String> = value.split_whitespace().filter_map(back).collect();
    (!words.is_empty()).then(|| words.join(" "))
}

/// Tells whether a file has a line for each device, interface or resource.
fn is_keyed(file: &str) -> bool {
    ["io.", "blkio.", "rdma.", "misc.", "net_prio."].iter().any(|controller| file.starts_with(controller))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_there_can_be_written_again() {
        let table = [
            ("pids.max", "5", "max\n", "max"),
            ("memory.max", "5", "1048576\n", "1048576"),
            ("memory.oom_control", "1", "oom_kill_disable 0\nunder_oom 0\noom_kill 7\n", "0"),
            ("cpu.max", "1000 5000", "max 100000\n", "max 100000"),
            ("cpuset.cpus", "0", "\n", "\n"),
            ("io.weight", "200", "default 100\n8:0 50\n", "default 100"),
            ("io.weight", "8:0 200", "default 100\n8:0 50\n", "8:0 50"),
            ("io.weight", "8:16 200", "default 100\n", "8:16 default"),
            (
                "io.max",
                "8:0 rbps=5",
                "8:0 rbps=max wbps=7 riops=max wiops=max\n",
                "8:0 rbps=max wbps=7 riops=max wiops=max",
            ),
            ("io.max", "8:0 rbps=5", "", "8:0 rbps=max wbps=max riops=max wiops=max"),
            ("blkio.throttle.read_bps_device", "8:0 5", "8:16 7\n", "8:0 0"),
            (
                "rdma.max",
                "mlx4 hca_handle=1",
                "mlx4 hca_handle=max hca_object=max\n",
                "mlx4 hca_handle=max hca_object=max",
            ),
        ];
        for (file, value, text, expected) in table {
            assert_eq!(former(file, value, text).as_deref(), Some(expected), "{value} to {file}");
        }
        let switches = |value| former("cgroup.subtree_control", value, "cpu io\n");
        assert_eq!(switches("+cpu +pids -io -memory").as_deref(), Some("-pids +io"));
        assert_eq!(switches("+cpu"), None);
    }
}
