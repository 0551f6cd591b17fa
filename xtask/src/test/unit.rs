//! The tiers that need nothing but cargo.

use std::process::Command;

use anyhow::{Result, bail};

use super::{LONGEST_TIER, Session};
use crate::artifact::{Subject, TestBinary};
use crate::child::stream;
use crate::tally::HEADING;
use crate::workspace::cargo;

/// Runs the unit tests of every crate, then the examples in their documentation.
pub(super) fn run_with_examples(
    session: &Session<'_>,
    tests: &[TestBinary],
    on_line: &mut dyn FnMut(&str),
) -> Result<()> {
    let units = run(session, tests, &[Subject::Units, Subject::Kernel], on_line);
    on_line(&format!("{HEADING}examples"));
    let mut examples = Command::new(cargo());
    examples.args(["test", "--quiet", "--doc", "--workspace", "--"]).args(session.arguments);
    examples.current_dir(session.workspace.root());
    let end = stream(examples, LONGEST_TIER, session.interrupt, &mut *on_line)?;
    units?;
    if !end.is_success() {
        bail!("cargo test --doc: {end}");
    }
    Ok(())
}

/// Runs each executable on one of `subjects`, also after one has failed.
pub(super) fn run(
    session: &Session<'_>,
    tests: &[TestBinary],
    subjects: &[Subject],
    on_line: &mut dyn FnMut(&str),
) -> Result<()> {
    let mut broken = Vec::new();
    for binary in tests.iter().filter(|binary| subjects.contains(&binary.subject)) {
        session.interrupt.check()?;
        on_line(&format!("{HEADING}{}", binary.label));
        let end = stream(command(session, binary), LONGEST_TIER, session.interrupt, &mut *on_line)?;
        if !end.is_success() {
            broken.push(format!("{} ({end})", binary.label));
        }
    }
    if !broken.is_empty() {
        bail!("{}", broken.join(", "));
    }
    Ok(())
}

/// Builds the call that `cargo test` would make.
fn command(session: &Session<'_>, binary: &TestBinary) -> Command {
    let mut command = Command::new(&binary.path);
    command.args(session.arguments).current_dir(&binary.directory);
    command.env("CARGO_MANIFEST_DIR", &binary.directory);
    command
}
