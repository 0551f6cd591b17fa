//! The life of a container: made, started, signalled, looked at, removed. One file a verb.

mod checkpoint;
mod class;
mod create;
mod delete;
mod events;
mod exec;
mod home;
mod list;
mod pause;
mod restore;
mod signal;
mod start;
mod update;
mod wait;

use std::cell::OnceCell;
use std::path::{Path, PathBuf};

use palisade_cgroup::{FreezerState, Group, Layout};
use palisade_oci::state::{Record as PrintedRecord, State, Status};
use rustix::io::Errno;
use rustix::process::PidfdFlags;

pub use class::Shares;
pub use create::{Bundle, CreateRequest, Created};
pub use delete::Force;
pub use events::Occurrence;
pub use exec::{ExecOptions, Executed, Paused};
pub(crate) use home::find_in_root;
pub use list::Store;
pub use signal::{Reach, parse_signal};
pub use wait::{End, Foreground, ran_out_of_memory};

use crate::error::{During, Error, ErrorKind, Result};
use crate::execute::Process;
use crate::id::ContainerId;
use crate::record::{Directory, GO_FIFO, Loaded, ProcessRecord, Record};

/// What is known of the machine while containers are looked at, each thing from when it is first asked for.
#[derive(Debug, Default)]
pub struct Machine {
    layout: OnceCell<Layout>,
}

impl Machine {
    fn layout(&self) -> Result<&Layout> {
        if let Some(layout) = self.layout.get() {
            return Ok(layout);
        }
        let layout = Layout::detect()?;
        Ok(self.layout.get_or_init(|| layout))
    }
}

/// A container that is on record.
#[derive(Debug)]
pub struct Container {
    directory: Directory,
    record: Record,
    process: Option<ProcessRecord>,
    being_made: bool,
}

impl Container {
    /// Finds a container in a state directory.
    ///
    /// # Errors
    /// `NotFound` when there is none of that id.
    pub fn load(root: &Path, id: &ContainerId) -> Result<Self> {
        let directory = Directory::open(&root.join(id.as_str()))?;
        match directory.load()? {
            Some(Loaded { record, process, being_made }) => {
                Ok(Self { directory, record, process, being_made })
            }
            None => Err(Error::of(ErrorKind::NotFound, format!("container {id} does not exist")).hint(
                format_args!("a start was cut short; palisade delete --force {id} removes what it left"),
            )),
        }
    }

    /// What is on record.
    #[must_use]
    pub fn record(&self) -> &Record {
        &self.record
    }

    /// Its first process, while that is alive.
    #[must_use]
    pub fn process(&self) -> Option<ProcessRecord> {
        self.process.filter(ProcessRecord::is_alive)
    }

    /// The directory of its state, where a caller may keep files of its own that go with the container.
    #[must_use]
    pub fn state_directory(&self) -> &Path {
        self.directory.path()
    }

    /// Where it is in its life.
    ///
    /// # Errors
    /// A freezer that cannot be read.
    pub fn status(&self) -> Result<Status> {
        self.look(&Machine::default()).map(|(status, _)| status)
    }

    /// Looks where it is in its life, and which process is its first while that is alive.
    fn look(&self, machine: &Machine) -> Result<(Status, Option<ProcessRecord>)> {
        let process = self.process();
        let status = match process {
            _ if self.being_made => Status::Creating,
            None => Status::Stopped,
            Some(_) if self.directory.has(GO_FIFO) => Status::Created,
            Some(_) if self.is_frozen(machine)? => Status::Paused,
            Some(_) => Status::Running,
        };
        Ok((status, process))
    }

    /// Looks at the freezer alone: whether the group is there in the other hierarchies does not matter.
    fn is_frozen(&self, machine: &Machine) -> Result<bool> {
        let Some(path) = &self.record.cgroup else { return Ok(false) };
        match Group::unchecked(machine.layout()?, path)?.freezer_state() {
            Ok(state) => Ok(state != FreezerState::Thawed),
            Err(error) if is_gone(&error) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Its cgroup, where it has one that is still there.
    ///
    /// # Errors
    /// The machine's cgroups cannot be read.
    pub fn group(&self) -> Result<Option<Group>> {
        let Some(path) = &self.record.cgroup else { return Ok(None) };
        match Group::open(&Layout::detect()?, path) {
            Ok(group) => Ok(Some(group)),
            Err(error) if error.kind() == palisade_cgroup::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Its first process as a pidfd.
    ///
    /// # Errors
    /// `NotRunning` when it has ended.
    pub(crate) fn open_process(&self) -> Result<Process> {
        let gone = || Error::of(ErrorKind::NotRunning, format!("{}: container not running", self.record.id));
        let record = self.process.ok_or_else(gone)?;
        let pid = rustix::process::Pid::from_raw(record.pid).ok_or_else(gone)?;
        let pidfd = match rustix::process::pidfd_open(pid, PidfdFlags::empty()) {
            Ok(pidfd) => pidfd,
            // EINVAL, in older kernels, where others of its process group or session live on: they keep the number.
            Err(Errno::SRCH | Errno::INVAL) => return Err(gone()),
            Err(errno) => return Err(Error::call(format_args!("pidfd_open {}", record.pid), errno)),
        };
        // Looked at after the pidfd is open: from then on the number cannot change hands unnoticed.
        if record.is_alive() { Ok(Process { pid, pidfd }) } else { Err(gone()) }
    }

    /// What hooks are told.
    pub(crate) fn state(&self, status: Status) -> State {
        let pid = self.process().and_then(|process| u32::try_from(process.pid).ok());
        State {
            oci_version: self.record.oci_version.clone(),
            id: self.record.id.to_string(),
            status,
            pid: pid.filter(|_| status != Status::Stopped),
            bundle: self.record.bundle.clone(),
            annotations: self.record.annotations.clone(),
        }
    }

    /// What the verbs `state` and `list` print.
    ///
    /// # Errors
    /// As [`Self::status`].
    pub fn printed(&self, machine: &Machine) -> Result<PrintedRecord> {
        let (status, process) = self.look(machine)?;
        let alive = process.and_then(|process| u32::try_from(process.pid).ok());
        Ok(PrintedRecord {
            oci_version: palisade_oci::VERSION.to_owned(),
            id: self.record.id.to_string(),
            pid: if status == Status::Stopped { 0 } else { alive.unwrap_or(0) },
            status,
            bundle: self.record.bundle.clone(),
            rootfs: self.record.rootfs.clone(),
            created: self.record.created,
            annotations: self.record.annotations.clone(),
            owner: String::new(),
        })
    }
}

/// Tells whether an operation failed because the group was removed, before it or under it.
fn is_gone(error: &palisade_cgroup::Error) -> bool {
    error.kind() == palisade_cgroup::ErrorKind::NotFound || error.errno() == Some(Errno::NODEV)
}

/// Makes a path absolute without following links.
pub(crate) fn absolute(path: &Path) -> Result<PathBuf> {
    std::path::absolute(path).during(format_args!("find {}", path.display()))
}
