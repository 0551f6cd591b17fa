//! What the new process does: the interpreter of a plan's `init` list.
//!
//! It runs in a copy of a process that may have had other threads. So it allocates nothing, takes no lock, never
//! panics and never returns into the caller: all that it needs was made before the clone.

mod loopback;
mod message;
mod streams;
mod terminal;

use std::ffi::CStr;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};

use palisade_mount::State as FileSystem;
use palisade_sys::{clone, descriptor, launch, schedule};
use rustix::fs::{Access, AtFlags, CWD, FileType, Mode, OFlags};
use rustix::io::Errno;
use rustix::process::DumpableBehavior;
use rustix::thread::{CpuSet, Gid, Uid};

pub(crate) use message::{Message, decode, receive, release, send_descriptor};
use message::{StepName, send};

use crate::execute::cpu_set;
use crate::plan::{CallersGroups, InitOp, Missing, Procfs, Slot, Step, Text};

/// Whether each finished operation is told to the host, for `--explain`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trace {
    Off,
    On,
}

/// All that the new process uses.
pub(crate) struct Init<'a> {
    pub(crate) steps: &'a [Step<InitOp>],
    pub(crate) slots: &'a [OwnedFd],
    /// The directory that all cgroup mounts are below.
    pub(crate) anchor: Option<BorrowedFd<'a>>,
    /// The `tasks` files of the v1 groups, from that directory.
    pub(crate) tasks: &'a [&'a CStr],
    /// The number of the end of the socket pair that is init's.
    pub(crate) socket: BorrowedFd<'a>,
    /// The host's end, which init has a copy of and must close to notice when the host is gone.
    pub(crate) host: RawFd,
    pub(crate) image: BorrowedFd<'a>,
    /// What the image uses besides the socket.
    pub(crate) kept: &'a [BorrowedFd<'a>],
    /// What becomes stdin, stdout and stderr, where that is not the caller's.
    pub(crate) stdio: Option<[BorrowedFd<'a>; 3]>,
    pub(crate) trace: Trace,
}

/// What failed: the system call and its error.
enum Failure {
    Call { step: StepName, errno: Errno },
    FileSystem(palisade_mount::Failure),
}

fn named(step: &str) -> impl FnOnce(Errno) -> Failure {
    move |errno| Failure::Call { step: StepName::new(step), errno }
}

impl Init<'_> {
    /// Works off the list and becomes the launch image. Returns the exit status for when that failed.
    pub(crate) fn run(&self) -> u8 {
        palisade_sys::signal::default_all_but_pipe();
        descriptor::close_one(self.host.unsigned_abs());
        if let Some([stdin, stdout, stderr]) = self.stdio
            && [
                rustix::stdio::dup2_stdin(stdin),
                rustix::stdio::dup2_stdout(stdout),
                rustix::stdio::dup2_stderr(stderr),
            ]
            .iter()
            .any(Result::is_err)
        {
            return 1;
        }
        let mut file_system = FileSystem::with_trees(self.slots);
        self.run_from(0, &mut file_system)
    }

    fn run_from(&self, first: usize, file_system: &mut FileSystem<'_>) -> u8 {
        let mut clock = Clock::start(self.trace);
        for (index, step) in self.steps.iter().enumerate().skip(first) {
            if let InitOp::Fork { kinds } = &step.op {
                return self.fork(index, *kinds, file_system);
            }
            let outcome = self.perform(&step.op, file_system);
            if let Err(failure) = outcome {
                return self.fail(index, &failure);
            }
            if let Some(nanoseconds) = clock.lap() {
                let index = u32::try_from(index).unwrap_or(u32::MAX);
                let _told = send(self.socket, Message::Done { index, nanoseconds }, None);
            }
        }
        let errno = launch::execute(self.image);
        self.fail(self.steps.len(), &named("execveat")(errno))
    }

    fn fail(&self, index: usize, failure: &Failure) -> u8 {
        let index = u32::try_from(index).unwrap_or(u32::MAX);
        let message = match *failure {
            Failure::Call { step, errno } => Message::Failed { index, errno: errno.raw_os_error(), step },
            Failure::FileSystem(failure) => Message::FileSystemFailed { index, failure },
        };
        // Where the host is gone there is nobody to tell.
        let _told = send(self.socket, message, None);
        1
    }

    /// Goes on in a sibling; this process only tells its number and ends.
    fn fork(&self, index: usize, kinds: palisade_namespace::Kinds, file_system: &mut FileSystem<'_>) -> u8 {
        let sibling = clone::spawn_sibling(kinds.flags(), &mut || self.run_from(index + 1, file_system));
        match sibling {
            Ok(pid) => match send(self.socket, Message::Forked(pid.as_raw_nonzero().get()), None) {
                Ok(()) => 0,
                Err(_) => 1,
            },
            Err(errno) => self.fail(index, &named("clone3")(errno)),
        }
    }

    fn slot(&self, slot: Slot) -> Result<BorrowedFd<'_>, Failure> {
        self.slots.get(slot.0).map(AsFd::as_fd).ok_or(Errno::BADF).map_err(named("slot"))
    }

    fn perform(&self, op: &InitOp, file_system: &mut FileSystem<'_>) -> Result<(), Failure> {
        match op {
            InitOp::Join { slot, kinds } => {
                clone::setns(self.slot(*slot)?, kinds.flags()).map_err(named("setns"))
            }
            InitOp::ChangeRoot { slot } => {
                rustix::process::fchdir(self.slot(*slot)?).map_err(named("fchdir"))?;
                rustix::process::chroot(c".").map_err(named("chroot"))
            }
            InitOp::Unshare { kinds } => clone::unshare(kinds.flags()).map_err(named("unshare")),
            InitOp::EnterTimeNamespace => enter_time_namespace(),
            InitOp::Fork { .. } => Ok(()),
            InitOp::BecomeRoot { groups } => become_root(*groups),
            InitOp::RunOn { cpus } => {
                rustix::thread::sched_setaffinity(None, &cpu_set(cpus)).map_err(named("sched_setaffinity"))
            }
            InitOp::RunAnywhere => {
                /// The kernel takes those that there are.
                const EVERY: [u64; CpuSet::MAX_CPU / 64] = [u64::MAX; CpuSet::MAX_CPU / 64];
                // Where a filter of the caller's forbids it, its CPUs are what there is.
                let _kept = rustix::thread::sched_setaffinity(None, &cpu_set(&EVERY));
                Ok(())
            }
            InitOp::Announce { point } => {
                send(self.socket, Message::Reached(*point), None).map_err(named("sendmsg"))
            }
            InitOp::Await { point } => message::await_release(self.socket, *point).map_err(named("recv")),
            InitOp::JoinGroup => self.join_group(),
            InitOp::Hostname { name } => {
                rustix::system::sethostname(name.to_bytes()).map_err(named("sethostname"))
            }
            InitOp::Domainname { name } => {
                rustix::system::setdomainname(name.to_bytes()).map_err(named("setdomainname"))
            }
            InitOp::Loopback => loopback::bring_up(),
            InitOp::Sysctl { path, value, procfs } => write_sysctl(path, value, *procfs, file_system),
            InitOp::FileSystem(op) => palisade_mount::perform(op, file_system).map_err(Failure::FileSystem),
            InitOp::Session => {
                rustix::process::setsid().map_err(named("setsid"))?;
                Ok(())
            }
            InitOp::Terminal { size, control } => {
                let master = terminal::open(*size, *control, file_system)?;
                send(self.socket, Message::Terminal, Some(master.as_fd())).map_err(named("sendmsg"))
            }
            InitOp::Schedule { attributes } => schedule::set(attributes).map_err(named("sched_setattr")),
            InitOp::IoPriority { value } => schedule::set_io_priority(*value).map_err(named("ioprio_set")),
            InitOp::Hide => rustix::process::set_dumpable_behavior(DumpableBehavior::NotDumpable)
                .map_err(named("prctl PR_SET_DUMPABLE")),
            InitOp::KeepCapabilities => keep_capabilities(),
            InitOp::Umask { mask } => {
                rustix::process::umask(Mode::from_bits_truncate(*mask));
                Ok(())
            }
            InitOp::WorkingDirectory { path, missing } => enter_directory(path, *missing),
            InitOp::OwnStreams { uid } => streams::own(*uid, file_system),
            InitOp::FindProgram { candidates } => find_program(candidates),
            InitOp::CloseDescriptors { preserve } => self.close_descriptors(*preserve),
        }
    }

    /// Joins the v1 groups. Writing 0 to one's own `tasks` moves the calling thread alone, which needs no
    /// grace period of RCU as `cgroup.procs` does; this process has one thread.
    fn join_group(&self) -> Result<(), Failure> {
        let anchor = self.anchor.ok_or(Errno::BADF).map_err(named("open tasks"))?;
        for tasks in self.tasks {
            let flags = OFlags::WRONLY | OFlags::CLOEXEC;
            let file =
                rustix::fs::openat(anchor, *tasks, flags, Mode::empty()).map_err(named("open tasks"))?;
            rustix::io::write(&file, b"0").map_err(named("write 0 to tasks"))?;
        }
        Ok(())
    }

    fn close_descriptors(&self, preserve: u32) -> Result<(), Failure> {
        let mut keep = [0; 8];
        // The launch image uses them, and sees to it that the program does not get them.
        let passed_on = std::iter::once(self.socket).chain(self.kept.iter().copied());
        for descriptor in passed_on.clone() {
            rustix::io::fcntl_setfd(descriptor, rustix::io::FdFlags::empty()).map_err(named("fcntl"))?;
        }
        for (place, descriptor) in keep.iter_mut().zip(passed_on.chain([self.image])) {
            *place = descriptor.as_raw_fd().unsigned_abs();
        }
        descriptor::close_all_but(3 + preserve, &keep).map_err(named("close_range"))
    }
}

fn enter_time_namespace() -> Result<(), Failure> {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC;
    let made = rustix::fs::openat(CWD, c"/proc/self/ns/time_for_children", flags, Mode::empty())
        .map_err(named("open /proc/self/ns/time_for_children"))?;
    clone::setns(made.as_fd(), clone::CLONE_NEWTIME).map_err(named("setns"))
}

fn become_root(groups: CallersGroups) -> Result<(), Failure> {
    if groups == CallersGroups::Drop {
        // Where the map forbids setgroups(2) the groups of the caller stay; they mean nothing inside.
        match rustix::thread::set_thread_groups(&[]) {
            Ok(()) | Err(Errno::PERM) => {}
            Err(errno) => return Err(named("setgroups")(errno)),
        }
    }
    let (gid, uid) = (Gid::ROOT, Uid::ROOT);
    rustix::thread::set_thread_res_gid(gid, gid, gid).map_err(named("setresgid"))?;
    rustix::thread::set_thread_res_uid(uid, uid, uid).map_err(named("setresuid"))
}

/// An exec by a user other than 0 drops all capabilities but the ambient ones, and the launch image still needs them.
fn keep_capabilities() -> Result<(), Failure> {
    if rustix::process::geteuid().is_root() {
        return Ok(());
    }
    let mut sets = rustix::thread::capabilities(None).map_err(named("capget"))?;
    sets.inheritable = sets.permitted;
    rustix::thread::set_capabilities(None, sets).map_err(named("capset"))?;
    for capability in sets.permitted.iter() {
        rustix::thread::configure_capability_in_ambient_set(capability, true)
            .map_err(named("prctl PR_CAP_AMBIENT_RAISE"))?;
    }
    Ok(())
}

/// Writes a parameter through a procfs that the container cannot have tampered with: that of the host, or the new one,
/// which is opened by what it was mounted with and on which nothing is mounted yet. The files below /proc/sys are those
/// of the namespaces of the process that opens them.
fn write_sysctl(
    path: &CStr,
    value: &CStr,
    procfs: Procfs,
    file_system: &FileSystem<'_>,
) -> Result<(), Failure> {
    let flags = OFlags::WRONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW;
    let file = match procfs {
        Procfs::Hosts => rustix::fs::openat(CWD, path, flags, Mode::empty()),
        Procfs::Containers => file_system.procfs().ok_or(Errno::BADF).and_then(|procfs| {
            let below = path.to_bytes_with_nul().strip_prefix(b"/proc/").ok_or(Errno::INVAL)?;
            let path = CStr::from_bytes_with_nul(below).map_err(|_| Errno::INVAL)?;
            rustix::fs::openat(procfs, path, flags, Mode::empty())
        }),
    };
    let file = file.map_err(named("open"))?;
    rustix::io::write(&file, value.to_bytes()).map_err(named("write"))?;
    Ok(())
}

fn enter_directory(path: &CStr, missing: Missing) -> Result<(), Failure> {
    let mut entered = rustix::process::chdir(path);
    if entered == Err(Errno::NOENT) && missing == Missing::Make {
        make_directories(path).map_err(named("mkdir"))?;
        entered = rustix::process::chdir(path);
    }
    if missing == Missing::Stay && matches!(entered, Err(Errno::NOENT | Errno::NOTDIR | Errno::ACCESS)) {
        return Ok(());
    }
    entered.map_err(named("chdir"))?;
    // A working directory outside of the root has no name below it (CVE-2024-21626).
    let mut buffer = [0u8; 4096];
    palisade_sys::directory::current(&mut buffer).map_err(named("getcwd"))
}

/// Makes a directory and those above it. The path is absolute and the root is the container's, which `..` does not leave.
fn make_directories(path: &CStr) -> Result<(), Errno> {
    let mut buffer = [0u8; 4096];
    let bytes = path.to_bytes();
    if bytes.len() >= buffer.len() {
        return Err(Errno::NAMETOOLONG);
    }
    for end in 1..=bytes.len() {
        let at_part_end = end == bytes.len() || bytes.get(end) == Some(&b'/');
        if !at_part_end {
            continue;
        }
        let Some(part) = buffer.get_mut(..=end) else { return Err(Errno::NAMETOOLONG) };
        part[..end].copy_from_slice(&bytes[..end]);
        part[end] = 0;
        let name = CStr::from_bytes_with_nul(part).map_err(|_| Errno::INVAL)?;
        match rustix::fs::mkdirat(CWD, name, Mode::from_bits_truncate(0o755)) {
            Ok(()) | Err(Errno::EXIST) => {}
            Err(errno) => return Err(errno),
        }
    }
    Ok(())
}

/// Looks for a program as `execvp(3)` would, so that a missing one is an error of `create` and not of `start`.
fn find_program(candidates: &[Text]) -> Result<(), Failure> {
    let mut worst = Errno::NOENT;
    for candidate in candidates {
        match check_program(candidate) {
            Ok(()) => return Ok(()),
            Err(Errno::NOENT | Errno::NOTDIR) => {}
            Err(errno) => worst = errno,
        }
    }
    Err(named("exec")(worst))
}

fn check_program(path: &CStr) -> Result<(), Errno> {
    let status = rustix::fs::statat(CWD, path, AtFlags::empty())?;
    if FileType::from_raw_mode(status.st_mode) == FileType::Directory {
        return Err(Errno::ACCESS);
    }
    rustix::fs::accessat(CWD, path, Access::EXEC_OK, AtFlags::EACCESS)
}

/// Measures operations, where that was asked for.
struct Clock(Option<rustix::time::Timespec>);

impl Clock {
    fn now() -> rustix::time::Timespec {
        rustix::time::clock_gettime(rustix::time::ClockId::Monotonic)
    }

    fn start(trace: Trace) -> Self {
        Self((trace == Trace::On).then(Self::now))
    }

    /// Gives the nanoseconds since the last call.
    fn lap(&mut self) -> Option<u64> {
        let before = self.0?;
        let now = Self::now();
        self.0 = Some(now);
        let nanoseconds = (now.tv_sec - before.tv_sec) * 1_000_000_000 + (now.tv_nsec - before.tv_nsec);
        u64::try_from(nanoseconds).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use std::os::unix::fs::PermissionsExt;
    use std::path::Path;

    fn text(path: &Path) -> Text {
        Text::new(path.to_str().unwrap()).unwrap()
    }

    fn errno(result: Result<(), Failure>) -> Option<Errno> {
        match result {
            Ok(()) => None,
            Err(Failure::Call { errno, .. }) => Some(errno),
            Err(Failure::FileSystem(failure)) => panic!("{failure}"),
        }
    }

    #[test]
    fn a_program_is_the_first_that_can_be_executed() {
        let directory = tempfile::tempdir().unwrap();
        let file = |name: &str, mode| {
            let path = directory.path().join(name);
            std::fs::write(&path, "").unwrap();
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            text(&path)
        };
        let (program, data) = (file("program", 0o755), file("data", 0o644));
        let missing = text(&directory.path().join("missing"));
        let below_a_file = text(&directory.path().join("data/x"));
        let folder = text(directory.path());
        let find = |candidates: &[&Text]| {
            let candidates: Vec<Text> = candidates.iter().map(|text| (*text).clone()).collect();
            errno(find_program(&candidates))
        };
        assert_eq!(find(&[&missing, &data, &program]), None);
        assert_eq!(find(&[&missing, &below_a_file]), Some(Errno::NOENT));
        assert_eq!(
            find(&[&data, &missing]),
            Some(Errno::ACCESS),
            "what is there and no program is worth telling"
        );
        assert_eq!(find(&[&folder]), Some(Errno::ACCESS));
        assert_eq!(find(&[]), Some(Errno::NOENT));
    }

    #[test]
    fn directories_are_made_with_those_above() {
        let directory = tempfile::tempdir().unwrap();
        for name in ["a/b/c", "a/b/d/", "e//f"] {
            let path = directory.path().join(name);
            make_directories(&text(&path)).unwrap();
            assert!(path.is_dir(), "{name}");
        }
        std::fs::write(directory.path().join("file"), "").unwrap();
        let below = text(&directory.path().join("file/x"));
        assert_eq!(make_directories(&below), Err(Errno::NOTDIR));
        let long = Text::new(format!("/{}", "x/".repeat(2100))).unwrap();
        assert_eq!(make_directories(&long), Err(Errno::NAMETOOLONG));
    }
}
