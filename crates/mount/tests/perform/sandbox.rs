//! Runs a test again in a process of its own, with namespaces of its own and a root to work on.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use palisade_mount::mountinfo::{self, MountInfo};
use palisade_mount::{
    Attributes, Failure, HostPath, Kind, Op, OpenRoot, Parent, Propagation, Reach, RootSource, State, perform,
};
use rustix::mount::{MountFlags, MountPropagationFlags};
use rustix::thread::UnshareFlags;

/// Names the test that the process was started again for.
const CASE: &str = "PALISADE_MOUNT_CASE";
/// Names the directory that the test works in, removed by the first process.
const DIRECTORY: &str = "PALISADE_MOUNT_DIRECTORY";
/// Set in the process that is in a user namespace.
const ROOTLESS: &str = "PALISADE_MOUNT_ROOTLESS";

/// A directory with an empty root in it, and the interpreter's state.
pub(crate) struct Sandbox {
    pub(crate) directory: PathBuf,
    pub(crate) rootfs: PathBuf,
    pub(crate) state: State<'static>,
}

impl Sandbox {
    pub(crate) fn new(directory: &Path) -> Self {
        let rootfs = directory.join("rootfs");
        Self { directory: directory.to_owned(), rootfs, state: State::new() }
    }

    /// Cuts the propagation to the host and attaches the root.
    pub(crate) fn open_root(&mut self) {
        self.perform(&Op::Propagation(Propagation { kind: Kind::Slave, reach: Reach::Tree }));
        let op = Op::OpenRoot(self.root_op());
        self.perform(&op);
    }

    pub(crate) fn root_op(&self) -> OpenRoot {
        OpenRoot {
            source: RootSource::Directory { path: host(&self.rootfs), reach: Reach::Tree },
            parent: Parent::Keep,
            attributes: Attributes::NONE,
            propagation: None,
        }
    }

    /// Performs an operation that has to succeed, and to do so without the heap.
    pub(crate) fn perform(&mut self, op: &Op) {
        if let Err(failure) = self.try_perform(op) {
            panic!("{}\n  {}", op.describe(&failure), op.shell());
        }
    }

    /// Performs an operation that has to fail.
    pub(crate) fn refuse(&mut self, op: &Op) -> Failure {
        match self.try_perform(op) {
            Ok(()) => panic!("{} was not refused", op.subject()),
            Err(failure) => failure,
        }
    }

    fn try_perform(&mut self, op: &Op) -> Result<(), Failure> {
        let mut result = Ok(());
        let heap = allocation_counter::measure(|| result = perform(op, &mut self.state));
        assert_eq!(heap.count_total, 0, "{} allocated", op.subject());
        result
    }
}

/// Gives the mounts of the calling thread, whose namespaces need not be those of `/proc/self`.
pub(crate) fn mounts() -> Vec<MountInfo> {
    mountinfo::read_from(Path::new("/proc/thread-self/mountinfo")).unwrap()
}

/// Gives the uppermost mount at a path.
pub(crate) fn mount_at(path: impl AsRef<Path>) -> MountInfo {
    let path = path.as_ref();
    match mounted_at(path) {
        Some(info) => info,
        None => panic!("nothing is mounted on {}: {:#?}", path.display(), mounts()),
    }
}

pub(crate) fn mounted_at(path: &Path) -> Option<MountInfo> {
    mounts().into_iter().rev().find(|info| info.target == path)
}

pub(crate) fn host(path: &Path) -> HostPath {
    HostPath::new(path.to_str().unwrap()).unwrap()
}

/// Mounts a tmpfs the old way, as what a test finds on its host.
pub(crate) fn mount_tmpfs(path: &Path, flags: MountFlags) {
    rustix::mount::mount("tmpfs", path, "tmpfs", flags, None).unwrap();
}

/// Gives the calling thread a mount namespace of its own; nothing it does gets out.
pub(crate) fn unshare_mounts() {
    unshare(UnshareFlags::NEWNS);
}

fn unshare(spaces: UnshareFlags) {
    // The namespaces are this thread's; the rest of the process only waits for it.
    #[expect(deprecated, reason = "the safe form: no descriptor table is unshared")]
    rustix::thread::unshare(spaces).unwrap();
}

/// Says that a test did nothing, past the harness, which hides what a test that passes prints.
pub(crate) fn skipped(name: &str, why: &str) {
    let line = format!("SKIPPED {name}: {why}\n");
    std::io::stderr().write_all(line.as_bytes()).unwrap();
}

fn runs(name: &str) -> bool {
    std::env::var(CASE).as_deref() == Ok(name)
}

/// Runs `body` in a process with new mount, IPC, network and cgroup namespaces, as root; skips loudly otherwise.
pub(crate) fn isolated(name: &str, body: impl FnOnce(&mut Sandbox)) {
    if runs(name) {
        unshare(UnshareFlags::NEWNS | UnshareFlags::NEWIPC | UnshareFlags::NEWNET | UnshareFlags::NEWCGROUP);
        rustix::mount::mount_change("/", MountPropagationFlags::DOWNSTREAM | MountPropagationFlags::REC)
            .unwrap();
        let directory = PathBuf::from(std::env::var_os(DIRECTORY).unwrap());
        return body(&mut Sandbox::new(&directory));
    }
    if !rustix::process::geteuid().is_root() {
        return skipped(name, "needs root to mount");
    }
    let directory = tempfile::tempdir().unwrap();
    fs::create_dir(directory.path().join("rootfs")).unwrap();
    let before = mountinfo::read().unwrap();
    run_again(Command::new(std::env::current_exe().unwrap()), name, directory.path());
    assert_eq!(mountinfo::read().unwrap(), before, "the host's mounts changed");
}

/// Runs `prepare` as [`isolated`] does, and below it `body` as root of a new user namespace.
pub(crate) fn rootless(name: &str, prepare: impl FnOnce(&Path), body: impl FnOnce(&mut Sandbox)) {
    if runs(name) && std::env::var_os(ROOTLESS).is_some() {
        let directory = PathBuf::from(std::env::var_os(DIRECTORY).unwrap());
        return body(&mut Sandbox::new(&directory));
    }
    isolated(name, |sandbox| {
        prepare(&sandbox.directory);
        let mut command = Command::new("unshare");
        command
            .args(["--user", "--map-root-user", "--mount", "--ipc", "--net", "--pid", "--fork"])
            .arg(std::env::current_exe().unwrap())
            .env(ROOTLESS, "1");
        run_again(command, name, &sandbox.directory);
    });
}

fn run_again(mut command: Command, name: &str, directory: &Path) {
    command.args(["--exact", name, "--nocapture", "--test-threads=1"]);
    let output = command.env(CASE, name).env(DIRECTORY, directory).output().unwrap();
    let shown =
        String::from_utf8_lossy(&output.stderr).into_owned() + &String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{shown}");
    assert!(shown.contains("1 passed"), "the test did not run: {shown}");
}
