//! What is kept of a container: a directory below the state directory, named by its id.
//!
//! `state.json` is a journal of two JSON texts. The first is written before anything of the container is made and
//! names all that it will own; the second, the process, before that process may go on. So whenever the runtime is
//! killed, what is left can be found here and removed.

use std::collections::BTreeMap;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use palisade_cgroup::GroupPath;
use palisade_namespace::{Kind, Kinds};
use palisade_oci::{Spec, Timestamp};
use rustix::fs::{AtFlags, CWD, FlockOperation, Mode, OFlags};
use rustix::io::Errno;
use rustix::mount::{MountPropagationFlags, UnmountFlags};
use rustix::process::Pid;
use serde::{Deserialize, Serialize};

use crate::compile::Keyring;
use crate::error::{During, Error, ErrorKind, Result};
use crate::id::ContainerId;
use crate::resctrl::Owned;
use crate::scope::Unit;

/// The FIFO that `start` writes a byte to.
pub(crate) const GO_FIFO: &str = "start";
/// The FIFO that tells `start` how the exec went.
pub(crate) const OUTCOME_FIFO: &str = "outcome";
/// Where the root of a container is attached that has the caller's mount namespace.
pub(crate) const ROOT: &str = "root";
const STATE: &str = "state.json";
const CONFIG: &str = "config.json";

/// What is known of a container before it is made.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Record {
    /// The version of the specification that the configuration follows.
    pub oci_version: String,
    /// The id.
    pub id: ContainerId,
    /// The bundle's directory.
    pub bundle: PathBuf,
    /// The root file system on the host.
    pub rootfs: PathBuf,
    /// When it was made.
    pub created: Timestamp,
    /// The annotations of the configuration.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
    /// Its cgroup.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cgroup: Option<GroupPath>,
    /// The unit of systemd that the cgroup is of, where systemd made it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<Unit>,
    /// The kinds of namespace that are not the host's, by their OCI names.
    pub namespaces: Vec<String>,
    /// The user that made it.
    pub owner: u32,
    /// Which session keyring its processes get.
    #[serde(default, skip_serializing_if = "Keyring::is_own")]
    pub keyring: Keyring,
    /// What goes with it in resctrl.
    #[serde(default, skip_serializing_if = "Owned::is_empty")]
    pub resctrl: Owned,
    /// What is to be done at its end.
    #[serde(default, skip_serializing_if = "Ending::is_as_configured")]
    pub ending: Ending,
}

/// What `delete` has to do beside removing what is on record.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Ending {
    /// The configuration says it.
    #[default]
    AsConfigured,
    /// Nothing: the kernel ends all processes with the first, and there is no hook for afterwards.
    Plain,
}

impl Ending {
    fn is_as_configured(&self) -> bool {
        *self == Self::AsConfigured
    }
}

impl Record {
    /// The kinds of namespace that are not the host's.
    #[must_use]
    pub fn kinds(&self) -> Kinds {
        self.namespaces.iter().filter_map(|name| Kind::from_name(name)).collect()
    }
}

/// The container's first process. Its start time tells it from a later process of the same number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ProcessRecord {
    /// The number.
    pub pid: i32,
    /// The start time, in clock ticks since boot, field 22 of `proc_pid_stat(5)`.
    pub start_time: u64,
}

/// The directory of one container.
#[derive(Debug)]
pub(crate) struct Directory {
    path: PathBuf,
    descriptor: OwnedFd,
}

/// A state directory that is being filled: it counts as `creating` while this is held.
#[derive(Debug)]
pub(crate) struct Draft {
    pub(crate) directory: Directory,
    journal: OwnedFd,
}

impl Draft {
    /// Makes a container's directory and begins its journal.
    pub(crate) fn begin(root: &Path, record: &Record, config: &[u8]) -> Result<Self> {
        make_root(root)?;
        let path = root.join(record.id.as_str());
        match rustix::fs::mkdirat(CWD, &path, Mode::RWXU) {
            Ok(()) => {}
            Err(Errno::EXIST) => {
                return Err(Error::new(format!("container {} already exists", record.id)).hint(
                    format_args!(
                        "its state is in {}; palisade delete {} removes it",
                        path.display(),
                        record.id
                    ),
                ));
            }
            Err(errno) => return Err(Error::call(format_args!("mkdir {}", path.display()), errno)),
        }
        let directory = Directory::open(&path)?;
        let begun = directory.begin_journal(record, config);
        match begun {
            Ok(journal) => Ok(Self { directory, journal }),
            Err(error) => {
                directory.remove()?;
                Err(error)
            }
        }
    }

    /// Notes the process down.
    pub(crate) fn add_process(&self, process: ProcessRecord) -> Result<()> {
        let text =
            serde_json::to_vec(&process).map_err(|error| Error::new(format!("write the state: {error}")))?;
        write_all(&self.journal, &text, &self.directory.path.join(STATE))
    }
}

/// Reads the text of a journal: what the container owns, and its process where that is on record already. None where
/// it is cut short before that.
#[must_use]
pub fn read_journal(text: &[u8]) -> Option<(Record, Option<ProcessRecord>)> {
    let mut texts = serde_json::Deserializer::from_slice(text);
    let record = Record::deserialize(&mut texts).ok()?;
    Some((record, ProcessRecord::deserialize(&mut texts).ok()))
}

fn make_root(root: &Path) -> Result<()> {
    match rustix::fs::statat(CWD, root, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(status) => return check_owner(root, &status),
        Err(Errno::NOENT) => {}
        Err(errno) => return Err(Error::call(format_args!("stat {}", root.display()), errno)),
    }
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true).mode(if rustix::process::geteuid().is_root() { 0o755 } else { 0o700 });
    builder.create(root).during(format_args!("mkdir {}", root.display())).map_err(|error| {
        error
            .hint("state is kept there; --root or, for an ordinary user, XDG_RUNTIME_DIR names another place")
    })
}

/// A directory below /tmp may have been made by anybody, to lead an ordinary user's containers astray.
fn check_owner(root: &Path, status: &rustix::fs::Stat) -> Result<()> {
    let own = rustix::process::geteuid().as_raw();
    // A link to elsewhere is fine where root made it, /run among them.
    if [0, own].contains(&status.st_uid) {
        return Ok(());
    }
    let message = format!("the state directory {} belongs to user {}", root.display(), status.st_uid);
    Err(Error::new(message).hint("name another one by --root or XDG_RUNTIME_DIR"))
}

/// Makes the directory that such a root is attached to.
pub(crate) fn make_root_place(directory: BorrowedFd<'_>) -> Result<OwnedFd> {
    rustix::fs::mkdirat(directory, ROOT, Mode::RWXU).during(format_args!("mkdir {ROOT}"))?;
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    rustix::fs::openat(directory, ROOT, flags, Mode::empty()).during(format_args!("open {ROOT}"))
}

/// Detaches the root that is attached there, and removes the directory, which does not succeed as long as anything is.
fn remove_root_place(path: &Path) -> Result<()> {
    let named = |call: &str| format!("{call} {}", path.display());
    // Or what is mounted below a volume would go from its source as well.
    let flags = MountPropagationFlags::PRIVATE | MountPropagationFlags::REC;
    match rustix::mount::mount_change(path, flags) {
        Ok(()) => {
            let flags = UnmountFlags::DETACH | UnmountFlags::NOFOLLOW;
            rustix::mount::unmount(path, flags).during(named("umount"))?;
        }
        // Nothing is, or it was never made.
        Err(Errno::INVAL | Errno::NOENT) => {}
        // An ordinary user has none.
        Err(Errno::PERM) => {}
        Err(errno) => return Err(Error::call(named("mount --make-rprivate"), errno)),
    }
    match rustix::fs::unlinkat(CWD, path, AtFlags::REMOVEDIR) {
        Ok(()) | Err(Errno::NOENT) => Ok(()),
        Err(errno) => Err(Error::call(named("rmdir"), errno)),
    }
}

fn write_all(file: &OwnedFd, mut bytes: &[u8], path: &Path) -> Result<()> {
    while !bytes.is_empty() {
        let written = rustix::io::retry_on_intr(|| rustix::io::write(file, bytes))
            .during(format_args!("write {}", path.display()))?;
        bytes = bytes.get(written..).unwrap_or_default();
    }
    Ok(())
}

impl Directory {
    /// Opens a container's directory.
    ///
    /// # Errors
    /// `NotFound` when there is none.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC | OFlags::NOFOLLOW;
        match rustix::fs::openat(CWD, path, flags, Mode::empty()) {
            Ok(descriptor) => Ok(Self { path: path.to_owned(), descriptor }),
            Err(Errno::NOENT) => {
                let id = path.file_name().unwrap_or_default().to_string_lossy();
                Err(Error::of(ErrorKind::NotFound, format!("container {id} does not exist")))
            }
            Err(errno) => Err(Error::call(format_args!("open {}", path.display()), errno)),
        }
    }

    pub(crate) fn descriptor(&self) -> BorrowedFd<'_> {
        self.descriptor.as_fd()
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    fn begin_journal(&self, record: &Record, config: &[u8]) -> Result<OwnedFd> {
        let config_file = self.create(CONFIG)?;
        write_all(&config_file, config, &self.path.join(CONFIG))?;
        let journal = self.create(STATE)?;
        // The lock goes with the last descriptor of this process and of init, however they end. Whoever looks whether
        // it is taken has it for a moment.
        rustix::io::retry_on_intr(|| rustix::fs::flock(&journal, FlockOperation::LockExclusive))
            .during("flock state.json")?;
        let mut text =
            serde_json::to_vec(record).map_err(|error| Error::new(format!("write the state: {error}")))?;
        text.push(b'\n');
        write_all(&journal, &text, &self.path.join(STATE))?;
        Ok(journal)
    }

    fn create(&self, name: &str) -> Result<OwnedFd> {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
        rustix::fs::openat(&self.descriptor, name, flags, Mode::RUSR | Mode::WUSR)
            .during(format_args!("create {}", self.path.join(name).display()))
    }

    fn read(&self, name: &str) -> Result<(OwnedFd, Vec<u8>)> {
        let what = || format!("read {}", self.path.join(name).display());
        let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW;
        let file = rustix::fs::openat(&self.descriptor, name, flags, Mode::empty()).during(what())?;
        let mut bytes = Vec::with_capacity(4096);
        while rustix::io::retry_on_intr(|| {
            rustix::io::read(&file, rustix::buffer::spare_capacity(&mut bytes))
        })
        .during(what())?
            > 0
        {
            bytes.reserve(4096);
        }
        Ok((file, bytes))
    }

    /// Reads the journal; none where it was never written or is cut short, so that nothing was made yet.
    pub(crate) fn load(&self) -> Result<Option<Loaded>> {
        let (file, bytes) = match self.read(STATE) {
            Ok(read) => read,
            Err(_) if !self.has(STATE) => return Ok(None),
            Err(error) => return Err(error),
        };
        let Some((record, process)) = read_journal(&bytes) else { return Ok(None) };
        // Also with a process on record: that is written before the process is ready.
        let being_made =
            rustix::fs::flock(&file, FlockOperation::NonBlockingLockShared) == Err(Errno::WOULDBLOCK);
        Ok(Some(Loaded { record, process, being_made }))
    }

    /// Reads the configuration as it was when the container was made.
    pub(crate) fn config(&self) -> Result<Spec> {
        let (_, bytes) = self.read(CONFIG)?;
        // What is to be noted about it was said when the container was made.
        Ok(palisade_oci::parse_noting(&self.path.join(CONFIG).display().to_string(), &bytes)?.spec)
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        rustix::fs::accessat(&self.descriptor, name, rustix::fs::Access::EXISTS, AtFlags::empty()).is_ok()
    }

    pub(crate) fn unlink(&self, name: &str) -> Result<()> {
        match rustix::fs::unlinkat(&self.descriptor, name, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => Ok(()),
            Err(errno) => Err(Error::call(format_args!("unlink {}", self.path.join(name).display()), errno)),
        }
    }

    /// Removes the directory with all that is in it.
    pub(crate) fn remove(&self) -> Result<()> {
        // Nearly always there is nothing else, so the directory is not listed first.
        for name in [STATE, CONFIG] {
            self.unlink(name)?;
        }
        match rustix::fs::unlinkat(CWD, &self.path, AtFlags::REMOVEDIR) {
            Ok(()) | Err(Errno::NOENT) => return Ok(()),
            Err(Errno::NOTEMPTY) => {}
            Err(errno) => return Err(Error::call(format_args!("rmdir {}", self.path.display()), errno)),
        }
        // Before all else: what is mounted there is somebody's file system.
        remove_root_place(&self.path.join(ROOT))?;
        match std::fs::remove_dir_all(&self.path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
            other => other.during(format_args!("remove {}", self.path.display())),
        }
    }
}

/// A journal that was read.
#[derive(Debug)]
pub(crate) struct Loaded {
    pub(crate) record: Record,
    pub(crate) process: Option<ProcessRecord>,
    /// Whether the runtime that makes the container is still at it.
    pub(crate) being_made: bool,
}

impl ProcessRecord {
    /// Looks a process up.
    pub(crate) fn of(pid: Pid) -> Result<Self> {
        let pid = pid.as_raw_nonzero().get();
        let (start_time, _) = read_stat(pid).ok_or_else(|| Error::new(format!("process {pid} is gone")))?;
        Ok(Self { pid, start_time })
    }

    /// Tells whether the process still is the one of the record and has not ended.
    #[must_use]
    pub fn is_alive(&self) -> bool {
        read_stat(self.pid)
            .is_some_and(|(start_time, state)| start_time == self.start_time && state != 'Z' && state != 'X')
    }
}

impl ProcessRecord {
    /// Tells whether it sleeps in the way of what a v1 freezer has stopped. That is all that can be seen of it
    /// without its cgroup.
    pub(crate) fn may_be_frozen(&self) -> bool {
        read_stat(self.pid).is_some_and(|(_, state)| state == 'D')
    }
}

/// Reads start time and state of `/proc/PID/stat`.
fn read_stat(pid: i32) -> Option<(u64, char)> {
    let path = format!("/proc/{pid}/stat");
    let file = rustix::fs::open(&path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty()).ok()?;
    let mut buffer = [0u8; 1024];
    let length = rustix::io::read(&file, &mut buffer).ok()?;
    let text = std::str::from_utf8(buffer.get(..length)?).ok()?;
    // The command may hold anything; its closing bracket is the last one. State is the third field.
    let (_, fields) = text.rsplit_once(") ")?;
    let mut fields = fields.split(' ');
    let state = fields.next()?.chars().next()?;
    let start_time = fields.nth(18)?.parse().ok()?;
    Some((start_time, state))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_itself_alive() {
        let own = ProcessRecord::of(rustix::process::getpid()).unwrap();
        assert!(own.is_alive());
        assert!(!ProcessRecord { start_time: own.start_time + 1, ..own }.is_alive());
    }

    #[test]
    fn a_cut_journal_is_no_container() {
        let parent = tempfile::tempdir().unwrap();
        let directory = Directory::open(parent.path()).unwrap();
        assert!(directory.load().unwrap().is_none());
        std::fs::write(parent.path().join(STATE), "{\"ociVersion\":\"1.3").unwrap();
        assert!(directory.load().unwrap().is_none());
    }
}
