//! `pal cgroup top` with thousands of groups: how long a look takes, and the memory.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::Args;
use rustix::fs::{Mode, OFlags};
use rustix::process::getpid;
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};

use super::launch::{Launcher, Sample};
use super::{load_average, make_directory, notice_interrupts, require_root};
use crate::artifact::{Optimised, build_programs};
use crate::hierarchy::{self, Version};
use crate::interrupt::Interrupt;
use crate::workspace::Workspace;

/// What was promised: the time of a look, and the memory in KiB.
const BARS: (Duration, u64) = (Duration::from_millis(300), 60 * 1024);
const INTERVAL: Duration = Duration::from_millis(100);
/// The v1 hierarchies that the groups are made in.
const CONTROLLERS: [&str; 4] = ["memory", "cpu", "cpuacct", "pids"];

/// The options of `bench top`.
#[derive(Args)]
pub(crate) struct TopArgs {
    /// How many groups there are
    #[arg(long, value_name = "N", default_value_t = 5000)]
    groups: u32,
    /// How many looks are taken
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..))]
    looks: u32,
}

/// Measures in the v1 hierarchies and in the v2 tree, those that are there.
pub(crate) fn run(args: &TopArgs) -> Result<()> {
    require_root()?;
    let interrupted = notice_interrupts()?;
    let workspace = Workspace::load()?;
    let directory = make_directory(&workspace)?;
    let launcher = Launcher::build(&workspace, &directory)?;
    let pal = build_programs(Optimised::Yes, &workspace, &Interrupt::watch()?)?.pal;
    let mounted = hierarchy::mounted()?;
    let has = |path: &Path| {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        name.split(',').any(|controller| CONTROLLERS.contains(&controller))
    };
    let v1: Vec<PathBuf> = mounted
        .iter()
        .filter(|hierarchy| hierarchy.version == Version::V1 && has(&hierarchy.path))
        .map(|hierarchy| hierarchy.path.clone())
        .collect();
    let v2 = mounted.iter().filter(|hierarchy| hierarchy.version == Version::V2);
    let v2: Vec<PathBuf> = v2.map(|hierarchy| hierarchy.path.clone()).collect();
    println!("load before: {:.1}", load_average()?);
    for (name, mounts) in [("v1", v1), ("v2", v2)] {
        if mounts.is_empty() {
            println!("{name}: not mounted here");
            continue;
        }
        let crowd = Crowd::make(&mounts, args.groups, &interrupted)?;
        let measured = measure(args, &launcher, &pal, &crowd);
        let removed = crowd.remove();
        println!("{name}: {} groups in each of {} hierarchies\n{}", args.groups, mounts.len(), measured?);
        removed?;
    }
    println!("load after: {:.1}", load_average()?);
    Ok(())
}

fn measure(args: &TopArgs, launcher: &Launcher, pal: &Path, crowd: &Crowd) -> Result<String> {
    let mut text = String::new();
    for (what, sort) in [("a look, in the tree's order", "name"), ("a look, sorted by CPU time", "cpu")] {
        let (interval, looks) = (INTERVAL.as_secs_f64().to_string(), args.looks.to_string());
        let words =
            ["cgroup", "top", &crowd.name, "--sort", sort, "--interval", &interval, "--looks", &looks];
        let sample = launcher.measure_with(pal, &words, at_terminal()?)?;
        let work = sample.wall.saturating_sub(INTERVAL * (args.looks - 1)) / args.looks;
        let (time, memory) = BARS;
        let met = work <= time && sample.peak_kib <= memory;
        line(&mut text, what, Sample { wall: work, ..sample }, if met { "bar met" } else { "bar MISSED" });
    }
    let words = ["cgroup", "top", &crowd.name, "--format", "openmetrics"];
    let sample = launcher.measure_with(pal, &words, [Stdio::null(), Stdio::null()])?;
    line(&mut text, "all files of all, once", sample, "");
    Ok(text)
}

fn line(text: &mut String, what: &str, sample: Sample, bar: &str) {
    let milliseconds = sample.wall.as_secs_f64() * 1000.0;
    // Writing to a string cannot fail.
    let _written =
        writeln!(text, "  {what:<28} {milliseconds:>7.1} ms  {:>6} KiB peak  {bar}", sample.peak_kib);
}

/// Makes a terminal that somebody reads, and gives its other side twice.
fn at_terminal() -> Result<[Stdio; 2]> {
    let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).context("openpt")?;
    grantpt(&master).context("grantpt")?;
    unlockpt(&master).context("unlockpt")?;
    let size = Winsize { ws_row: 50, ws_col: 160, ws_xpixel: 0, ws_ypixel: 0 };
    tcsetwinsize(&master, size).context("set the size of a terminal")?;
    let name = ptsname(&master, Vec::new()).context("ptsname")?;
    let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
    let slave = rustix::fs::open(name, flags, Mode::empty()).context("open a terminal")?;
    let other = slave.try_clone().context("duplicate a terminal")?;
    std::thread::spawn(move || {
        let mut buffer = [0; 4096];
        // It ends when the last program at the terminal has.
        while let Ok(1..) = File::from(master.try_clone()?).read(&mut buffer) {}
        std::io::Result::Ok(())
    });
    Ok([slave.into(), other.into()])
}

/// Groups that are there for the measurement.
struct Crowd {
    name: String,
    parents: Vec<PathBuf>,
}

impl Crowd {
    fn make(mounts: &[PathBuf], number: u32, interrupted: &AtomicBool) -> Result<Self> {
        let name = format!("/palisade-bench-{}", getpid().as_raw_nonzero());
        let parents = mounts.iter().map(|mount| mount.join(&name[1..])).collect();
        let crowd = Self { name, parents };
        match crowd.fill(number, interrupted) {
            Ok(()) => Ok(crowd),
            Err(error) => crowd.remove().and(Err(error)),
        }
    }

    fn fill(&self, number: u32, interrupted: &AtomicBool) -> Result<()> {
        for parent in &self.parents {
            fs::create_dir(parent).with_context(|| format!("make {}", parent.display()))?;
            enable(parent)?;
            for index in 0..number {
                if interrupted.load(Ordering::Relaxed) {
                    bail!("interrupted");
                }
                let group = parent.join(format!("g{index}"));
                fs::create_dir(&group).with_context(|| format!("make {}", group.display()))?;
            }
        }
        Ok(())
    }

    /// Removes all that is there of them.
    fn remove(&self) -> Result<()> {
        for parent in self.parents.iter().filter(|parent| parent.is_dir()) {
            for entry in fs::read_dir(parent).with_context(|| format!("list {}", parent.display()))? {
                let entry = entry?;
                if entry.file_type()?.is_dir() {
                    let path = entry.path();
                    fs::remove_dir(&path).with_context(|| format!("remove {}", path.display()))?;
                }
            }
            fs::remove_dir(parent).with_context(|| format!("remove {}", parent.display()))?;
        }
        Ok(())
    }
}

/// Enables what a v2 group may give to those below it; a v1 group has no such file.
fn enable(parent: &Path) -> Result<()> {
    let Ok(controllers) = fs::read_to_string(parent.join("cgroup.controllers")) else { return Ok(()) };
    let words: Vec<String> = controllers.split_whitespace().map(|name| format!("+{name}")).collect();
    let file = parent.join("cgroup.subtree_control");
    fs::write(&file, words.join(" ")).with_context(|| format!("write {}", file.display()))
}
