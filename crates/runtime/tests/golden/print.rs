//! A plan, or what stands against it, as the text that is written down.

use std::fmt::Write;

use palisade_runtime::compile::{Compiled, Violations};
use palisade_runtime::plan::Plan;

/// Writes what came of a compilation.
pub(crate) fn outcome(compiled: &Result<Compiled, Violations>) -> String {
    match compiled {
        Ok(compiled) => {
            let warnings = compiled.warnings.iter().map(|warning| format!("warning  {warning}\n"));
            warnings.collect::<String>() + &plan(&compiled.plan)
        }
        Err(violations) => violations.0.iter().map(|violation| format!("violation  {violation}\n")).collect(),
    }
}

/// Writes each step with the shell commands below it.
pub(crate) fn plan(plan: &Plan) -> String {
    let mut text = String::new();
    for step in plan.steps() {
        writeln!(text, "{}", step.line()).unwrap();
        for command in &step.shell {
            writeln!(text, "          {command}").unwrap();
        }
    }
    text
}

/// Writes the outcomes for several machines; one that is equal to an earlier one is not written twice.
pub(crate) fn sections(outcomes: &[(&str, String)]) -> String {
    let mut text = String::new();
    for (index, (name, outcome)) in outcomes.iter().enumerate() {
        let earlier = outcomes[..index].iter().find(|(_, earlier)| earlier == outcome);
        match earlier {
            Some((earlier, _)) => writeln!(text, "== {name}: as {earlier}").unwrap(),
            None => writeln!(text, "== {name}\n{outcome}").unwrap(),
        }
    }
    text.trim_end().to_owned() + "\n"
}
