//! A machine with many containers that wait for `start`.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::Args;
use rustix::io::Errno;
use rustix::process::{
    Pid, Signal, WaitId, WaitIdOptions, getpid, kill_process, set_child_subreaper, waitid,
};
use tempfile::TempDir;

use super::bundle::{Bundles, Profile};
use super::launch::{Launcher, Outcome, Sample};
use super::rounds::{reap_orphans, state_home};
use super::series::middle;
use super::subject::{self, Name, Subject};
use super::{lend_to_crun, make_directory, notice_interrupts, require_root};
use crate::hierarchy::{self, Hierarchy};
use crate::workspace::Workspace;

/// What the kernel needs after a container has gone, to take its namespaces and cgroups apart in the background. The
/// next one would be measured waiting for that.
const SETTLING: Duration = Duration::from_millis(100);

/// The options of `bench scale`.
#[derive(Args)]
pub(crate) struct ScaleArgs {
    /// How many containers are alive at once
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..))]
    containers: u32,
    /// How often create and list are measured, on the empty machine and on the full one, after a round that is not
    /// counted
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
    empty: Look,
    full: Look,
    /// Private memory of the waiting processes, in KiB: the median, and the most.
    private: (u64, u64),
}

/// What was measured with so many containers alive; medians.
struct Look {
    create: Duration,
    /// The same namespaces, mounts and groups without a runtime: what of it is the kernel's.
    floor: Duration,
    list: Duration,
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
        let empty = self.look(args.runs)?;
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
        let private = (private.get(private.len() / 2).copied().unwrap_or_default(), most);
        Ok(Figures { containers: args.containers, empty, full: self.look(args.runs)?, private })
    }

    /// Measures create, each container of which is deleted again, in turn with the floor; and list.
    fn look(&self, runs: u32) -> Result<Look> {
        let (mut create, mut floor, mut list) = (Vec::new(), Vec::new(), Vec::new());
        for round in 0..=runs {
            if self.interrupted.load(Ordering::Relaxed) {
                bail!("interrupted");
            }
            for turn in [round, round + 1] {
                thread::sleep(SETTLING);
                let times = if turn % 2 == 0 { &mut create } else { &mut floor };
                times.push(if turn % 2 == 0 { self.create_once()? } else { self.floor_once()? });
            }
            list.push(self.run(&["list"])?.wall.as_secs_f64());
        }
        // The first round only warms up.
        let median = |times: Vec<f64>| median(times.into_iter().skip(1).collect());
        Ok(Look { create: median(create)?, floor: median(floor)?, list: median(list)? })
    }

    fn create_once(&self) -> Result<f64> {
        let sample = self.create("once")?;
        thread::sleep(SETTLING);
        self.delete("once")?;
        // ext4 writes out at once what takes the place of a file, which no engine's pid file does.
        fs::remove_file(self.pid_file("once")).context("remove the pid file")?;
        Ok(sample.wall.as_secs_f64())
    }

    /// Has the floor make a container of the same kind, and removes it.
    fn floor_once(&self) -> Result<f64> {
        let group = format!("{}floor", self.mark);
        let (pid_file, rootfs) = (self.pid_file("floor"), self.bundles.rootfs());
        let mut args = vec!["--spec", "--create", text(&pid_file)?, text(&rootfs)?, &group];
        for hierarchy in self.hierarchies {
            args.push(text(&hierarchy.path)?);
        }
        let outcome = self.launcher.measure(&self.launcher.floor(), &args);
        thread::sleep(SETTLING);
        let removed = self.remove_floor(&group);
        let Outcome::Done(sample) = outcome? else { bail!("the floor hangs") };
        removed.map(|()| sample.wall.as_secs_f64())
    }

    fn remove_floor(&self, group: &str) -> Result<()> {
        let pid = self.pid("floor")?;
        kill_process(pid, Signal::KILL).context("kill the floor's process")?;
        waitid(WaitId::Pid(pid), WaitIdOptions::EXITED).context("wait for the floor's process")?;
        for hierarchy in self.hierarchies {
            let path = hierarchy.path.join(group);
            fs::remove_dir(&path).with_context(|| format!("rmdir {}", path.display()))?;
        }
        fs::remove_file(self.pid_file("floor")).context("remove the pid file")
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

impl Figures {
    /// How much longer the last create takes than the first, and the same of the floor.
    fn growth(&self) -> (f64, f64) {
        let share = |of: fn(&Look) -> Duration| of(&self.full).as_secs_f64() / of(&self.empty).as_secs_f64();
        (share(|look| look.create), share(|look| look.floor))
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let millis = |time: Duration| time.as_secs_f64() * 1000.0;
        let (median, most) = self.private;
        for (number, look) in [(1, &self.empty), (self.containers + 1, &self.full)] {
            let (create, floor) = (millis(look.create), millis(look.floor));
            writeln!(
                formatter,
                "create of number {number:<6} {create:>8.2} ms    the floor {floor:>8.2} ms"
            )?;
        }
        let (create, floor) = self.growth();
        writeln!(formatter, "growth                  × {create:>6.2}       the floor × {floor:>6.2}")?;
        writeln!(formatter, "list of 0               {:>8.2} ms", millis(self.empty.list))?;
        writeln!(formatter, "list of {:<15} {:>8.2} ms", self.containers, millis(self.full.list))?;
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
