//! `--explain`: steps told as they are done.

use std::time::Duration;

use crate::execute::Event;
use crate::plan::{Plan, PlannedStep};

/// The steps of a plan, to be told one by one.
#[derive(Debug)]
pub struct Explain(Vec<PlannedStep>);

impl Explain {
    /// Lists the steps of a plan.
    #[must_use]
    pub fn new(plan: &Plan) -> Self {
        Self(plan.steps())
    }

    /// Tells a step that was done: its time where that was taken, what it was, and on lines of their own the shell
    /// commands that would do the same. None for a step of another plan.
    #[must_use]
    pub fn text(&self, event: Event) -> Option<String> {
        let step = self.step(event)?;
        let took = event.took.map(milliseconds).unwrap_or_default();
        let mut text = format!("{took:>11}  {}", step.line());
        for command in &step.shell {
            text.push_str("\n                   ");
            text.push_str(command);
        }
        Some(text)
    }

    /// Tells a step that was done in one line, for a log.
    #[must_use]
    pub fn line(&self, event: Event) -> Option<String> {
        let step = self.step(event)?;
        Some(match event.took {
            Some(took) => format!("{} ({})", step.line(), milliseconds(took)),
            None => step.line(),
        })
    }

    fn step(&self, event: Event) -> Option<&PlannedStep> {
        self.0.iter().find(|step| step.side == event.side && step.index == event.index)
    }
}

fn milliseconds(took: Duration) -> String {
    format!("{:.3} ms", took.as_secs_f64() * 1000.0)
}
