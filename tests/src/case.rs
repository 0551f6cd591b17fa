//! One test: its place, its names, and the look behind it.

use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{getpid, set_child_subreaper};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

use crate::invocation::Invocation;
use crate::leak::Snapshot;
use crate::tier::Tier;

/// How long what ends by itself may take after a test: a killed container's namespaces go a little later.
const SETTLING: Duration = Duration::from_secs(3);

/// Held by the one case that runs.
///
/// A leak is known by what the machine has more than before. Two cases at a time would each find the other's
/// containers, so cases wait for each other whatever the number of libtest's threads.
static TURN: Mutex<()> = Mutex::new(());

/// What a shell says of a program that SIGINT ended.
const INTERRUPTED: i32 = 130;

static CASES: AtomicU32 = AtomicU32::new(0);

/// A test that runs, and until its end everything that it makes.
///
/// This process adopts orphans, so each process that a test starts, containers included, stays below it and is
/// told from those of other people; one that is dead stays a zombie until the end of the case, as it would below a
/// container engine that has not yet asked. When the case ends, the test fails if one of them is alive or if a cgroup, a
/// mount or a file with the case's name is left; all that is removed then, so that the next case starts clean.
#[derive(Debug)]
pub struct Case {
    name: String,
    mark: String,
    tier: Tier,
    scratch: PathBuf,
    before: Snapshot,
    names: AtomicU32,
    _turn: MutexGuard<'static, ()>,
}

impl Case {
    /// Begins the case of the test function that `path` is in; [`case!`](crate::case) calls it.
    ///
    /// Ends the process where somebody has asked it to.
    ///
    /// # Panics
    /// When the case cannot be prepared.
    #[must_use]
    pub fn begin(path: &str) -> Self {
        let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        if interrupted() {
            // No case runs that would have to clean up: the tests that are still to come need not all fail.
            std::process::exit(INTERRUPTED);
        }
        set_child_subreaper(Some(getpid())).expect("adopt orphans");
        let tier = Tier::current();
        let name = path.trim_end_matches("::here").rsplit("::").next().unwrap_or(path).to_owned();
        let number = CASES.fetch_add(1, Ordering::Relaxed);
        let mark = format!("pt{}-{number}", std::process::id());
        let scratch = scratch_parent().join(&mark);
        fs::create_dir(&scratch).unwrap_or_else(|error| panic!("create {}: {error}", scratch.display()));
        // Containers with other ids have to get through.
        fs::set_permissions(&scratch, fs::Permissions::from_mode(0o755))
            .expect("chmod the scratch directory");
        let before = Snapshot::take(&mark);
        Self { name, mark, tier, scratch, before, names: AtomicU32::new(0), _turn: turn }
    }

    /// The tier that the test runs in.
    #[must_use]
    pub fn tier(&self) -> Tier {
        self.tier
    }

    /// A directory that is empty at first and gone in the end, on a disk on the host, on a tmpfs in the machine.
    #[must_use]
    pub fn scratch(&self) -> &Path {
        &self.scratch
    }

    /// Makes an id for a container that no other test uses; files that bear it must not outlast the test.
    #[must_use]
    pub fn id(&self, name: &str) -> String {
        format!("{}-{name}", self.mark)
    }

    /// Makes a name for a file that this case has not used yet.
    #[must_use]
    pub fn unused(&self, what: &str) -> String {
        format!("{what}-{}", self.names.fetch_add(1, Ordering::Relaxed))
    }

    /// Makes an id for a container that nobody has used yet.
    #[must_use]
    pub fn unused_id(&self) -> String {
        self.id(&self.unused("c"))
    }

    /// Demands in the middle of a test that nothing is left of what `what` did.
    ///
    /// # Panics
    /// When something is.
    #[track_caller]
    pub fn expect_nothing_left(&self, what: &dyn std::fmt::Display) {
        let deadline = Instant::now() + SETTLING;
        loop {
            let mut left: Vec<String> = self.before.leaks().iter().map(ToString::to_string).collect();
            left.extend(self.states());
            if left.is_empty() {
                return;
            }
            assert!(Instant::now() < deadline, "{}\nis left of {what}", left.join("\n"));
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// The directory that `palisade` keeps the state of this case's containers in.
    #[must_use]
    pub fn state(&self) -> PathBuf {
        self.scratch.join("state")
    }

    /// Lists the containers that are on record; compiled filters are kept for the next ones.
    fn states(&self) -> Vec<String> {
        let Ok(entries) = fs::read_dir(self.state()) else { return Vec::new() };
        let entries = entries.flatten().filter(|entry| entry.file_name() != "@filters");
        entries.map(|entry| format!("state {}", entry.path().display())).collect()
    }

    /// Prepares a call of `palisade` whose state is kept in the scratch directory.
    #[must_use]
    pub fn palisade(&self) -> Invocation<'_> {
        let call = self.palisade_alone();
        match std::env::var_os("PALISADE_CGROUPS") {
            Some(manager) => call.arg("--cgroup-manager").arg(manager),
            None => call,
        }
    }

    /// Prepares a call of `palisade` with the same state that makes cgroups itself, whatever the tier would have.
    #[must_use]
    pub fn palisade_alone(&self) -> Invocation<'_> {
        let without = std::env::var("PALISADE_WITHOUT").unwrap_or_default();
        let without: Vec<&str> = without.split_whitespace().collect();
        Invocation::new(self, &self.palisade_path()).without(&without).arg("--root").arg(self.state())
    }

    /// Where the program `palisade` is, for a test that has to call it in a way of its own.
    #[must_use]
    pub fn palisade_path(&self) -> PathBuf {
        program("PALISADE_BIN")
    }

    /// Prepares a call of `pal`.
    #[must_use]
    pub fn pal(&self) -> Invocation<'_> {
        Invocation::new(self, &program("PAL_BIN"))
    }

    /// Prepares a call of any other program.
    #[must_use]
    pub fn program(&self, path: impl AsRef<Path>) -> Invocation<'_> {
        Invocation::new(self, path.as_ref())
    }

    /// Says that the test does nothing here; [`skip!`](crate::skip) calls it.
    pub fn say_skipped(&self, why: &str) {
        // Written past libtest's capture, which would keep it to itself as the test passes.
        let line = format!("SKIPPED {}: {why}\n", self.name);
        std::io::stderr().write_all(line.as_bytes()).expect("write to standard error");
    }

    /// Waits a moment for what ends by itself, then lists and removes the rest.
    fn settle(&self) -> Vec<String> {
        let deadline = Instant::now() + SETTLING;
        loop {
            let leaks = self.before.leaks();
            if leaks.is_empty() {
                return Vec::new();
            }
            if Instant::now() > deadline {
                let mut lines: Vec<String> = leaks.iter().map(ToString::to_string).collect();
                lines.extend(self.before.clean(leaks));
                return lines;
            }
            thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Case {
    fn drop(&mut self) {
        let mut left = self.settle();
        left.extend(self.states());
        if let Err(error) = fs::remove_dir_all(&self.scratch) {
            left.push(format!("{}: cannot be removed: {error}", self.scratch.display()));
        }
        if left.is_empty() {
            return;
        }
        let report = format!("{} leaves behind:\n  {}", self.name, left.join("\n  "));
        // A second panic would abort the whole run; the first one fails the test already.
        if thread::panicking() {
            eprintln!("{report}");
        } else {
            panic!("{report}");
        }
    }
}

/// Panics once somebody has asked this process to end, so that the case that runs cleans up.
///
/// # Panics
/// Then.
pub fn check_interrupt() {
    assert!(!interrupted(), "interrupted");
}

/// Tells whether one of the signals came that ask a process to end, which from the first call on do not end it.
fn interrupted() -> bool {
    static CAME: OnceLock<Arc<AtomicBool>> = OnceLock::new();
    let came = CAME.get_or_init(|| {
        let flag = Arc::new(AtomicBool::new(false));
        for signal in [SIGINT, SIGTERM, SIGHUP] {
            signal_hook::flag::register(signal, Arc::clone(&flag)).expect("handle a signal");
        }
        flag
    });
    came.load(Ordering::Relaxed)
}

fn scratch_parent() -> PathBuf {
    std::env::var_os("PALISADE_SCRATCH").map_or_else(|| PathBuf::from("/var/tmp"), PathBuf::from)
}

fn program(variable: &str) -> PathBuf {
    let path = std::env::var_os(variable).map(PathBuf::from);
    path.unwrap_or_else(|| panic!("{variable} is not set: run the tests with `cargo xtask test`"))
}
