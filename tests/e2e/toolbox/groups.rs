//! Hierarchies, groups and who is in them, with no container at all.

mod delegation;
mod hierarchies;
mod moves;
mod refusals;
mod unified;
mod verbs;

use std::fs;
use std::path::PathBuf;

use palisade_tests::container::wait_until;
use palisade_tests::invocation::{Finished, Running};
use palisade_tests::{Case, Privilege, group};
use rustix::process::Signal;
use serde_json::Value;

/// Runs `pal cgroup`.
fn pal(case: &Case, words: &[&str]) -> Finished {
    case.pal().arg("cgroup").args(words).run()
}

/// Runs `pal cgroup` and reads the JSON that it prints.
#[track_caller]
fn json(case: &Case, words: &[&str]) -> Value {
    let said = pal(case, &[words, &["--format", "json"]].concat()).succeeded();
    serde_json::from_str(&said.stdout).unwrap_or_else(|error| panic!("{error}: {said}"))
}

/// Demands that a call was refused in one line and printed nothing else; gives the line without the program's name.
#[track_caller]
fn refused(said: &Finished) -> String {
    assert_eq!((said.code(), said.stdout.as_str()), (125, ""), "{said}");
    let line = said.stderr.strip_prefix("pal: ").and_then(|line| line.strip_suffix('\n'));
    let line = line.unwrap_or_else(|| panic!("no line of pal: {said}"));
    assert!(!line.contains('\n') && !line.contains("panicked"), "{said}");
    line.to_owned()
}

/// Whether the user of this tier may make groups.
fn can_make(case: &Case) -> bool {
    case.tier().privilege() == Privilege::Root || group::can_make() && !group::made_by_systemd()
}

/// Tells whether a v1 hierarchy is mounted.
fn has_v1() -> bool {
    mounts("cgroup").next().is_some()
}

/// Lists where hierarchies of this kind, `cgroup` or `cgroup2`, are mounted, and their options.
fn mounts(kind: &'static str) -> impl Iterator<Item = (PathBuf, String)> {
    let table = fs::read_to_string("/proc/self/mounts").expect("read /proc/self/mounts");
    let lines: Vec<(PathBuf, String)> = table
        .lines()
        .map(|line| line.split(' ').collect::<Vec<_>>())
        .filter(|fields| fields[2] == kind)
        .map(|fields| (PathBuf::from(fields[1]), fields[3].to_owned()))
        .collect();
    lines.into_iter()
}

/// Finds where the v1 hierarchy of a controller is mounted.
fn v1(controller: &str) -> Option<PathBuf> {
    let has = |options: &str| options.split(',').any(|option| option == controller);
    mounts("cgroup").find(|(_, options)| has(options)).map(|(point, _)| point)
}

/// Finds where the v2 tree is mounted.
fn v2() -> Option<PathBuf> {
    mounts("cgroup2").next().map(|(point, _)| point)
}

/// A program that sleeps in a group.
struct Sleeper(Running);

impl Sleeper {
    /// Starts one by `pal cgroup exec` and waits until it sleeps.
    fn start(case: &Case, group: &str) -> Self {
        Self::start_by(case, &[group])
    }

    /// Starts one with more flags of `exec`.
    fn start_by(case: &Case, words: &[&str]) -> Self {
        let running = case.pal().args(["cgroup", "exec"]).args(words).args(["--", "sleep", "1000"]).spawn();
        let this = Self(running);
        wait_until("a program that sleeps", || {
            let comm = fs::read_to_string(format!("/proc/{}/comm", this.pid())).unwrap_or_default();
            // As a program of busybox, too.
            comm.trim() == "sleep"
        });
        this
    }

    fn pid(&self) -> String {
        self.0.pid().to_string()
    }

    /// The lines of its `/proc/PID/cgroup`.
    fn homes(&self) -> String {
        fs::read_to_string(format!("/proc/{}/cgroup", self.pid())).expect("read /proc/PID/cgroup")
    }

    fn end(self) {
        self.0.signal(Signal::KILL);
        assert_eq!(self.0.wait().code(), 137);
    }
}

/// The group of the line of `/proc/PID/cgroup` that is about a controller, or about the v2 tree for the empty word.
fn home(text: &str, controller: &str) -> Option<String> {
    text.lines().find_map(|line| {
        let mut fields = line.splitn(3, ':');
        let (_, list, path) = (fields.next()?, fields.next()?, fields.next()?);
        list.split(',').any(|one| one == controller).then(|| path.to_owned())
    })
}
