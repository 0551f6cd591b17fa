//! Making a group from a recipe.

use crate::group::open_anchor;
use crate::hint::crowd;
use crate::recipe::{Directory, Enable, Need, ancestors, join};
use crate::setting::run;
use crate::{Controller, Error, ErrorKind, Group, Place, Recipe, Version, file};
use rustix::fd::AsFd;
use rustix::fs::{AtFlags, Mode};
use rustix::io::Errno;
use rustix::process::Pid;

/// The mode of a new directory, less the umask.
pub(crate) const MODE: Mode = Mode::from_raw_mode(0o755);

impl Recipe {
    /// Makes the group and sets its limits.
    ///
    /// # Errors
    /// As for [`Recipe::make_directories`], [`Group::fill_cpuset`] and [`Group::apply_limits`]; what was made is removed.
    pub fn make(&self) -> Result<Group, Error> {
        let mut group = self.make_directories()?;
        match group.fill_cpuset(self).and_then(|()| group.apply_limits(self)) {
            Ok(()) => Ok(group),
            Err(error) => Err(group.undo(0, error)),
        }
    }

    /// Makes the group's directories; a process can enter once [`Group::fill_cpuset`] is done, too.
    ///
    /// # Errors
    /// [`ErrorKind::Occupied`] if the group is there and holds processes. What was made is removed, and nothing
    /// else.
    pub fn make_directories(&self) -> Result<Group, Error> {
        let mut group = self.empty()?;
        group.make(self, &[Version::V1, Version::V2])?;
        Ok(group)
    }

    /// Makes the directory in the v2 tree alone, which a process has to be cloned into; [`Group::make_v1`] makes
    /// the others, for instance while that process prepares itself.
    ///
    /// # Errors
    /// As for [`Recipe::make_directories`].
    pub fn make_v2(&self) -> Result<Group, Error> {
        let mut group = self.empty()?;
        group.make(self, &[Version::V2])?;
        Ok(group)
    }

    /// Opens the anchor of a group of which nothing is made yet.
    fn empty(&self) -> Result<Group, Error> {
        let anchor = open_anchor(&self.anchor)?;
        let places = vec![None; self.directories.len()];
        let (anchor_path, path) = (self.anchor.clone(), self.path.clone());
        Ok(Group { anchor, anchor_path, path, places, made: Vec::new() })
    }

    /// Takes the group to be wherever the recipe says, without a look: enough for [`Group::adopt`] and to remove it.
    ///
    /// # Errors
    /// Fails if the directory that holds the mounts cannot be opened.
    pub fn claim(&self) -> Result<Group, Error> {
        let mut group = self.empty()?;
        group.places = self.directories.iter().cloned().map(Some).collect();
        Ok(group)
    }

    fn enable(&self, group: &Group) -> Result<(), Error> {
        if let Some(enable) = &self.enable
            && let Some(Some(directory)) = group.places.get(enable.directory)
        {
            enable_controllers(group, directory, enable)?;
        }
        Ok(())
    }
}

impl Group {
    /// Makes the directories in the v1 hierarchies, after [`Recipe::make_v2`].
    ///
    /// # Errors
    /// As for [`Recipe::make_directories`]; what this call made is removed.
    pub fn make_v1(&mut self, recipe: &Recipe) -> Result<(), Error> {
        self.make(recipe, &[Version::V1])
    }

    /// Gives the v1 cpuset its CPUs and memory nodes, those of the group above where no limit names any: without them
    /// no process can enter ([cpusets](https://docs.kernel.org/admin-guide/cgroup-v1/cpusets.html)).
    ///
    /// The kernel looks at all cpusets of the machine then, some 0.8 µs for each.
    ///
    /// # Errors
    /// As for [`Group::apply_limits`].
    pub fn fill_cpuset(&self, recipe: &Recipe) -> Result<(), Error> {
        run(self, &recipe.prepare, &self.made)
    }

    /// Makes what is missing of a group that somebody else has made for the process `pid`, and moves the process in.
    ///
    /// The group is one of [`Recipe::claim`]. The process comes before the controllers: those of a v2 group that it is
    /// moved out of can only be passed on when that is empty.
    ///
    /// # Errors
    /// As for [`Recipe::make_directories`], [`Group::fill_cpuset`] and [`Group::attach`]; what was made stays, for
    /// [`Group::unmake`].
    pub fn adopt(&mut self, recipe: &Recipe, pid: Pid) -> Result<(), Error> {
        self.make_all(recipe, &[Version::V1, Version::V2], Some(pid))?;
        self.fill_cpuset(recipe)?;
        let value = pid.as_raw_nonzero().to_string();
        for directory in self.directories() {
            if !self.members_in(directory, "cgroup.procs")?.contains(&pid) {
                self.write_in(directory, "cgroup.procs", &value)?;
            }
        }
        recipe.enable(self)
    }

    /// Removes the group as [`Group::remove`] does, and then the groups above it that were made for it and that nobody
    /// else uses by now.
    ///
    /// # Errors
    /// As for [`Group::remove`].
    pub fn unmake(&mut self) -> Result<(), Vec<Error>> {
        let removed = self.remove();
        // What is in use is no longer this group's alone.
        let _in_use = self.remove_made(0);
        removed
    }

    fn make(&mut self, recipe: &Recipe, versions: &[Version]) -> Result<(), Error> {
        let before = self.made.len();
        let mut made = self.make_all(recipe, versions, None);
        if made.is_ok() && versions.contains(&Version::V2) {
            made = recipe.enable(self);
        }
        made.map_err(|error| self.undo(before, error))
    }

    /// Makes the directories; one that is there may hold `inhabitant` and nobody else.
    fn make_all(
        &mut self,
        recipe: &Recipe,
        versions: &[Version],
        inhabitant: Option<Pid>,
    ) -> Result<(), Error> {
        let mut denied = None;
        for (index, directory) in recipe.directories.iter().enumerate() {
            if !versions.contains(&directory.version) {
                continue;
            }
            let place = match make_directory(self, directory, inhabitant) {
                Ok(()) => Some(directory.clone()),
                Err(error) if directory.need == Need::Optional && error.kind() == ErrorKind::Denied => {
                    denied = Some(error);
                    None
                }
                Err(error) => return Err(error),
            };
            if let Some(slot) = self.places.get_mut(index) {
                *slot = place;
            }
        }
        if let Some(error) = denied.filter(|_| self.places.iter().all(Option::is_none)) {
            return Err(error);
        }
        Ok(())
    }

    /// Removes what was made since `first`, and gives the error back with what could not be removed.
    fn undo(&mut self, first: usize, error: Error) -> Error {
        let left = self.remove_made(first);
        if left.is_empty() {
            return error;
        }
        error.and_hint(&format!("and could not remove {}", left.join(", ")))
    }

    /// Removes the directories that were made, newest first, and gives those that are still there.
    fn remove_made(&mut self, first: usize) -> Vec<String> {
        let anchor = self.anchor.as_fd();
        let is_left = |path: &String| {
            let removed = rustix::fs::unlinkat(anchor, path.as_str(), AtFlags::REMOVEDIR);
            !matches!(removed, Ok(()) | Err(Errno::NOENT))
        };
        self.made.drain(first..).rev().filter(is_left).collect()
    }
}

/// Makes one directory, and its parents only if they turn out to be missing.
fn make_directory(group: &mut Group, directory: &Directory, inhabitant: Option<Pid>) -> Result<(), Error> {
    match make_one(group, &directory.path) {
        // A group right below the root, where nothing is ever frozen, is made as it should be.
        Ok(()) if ancestors(directory).nth(1).is_none() => Ok(()),
        Ok(()) => refuse_frozen(group, directory),
        Err(Errno::EXIST) => {
            refuse_occupied(group, directory, inhabitant)?;
            refuse_frozen(group, directory)
        }
        Err(Errno::NOENT) => {
            // The mount point itself is there.
            for above in ancestors(directory).skip(1) {
                match make_one(group, above) {
                    Ok(()) | Err(Errno::EXIST) => {}
                    Err(errno) => return Err(not_made(group, directory, above, errno)),
                }
            }
            let path = &directory.path;
            make_one(group, path).map_err(|errno| not_made(group, directory, path, errno))?;
            refuse_frozen(group, directory)
        }
        Err(errno) => Err(not_made(group, directory, &directory.path, errno)),
    }
}

fn make_one(group: &mut Group, path: &str) -> Result<(), Errno> {
    rustix::fs::mkdirat(&group.anchor, path, MODE)?;
    group.made.push(path.to_owned());
    Ok(())
}

fn not_made(group: &Group, directory: &Directory, path: &str, errno: Errno) -> Error {
    let above = Directory { path: path.to_owned(), ..directory.clone() };
    Place::of(group, &above).error("mkdir".to_owned(), "", errno, crate::hint::for_mkdir)
}

fn refuse_occupied(group: &Group, directory: &Directory, inhabitant: Option<Pid>) -> Result<(), Error> {
    let mut holders = group.members_in(directory, "cgroup.procs")?;
    holders.retain(|pid| Some(*pid) != inhabitant);
    let Some(first) = holders.first() else {
        return Ok(());
    };
    let cause = format!("the group exists and holds {}", crowd(*first, holders.len()));
    Err(Error::text("make cgroup", group.full(&directory.path), cause, ErrorKind::Occupied)
        .with_hint("two containers must not share a group: choose another path or end those processes"))
}

/// A process that enters a frozen group stops at once, and whoever waits for it waits for ever.
fn refuse_frozen(group: &Group, directory: &Directory) -> Result<(), Error> {
    if !directory.controllers.contains(&Controller::Freezer) {
        return Ok(());
    }
    let (file, frozen) = match directory.version {
        Version::V1 => ("freezer.state", "FR"),
        Version::V2 => ("cgroup.events", "frozen 1"),
    };
    let is_frozen = match group.read_raw(directory, file) {
        Ok(text) => text.lines().any(|line| line.starts_with(frozen)),
        // Kernels before 5.2 do not freeze v2 groups, nor does the root have the file.
        Err(Errno::NOENT) => false,
        Err(errno) => return Err(group.read_error(directory, file, errno)),
    };
    if !is_frozen {
        return Ok(());
    }
    let cause = "it is frozen, or a group above it is";
    Err(Error::text("enter cgroup", group.full(&directory.path), cause, ErrorKind::Occupied)
        .with_hint("the container would never begin: thaw the group first, or choose another path"))
}

/// Enables what the group does not have yet, from the top of the tree down to the group's parent.
pub(crate) fn enable_controllers(group: &Group, directory: &Directory, enable: &Enable) -> Result<(), Error> {
    let given = offered(group, directory);
    let all = enable.required.iter().chain(&enable.wanted);
    let missing: Vec<Controller> = all.filter(|controller| !given.contains(controller)).copied().collect();
    if missing.is_empty() {
        return Ok(());
    }
    let mut refused = None;
    for above in ancestors(directory) {
        if let Err(error) = enable_in(group, directory, above, &missing) {
            refused = Some((above, error));
        }
    }
    // Where a group above was not ours to change, the controller may have been enabled there already; so the lowest
    // refusal is the one that counts.
    let Some((above, (errno, tried))) = refused else { return Ok(()) };
    let above = Directory { path: above.to_owned(), ..directory.clone() };
    let error = group.write_error(&above, "cgroup.subtree_control", &tried, errno);
    let offered = offered(group, directory);
    if enable.required.iter().all(|controller| offered.contains(controller)) { Ok(()) } else { Err(error) }
}

/// Enables `missing` in one group, all of them or none: the threaded ones alone, in a group that holds processes,
/// would leave the groups below it unable to hold any.
fn enable_in(
    group: &Group,
    directory: &Directory,
    above: &str,
    missing: &[Controller],
) -> Result<(), (Errno, String)> {
    let words = |list: &[Controller]| list.iter().map(|c| format!("+{c}")).collect::<Vec<_>>().join(" ");
    let path = join(above, "cgroup.subtree_control");
    let write = |text: &str| file::write(group.anchor.as_fd(), path.as_str(), text);
    let tried = words(missing);
    match write(&tried) {
        Ok(()) => Ok(()),
        // The kernel refuses all for one that the group was not given itself.
        Err(errno @ Errno::NOENT) => {
            let given = offered(group, &Directory { path: above.to_owned(), ..directory.clone() });
            let possible: Vec<Controller> = missing.iter().filter(|c| given.contains(c)).copied().collect();
            let rest = words(&possible);
            if !possible.is_empty() {
                write(&rest).map_err(|errno| (errno, rest))?;
            }
            Err((errno, tried))
        }
        Err(errno) => Err((errno, tried)),
    }
}

/// Reads which controllers a v2 group was given by the one above it; none if that cannot be read.
fn offered(group: &Group, directory: &Directory) -> Vec<Controller> {
    let text = group.read_raw(directory, "cgroup.controllers").unwrap_or_default();
    text.split_whitespace().filter_map(Controller::from_name).collect()
}
