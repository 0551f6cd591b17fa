//! Measurements beside other runtimes, as ratios taken in one run.

mod bars;
mod borrow;
mod bundle;
mod launch;
mod order;
mod report;
mod rounds;
mod scale;
mod series;
mod subject;
mod toolbox;
mod top;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::{Args, Subcommand};

use crate::hierarchy;
use crate::workspace::Workspace;
use borrow::Borrowed;
use bundle::{Bundles, Profile};
use launch::Launcher;
use rounds::{Bench, Pace};
use series::Results;
use subject::{Name, Subject};

/// What to measure.
#[derive(Subcommand)]
pub(crate) enum Measure {
    /// Measures the life of one container: run, create, state, start, exec, kill, delete.
    Start(StartArgs),
    /// Measures a machine with many containers: create, list, and the memory of what waits for start.
    Scale(scale::ScaleArgs),
    /// Measures the toolbox beside lsns, cgget, systemd-cgls, ip, unshare and nsenter.
    Toolbox(toolbox::ToolboxArgs),
    /// Measures a look of `pal cgroup top` at thousands of groups.
    Top(top::TopArgs),
    /// Finds the functions that the verbs need and writes the list that has the linker put them together
    Order,
}

/// The options of `bench start`.
#[derive(Args)]
pub(crate) struct StartArgs {
    /// Whose configuration the containers have
    #[arg(long, value_enum, default_value_t = Profile::Runc)]
    profile: Profile,
    /// Rounds back to back; each subject is measured once a round
    #[arg(long, value_name = "N", default_value_t = 60, value_parser = clap::value_parser!(u32).range(1..))]
    runs: u32,
    /// Rounds with a pause before each measured command (0: none)
    #[arg(long, value_name = "N", default_value_t = 12)]
    paused_runs: u32,
    /// Length of that pause, in milliseconds
    #[arg(long, value_name = "MS", default_value_t = 300)]
    pause: u64,
    /// Rounds of many runs at the same time
    #[arg(long, value_name = "N", default_value_t = 5)]
    parallel_runs: u32,
    /// How many are run at the same time
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..))]
    parallel: u32,
    /// Measures youki as well, which is built from crates.io into target/youki where it is not yet
    #[arg(long)]
    with_youki: bool,
    /// Measures these alone; each of them must be there
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    only: Vec<Name>,
    /// Writes all figures to this file as JSON, the single measurements included
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

/// Measures what is asked for.
pub(crate) fn run(measure: &Measure) -> Result<()> {
    match measure {
        Measure::Start(args) => start(args),
        Measure::Scale(args) => scale::run(args),
        Measure::Toolbox(args) => toolbox::run(args),
        Measure::Top(args) => top::run(args),
        Measure::Order => order::run(),
    }
}

fn start(args: &StartArgs) -> Result<()> {
    require_root()?;
    let interrupted = notice_interrupts()?;
    let workspace = Workspace::load()?;
    let directory = make_directory(&workspace)?;
    let launcher = Launcher::build(&workspace, &directory)?;
    let mut subjects = subject::find(&workspace, &directory, &args.only, args.with_youki)?;

    let borrowed = lend_to_crun(&mut subjects)?;
    let load_before = load_average()?;
    let mut results = Results::default();
    let hierarchies = hierarchy::mounted()?;
    let bundles = Bundles::make(&workspace, &directory, args.profile, &hierarchies)?;
    let bench = Bench::new(&subjects, &bundles, &hierarchies, launcher, &interrupted)?;
    let measured = measure_all(args, bench, &mut results);
    let returned = borrowed.give_back();
    if measured.is_err()
        && let Err(error) = &returned
    {
        eprintln!("bench: {error:#}");
    }
    measured?;

    let report = report::Report::new(&subjects, &results, &hierarchies, (load_before, load_average()?))?;
    print!("{report}");
    if args.profile == Profile::Docker {
        print!("{}", bars::Bars::new(&results));
    }
    if let Some(origin) = bundles.filter_origin() {
        println!("seccomp filter: {origin}");
    }
    if let Some(file) = &args.json {
        let text = serde_json::to_string_pretty(&report.to_json())?;
        std::fs::write(file, text + "\n").with_context(|| format!("write {}", file.display()))?;
    }
    returned
}

fn measure_all(args: &StartArgs, bench: Bench<'_>, results: &mut Results) -> Result<()> {
    let measured = bench.measure(results, Pace::BackToBack, args.runs).and_then(|()| {
        let pause = Duration::from_millis(args.pause);
        bench.measure(results, Pace::AfterPause(pause), args.paused_runs)?;
        bench.measure_together(results, args.parallel, args.parallel_runs)
    });
    measured.and(bench.finish())
}

fn require_root() -> Result<()> {
    if !rustix::process::geteuid().is_root() {
        bail!("bench: needs root: it makes cgroups in every hierarchy");
    }
    Ok(())
}

/// Makes the directory for what is built and written.
fn make_directory(workspace: &Workspace) -> Result<PathBuf> {
    let directory = workspace.root().join("target/bench");
    std::fs::create_dir_all(&directory).with_context(|| format!("make {}", directory.display()))?;
    Ok(directory)
}

/// Makes crun run on a hybrid machine, or takes it off the list and says why it cannot.
fn lend_to_crun(subjects: &mut Vec<Subject>) -> Result<Borrowed> {
    let mut borrowed = Borrowed::default();
    if !subjects.iter().any(|subject| subject.name == Name::Crun) {
        return Ok(borrowed);
    }
    if let Err(error) = borrowed.borrow_all() {
        borrowed.give_back()?;
        borrowed = Borrowed::default();
        eprintln!(
            "bench: without crun, which refuses a hybrid machine with controllers in the v2 tree: {error:#}"
        );
        subjects.retain(|subject| subject.name != Name::Crun);
    }
    Ok(borrowed)
}

/// Turns the signals that ask a program to end into a flag, so that what was made is removed first.
fn notice_interrupts() -> Result<Arc<AtomicBool>> {
    let flag = Arc::new(AtomicBool::new(false));
    for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM, signal_hook::consts::SIGHUP] {
        signal_hook::flag::register(signal, Arc::clone(&flag)).context("sigaction")?;
    }
    Ok(flag)
}

/// Reads the load average of the last minute: figures taken beside other work are worth less.
fn load_average() -> Result<f64> {
    let text = std::fs::read_to_string("/proc/loadavg").context("read /proc/loadavg")?;
    let first = text.split(' ').next().unwrap_or_default();
    first.parse().with_context(|| format!("/proc/loadavg: {text:?}"))
}
