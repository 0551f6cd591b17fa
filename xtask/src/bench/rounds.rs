//! The rounds: every subject once for every verb, in an order that changes from round to round.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::{IsTerminal, stderr};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use rustix::io::Errno;
use rustix::process::{Pid, WaitId, WaitIdOptions, getpid, set_child_subreaper, waitid};
use tempfile::TempDir;

use super::bundle::Bundles;
use super::launch::{Launcher, Outcome, Sample};
use super::series::Results;
use super::subject::{Name, Subject};
use crate::hierarchy::{self, Hierarchy};

/// How long the end of a process that was killed is waited for.
const LOOKS_FOR_ORPHANS: u32 = 100;
const BETWEEN_LOOKS: Duration = Duration::from_millis(20);

/// How often a command may hang before the benchmark gives up.
const TRIES: u32 = 5;

/// What happens before each measured command.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Pace {
    BackToBack,
    AfterPause(Duration),
}

/// The measured commands, in the order of a round.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Verb {
    Run,
    Create,
    State,
    Start,
    Exec,
    Kill,
    Delete,
    /// So many runs at the same time; no part of a round.
    RunTogether(u32),
}

impl Verb {
    const ALL: [Self; 7] =
        [Self::Run, Self::Create, Self::State, Self::Start, Self::Exec, Self::Kill, Self::Delete];

    /// The word on a runtime's command line.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Run | Self::RunTogether(_) => "run",
            Self::Create => "create",
            Self::State => "state",
            Self::Start => "start",
            Self::Exec => "exec",
            Self::Kill => "kill",
            Self::Delete => "delete",
        }
    }
}

/// Everything that a measurement needs. What a measurement leaves behind is removed when this is dropped.
#[derive(Debug)]
pub(crate) struct Bench<'a> {
    subjects: &'a [Subject],
    bundles: &'a Bundles,
    hierarchies: &'a [Hierarchy],
    launcher: Launcher,
    interrupted: &'a AtomicBool,
    /// The runtimes' state directories lie in here.
    state: TempDir,
    /// Part of the name of every container, and so of every cgroup.
    mark: String,
}

impl<'a> Bench<'a> {
    /// Prepares the state directories, and becomes the reaper of the containers that a runtime creates and leaves.
    pub(crate) fn new(
        subjects: &'a [Subject],
        bundles: &'a Bundles,
        hierarchies: &'a [Hierarchy],
        launcher: Launcher,
        interrupted: &'a AtomicBool,
    ) -> Result<Self> {
        set_child_subreaper(Some(getpid())).context("prctl PR_SET_CHILD_SUBREAPER")?;
        let home = state_home();
        let state =
            TempDir::with_prefix_in("bench-", home).with_context(|| format!("make a directory in {home}"))?;
        let mark = format!("bench-{}-", getpid().as_raw_nonzero());
        Ok(Self { subjects, bundles, hierarchies, launcher, interrupted, state, mark })
    }

    /// Measures `rounds` rounds at one pace, after one that is not counted.
    pub(crate) fn measure(&self, results: &mut Results, pace: Pace, rounds: u32) -> Result<()> {
        if rounds == 0 {
            return Ok(());
        }
        let name = match pace {
            Pace::BackToBack => "back to back",
            Pace::AfterPause(_) => "after a pause",
        };
        self.round(&mut Results::default(), Pace::BackToBack, 0)?;
        for round in 1..=rounds {
            if stderr().is_terminal() {
                eprint!(
                    "\r{name}: round {round} of {rounds}\x1b[K{}",
                    if round == rounds { "\n" } else { "" }
                );
            }
            self.round(results, pace, round)?;
        }
        Ok(())
    }

    fn round(&self, results: &mut Results, pace: Pace, round: u32) -> Result<()> {
        let order = self.order(round);
        for verb in Verb::ALL {
            for subject in order.iter().filter(|subject| verb == Verb::Run || subject.is_runtime()) {
                if self.interrupted.load(Ordering::Relaxed) {
                    bail!("interrupted");
                }
                if let Pace::AfterPause(pause) = pace {
                    thread::sleep(pause);
                }
                let sample = self.sample(results, verb, subject)?;
                results.push((pace, verb, subject.name), sample);
                if verb == Verb::Kill {
                    self.reap(subject)?;
                }
            }
        }
        Ok(())
    }

    /// Measures many runs at the same time, back to back, after a round that is not counted.
    pub(crate) fn measure_together(&self, results: &mut Results, copies: u32, rounds: u32) -> Result<()> {
        let verb = Verb::RunTogether(copies);
        for round in (0..=rounds).take_while(|_| rounds > 0) {
            for subject in self.order(round).into_iter().filter(|subject| subject.is_runtime()) {
                if self.interrupted.load(Ordering::Relaxed) {
                    bail!("interrupted");
                }
                let sample = self.sample(results, verb, subject)?;
                if round > 0 {
                    results.push((Pace::BackToBack, verb, subject.name), sample);
                }
            }
        }
        Ok(())
    }

    /// Measures one command; one that hangs is noted and, where that can be done, tried again.
    fn sample(&self, results: &mut Results, verb: Verb, subject: &Subject) -> Result<Sample> {
        for _ in 0..TRIES {
            let arguments = self.arguments(verb, subject);
            let outcome = match verb {
                Verb::RunTogether(copies) => {
                    self.launcher.measure_many(copies, &subject.program, &arguments)?
                }
                _ => self.launcher.measure(&subject.program, &arguments)?,
            };
            match outcome {
                Outcome::Done(sample) => return Ok(sample),
                Outcome::Hung => results.note_hang(subject.name),
            }
            match verb {
                Verb::Run | Verb::RunTogether(_) => drop(self.clean()),
                Verb::State | Verb::Exec => {}
                Verb::Create | Verb::Start | Verb::Kill | Verb::Delete => break,
            }
        }
        bail!("{} {} hangs", subject.name, verb.word())
    }

    /// Begins each round with another subject and turns every second one round.
    ///
    /// The kernel tears namespaces and cgroups down after the command that used them has ended. In a fixed order
    /// that would burden always the same successor.
    fn order(&self, round: u32) -> Vec<&'a Subject> {
        let mut order: Vec<_> = self.subjects.iter().collect();
        let places = order.len().max(1);
        order.rotate_left((round / 2) as usize % places);
        if round % 2 == 1 {
            order.reverse();
        }
        order
    }

    fn arguments(&self, verb: Verb, subject: &Subject) -> Vec<OsString> {
        let id = self.container(subject);
        if !subject.is_runtime() {
            return self.floor_arguments(subject, id);
        }
        let mut args: Vec<OsString> =
            vec!["--root".into(), self.state_directory(subject).into(), verb.word().into()];
        match verb {
            Verb::Run => args.extend(["--bundle".into(), self.bundles.of_true().into(), id]),
            Verb::RunTogether(_) => {
                let mut numbered = id;
                numbered.push("-@");
                args.extend(["--bundle".into(), self.bundles.of_true().into(), numbered]);
            }
            Verb::Create => {
                let pid_file = self.pid_file(subject).into();
                let bundle = self.bundles.of_pause().into();
                args.extend(["--bundle".into(), bundle, "--pid-file".into(), pid_file, id]);
            }
            Verb::State | Verb::Start | Verb::Delete => args.push(id),
            Verb::Exec => args.extend([id, "/bin/true".into()]),
            Verb::Kill => args.extend([id, "KILL".into()]),
        }
        args
    }

    fn floor_arguments(&self, subject: &Subject, group: OsString) -> Vec<OsString> {
        let mut args = Vec::new();
        if subject.name == Name::FloorSpec {
            args.push("--spec".into());
        }
        args.extend([self.bundles.rootfs().into(), group]);
        args.extend(self.hierarchies.iter().map(|hierarchy| hierarchy.path.clone().into()));
        args
    }

    fn container(&self, subject: &Subject) -> OsString {
        format!("{}{}", self.mark, subject.name).into()
    }

    fn state_directory(&self, subject: &Subject) -> PathBuf {
        self.state.path().join(subject.name.to_string())
    }

    fn pid_file(&self, subject: &Subject) -> PathBuf {
        self.launcher.scratch_file(&format!("{}.pid", subject.name))
    }

    /// Waits until the killed process of a created container has ended, and reaps it.
    fn reap(&self, subject: &Subject) -> Result<()> {
        let file = self.pid_file(subject);
        let text = fs::read_to_string(&file).with_context(|| format!("read {}", file.display()))?;
        let pid = text.trim().parse().ok().and_then(Pid::from_raw);
        let pid = pid.with_context(|| format!("{}: {text:?} is no process id", file.display()))?;
        waitid(WaitId::Pid(pid), WaitIdOptions::EXITED)
            .with_context(|| format!("wait for the process {text} of {}", subject.name))?;
        Ok(())
    }

    /// Checks that no subject left a container or a cgroup; what is found is removed, and an error.
    pub(crate) fn finish(self) -> Result<()> {
        let left = self.clean();
        if !left.is_empty() {
            bail!("left behind: {}", left.join(", "));
        }
        Ok(())
    }

    /// Removes what is left of containers, and says of each trace what became of it.
    fn clean(&self) -> Vec<String> {
        let mut left = Vec::new();
        let mut note = |what: String, removed: Result<()>| match removed {
            Ok(()) => left.push(format!("{what} (removed now)")),
            Err(error) => left.push(format!("{what} (not removed: {error:#})")),
        };
        for subject in self.subjects.iter().filter(|subject| subject.is_runtime()) {
            for id in self.left_containers(subject) {
                let removed = self.delete_by_force(subject, &id);
                note(format!("container {} of {}", id.display(), subject.name), removed);
            }
        }
        if let Err(error) = reap_orphans() {
            note("processes".to_owned(), Err(error));
        }
        match hierarchy::groups_named(self.hierarchies, &self.mark) {
            Ok(groups) => {
                for group in groups {
                    note(group.display().to_string(), fs::remove_dir(&group).context("rmdir"));
                }
            }
            Err(error) => note("perhaps cgroups".to_owned(), Err(error)),
        }
        left
    }

    /// Lists the containers that the state directory of a subject still has.
    fn left_containers(&self, subject: &Subject) -> Vec<OsString> {
        let Ok(entries) = fs::read_dir(self.state_directory(subject)) else { return Vec::new() };
        let names = entries.filter_map(|entry| Some(entry.ok()?.file_name()));
        names.filter(|name| name.to_string_lossy().starts_with(&self.mark)).collect()
    }

    fn delete_by_force(&self, subject: &Subject, id: &OsStr) -> Result<()> {
        let output = Command::new(&subject.program)
            .arg("--root")
            .arg(self.state_directory(subject))
            .args(["delete", "--force"])
            .arg(id)
            .stdin(Stdio::null())
            .output()
            .with_context(|| format!("execute {}", subject.program.display()))?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            bail!("{} delete --force: {}: {}", subject.name, output.status, said.trim());
        }
        Ok(())
    }
}

/// Reaps what containers leave to this process; one that was not reaped would still hold its cgroups.
pub(crate) fn reap_orphans() -> Result<()> {
    for _ in 0..LOOKS_FOR_ORPHANS {
        match waitid(WaitId::All, WaitIdOptions::EXITED | WaitIdOptions::NOHANG) {
            Ok(Some(_)) => {}
            Ok(None) => thread::sleep(BETWEEN_LOOKS),
            Err(Errno::CHILD) => return Ok(()),
            Err(error) => return Err(error).context("wait for the processes of containers"),
        }
    }
    bail!("a process of a container does not end")
}

impl Drop for Bench<'_> {
    fn drop(&mut self) {
        for trace in self.clean() {
            eprintln!("bench: left behind: {trace}");
        }
    }
}

/// Where the runtimes keep their state: on a tmpfs, as `/run` is on an installed system. On machines whose `/run` is on
/// disk, every runtime would be measured writing to the disk's journal.
pub(crate) fn state_home() -> &'static str {
    const TMPFS_MAGIC: i64 = 0x0102_1994;
    let on_tmpfs = rustix::fs::statfs("/run").is_ok_and(|status| status.f_type == TMPFS_MAGIC);
    if on_tmpfs { "/run" } else { "/dev/shm" }
}
