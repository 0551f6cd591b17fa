//! `--explain`: steps told as they are done.

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

    /// Tells a step that was done: its time, what it was, and on lines of their own the shell commands that would do
    /// the same. None for a step of another plan.
    #[must_use]
    pub fn text(&self, event: Event) -> Option<String> {
        let step = self.step(event)?;
        let mut text = format!("{:>8.3} ms  {}", event.took.as_secs_f64() * 1000.0, step.line());
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
        Some(format!("{} ({:.3} ms)", step.line(), event.took.as_secs_f64() * 1000.0))
    }

    fn step(&self, event: Event) -> Option<&PlannedStep> {
        self.0.iter().find(|step| step.side == event.side && step.index == event.index)
    }
}
