//! `cargo xtask test`: every tier that can run, one table at the end.

mod host;
mod report;
mod unit;

use std::process::ExitCode;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use clap::{Args, ValueEnum};

use crate::artifact::{self, Programs, TestBinary};
use crate::interrupt::Interrupt;
use crate::need::{self, Need};
use crate::tally::Tally;
use crate::tier::Tier;
use crate::vm;
use crate::workspace::Workspace;
use report::{Outcome, Row};

/// What `cargo xtask test` is told.
#[derive(Args)]
pub(crate) struct Arguments {
    /// Installs what the tiers need, saying what that is; a tier that cannot run is then a failure
    #[arg(long)]
    setup: bool,
    /// Runs this tier alone; may be given several times
    #[arg(long = "tier", value_name = "NAME")]
    tiers: Vec<Tier>,
    /// Arguments for the test executables, such as a part of a test's name
    #[arg(last = true)]
    arguments: Vec<String>,
}

/// What a tier works with.
struct Session<'a> {
    workspace: &'a Workspace,
    interrupt: &'a Interrupt,
    tests: &'a [TestBinary],
    programs: Option<&'a Programs>,
    arguments: &'a [String],
}

/// No tier takes longer than this.
const LONGEST_TIER: Duration = Duration::from_secs(900);

/// Runs the tiers and prints what came of them; success only when nothing failed.
pub(crate) fn run(request: &Arguments) -> Result<ExitCode> {
    let workspace = Workspace::load()?;
    let interrupt = Interrupt::watch()?;
    let tiers = if request.tiers.is_empty() { Tier::value_variants() } else { &request.tiers };
    if request.setup {
        let needs: Vec<Need> = tiers.iter().flat_map(|tier| tier.needs()).copied().collect();
        need::provide(&needs, &workspace, &interrupt)?;
    }
    let (ready, lacking): (Vec<Tier>, Vec<Tier>) =
        tiers.iter().partition(|tier| missing(**tier, &workspace).is_empty());

    let holds_tests = |tier: &Tier| !tier.is_end_to_end();
    let tests = match ready.iter().any(holds_tests) {
        true => artifact::build_tests(&workspace, &interrupt)?,
        false => Vec::new(),
    };
    let programs = match ready.iter().all(holds_tests) {
        true => None,
        false => Some(artifact::build_programs(&workspace, &interrupt)?),
    };
    let session = Session {
        workspace: &workspace,
        interrupt: &interrupt,
        tests: &tests,
        programs: programs.as_ref(),
        arguments: &request.arguments,
    };
    let mut rows = session.run(&ready);
    rows.extend(lacking.iter().map(|tier| lacking_row(*tier, request, &workspace)));
    rows.sort_by_key(|row| tiers.iter().position(|tier| *tier == row.tier));
    report::print(&rows);
    let fine = rows.iter().all(|row| !matches!(row.outcome, Outcome::Failed(_)));
    Ok(if fine { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn missing(tier: Tier, workspace: &Workspace) -> Vec<&'static str> {
    let needs = tier.needs().iter();
    needs.filter(|need| !need.is_met(workspace)).map(|need| need.name()).collect()
}

/// Describes a tier that cannot run: what it lacks and the one command that would provide it.
fn lacking_row(tier: Tier, request: &Arguments, workspace: &Workspace) -> Row {
    let lacks = missing(tier, workspace).join(", ");
    let name = tier.name();
    let remedy = match Need::Root.is_met(workspace) || !tier.needs().contains(&Need::Root) {
        true => format!("cargo xtask test --setup --tier {name}"),
        false => format!("sudo --preserve-env=PATH,HOME cargo xtask test --setup --tier {name}"),
    };
    let why = format!("needs {lacks}: `{remedy}`");
    match request.setup {
        true => Row { tier, outcome: Outcome::Failed(why), tally: Tally::ONE_FAILED, time: Duration::ZERO },
        false => {
            Row { tier, outcome: Outcome::Skipped(why), tally: Tally::ONE_SKIPPED, time: Duration::ZERO }
        }
    }
}

impl Session<'_> {
    /// Runs the virtual machines one after the other beside all that runs on this one.
    fn run(&self, tiers: &[Tier]) -> Vec<Row> {
        let (machines, here): (Vec<Tier>, Vec<Tier>) =
            tiers.iter().partition(|tier| tier.machine().is_some());
        thread::scope(|scope| {
            let beside = scope.spawn(|| machines.iter().map(|tier| self.row(*tier)).collect::<Vec<Row>>());
            let mut rows: Vec<Row> = here.iter().map(|tier| self.row(*tier)).collect();
            rows.extend(beside.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
            rows
        })
    }

    fn row(&self, tier: Tier) -> Row {
        let begin = Instant::now();
        let mut tally = Tally::default();
        let result = self.interrupt.check().and_then(|()| self.tier(tier, &mut tally));
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
        Row { tier, outcome, tally, time: begin.elapsed() }
    }

    fn tier(&self, tier: Tier, tally: &mut Tally) -> Result<()> {
        let mut on_line = |line: &str| {
            tally.read(line);
            report::print_line(tier, line);
        };
        match (tier, self.programs) {
            (Tier::Unit, _) => unit::run_units(self, &mut on_line),
            (Tier::Golden, _) => unit::run_plans(self, &mut on_line),
            (Tier::HostRoot, Some(programs)) => host::run_as_root(self, programs, &mut on_line),
            (Tier::HostUser, Some(programs)) => host::run_as_user(self, programs, &mut on_line),
            (Tier::VmV2 | Tier::VmV1 | Tier::VmHybrid, Some(programs)) => {
                let machine = vm::Machine { workspace: self.workspace, programs, tier };
                machine.run_tests(self.arguments, LONGEST_TIER, self.interrupt, &mut on_line)
            }
            (_, None) => bail!("{}: its programs were not built", tier.name()),
        }
    }
}
