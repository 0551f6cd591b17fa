//! What a command of the toolbox does, step by step: told, done, and undone where a later step fails.

use std::io::Write;
use std::time::Instant;

use palisade_runtime::Result;

use crate::arguments::Telling;
use crate::output::{print, say};

/// One thing that is done to the machine.
pub(crate) trait Step {
    /// Returns the shell commands that would do the same.
    fn shell(&self) -> Vec<String>;

    /// Does it.
    ///
    /// # Errors
    /// What the kernel refuses, with the reason where that is known.
    fn perform(&self) -> Result<()>;

    /// Takes back what was done, as a later step failed. Without a way back there is nothing to do.
    ///
    /// # Errors
    /// What the kernel refuses.
    fn undo(&self) -> Result<()> {
        Ok(())
    }
}

/// Takes the operations of the libraries as steps.
macro_rules! are_steps {
    ($($operation:ty),+) => {
        $(impl Step for $operation {
            fn shell(&self) -> Vec<String> {
                self.shell()
            }

            fn perform(&self) -> Result<()> {
                Ok(self.perform()?)
            }

            fn undo(&self) -> Result<()> {
                Ok(self.undo()?)
            }
        })+
    };
}

are_steps!(palisade_cgroup::Operation, palisade_namespace::PinOperation, palisade_network::Operation);

/// Turns operations into steps.
pub(crate) fn steps<O: Step + 'static>(operations: Vec<O>) -> Vec<Box<dyn Step>> {
    operations.into_iter().map(|operation| Box::new(operation) as Box<dyn Step>).collect()
}

/// Carries the steps out in their order, all or none, or only tells them.
///
/// # Errors
/// That of the first step that fails; those before it are taken back.
pub(crate) fn carry_out(steps: &[Box<dyn Step + '_>], telling: Telling) -> Result<()> {
    if telling.dry_run {
        let lines = steps.iter().flat_map(|step| step.shell());
        return print(&lines.map(|line| line + "\n").collect::<String>());
    }
    for (index, step) in steps.iter().enumerate() {
        let begun = Instant::now();
        if let Err(error) = step.perform() {
            steps[..index].iter().rev().filter_map(|done| done.undo().err()).for_each(say);
            return Err(error);
        }
        if telling.explain {
            explain(&step.shell(), begun.elapsed().as_secs_f64() * 1000.0);
        }
    }
    Ok(())
}

/// Tells a step that was done.
pub(crate) fn explain(shell: &[String], milliseconds: f64) {
    let mut lines = shell.iter();
    let first = lines.next().map_or("", String::as_str);
    let mut text = format!("{milliseconds:>8.3} ms  {first}\n");
    lines.for_each(|line| text.push_str(&format!("             {line}\n")));
    // A reader that has gone away must not end the work half way.
    let _told = std::io::stderr().lock().write_all(text.as_bytes());
}
