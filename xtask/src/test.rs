//! `cargo xtask test`: every tier that can run, one table at the end.

mod controllers;
mod fuzz;
mod host;
mod report;
mod unit;

use std::iter;
use std::process::ExitCode;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow};
use clap::{Args, ValueEnum};

use crate::artifact::{self, Optimised, Programs, Subject, TestBinary};
use crate::interrupt::Interrupt;
use crate::lanes;
use crate::need::{self, Need};
use crate::tally::{Reader, Tally};
use crate::tier::Tier;
use crate::vm::Machine;
use crate::workspace::Workspace;
use report::{Outcome, Row};

/// What `cargo xtask test` is told.
#[derive(Args)]
pub(crate) struct Arguments {
    /// Installs what the tiers need, saying what that is; a tier that cannot run is then a failure
    #[arg(long)]
    setup: bool,
    /// Runs the tier with container engines alone
    #[arg(long, conflicts_with = "tiers")]
    engines: bool,
    /// Runs this tier alone; may be given several times
    #[arg(long = "tier", value_name = "NAME")]
    tiers: Vec<Tier>,
    /// Arguments for the test executables, such as a part of a test's name
    #[arg(last = true)]
    arguments: Vec<String>,
}

/// What every tier works with.
struct Session<'a> {
    workspace: &'a Workspace,
    interrupt: &'a Interrupt,
    arguments: &'a [String],
}

/// Tiers one after the other, or a part of one, as a lane runs them.
type Job<'a> = Box<dyn FnOnce() -> Vec<Row> + Send + 'a>;

/// How many jobs run at a time.
const LANES: usize = 2;

/// No tier takes longer than this.
const LONGEST_TIER: Duration = Duration::from_secs(2400);

/// More failures than this are no bad luck.
const MOST_UNSTEADY: usize = 3;

/// Runs the tiers and prints what came of them; success only when nothing failed.
pub(crate) fn run(request: &Arguments) -> Result<ExitCode> {
    let workspace = Workspace::load()?;
    let interrupt = Interrupt::watch()?;
    let tiers: Vec<Tier> = match request.tiers.as_slice() {
        _ if request.engines => vec![Tier::Engines],
        [] => Tier::value_variants().iter().copied().filter(|tier| request.runs(*tier)).collect(),
        tiers => tiers.to_vec(),
    };
    if request.setup {
        let needs: Vec<Need> = tiers.iter().flat_map(|tier| tier.needs()).collect();
        if let Err(error) = need::provide(&needs, &workspace, &interrupt) {
            // The tiers that lack something for it fail by name; the others still have something to say.
            eprintln!("setup: {error:#}");
        }
    }
    let (ready, lacking): (Vec<Tier>, Vec<Tier>) =
        tiers.iter().partition(|tier| missing(**tier, &workspace).is_empty());
    let session = Session { workspace: &workspace, interrupt: &interrupt, arguments: &request.arguments };
    let mut rows = session.run(&ready)?;
    rows.extend(lacking.iter().map(|tier| lacking_row(*tier, request, &workspace)));
    rows.sort_by_key(|row| tiers.iter().position(|tier| *tier == row.tier));
    report::print(&rows);
    let fine = rows.iter().all(|row| !matches!(row.outcome, Outcome::Failed(_)));
    Ok(if fine { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

impl Arguments {
    /// Tells whether a tier that is not asked for by name has a part: a target of the fuzzer runs for a minute, whatever
    /// tests are picked.
    fn runs(&self, tier: Tier) -> bool {
        tier != Tier::Fuzz || self.arguments.is_empty()
    }
}

fn missing(tier: Tier, workspace: &Workspace) -> Vec<&'static str> {
    let needs = tier.needs().into_iter();
    needs.filter(|need| !need.is_met(workspace)).map(Need::name).collect()
}

/// Describes a tier that cannot run: what it lacks and the one command that would provide it.
fn lacking_row(tier: Tier, request: &Arguments, workspace: &Workspace) -> Row {
    let lacks = missing(tier, workspace).join(", ");
    let name = tier.name();
    let setup = format!("cargo xtask test --setup --tier {name}");
    let remedy = match tier.needs().contains(&Need::Root) && need::in_path("sudo").is_none() {
        true if !Need::Root.is_met(workspace) => format!("su --preserve-environment -c '{setup}'"),
        _ => setup,
    };
    let why = format!("needs {lacks}: `{remedy}`");
    let (outcome, tally) = match request.setup {
        true => (Outcome::Failed(why), Tally::ONE_FAILED),
        false => (Outcome::Skipped(why), Tally::ONE_SKIPPED),
    };
    Row { tier, outcome, tally, time: Duration::ZERO }
}

impl Session<'_> {
    /// Builds what `tiers` need and runs them.
    ///
    /// The release build spends its time in one thread that optimises, so the tests that do not need it run
    /// beside it, and then what is fed with nonsense is built. After that the tiers of this machine run one after the
    /// other, and beside them the virtual machines, two at a time when nothing else is left.
    fn run(&self, tiers: &[Tier]) -> Result<Vec<Row>> {
        let (fuzzed, tiers): (Vec<Tier>, Vec<Tier>) = tiers.iter().partition(|tier| **tier == Tier::Fuzz);
        let (outer, inner): (Vec<Tier>, Vec<Tier>) = tiers.iter().partition(|tier| tier.is_end_to_end());
        let (machines, here): (Vec<Tier>, Vec<Tier>) =
            outer.iter().partition(|tier| tier.machine().is_some());
        let tests = match inner.is_empty() && machines.is_empty() {
            true => Vec::new(),
            false => artifact::build_tests(self.workspace, self.interrupt)?,
        };
        let end_to_end = match outer.is_empty() {
            true => None,
            false => Some(artifact::build_end_to_end(self.workspace, self.interrupt)?),
        };
        let (mut rows, targets, release) = thread::scope(|scope| {
            let release = scope.spawn(|| match outer.is_empty() {
                true => None,
                false => Some(artifact::build_programs(self.optimised(), self.workspace, self.interrupt)),
            });
            let rows: Vec<Row> = inner.iter().map(|tier| self.run_inner(*tier, &tests)).collect();
            let targets = fuzzed.first().map(|_| fuzz::build(self));
            (rows, targets, release.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
        });
        let mut not_built = |tiers: &[Tier], error: anyhow::Error| {
            rows.extend(tiers.iter().map(|tier| self.row(*tier, |_| Err(anyhow!("{error:#}"))).0));
        };
        let targets = targets.and_then(|built| built.map_err(|error| not_built(&fuzzed, error)).ok());
        let release = release.and_then(|built| built.map_err(|error| not_built(&outer, error)).ok());
        let programs = end_to_end.zip(release).map(|(end_to_end, release)| Programs {
            release,
            end_to_end,
            libraries: tests,
        });
        let mut jobs =
            programs.as_ref().map_or_else(Vec::new, |programs| self.jobs(&here, &machines, programs));
        jobs.extend(targets.iter().flat_map(|targets| fuzz::jobs(self, targets)));
        rows.extend(lanes::run(LANES, jobs, |job| job()).into_iter().flatten());
        Ok(report::merge(rows))
    }

    /// Whoever picks tests by name is in the middle of a change and does not want to wait for the optimiser.
    fn optimised(&self) -> Optimised {
        if self.arguments.is_empty() { Optimised::Yes } else { Optimised::No }
    }

    /// Runs a tier that cargo alone is enough for.
    fn run_inner(&self, tier: Tier, tests: &[TestBinary]) -> Row {
        let (row, _) = self.row(tier, |on_line| match tier {
            Tier::Golden => unit::run(self, tests, &[Subject::Plans], on_line),
            _ => unit::run_with_examples(self, tests, on_line),
        });
        row
    }

    /// The jobs of the end-to-end tiers: those of this machine are one, for each looks at what it leaves there.
    fn jobs<'b>(&'b self, here: &'b [Tier], machines: &[Tier], programs: &'b Programs) -> Vec<Job<'b>> {
        let run = move |tier: Tier| self.run_end_to_end(tier, programs);
        let here: Job<'b> = Box::new(move || here.iter().copied().map(run).collect());
        let machines = machines.iter().map(|&tier| -> Job<'b> { Box::new(move || vec![run(tier)]) });
        iter::once(here).chain(machines).collect()
    }

    /// Runs a tier, and once more what failed of it: on a machine that shares its processors a wait may be too short
    /// for once. What fails twice has failed, and what does not is told by name.
    fn run_end_to_end(&self, tier: Tier, programs: &Programs) -> Row {
        let (row, failures) = self.run_once(tier, programs);
        let by_tests_alone = usize::try_from(row.tally.failed).is_ok_and(|failed| failed == failures.len());
        if self.interrupt.check().is_err()
            || !by_tests_alone
            || !(1..=MOST_UNSTEADY).contains(&failures.len())
        {
            return row;
        }
        report::print_line(tier, &format!("once more: {}", failures.join(", ")));
        let arguments: Vec<String> =
            ["--exact"].into_iter().map(String::from).chain(failures.clone()).collect();
        let (again, _) = Session { arguments: &arguments, ..*self }.run_once(tier, programs);
        let passed = matches!(again.outcome, Outcome::Passed) && again.tally.passed >= row.tally.failed;
        let time = row.time + again.time;
        if !passed {
            return Row { time, ..row };
        }
        let tally = Tally { passed: row.tally.passed + row.tally.failed, failed: 0, ..row.tally };
        Row { tier, outcome: Outcome::Unsteady(failures), tally, time }
    }

    fn run_once(&self, tier: Tier, programs: &Programs) -> (Row, Vec<String>) {
        self.row(tier, |on_line| match tier {
            Tier::HostRoot => host::run_as_root(self, programs, on_line),
            Tier::HostUser => host::run_as_user(self, programs, on_line),
            Tier::Engines => host::run_engines(self, programs, on_line),
            _ => {
                let machine = Machine { workspace: self.workspace, programs, tier };
                machine.run_tests(self.arguments, LONGEST_TIER, self.interrupt, on_line)
            }
        })
    }

    /// Runs a tier, draws up its row and lists the tests that failed.
    fn row(&self, tier: Tier, tests: impl FnOnce(&mut dyn FnMut(&str)) -> Result<()>) -> (Row, Vec<String>) {
        let begin = Instant::now();
        let mut reader = Reader::default();
        let mut on_line = |line: &str| {
            reader.read(line);
            report::print_line(tier, line);
        };
        let result = self.interrupt.check().and_then(|()| tests(&mut on_line));
        let mut tally = reader.tally();
        let outcome = match result {
            Err(error) => Outcome::Failed(format!("{error:#}")),
            Ok(()) if tally.failed > 0 => Outcome::Failed(String::from("see above")),
            // Only somebody who picks tests by name may end up with none.
            Ok(()) if tally.total() == 0 && self.arguments.is_empty() => {
                Outcome::Failed(String::from("ran no test"))
            }
            Ok(()) => Outcome::Passed,
        };
        // What broke outside of any test has to show in the totals as well.
        if matches!(outcome, Outcome::Failed(_)) && tally.failed == 0 {
            tally += Tally::ONE_FAILED;
        }
        (Row { tier, outcome, tally, time: begin.elapsed() }, reader.failures())
    }
}
