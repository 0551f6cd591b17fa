//! What a person and CI read of a run.

use std::time::Duration;

use crate::tally::Tally;
use crate::tier::Tier;

/// How a tier came out.
#[derive(Debug)]
pub(super) enum Outcome {
    /// Each test passed or skipped itself.
    Passed,
    /// Each test passed, but these only when they ran a second time.
    Unsteady(Vec<String>),
    /// Something failed; says what, where that was no test.
    Failed(String),
    /// The tier cannot run here; says what it needs and the command that brings it.
    Skipped(String),
}

/// One line of the table.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) tier: Tier,
    pub(super) outcome: Outcome,
    pub(super) tally: Tally,
    pub(super) time: Duration,
}

/// Makes one row of those that several parts of a tier left: the first that failed says why.
pub(super) fn merge(rows: Vec<Row>) -> Vec<Row> {
    let mut merged: Vec<Row> = Vec::new();
    for row in rows {
        match merged.iter_mut().find(|earlier| earlier.tier == row.tier) {
            Some(earlier) => {
                earlier.tally += row.tally;
                earlier.time += row.time;
                if matches!(earlier.outcome, Outcome::Passed) {
                    earlier.outcome = row.outcome;
                }
            }
            None => merged.push(row),
        }
    }
    merged
}

/// Prints one line of a tier's output behind the tier's name, as several tiers run at once.
pub(super) fn print_line(tier: Tier, line: &str) {
    println!("{:<9} | {line}", tier.name());
}

/// Prints the table and, alone on the last line, the totals.
pub(super) fn print(rows: &[Row]) {
    println!();
    println!(
        "{:<10} {:<8} {:>7} {:>7} {:>8} {:>8}",
        "tier", "outcome", "passed", "failed", "skipped", "seconds"
    );
    let mut totals = Tally::default();
    for Row { tier, outcome, tally, time } in rows {
        let (word, note) = match outcome {
            Outcome::Passed => ("passed", String::new()),
            Outcome::Unsteady(names) => ("unsteady", format!("failed at first: {}", names.join(", "))),
            Outcome::Failed(why) => ("FAILED", why.clone()),
            Outcome::Skipped(why) => ("skipped", why.clone()),
        };
        let line = format!(
            "{:<10} {word:<8} {:>7} {:>7} {:>8} {:>8.1}  {note}",
            tier.name(),
            tally.passed,
            tally.failed,
            tally.skipped,
            time.as_secs_f64()
        );
        println!("{}", line.trim_end());
        totals += *tally;
    }
    println!();
    println!("{} passed, {} failed, {} skipped", totals.passed, totals.failed, totals.skipped);
}
