//! Processes moved by hand, and groups given away, as operations.

use crate::delegate::{LIST, V1_FILES, V2_FILES};
use crate::{Error, ErrorKind, Layout, Operation, Owner, Place, Version, file};
use rustix::io::Errno;
use rustix::process::Pid;

/// Says what is moved: a process with all its threads, or one of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Granularity {
    /// All threads of the process whose number or one of whose threads' numbers is given.
    Process,
    /// The thread alone. On v2 the group has to be in threaded mode (kernel 4.14).
    Thread,
}

impl Operation {
    /// Works out how to move a process or thread into the groups `places`.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] where there is no such process.
    pub fn attach(
        layout: &Layout,
        places: &[Place],
        pid: Pid,
        granularity: Granularity,
    ) -> Result<Vec<Self>, Error> {
        places
            .iter()
            .map(|place| {
                let from = place.home_of(layout, pid)?;
                Ok(Self::Move { place: place.clone(), file: granularity.file(place), pid, from })
            })
            .collect()
    }

    /// Works out how to move the processes that a group of the v2 tree itself holds into `leaf` below it, so that
    /// controllers can be enabled.
    ///
    /// # Errors
    /// A group that cannot be read.
    pub fn make_leaf(group: &Place, leaf: &Place) -> Result<Vec<Self>, Error> {
        let mut operations = Vec::new();
        if !leaf.exists() {
            operations.push(Self::MakeDirectory(leaf.clone()));
        }
        let held = group.read("cgroup.procs")?;
        // A process of another pid namespace has the number 0 here.
        let pids = held.lines().filter_map(|line| Pid::from_raw(line.parse().ok()?));
        let file = Granularity::Process.file(leaf);
        let from = Some(group.clone());
        operations.extend(pids.map(|pid| Self::Move { place: leaf.clone(), file, pid, from: from.clone() }));
        Ok(operations)
    }

    /// Works out how to give the groups `places` to a user, who may then make groups below them and move own processes
    /// within; limits stay out of the user's reach.
    ///
    /// See "Delegation" in cgroup-v2.rst of the kernel.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] where none of the groups is there, [`ErrorKind::Refused`] for the root.
    pub fn delegate(places: &[Place], owner: Owner) -> Result<Vec<Self>, Error> {
        let v2_files = file::read_path_text(LIST).unwrap_or_else(|_| V2_FILES.to_owned());
        let there: Vec<&Place> = places.iter().filter(|place| place.exists()).collect();
        match (there.first(), places.first()) {
            (None, Some(first)) => {
                let error = Error::call("chown", first.directory(), Errno::NOENT);
                return Err(error.with_hint("there is no such group"));
            }
            (Some(first), _) if first.path.is_root() => {
                let cause = "the root has every process of the machine below it";
                return Err(Error::text("delegate", first.directory(), cause, ErrorKind::Refused));
            }
            _ => {}
        }
        let of_one = |place: &&Place| {
            let files = if place.version == Version::V1 { V1_FILES } else { &v2_files };
            let names = std::iter::once("").chain(files.lines());
            let there = names.filter(|name| rustix::fs::stat(place.file(name)).is_ok());
            let give = |name: &str| Self::Chown {
                place: (*place).clone(),
                file: name.to_owned(),
                owner,
                before: None,
            };
            there.map(give).map(Self::with_way_back).collect::<Vec<_>>()
        };
        Ok(there.iter().flat_map(of_one).collect())
    }
}

impl Granularity {
    /// Names the file of a group that moves it.
    pub fn file(self, place: &Place) -> &'static str {
        match (self, place.version) {
            (Self::Process, _) => "cgroup.procs",
            (Self::Thread, Version::V1) => "tasks",
            (Self::Thread, Version::V2) => "cgroup.threads",
        }
    }
}
