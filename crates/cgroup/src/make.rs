//! Making a group from a recipe.

use crate::group::open_anchor;
use crate::recipe::{Action, Directory, Enable, FileValue, Need, Setting, ancestors, join};
use crate::{Controller, Error, ErrorKind, Group, Layout, Limits, Recipe, Version, file};
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::fs::{AtFlags, Mode};
use rustix::io::Errno;

/// The mode of a new directory, less the umask.
const MODE: Mode = Mode::from_raw_mode(0o755);

/// The directories that were made here, in that order, from the anchor.
#[derive(Default)]
struct Made(Vec<String>);

impl Recipe {
    /// Makes the group and sets its limits.
    ///
    /// # Errors
    /// As for [`Recipe::make_directories`] and [`Group::apply_limits`]; what was made is removed.
    pub fn make(&self) -> Result<Group, Error> {
        let (group, made) = self.build()?;
        match group.apply_limits(self) {
            Ok(()) => Ok(group),
            Err(error) => Err(made.undo(group.anchor.as_fd(), error)),
        }
    }

    /// Makes the group's directories and prepares them so that a process can enter; sets no limits yet.
    ///
    /// # Errors
    /// [`ErrorKind::Occupied`] if the group is there and holds processes. What was made is removed, and nothing
    /// else.
    pub fn make_directories(&self) -> Result<Group, Error> {
        self.build().map(|(group, _)| group)
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

    fn build(&self) -> Result<(Group, Made), Error> {
        let mut group = self.empty()?;
        let made = group.make(self, &[Version::V1, Version::V2])?;
        Ok((group, made))
    }

    /// Opens the anchor of a group of which nothing is made yet.
    fn empty(&self) -> Result<Group, Error> {
        let anchor = open_anchor(&self.anchor)?;
        let places = vec![None; self.directories.len()];
        Ok(Group { anchor, anchor_path: self.anchor.clone(), path: self.path.clone(), places })
    }

    fn fill(&self, group: &mut Group, versions: &[Version], made: &mut Made) -> Result<(), Error> {
        let mut denied = None;
        for (index, directory) in self.directories.iter().enumerate() {
            if !versions.contains(&directory.version) {
                continue;
            }
            let place = match make_directory(group, directory, made) {
                Ok(()) => Some(directory.clone()),
                Err(error) if directory.need == Need::Optional && error.kind() == ErrorKind::Denied => {
                    denied = Some(error);
                    None
                }
                Err(error) => return Err(error),
            };
            if let Some(slot) = group.places.get_mut(index) {
                *slot = place;
            }
        }
        if let Some(error) = denied.filter(|_| group.places.iter().all(Option::is_none)) {
            return Err(error);
        }
        if let Some(enable) = self.enable.as_ref().filter(|_| versions.contains(&Version::V2))
            && let Some(Some(directory)) = group.places.get(enable.directory)
        {
            enable_controllers(group, directory, enable)?;
        }
        let of_these = |setting: &&Setting| versions.contains(&self.directory(setting).version);
        let prepare: Vec<Setting> = self.prepare.iter().filter(of_these).cloned().collect();
        run(group, &prepare, &made.0)
    }
}

impl Group {
    /// Makes the directories in the v1 hierarchies, after [`Recipe::make_v2`].
    ///
    /// # Errors
    /// As for [`Recipe::make_directories`]; what this call made is removed.
    pub fn make_v1(&mut self, recipe: &Recipe) -> Result<(), Error> {
        self.make(recipe, &[Version::V1]).map(drop)
    }

    fn make(&mut self, recipe: &Recipe, versions: &[Version]) -> Result<Made, Error> {
        let mut made = Made::default();
        match recipe.fill(self, versions, &mut made) {
            Ok(()) => Ok(made),
            Err(error) => Err(made.undo(self.anchor.as_fd(), error)),
        }
    }

    /// Sets the limits of the recipe that made this group.
    ///
    /// # Errors
    /// Says the file, the value, the error number and what usually causes it.
    pub fn apply_limits(&self, recipe: &Recipe) -> Result<(), Error> {
        run(self, &recipe.settings, &[])
    }

    /// Sets `limits` on a group that already runs.
    ///
    /// # Errors
    /// [`ErrorKind::Refused`] with every limit that the machine cannot give, and then none is set; otherwise as
    /// [`Group::apply_limits`], and then those before the refused one are set.
    pub fn apply(&self, layout: &Layout, limits: &Limits) -> Result<(), Error> {
        let recipe = Recipe::new(layout, &self.path, limits)
            .map_err(|refusals| Error::refused(self.path.as_str(), &refusals))?;
        // What has no knob only fills the gaps of a new group.
        let asked: Vec<Setting> =
            recipe.prepare.into_iter().filter(|setting| setting.knob.is_some()).collect();
        if let Some(enable) = recipe.enable.as_ref().filter(|enable| !enable.required.is_empty())
            && let Some(Some(directory)) = self.places.get(enable.directory)
        {
            enable_controllers(self, directory, enable)?;
        }
        run(self, &asked, &[])?;
        run(self, &recipe.settings, &[])
    }
}

impl Made {
    /// Removes what was made, newest first, and gives the error back with what could not be removed.
    fn undo(self, anchor: BorrowedFd<'_>, error: Error) -> Error {
        let left: Vec<String> = self
            .0
            .into_iter()
            .rev()
            .filter(|path| rustix::fs::unlinkat(anchor, path.as_str(), AtFlags::REMOVEDIR).is_err())
            .collect();
        if left.is_empty() {
            return error;
        }
        let hint = format!("and could not remove {}", left.join(", "));
        match error.hint().map(|first| format!("{first}; {hint}")) {
            Some(both) => error.with_hint(both),
            None => error.with_hint(hint),
        }
    }
}

/// Makes one directory, and its parents only if they turn out to be missing.
fn make_directory(group: &Group, directory: &Directory, made: &mut Made) -> Result<(), Error> {
    let fail = |path: &str, errno| {
        let error = Error::call("mkdir", group.full(path), errno);
        match crate::hint::for_mkdir(errno) {
            Some(hint) => error.with_hint(hint),
            None => error,
        }
    };
    match make_one(group, &directory.path, made) {
        Ok(()) => Ok(()),
        Err(Errno::EXIST) => refuse_occupied(group, directory),
        Err(Errno::NOENT) => {
            // The mount point itself is there.
            for above in ancestors(directory).skip(1) {
                match make_one(group, above, made) {
                    Ok(()) | Err(Errno::EXIST) => {}
                    Err(errno) => return Err(fail(above, errno)),
                }
            }
            make_one(group, &directory.path, made).map_err(|errno| fail(&directory.path, errno))
        }
        Err(errno) => Err(fail(&directory.path, errno)),
    }
}

fn make_one(group: &Group, path: &str, made: &mut Made) -> Result<(), Errno> {
    rustix::fs::mkdirat(&group.anchor, path, MODE)?;
    made.0.push(path.to_owned());
    Ok(())
}

fn refuse_occupied(group: &Group, directory: &Directory) -> Result<(), Error> {
    let holders = group.members_in(directory, "cgroup.procs")?;
    let Some(first) = holders.first() else {
        return Ok(());
    };
    let cause = format!("the group exists and holds {} processes, {first} the first of them", holders.len());
    Err(Error::text("make cgroup", group.full(&directory.path), cause, ErrorKind::Occupied)
        .with_hint("two containers must not share a group: choose another path or end those processes"))
}

/// Enables what the group does not have yet, from the top of the tree down to the group's parent.
fn enable_controllers(group: &Group, directory: &Directory, enable: &Enable) -> Result<(), Error> {
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

/// Carries out settings in their order; a file that several in a row write to is opened once.
fn run(group: &Group, settings: &[Setting], new: &[String]) -> Result<(), Error> {
    let mut open: Option<(usize, &str, OwnedFd)> = None;
    for setting in settings {
        let Some(Some(directory)) = group.places.get(setting.directory) else {
            if setting.knob.is_some() {
                return Err(group.homeless(setting));
            }
            // An optional directory that could not be made needs none of what only fills gaps.
            continue;
        };
        let Action::Write(FileValue { file: name, value }) = &setting.action else {
            run_one(group, directory, &setting.action, new)?;
            continue;
        };
        let fail = |errno| group.write_error(directory, name, value, errno);
        let current = open.as_ref().map(|(index, last, _)| (*index, *last));
        if current != Some((setting.directory, name.as_str())) {
            let path = join(&directory.path, name);
            let descriptor = file::open_to_write(group.anchor.as_fd(), path).map_err(fail)?;
            open = Some((setting.directory, name, descriptor));
        }
        if let Some((_, _, descriptor)) = &open {
            file::write_value(descriptor, value).map_err(fail)?;
        }
    }
    Ok(())
}

fn run_one(group: &Group, directory: &Directory, action: &Action, new: &[String]) -> Result<(), Error> {
    match action {
        Action::Write(write) => group.write_in(directory, &write.file, &write.value),
        Action::WriteIfPresent(write) => match group.write_in(directory, &write.file, &write.value) {
            Err(error) if error.errno() == Some(Errno::NOENT) => Ok(()),
            result => result,
        },
        Action::WriteFirstPresent(writes) => write_first_present(group, directory, writes),
        Action::WriteInSomeOrder(writes) => write_in_some_order(group, directory, writes),
        Action::Inherit { file } => inherit(group, directory, file, new).map(drop),
        Action::SetPeriod { period } => {
            let text = group.read_in(directory, "cpu.max")?;
            let quota = text.split_whitespace().next().unwrap_or("max");
            group.write_in(directory, "cpu.max", &format!("{quota} {period}"))
        }
        Action::RequireUsageBelow { bytes } => require_usage_below(group, directory, *bytes),
        Action::DeviceProgram(policy) => crate::bpf::attach(group, directory, policy),
    }
}

fn write_first_present(group: &Group, directory: &Directory, writes: &[FileValue]) -> Result<(), Error> {
    let mut result = Ok(());
    for write in writes {
        result = group.write_in(directory, &write.file, &write.value);
        match &result {
            Err(error) if error.errno() == Some(Errno::NOENT) => {}
            _ => break,
        }
    }
    result
}

/// Writes in the order given, then again what was refused for as long as that gets somewhere.
fn write_in_some_order(group: &Group, directory: &Directory, writes: &[FileValue]) -> Result<(), Error> {
    let mut rest: Vec<&FileValue> = writes.iter().collect();
    loop {
        let before = rest.len();
        let mut first_error = None;
        let mut refused = Vec::new();
        for write in rest {
            match group.write_in(directory, &write.file, &write.value) {
                Ok(()) => {}
                Err(error) if error.errno() == Some(Errno::INVAL) => {
                    first_error.get_or_insert(error);
                    refused.push(write);
                }
                Err(error) => return Err(error),
            }
        }
        match first_error {
            None => return Ok(()),
            Some(error) if refused.len() == before => return Err(error),
            Some(_) => rest = refused,
        }
    }
}

/// Fills the file from the nearest group above where it is not empty, and all groups between.
fn inherit(group: &Group, directory: &Directory, name: &str, new: &[String]) -> Result<String, Error> {
    // A directory made just now is empty, or was filled from its parent by cgroup.clone_children.
    if !new.contains(&directory.path) {
        let value = group.read_in(directory, name)?;
        if !value.trim().is_empty() {
            return Ok(value.trim().to_owned());
        }
    }
    let Some(above) = ancestors(directory).last() else {
        return Ok(String::new());
    };
    let above = Directory { path: above.to_owned(), ..directory.clone() };
    let value = inherit(group, &above, name, new)?;
    group.write_in(directory, name, &value)?;
    Ok(value)
}

fn require_usage_below(group: &Group, directory: &Directory, bytes: u64) -> Result<(), Error> {
    let text = group.read_in(directory, "memory.current")?;
    match text.trim().parse::<u64>() {
        Ok(usage) if usage > bytes => {
            let cause = format!("the group already uses {usage} bytes");
            let operation = format!("limit to {bytes} bytes the memory of");
            Err(Error::text(operation, group.full(&directory.path), cause, ErrorKind::Refused))
        }
        _ => Ok(()),
    }
}
