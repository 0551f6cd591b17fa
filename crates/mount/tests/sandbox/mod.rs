//! Runs a test again in a process of its own, with namespaces of its own and a root to work on.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use palisade_mount::mountinfo::{self, MountInfo};
use palisade_mount::{
    Attributes, Failure, HostPath, Kind, Op, OpenRoot, Parent, Propagation, Reach, RootSource, State, perform,
};
use rustix::thread::UnshareFlags;

/// Names the test that the process was started again for.
const CASE: &str = "PALISADE_MOUNT_CASE";
/// Names the directory that the test works in, removed by the first process.
const DIRECTORY: &str = "PALISADE_MOUNT_DIRECTORY";

/// A directory with an empty root in it, and the interpreter's state.
pub(crate) struct Sandbox {
    pub(crate) directory: PathBuf,
    pub(crate) rootfs: PathBuf,
    pub(crate) state: State,
}

impl Sandbox {
    /// Gives the operations that make the host's mounts private and attach the root.
    pub(crate) fn open_root(&mut self) {
        self.perform(&Op::Propagation(Propagation { kind: Kind::Slave, reach: Reach::Tree }));
        let op = self.root_op();
        self.perform(&op);
    }

    pub(crate) fn root_op(&self) -> Op {
        Op::OpenRoot(OpenRoot {
            source: RootSource::Directory { path: host(&self.rootfs), reach: Reach::Tree },
            parent: Parent::Keep,
            attributes: Attributes::NONE,
            propagation: None,
        })
    }

    /// Performs an operation that has to succeed.
    pub(crate) fn perform(&mut self, op: &Op) {
        if let Err(failure) = perform(op, &mut self.state) {
            panic!("{}\n  {}", op.describe(&failure), op.shell());
        }
    }

    /// Performs an operation that has to fail.
    pub(crate) fn refuse(&mut self, op: &Op) -> Failure {
        match perform(op, &mut self.state) {
            Ok(()) => panic!("{} was not refused", op.subject()),
            Err(failure) => failure,
        }
    }

    pub(crate) fn mounts(&self) -> Vec<MountInfo> {
        // The namespaces are this thread's, not those of the thread that /proc/self is about.
        mountinfo::read_from(Path::new("/proc/thread-self/mountinfo")).unwrap()
    }

    /// Gives the uppermost mount at a path.
    pub(crate) fn mount_at(&self, path: impl AsRef<Path>) -> MountInfo {
        let path = path.as_ref();
        let mounts = self.mounts();
        match mounts.iter().rev().find(|info| info.target == path) {
            Some(info) => info.clone(),
            None => panic!("nothing is mounted on {}: {mounts:#?}", path.display()),
        }
    }
}

pub(crate) fn host(path: &Path) -> HostPath {
    HostPath::new(path.to_str().unwrap()).unwrap()
}

/// Runs `body` in a process with new mount, IPC and network namespaces, as root; skips loudly otherwise.
pub(crate) fn isolated(name: &str, body: impl FnOnce(&mut Sandbox)) {
    if !rustix::process::geteuid().is_root() {
        eprintln!("SKIPPED {name}: needs root to mount");
        return;
    }
    if std::env::var(CASE).as_deref() == Ok(name) {
        let directory = PathBuf::from(std::env::var_os(DIRECTORY).unwrap());
        let spaces = UnshareFlags::NEWNS | UnshareFlags::NEWIPC | UnshareFlags::NEWNET;
        // The namespaces are this thread's; nothing else of the process is used.
        #[expect(deprecated, reason = "the safe form, and no descriptor table is unshared")]
        rustix::thread::unshare(spaces).unwrap();
        let rootfs = directory.join("rootfs");
        return body(&mut Sandbox { directory, rootfs, state: State::new() });
    }
    let directory = tempfile::tempdir().unwrap();
    fs::create_dir(directory.path().join("rootfs")).unwrap();
    let before = mountinfo::read().unwrap();
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", name, "--nocapture", "--test-threads=1"])
        .env(CASE, name)
        .env(DIRECTORY, directory.path())
        .output()
        .unwrap();
    let shown =
        String::from_utf8_lossy(&output.stderr).into_owned() + &String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{shown}");
    assert!(shown.contains("1 passed"), "the test did not run: {shown}");
    let leaked = |info: &MountInfo| info.target.starts_with(directory.path());
    assert!(!mountinfo::read().unwrap().iter().any(leaked), "a mount leaked out");
    assert_eq!(mountinfo::read().unwrap().len(), before.len(), "the host's mounts changed");
}
