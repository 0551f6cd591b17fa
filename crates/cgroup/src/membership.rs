//! The groups that a process is in: `/proc/PID/cgroup`.

use crate::{Controller, Error, Hierarchy, Layout, Place, Version, file};
use rustix::io::Errno;
use rustix::process::Pid;

/// Says which group of one hierarchy a process is in: one line of `/proc/PID/cgroup`, see cgroups(7).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Membership {
    /// The number of the hierarchy; 0 is the v2 tree.
    pub id: u32,
    /// The controllers of a v1 hierarchy, as the kernel names them.
    pub controllers: Vec<String>,
    /// The name of a named v1 hierarchy.
    pub name: Option<String>,
    /// The group, from the root of the reader's cgroup namespace.
    pub path: String,
}

impl Membership {
    /// Reads the groups of the process or thread `pid`, one for each hierarchy.
    ///
    /// # Errors
    /// [`crate::ErrorKind::NotFound`] where there is no such process.
    pub fn of(pid: Pid) -> Result<Vec<Self>, Error> {
        let path = format!("/proc/{pid}/cgroup");
        let fail = |errno| match errno {
            Errno::NOENT | Errno::SRCH => {
                Error::call("read", path.as_str(), errno).with_hint("there is no such process")
            }
            _ => Error::call("read", path.as_str(), errno),
        };
        file::read_text(rustix::fs::CWD, path.as_str()).map(|text| Self::parse(&text)).map_err(fail)
    }

    /// Reads the text of a `/proc/PID/cgroup` and skips lines that it cannot read.
    pub fn parse(text: &str) -> Vec<Self> {
        let line = |line: &str| {
            let mut fields = line.splitn(3, ':');
            let (id, list, path) = (fields.next()?.parse().ok()?, fields.next()?, fields.next()?);
            let words = || list.split(',').filter(|word| !word.is_empty());
            Some(Self {
                id,
                controllers: words().filter(|word| !word.contains('=')).map(str::to_owned).collect(),
                name: words().find_map(|word| word.strip_prefix("name=")).map(str::to_owned),
                path: path.to_owned(),
            })
        };
        text.lines().filter_map(line).collect()
    }

    /// Finds the mounted hierarchy that the line is about; none where it is mounted nowhere in sight.
    pub fn hierarchy<'l>(&self, layout: &'l Layout) -> Option<&'l Hierarchy> {
        let known = || self.controllers.iter().filter_map(|name| Controller::from_name(name));
        layout.hierarchies.iter().find(|hierarchy| match hierarchy.version {
            Version::V2 => self.id == 0,
            Version::V1 if hierarchy.controllers.is_empty() => {
                self.name.is_some() && self.name == hierarchy.name
            }
            Version::V1 => self.id != 0 && known().any(|one| hierarchy.controllers.contains(&one)),
        })
    }

    /// Names the group where it is in sight below the mount of its hierarchy.
    pub fn place(&self, layout: &Layout) -> Option<Place> {
        let hierarchy = self.hierarchy(layout)?;
        let own = Hierarchy { own: self.path.clone(), ..hierarchy.clone() };
        own.own_path().map(|path| Place::new(hierarchy, &path))
    }
}

impl Place {
    /// Finds the group of the same hierarchy that a process or thread is in.
    ///
    /// # Errors
    /// As for [`Membership::of`]. None where its group is out of sight.
    pub fn home_of(&self, layout: &Layout, pid: Pid) -> Result<Option<Self>, Error> {
        let homes = Membership::of(pid)?;
        Ok(homes.iter().filter_map(|home| home.place(layout)).find(|home| home.mount == self.mount))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_all_kinds_are_read() {
        let text = "12:net_cls,net_prio:/a:b\n1:name=systemd:/user.slice\n0::/x\ngarbage\n";
        let read = Membership::parse(text);
        assert_eq!(read[0].controllers, ["net_cls", "net_prio"]);
        assert_eq!((read[0].id, read[0].path.as_str()), (12, "/a:b"));
        assert_eq!((read[1].name.as_deref(), read[1].controllers.len()), (Some("systemd"), 0));
        assert_eq!((read[2].id, read[2].path.as_str(), read.len()), (0, "/x", 3));
    }
}
