//! The toolbox beside the tools that do the same: the same result first, then the time.

mod place;
mod rivals;

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::Args;

use super::launch::{Launcher, Outcome, Sample};
use super::series::middle;
use super::{load_average, make_directory, notice_interrupts, require_root};
use crate::artifact::{Optimised, build_programs};
use crate::interrupt::Interrupt;
use crate::need;
use crate::workspace::Workspace;
use place::Place;
use rivals::{Rival, Runs};

/// The most of a rival's time that was promised.
const BAR: f64 = 0.5;
/// The most time that was promised for `pal ns ls` with the crowd, which is so large.
const CROWD_BAR: Duration = Duration::from_millis(150);
/// Debian's packages of what is compared with.
const PACKAGES: &str = "util-linux iproute2 cgroup-tools systemd";

/// The options of `bench toolbox`.
#[derive(Args)]
pub(crate) struct ToolboxArgs {
    /// Rounds; each program is measured once a round
    #[arg(long, value_name = "N", default_value_t = 60, value_parser = clap::value_parser!(u32).range(1..))]
    runs: u32,
    /// How many processes `pal ns ls` is measured with (0: not)
    #[arg(long, value_name = "N", default_value_t = 10_000)]
    processes: u32,
    /// Measures these alone, by the names of the tools
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    only: Vec<String>,
}

/// Measures all that is there, and says what is not.
pub(crate) fn run(args: &ToolboxArgs) -> Result<()> {
    require_root()?;
    let interrupted = notice_interrupts()?;
    let workspace = Workspace::load()?;
    let directory = make_directory(&workspace)?;
    let launcher = Launcher::build(&workspace, &directory)?;
    let pal = build_programs(Optimised::Yes, &workspace, &Interrupt::watch()?)?.pal;
    println!("load before: {:.1}", load_average()?);
    let place = Place::make()?;
    let measured = compare_all(args, &launcher, &pal, &place, &interrupted);
    let removed = place.remove();
    measured?;
    removed?;
    if args.processes > 0 && (args.only.is_empty() || args.only.iter().any(|name| name == "crowd")) {
        crowd(args, &launcher, &pal, &directory)?;
    }
    println!("load after: {:.1}", load_average()?);
    Ok(())
}

/// Runs each command of `pal` that is compared, once.
pub(super) fn visit(launcher: &Launcher, pal: &Path) -> Result<()> {
    let least = launcher.least().display().to_string();
    let place = Place::make()?;
    let visited = rivals::all(&place).iter().try_for_each(|rival| {
        let run = (rival.runs == Runs::True).then_some(least.as_str());
        let words: Vec<&str> = rival.pal.iter().map(String::as_str).chain(run).collect();
        measure(launcher, pal, &words).map(drop)
    });
    visited.and(place.remove())
}

fn compare_all(
    args: &ToolboxArgs,
    launcher: &Launcher,
    pal: &Path,
    place: &Place,
    interrupted: &AtomicBool,
) -> Result<()> {
    println!(
        "{:<18} {:>9} {:>9} {:>6} {:>6} {:>6} {:>10} {:>10}",
        "", "tool ms", "pal ms", "ratio", "work", "bar", "tool KiB", "pal KiB"
    );
    let chosen = |rival: &Rival| args.only.is_empty() || args.only.iter().any(|name| name == rival.name);
    for rival in rivals::all(place).iter().filter(|rival| chosen(rival)) {
        let Some(program) = need::in_path(&rival.tool[0]) else {
            println!("{:<18} LEFT OUT: no {} here (Debian: {PACKAGES})", rival.name, rival.tool[0]);
            continue;
        };
        match same_result(rival, &program, pal) {
            Ok(()) => compare(args, launcher, rival, (&program, pal), interrupted)?,
            Err(error) => println!("{:<18} LEFT OUT: {error:#}", rival.name),
        }
    }
    Ok(())
}

/// Runs both once and holds what they found against each other.
fn same_result(rival: &Rival, program: &Path, pal: &Path) -> Result<()> {
    let theirs = output(program, &rival.tool[1..], rival.check.0)?;
    let ours = output(pal, &rival.pal, rival.check.1)?;
    let (theirs, ours) = ((rival.read.0)(&theirs)?, (rival.read.1)(&ours)?);
    if theirs != ours {
        bail!("the results differ: {theirs:?} and {ours:?}");
    }
    Ok(())
}

fn output(program: &Path, words: &[String], more: &[&str]) -> Result<String> {
    let output = Command::new(program).args(words).args(more).stdin(Stdio::null()).output();
    let output = output.with_context(|| format!("execute {}", program.display()))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        let first = said.lines().next().unwrap_or_default();
        bail!("{} {}: {}: {first}", program.display(), words.join(" "), output.status);
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

fn compare(
    args: &ToolboxArgs,
    launcher: &Launcher,
    rival: &Rival,
    (program, pal): (&Path, &Path),
    interrupted: &AtomicBool,
) -> Result<()> {
    let least = launcher.least().display().to_string();
    let (mut theirs, mut ours) = (Vec::new(), Vec::new());
    for round in 0..args.runs {
        if interrupted.load(Ordering::Relaxed) {
            bail!("interrupted");
        }
        let mut one = |mine: bool| -> Result<()> {
            let words = if mine { &rival.pal[..] } else { &rival.tool[1..] };
            let run = (rival.runs == Runs::True).then_some(least.as_str());
            let words: Vec<&str> = words.iter().map(String::as_str).chain(run).collect();
            let sample = measure(launcher, if mine { pal } else { program }, &words)?;
            if mine {
                ours.push(sample)
            } else {
                theirs.push(sample)
            }
            Ok(())
        };
        // Neither is always the one that finds the caches cold.
        let first = round % 2 == 0;
        one(first)?;
        one(!first)?;
    }
    report(rival.name, &theirs, &ours);
    Ok(())
}

fn report(name: &str, theirs: &[Sample], ours: &[Sample]) {
    let ratio = |part: fn(&Sample) -> Duration| {
        let pairs = ours.iter().zip(theirs);
        median(pairs.map(|(ours, theirs)| part(ours).as_secs_f64() / part(theirs).as_secs_f64()))
    };
    let (wall, work) = (ratio(|sample| sample.wall), ratio(|sample| sample.cpu));
    let milliseconds =
        |samples: &[Sample]| median(samples.iter().map(|sample| sample.wall.as_secs_f64() * 1000.0));
    let peak = |samples: &[Sample]| samples.iter().map(|sample| sample.peak_kib).max().unwrap_or(0);
    println!(
        "{name:<18} {:>9.2} {:>9.2} {wall:>6.2} {work:>6.2} {:>6} {:>10} {:>10}",
        milliseconds(theirs),
        milliseconds(ours),
        if wall <= BAR { "met" } else { "MISSED" },
        peak(theirs),
        peak(ours),
    );
}

/// Measures `pal ns ls` on a machine with very many processes.
fn crowd(args: &ToolboxArgs, launcher: &Launcher, pal: &Path, directory: &Path) -> Result<()> {
    let crowd = Crowd::gather(&directory.join("crowd"), args.processes)?;
    let all = fs::read_dir("/proc").context("list /proc")?.flatten();
    let processes = all.filter(|entry| entry.file_name().as_encoded_bytes()[0].is_ascii_digit()).count();
    let samples: Result<Vec<Sample>> = (0..20).map(|_| measure(launcher, pal, &["ns", "ls"])).collect();
    crowd.dismiss()?;
    let samples = samples?;
    let wall = median(samples.iter().map(|sample| sample.wall.as_secs_f64()));
    let cpu = median(samples.iter().map(|sample| sample.cpu.as_secs_f64()));
    println!(
        "pal ns ls with {processes} processes: {:.1} ms, of which {:.1} ms of work, {} KiB, bar {}",
        wall * 1000.0,
        cpu * 1000.0,
        samples.iter().map(|sample| sample.peak_kib).max().unwrap_or(0),
        if wall <= CROWD_BAR.as_secs_f64() { "met" } else { "MISSED" },
    );
    Ok(())
}

fn measure(launcher: &Launcher, program: &Path, words: &[&str]) -> Result<Sample> {
    match launcher.measure(program, words)? {
        Outcome::Done(sample) => Ok(sample),
        Outcome::Hung => bail!("{} {}: does not end", program.display(), words.join(" ")),
    }
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    middle(&values).unwrap_or(f64::NAN)
}

/// The program `benches/crowd.c`, which ends its processes when nobody holds its input any more.
struct Crowd {
    program: PathBuf,
    child: Child,
}

impl Crowd {
    fn gather(program: &Path, number: u32) -> Result<Self> {
        let mut child = Command::new(program)
            .arg(number.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("execute {}", program.display()))?;
        let mut line = String::new();
        if let Some(stdout) = child.stdout.take() {
            BufReader::new(stdout).read_line(&mut line).context("read what the crowd says")?;
        }
        let crowd = Self { program: program.to_owned(), child };
        if line.trim() != number.to_string() {
            crowd.dismiss()?;
            bail!("{} {number}: {} processes came", program.display(), line.trim());
        }
        Ok(crowd)
    }

    fn dismiss(mut self) -> Result<()> {
        drop(self.child.stdin.take());
        let status = self.child.wait().with_context(|| format!("wait for {}", self.program.display()))?;
        if !status.success() {
            eprintln!("bench: {}: {status}", self.program.display());
        }
        Ok(())
    }
}
