//! Who is in a group, and the groups below it.

use crate::recipe::{Directory, join};
use crate::{Controller, Error, Group, file};
use rustix::fd::AsFd;
use rustix::io::Errno;
use rustix::process::Pid;

impl Group {
    /// Returns the processes of the group and of all groups below it.
    ///
    /// # Errors
    /// Fails if the group's files cannot be read; a group that has gone holds none.
    pub fn procs(&self) -> Result<Vec<Pid>, Error> {
        self.members("cgroup.procs")
    }

    /// Returns the threads of the group and of all groups below it.
    ///
    /// # Errors
    /// As for [`Group::procs`].
    pub fn threads(&self) -> Result<Vec<Pid>, Error> {
        match self.principal().map(|directory| directory.version) {
            Some(crate::Version::V1) => self.members("tasks"),
            _ => self.members("cgroup.threads"),
        }
    }

    /// Picks the hierarchy to ask who is in the group: the one that can also stop them.
    pub(crate) fn principal(&self) -> Option<&Directory> {
        let order = [Controller::Freezer, Controller::Memory, Controller::Pids];
        order.into_iter().find_map(|c| self.find_home(c)).or_else(|| self.directories().next())
    }

    fn members(&self, name: &str) -> Result<Vec<Pid>, Error> {
        match self.principal() {
            Some(directory) => self.members_in(directory, name),
            None => Ok(Vec::new()),
        }
    }

    pub(crate) fn members_in(&self, directory: &Directory, name: &str) -> Result<Vec<Pid>, Error> {
        let mut pids = Vec::new();
        self.collect_members(&directory.path, name, &mut pids)?;
        Ok(pids)
    }

    fn collect_members(&self, path: &str, name: &str, pids: &mut Vec<Pid>) -> Result<(), Error> {
        let file = join(path, name);
        match file::read_of_group(self.anchor.as_fd(), file.as_str()) {
            Ok(text) => pids.extend(text.lines().filter_map(|line| Pid::from_raw(line.parse().ok()?))),
            // A group that went away in between; or a threaded one, whose processes its domain above lists.
            Err(Errno::NOENT | Errno::NODEV | Errno::OPNOTSUPP) => {}
            Err(errno) => return Err(Error::call("read", self.full(&file), errno)),
        }
        self.children(path)?.iter().try_for_each(|child| self.collect_members(child, name, pids))
    }

    /// Returns the directories of the groups right below `path`, from the anchor; none if it has gone.
    pub(crate) fn children(&self, path: &str) -> Result<Vec<String>, Error> {
        let names = file::directories(self.anchor.as_fd(), path)
            .map_err(|errno| Error::call("list", self.full(path), errno))?;
        Ok(names.iter().map(|name| join(path, name)).collect())
    }
}
