//! What has to be done to make a group, as data.

mod blocks;
mod draft;
mod memory;
mod others;
mod time;

use crate::device::DevicePolicy;
use crate::{Controller, GroupPath, Hierarchy, Home, Knob, Layout, Limits, Refusal, Version};
use draft::Draft;
use serde::Serialize;
use std::fmt;
use std::path::PathBuf;

/// Lists what has to be done to make a group and to set its limits; made without any I/O.
///
/// Its text form is the shell commands that would do the same.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Recipe {
    /// The group.
    pub path: GroupPath,
    /// The directory that holds all mounts; every other path is taken from it.
    pub anchor: PathBuf,
    /// The directories to make, one a hierarchy; missing parents are made first.
    pub directories: Vec<Directory>,
    /// The controllers to enable from the top of the v2 tree down to the parent of the group.
    pub enable: Option<Enable>,
    /// What has to be set of v1's cpuset before a process can enter, in this order.
    pub prepare: Vec<Setting>,
    /// The limits, in this order.
    pub settings: Vec<Setting>,
}

/// Describes the directory of a group in one hierarchy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Directory {
    /// The interface of the hierarchy.
    pub version: Version,
    /// The mount point, from the anchor; empty where that is the anchor.
    pub base: String,
    /// The group's directory, from the anchor.
    pub path: String,
    /// The controllers whose home this hierarchy is.
    pub controllers: Vec<Controller>,
    /// Whether the group can do without it.
    pub need: Need,
}

/// Says whether a group can do without its directory in one hierarchy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Need {
    /// A limit depends on it.
    Required,
    /// It is made where this process may, and otherwise left out.
    Optional,
}

/// Lists controllers to write into `cgroup.subtree_control`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Enable {
    /// The index of the v2 directory.
    pub directory: usize,
    /// Controllers that a limit needs: it is an error if one cannot be enabled.
    pub required: Vec<Controller>,
    /// Controllers for accounting: enabled where possible.
    pub wanted: Vec<Controller>,
}

/// Sets one limit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Setting {
    /// The index of the directory that it is about.
    pub directory: usize,
    /// The limit that it comes from; `None` for what the kernel needs whatever the limits.
    pub knob: Option<Knob>,
    /// What is done.
    pub action: Action,
}

/// Pairs a file with the value to write.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FileValue {
    /// The name of the file in the group's directory.
    pub file: String,
    /// The value.
    pub value: String,
}

/// Lists the ways to set a limit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Writes the value.
    Write(FileValue),
    /// Writes the value if there is such a file; without it the limit holds anyway or cannot be exceeded.
    WriteIfPresent(FileValue),
    /// Writes to the first of the files that is there.
    WriteFirstPresent(Vec<FileValue>),
    /// Writes all values; the kernel checks each against the others, so those that it refuses come again later.
    WriteInSomeOrder(Vec<FileValue>),
    /// Copies the file of a v1 cpuset from the parent, and there from its parent, wherever it is empty: no
    /// process can enter a group without CPUs or without memory nodes.
    Inherit {
        /// `cpuset.cpus` or `cpuset.mems`.
        file: String,
    },
    /// Writes the period to `cpu.max` with the quota that is there: the file takes no period alone.
    SetPeriod {
        /// The period in microseconds.
        period: u64,
    },
    /// Fails if the group already uses more than this many bytes: on v2 a lower limit would kill.
    RequireUsageBelow {
        /// The limit that is about to be set.
        bytes: u64,
    },
    /// Attaches a BPF program that decides on devices, in place of one that is there.
    DeviceProgram(DevicePolicy),
}

impl Recipe {
    /// Works out how to make the group `path` with `limits` on a machine with `layout`.
    ///
    /// The group gets a directory in every hierarchy. On a machine with v2 alone all controllers are enabled for
    /// it, so that it can be accounted for; on a hybrid one those that a limit needs.
    ///
    /// # Errors
    /// Returns every limit that this machine cannot give, and why. A knob that only v1 has is refused where its
    /// controller lives in the v2 tree.
    pub fn new(layout: &Layout, path: &GroupPath, limits: &Limits) -> Result<Self, Vec<Refusal>> {
        let mut draft = Draft::new(layout);
        memory::plan(&mut draft, &limits.memory);
        time::plan(&mut draft, &limits.cpu);
        blocks::plan(&mut draft, &limits.io);
        others::plan(&mut draft, limits);
        draft.finish(path)
    }

    /// Returns the directory that `setting` is about.
    pub fn directory(&self, setting: &Setting) -> &Directory {
        &self.directories[setting.directory]
    }

    /// Tells whether the group has a directory in a hierarchy of that version.
    #[must_use]
    pub fn has_version(&self, version: Version) -> bool {
        self.directories.iter().any(|directory| directory.version == version)
    }

    /// Leaves out the directories of that version which no limit depends on: for a user who may make groups in the
    /// hierarchies of the other version alone.
    #[must_use]
    pub fn without_optional(mut self, version: Version) -> Self {
        let is_kept =
            |directory: &Directory| directory.version != version || directory.need == Need::Required;
        let indices = (0..self.directories.len()).filter(|index| is_kept(&self.directories[*index]));
        let kept: Vec<usize> = indices.collect();
        let moved = |old: usize| kept.iter().position(|index| *index == old);
        let move_setting = |setting: Setting| {
            let directory = moved(setting.directory)?;
            Some(Setting { directory, ..setting })
        };
        self.enable = self.enable.and_then(|enable| {
            let directory = moved(enable.directory)?;
            Some(Enable { directory, ..enable })
        });
        self.prepare = self.prepare.into_iter().filter_map(move_setting).collect();
        self.settings = self.settings.into_iter().filter_map(move_setting).collect();
        self.directories.retain(is_kept);
        self
    }

    /// Returns the `tasks` files of the v1 hierarchies, from the anchor; see [`crate::Group::tasks_files`].
    pub fn tasks(&self) -> impl Iterator<Item = String> {
        let v1 = self.directories.iter().filter(|directory| directory.version == Version::V1);
        v1.map(|directory| join(&directory.path, "tasks"))
    }

    /// Returns the operations of all stages in their order, each as the shell command that would do the same.
    pub fn commands(&self) -> Vec<String> {
        let mut commands = self.making_commands(&[Version::V1, Version::V2]);
        commands.extend(self.filling_commands());
        commands.extend(self.limiting_commands());
        commands
    }

    /// Returns the commands that make the group's directories in the hierarchies of some versions.
    pub fn making_commands(&self, versions: &[Version]) -> Vec<String> {
        let mut commands = self.directory_commands(versions);
        commands.extend(self.enabling_commands(versions));
        commands
    }

    fn directory_commands(&self, versions: &[Version]) -> Vec<String> {
        let directories = self.directories.iter().filter(|directory| versions.contains(&directory.version));
        directories.map(|directory| format!("mkdir -p {}", self.at(&directory.path))).collect()
    }

    fn enabling_commands(&self, versions: &[Version]) -> Vec<String> {
        let mut commands = Vec::new();
        if let Some(enable) = self.enable.as_ref().filter(|_| versions.contains(&Version::V2)) {
            let words: Vec<String> =
                enable.required.iter().chain(&enable.wanted).map(|c| format!("+{c}")).collect();
            for above in ancestors(&self.directories[enable.directory]) {
                let file = self.at(&join(above, "cgroup.subtree_control"));
                commands.push(format!("echo {} > {file}", words.join(" ")));
            }
        }
        commands
    }

    /// Returns the commands that fill v1's cpuset, so that a process can enter; see [`crate::Group::fill_cpuset`].
    pub fn filling_commands(&self) -> Vec<String> {
        self.setting_commands(self.prepare.iter()).collect()
    }

    /// Returns the commands that make what is missing of a group which somebody else has made, and move the process in
    /// whose number the shell has as `$init`.
    pub fn entering_commands(&self) -> Vec<String> {
        let versions = [Version::V1, Version::V2];
        let mut commands = self.directory_commands(&versions);
        commands.extend(self.filling_commands());
        let files = self.directories.iter().map(|directory| self.at(&join(&directory.path, "cgroup.procs")));
        commands.extend(files.map(|file| format!("echo $init > {file}")));
        commands.extend(self.enabling_commands(&versions));
        commands
    }

    /// Returns the commands that set the limits.
    pub fn limiting_commands(&self) -> Vec<String> {
        self.setting_commands(self.settings.iter()).collect()
    }

    /// Returns the commands that make a group below this one, give it to `owner` and move a process into it.
    pub fn delegating_commands(&self, below: &GroupPath, owner: Option<(u32, u32)>) -> Vec<String> {
        let of_one = |directory: &Directory| {
            let path = join(&directory.path, below.relative());
            let mut commands = vec![format!("mkdir -p {}", self.at(&path))];
            commands.extend(
                owner.map(|(uid, gid)| format!("chown {uid}:{gid} {0} {0}/cgroup.*", self.at(&path))),
            );
            commands.push(format!("echo $init > {}", self.at(&join(&path, "cgroup.procs"))));
            commands
        };
        self.directories.iter().flat_map(of_one).collect()
    }

    fn setting_commands<'a>(
        &'a self,
        settings: impl Iterator<Item = &'a Setting>,
    ) -> impl Iterator<Item = String> {
        settings.flat_map(|setting| {
            let file = |name: &str| self.at(&join(&self.directory(setting).path, name));
            setting.action.commands(&file)
        })
    }

    fn at(&self, path: &str) -> String {
        quote(&self.anchor.join(path).to_string_lossy())
    }
}

impl Action {
    /// Returns the files that are written, for messages.
    fn commands(&self, file: &dyn Fn(&str) -> String) -> Vec<String> {
        let echo = |w: &FileValue| format!("echo {} > {}", quote(&w.value), file(&w.file));
        match self {
            Self::Write(write) => vec![echo(write)],
            Self::WriteIfPresent(write) => vec![format!("[ ! -e {} ] || {}", file(&write.file), echo(write))],
            Self::WriteInSomeOrder(writes) => writes.iter().map(echo).collect(),
            Self::WriteFirstPresent(writes) => {
                let tries: Vec<String> = writes.iter().map(echo).collect();
                vec![tries.join(" || ")]
            }
            Self::Inherit { file: name } => {
                vec![format!("cat {} > {}", file(&format!("../{name}")), file(name))]
            }
            Self::SetPeriod { period } => {
                let max = file("cpu.max");
                vec![format!("echo $(cut -d' ' -f1 {max}) {period} > {max}")]
            }
            Self::RequireUsageBelow { bytes } => {
                vec![format!("[ $(cat {}) -lt {bytes} ]", file("memory.current"))]
            }
            Self::DeviceProgram(policy) => {
                let rules: Vec<String> = policy.rules.iter().map(ToString::to_string).collect();
                let default = format!("default {:?}", policy.default).to_lowercase();
                vec![format!("# device program on {}: {default}; {}", file("."), rules.join("; "))]
            }
        }
    }
}

impl fmt::Display for Recipe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.commands().iter().try_for_each(|command| writeln!(f, "{command}"))
    }
}

/// Lists the directories of the group `path`, one for each hierarchy of `layout`, in its order.
pub(crate) fn directories(layout: &Layout, path: &GroupPath) -> Vec<Directory> {
    let anchor = layout.anchor();
    let directory = |(index, hierarchy): (usize, &Hierarchy)| {
        let base = hierarchy.mount.strip_prefix(&anchor).unwrap_or(&hierarchy.mount);
        let base = base.to_string_lossy().into_owned();
        let path = if path.is_root() { join(&base, ".") } else { join(&base, path.relative()) };
        let at_home = |c: &Controller| layout.home(*c) == Home::Hierarchy(index);
        let controllers = Controller::ALL.into_iter().filter(at_home).collect();
        Directory { version: hierarchy.version, base, path, controllers, need: Need::Optional }
    };
    layout.hierarchies.iter().enumerate().map(directory).collect()
}

/// Returns the directories from the mount point down to the parent of the group.
pub(crate) fn ancestors(directory: &Directory) -> impl Iterator<Item = &str> {
    let start = directory.base.len();
    let below = directory.path[start..].trim_start_matches('/');
    let skipped = directory.path.len() - below.len();
    let root = (!below.is_empty() && below != ".").then_some(directory.base.as_str());
    let inner = below.match_indices('/').map(move |(index, _)| &directory.path[..skipped + index]);
    root.into_iter().chain(inner)
}

/// Joins a path from the anchor and a file name; the empty path is the anchor.
pub(crate) fn join(directory: &str, file: &str) -> String {
    if directory.is_empty() { file.to_owned() } else { format!("{directory}/{file}") }
}

/// Quotes a value for a shell where it has anything but plain characters.
pub fn quote(value: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.,:+/=".contains(c);
    if !value.is_empty() && value.chars().all(plain) {
        value.to_owned()
    } else {
        format!("'{}'", value.replace('\'', "'\\''"))
    }
}
