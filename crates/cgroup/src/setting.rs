//! Carrying out the settings of a recipe.

use crate::change::Undo;
use crate::recipe::{Action, Directory, FileValue, Setting, ancestors, join};
use crate::{Error, ErrorKind, Group, Recipe, file};
use rustix::fd::{AsFd, OwnedFd};
use rustix::io::Errno;

impl Group {
    /// Sets the limits of the recipe that made this group.
    ///
    /// # Errors
    /// Says the file, the value, the error number and what usually causes it.
    pub fn apply_limits(&self, recipe: &Recipe) -> Result<(), Error> {
        run(self, &recipe.settings, &[])
    }
}

/// Carries out the settings of a new group in their order; a file that several in a row write to is opened once.
///
/// `new` are the directories that were made just now.
pub(crate) fn run(group: &Group, settings: &[Setting], new: &[String]) -> Result<(), Error> {
    let mut open: Option<(usize, &str, OwnedFd)> = None;
    for setting in settings {
        let Some(directory) = place(group, setting)? else { continue };
        let Action::Write(FileValue { file: name, value }) = &setting.action else {
            let mut writer = Writer { group, directory, undo: None };
            writer.perform(&setting.action, new).map_err(|error| error.about(setting.knob))?;
            continue;
        };
        let fail = |errno| group.write_error(directory, name, value, errno).about(setting.knob);
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

/// Finds the directory that a setting is about. An optional one that could not be made needs none of what only fills
/// gaps.
pub(crate) fn place<'g>(group: &'g Group, setting: &Setting) -> Result<Option<&'g Directory>, Error> {
    match group.places.get(setting.directory) {
        Some(Some(directory)) => Ok(Some(directory)),
        _ if setting.knob.is_some() => Err(group.homeless(setting)),
        _ => Ok(None),
    }
}

/// Writes to the files of a group in one hierarchy, and notes what was there where that may have to come back.
pub(crate) struct Writer<'a> {
    pub(crate) group: &'a Group,
    pub(crate) directory: &'a Directory,
    pub(crate) undo: Option<&'a mut Undo>,
}

impl Writer<'_> {
    pub(crate) fn perform(&mut self, action: &Action, new: &[String]) -> Result<(), Error> {
        let (group, directory) = (self.group, self.directory);
        match action {
            Action::Write(write) => self.write(write),
            Action::WriteIfPresent(write) => match self.write(write) {
                Err(error) if error.errno() == Some(Errno::NOENT) => Ok(()),
                result => result,
            },
            Action::WriteFirstPresent(writes) => self.write_first_present(writes),
            Action::WriteInSomeOrder(writes) => self.write_in_some_order(writes),
            Action::Inherit { file } => inherit(group, directory, file, new).map(drop),
            Action::SetPeriod { period } => {
                let text = group.read_in(directory, "cpu.max")?;
                let quota = text.split_whitespace().next().unwrap_or("max");
                self.write(&FileValue { file: "cpu.max".to_owned(), value: format!("{quota} {period}") })
            }
            Action::RequireUsageBelow { bytes } => require_usage_below(group, directory, *bytes),
            Action::DeviceProgram(policy) => crate::bpf::attach(group, directory, policy),
        }
    }

    fn write(&mut self, write: &FileValue) -> Result<(), Error> {
        let before = self.undo.as_ref().and_then(|_| Undo::look(self.group, self.directory, write));
        self.group.write_in(self.directory, &write.file, &write.value)?;
        if let (Some(undo), Some(before)) = (&mut self.undo, before) {
            undo.push(self.directory, before);
        }
        Ok(())
    }

    fn write_first_present(&mut self, writes: &[FileValue]) -> Result<(), Error> {
        let mut result = Ok(());
        for write in writes {
            result = self.write(write);
            match &result {
                Err(error) if error.errno() == Some(Errno::NOENT) => {}
                _ => break,
            }
        }
        result
    }

    /// Writes in the order given, then again what was refused for as long as that gets somewhere.
    fn write_in_some_order(&mut self, writes: &[FileValue]) -> Result<(), Error> {
        let mut rest: Vec<&FileValue> = writes.iter().collect();
        loop {
            let before = rest.len();
            let mut first_error = None;
            let mut refused = Vec::new();
            for write in rest {
                match self.write(write) {
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
