//! The readers of text that others write, fed with nonsense: each a job of its own, which fills a lane that is free.

use std::time::Instant;

use anyhow::Result;

use super::report::{self, Outcome, Row};
use super::{Job, Session};
use crate::fuzz::Targets;
use crate::tally::Tally;
use crate::tier::Tier;

/// How long each target runs, in seconds.
const LONG: u32 = 60;

/// Builds the targets; where tests are picked by name, each target is one.
pub(super) fn build(session: &Session<'_>) -> Result<Targets> {
    let mut targets = Targets::of(session.workspace)?;
    let wanted = session.arguments;
    targets.names.retain(|name| wanted.is_empty() || wanted.iter().any(|part| name.contains(part.as_str())));
    session.interrupt.check()?;
    if !targets.names.is_empty() {
        targets.build()?;
    }
    Ok(targets)
}

/// The jobs that run them.
pub(super) fn jobs<'a>(session: &'a Session<'_>, targets: &'a Targets) -> impl Iterator<Item = Job<'a>> {
    targets.names.iter().map(|name| -> Job<'a> { Box::new(|| vec![run(session, targets, name)]) })
}

fn run(session: &Session<'_>, targets: &Targets, name: &str) -> Row {
    let begin = Instant::now();
    let result = session.interrupt.check().and_then(|()| targets.run(name, LONG, session.interrupt));
    let (outcome, tally, said) = match result {
        Ok(line) => (Outcome::Passed, Tally::ONE_PASSED, line),
        Err(error) => (Outcome::Failed(String::from("see above")), Tally::ONE_FAILED, format!("{error:#}")),
    };
    said.lines().for_each(|line| report::print_line(Tier::Fuzz, line));
    Row { tier: Tier::Fuzz, outcome, tally, time: begin.elapsed() }
}
