//! A machine with many containers that wait for `start`.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::Args;
use rustix::io::Errno;
use rustix::process::{Pid, WaitId, WaitIdOptions, getpid, set_child_subreaper, waitid};
use tempfile::TempDir;

use super::bundle::{Bundles, Profile};
use super::launch::{Launcher, Outcome, Sample};
use super::rounds::{reap_orphans, state_home};
use super::series::middle;
use super::subject::{self, Name, Subject};
use super::{lend_to_crun, make_directory, notice_interrupts, require_root};
use crate::hierarchy::{self, Hierarchy};
use crate::workspace::Workspace;

/// The options of `bench scale`.
#[derive(Args)]
pub(crate) struct ScaleArgs {
    /// How many containers are alive at once
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..))]
    containers: u32,
    /// How often create and list are measured, on the empty machine and on the full one
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..))]
    runs: u32,
    /// Whose configuration the containers have
    #[arg(long, value_enum, default_value_t = Profile::Docker)]
    profile: Profile,
    /// Measures these, one after the other
    #[arg(long, value_name = "NAME", value_delimiter = ',', default_values_t = [Name::Palisade])]
    only: Vec<Name>,
}

/// Measures every subject that is asked for, and prints what it finds.
pub(crate) fn run(args: &ScaleArgs) -> Result<()> {
    require_root()?;
    let interrupted = notice_interrupts()?;
    let workspace = Workspace::load()?;
    let directory = make_directory(&workspace)?;
    let launcher = Launcher::build(&workspace, &directory)?;
    let mut subjects = subject::find(&workspace, &directory, &args.only, false)?;
    subjects.retain(Subject::is_runtime);
    let borrowed = lend_to_crun(&mut subjects)?;
    set_child_subreaper(Some(getpid())).context("prctl PR_SET_CHILD_SUBREAPER")?;
    let hierarchies = hierarchy::mounted()?;
    let bundles = Bundles::make(&workspace, &directory, args.profile, &hierarchies)?;
    for subject in &subjects {
        let crowd = Crowd::new(subject, &bundles, &hierarchies, &launcher, &interrupted)?;
        let measured = crowd.measure(args);
        let removed = crowd.remove();
        let figures = measured?;
        removed?;
        println!("\n{}: {}\n{figures}", subject.name, subject.version);
    }
    if let Some(origin) = bundles.filter_origin() {
        println!("seccomp filter: {origin}");
    }
    borrowed.give_back()
}

/// The containers of one runtime.
struct Crowd<'a> {
    subject: &'a Subject,
    bundles: &'a Bundles,
    hierarchies: &'a [Hierarchy],
    launcher: &'a Launcher,
    interrupted: &'a AtomicBool,
    state: TempDir,
    mark: String,
}

/// What was found.
struct Figures {
    containers: u32,
    first_create: Duration,
    next_create: Duration,
    first_list: Duration,
    full_list: Duration,
    /// Private memory of the waiting processes, in KiB: the median, and the most.
    private: (u64, u64),
}

impl<'a> Crowd<'a> {
    fn new(
        subject: &'a Subject,
        bundles: &'a Bundles,
        hierarchies: &'a [Hierarchy],
        launcher: &'a Launcher,
        interrupted: &'a AtomicBool,
    ) -> Result<Self> {
        let home = state_home();
        let state =
            TempDir::with_prefix_in("bench-", home).with_context(|| format!("make a directory in {home}"))?;
        let mark = format!("bench-{}-{}-", getpid().as_raw_nonzero(), subject.name);
        Ok(Self { subject, bundles, hierarchies, launcher, interrupted, state, mark })
    }

    fn measure(&self, args: &ScaleArgs) -> Result<Figures> {
        let first_create = self.time_create(args.runs)?;
        let first_list = self.time_list(args.runs)?;
        for number in 0..args.containers {
            if self.interrupted.load(Ordering::Relaxed) {
                bail!("interrupted");
            }
            self.create(&number.to_string())?;
        }
        let mut private = Vec::new();
        for number in 0..args.containers {
            private.push(private_memory(self.pid(&number.to_string())?)?);
        }
        private.sort_unstable();
        let most = private.last().copied().unwrap_or_default();
        Ok(Figures {
            containers: args.containers,
            first_create,
            next_create: self.time_create(args.runs)?,
            first_list,
            full_list: self.time_list(args.runs)?,
            private: (private.get(private.len() / 2).copied().unwrap_or_default(), most),
        })
    }

    /// The median time of a `create`, each container of which is deleted again.
    fn time_create(&self, runs: u32) -> Result<Duration> {
        let mut times = Vec::new();
        for _ in 0..runs {
            times.push(self.create("once")?.wall.as_secs_f64());
            self.delete("once")?;
        }
        median(times)
    }

    fn time_list(&self, runs: u32) -> Result<Duration> {
        let mut times = Vec::new();
        for _ in 0..runs {
            times.push(self.run(&["list"])?.wall.as_secs_f64());
        }
        median(times)
    }

    fn create(&self, name: &str) -> Result<Sample> {
        let bundle = self.bundles.of_pause();
        let (bundle, pid_file) = (text(&bundle)?, self.pid_file(name));
        let id = format!("{}{name}", self.mark);
        self.run(&["create", "--bundle", bundle, "--pid-file", text(&pid_file)?, &id])
    }

    fn delete(&self, name: &str) -> Result<Sample> {
        let sample = self.run(&["delete", "--force", &format!("{}{name}", self.mark)]);
        reap_ended()?;
        sample
    }

    /// Runs the runtime, to the end.
    fn run(&self, words: &[&str]) -> Result<Sample> {
        let mut args = vec!["--root", text(self.state.path())?];
        args.extend(words);
        match self.launcher.measure(&self.subject.program, &args)? {
            Outcome::Done(sample) => Ok(sample),
            Outcome::Hung => bail!("{} {} hangs", self.subject.name, words.join(" ")),
        }
    }

    fn pid_file(&self, name: &str) -> PathBuf {
        self.launcher.scratch_file(&format!("{name}.pid"))
    }

    fn pid(&self, name: &str) -> Result<Pid> {
        let file = self.pid_file(name);
        let text = fs::read_to_string(&file).with_context(|| format!("read {}", file.display()))?;
        let pid = text.trim().parse().ok().and_then(Pid::from_raw);
        pid.with_context(|| format!("{}: {text:?} is no process id", file.display()))
    }

    /// Removes all containers; it is an error when anything of them is left.
    fn remove(&self) -> Result<()> {
        let mut first_error = Ok(());
        let entries = fs::read_dir(self.state.path()).context("read the state directory")?;
        for entry in entries {
            let name = entry.context("read the state directory")?.file_name();
            if let Some(name) = name.to_str().and_then(|name| name.strip_prefix(&self.mark)) {
                first_error = first_error.and(self.delete(name).map(drop));
            }
        }
        reap_orphans()?;
        let left = hierarchy::groups_named(self.hierarchies, &self.mark)?;
        if let Some(group) = left.first() {
            bail!("{} left {} cgroups, one of them {}", self.subject.name, left.len(), group.display());
        }
        first_error
    }
}

/// Reaps the processes of containers that have ended; those of others are still there.
fn reap_ended() -> Result<()> {
    loop {
        match waitid(WaitId::All, WaitIdOptions::EXITED | WaitIdOptions::NOHANG) {
            Ok(Some(_)) => {}
            Ok(None) | Err(Errno::CHILD) => return Ok(()),
            Err(error) => return Err(error).context("wait for the processes of containers"),
        }
    }
}

/// Reads how much memory a process shares with nobody, in KiB (`proc_pid_smaps(5)`).
fn private_memory(pid: Pid) -> Result<u64> {
    let file = format!("/proc/{}/smaps_rollup", pid.as_raw_nonzero());
    let text = fs::read_to_string(&file).with_context(|| format!("read {file}"))?;
    sum_private(&text).with_context(|| format!("{file}: {text:?}"))
}

fn sum_private(rollup: &str) -> Option<u64> {
    let field = |name: &str| {
        let line = rollup.lines().find_map(|line| line.strip_prefix(name))?;
        line.trim().strip_suffix(" kB")?.parse::<u64>().ok()
    };
    Some(field("Private_Clean:")? + field("Private_Dirty:")?)
}

fn median(mut times: Vec<f64>) -> Result<Duration> {
    times.sort_by(f64::total_cmp);
    middle(&times).map(Duration::from_secs_f64).context("nothing was measured")
}

fn text(path: &Path) -> Result<&str> {
    path.to_str().with_context(|| format!("{}: not UTF-8", path.display()))
}

impl fmt::Display for Figures {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let millis = |time: Duration| time.as_secs_f64() * 1000.0;
        let share = self.next_create.as_secs_f64() / self.first_create.as_secs_f64();
        let (median, most) = self.private;
        let next = self.containers + 1;
        writeln!(formatter, "create of number 1      {:>8.2} ms", millis(self.first_create))?;
        writeln!(formatter, "create of number {next:<6} {:>8.2} ms, × {share:.2}", millis(self.next_create))?;
        writeln!(formatter, "list of 0               {:>8.2} ms", millis(self.first_list))?;
        writeln!(formatter, "list of {:<15} {:>8.2} ms", self.containers, millis(self.full_list))?;
        write!(formatter, "private memory of one   {median:>8} KiB, at most {most} KiB")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn private_memory_is_clean_and_dirty() {
        let text = "00400000-7fff [rollup]\nRss:  900 kB\nPrivate_Clean:        12 kB\nPrivate_Dirty:        88 kB\n";
        assert_eq!(sum_private(text), Some(100));
        assert_eq!(sum_private("Rss: 3 kB\n"), None);
    }
}
