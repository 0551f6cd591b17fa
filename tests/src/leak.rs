//! What a test leaves behind on the machine.

mod cgroup;
mod file;
mod mount;
mod process;

use std::fmt;
use std::path::PathBuf;

pub(crate) use process::reap_adopted;

use rustix::process::Pid;

/// The machine before a test.
#[derive(Debug)]
pub struct Snapshot {
    cgroups: cgroup::Groups,
    mounts: Vec<mount::Mount>,
    mark: String,
}

/// One thing that was not there before, or that is no longer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Leak {
    /// A process below this one, with the namespaces that it alone keeps alive.
    Process {
        /// Its number in this namespace.
        pid: Pid,
        /// Its name and its namespaces.
        description: String,
    },
    /// A cgroup in any hierarchy that holds no process of others.
    Cgroup(PathBuf),
    /// A mount, pinned namespaces among them.
    Mount {
        /// Where it is.
        point: PathBuf,
        /// Its line in mountinfo.
        line: String,
    },
    /// A mount of the machine that is gone or has other options.
    LostMount(String),
    /// A file in a place for lasting state that bears the name of the test.
    File(PathBuf),
}

impl Snapshot {
    /// Looks at the machine; `mark` is the part of names by which files of the test are known.
    ///
    /// # Panics
    /// When /proc or a cgroup hierarchy cannot be read.
    #[must_use]
    pub fn take(mark: &str) -> Self {
        Self { cgroups: cgroup::Groups::read(), mounts: mount::read(), mark: mark.to_owned() }
    }

    /// Looks again and lists what is left, processes first.
    ///
    /// # Panics
    /// When /proc or a cgroup hierarchy cannot be read.
    #[must_use]
    pub fn leaks(&self) -> Vec<Leak> {
        let descendants = process::descendants();
        let mut leaks: Vec<Leak> = descendants.iter().map(process::leak).collect();
        let pids: Vec<Pid> = descendants.iter().map(|process| process.pid).collect();
        leaks.extend(self.cgroups.added(&pids).into_iter().map(Leak::Cgroup));
        leaks.extend(mount::compare(&self.mounts, &mount::read()));
        leaks.extend(file::bearing(&self.mark).into_iter().map(Leak::File));
        leaks
    }

    /// Removes what can be removed, in the order in which it can; lists what stays.
    #[must_use]
    pub fn clean(&self, leaks: Vec<Leak>) -> Vec<String> {
        let mut failures = process::kill_all();
        for leak in leaks.iter().rev() {
            let result = match leak {
                Leak::Process { .. } | Leak::LostMount(_) => Ok(()),
                Leak::Cgroup(path) => cgroup::remove(path),
                Leak::Mount { point, .. } => mount::detach(point),
                Leak::File(path) => file::remove(path),
            };
            failures.extend(result.err().map(|error| format!("  and stays there: {leak}: {error}")));
        }
        failures
    }
}

impl fmt::Display for Leak {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Process { pid, description } => write!(f, "process {pid}: {description}"),
            Self::Cgroup(path) => write!(f, "cgroup {}", path.display()),
            Self::Mount { line, .. } => write!(f, "mount {line}"),
            Self::LostMount(line) => write!(f, "a mount of the machine is gone or changed: {line}"),
            Self::File(path) => write!(f, "file {}", path.display()),
        }
    }
}
