//! What a command of the toolbox does, step by step: told, done, and undone where a later step fails.

use std::io::Write;
use std::time::Instant;

use palisade_runtime::Result;
use serde::Serialize;

use crate::arguments::{Format, Telling};
use crate::output::{print, print_json, say};
use crate::spinner::Spinner;

/// One thing that is done to the machine.
pub(crate) trait Step {
    /// Returns the shell commands that would do the same.
    fn shell(&self) -> Vec<String>;

    /// Does it.
    ///
    /// # Errors
    /// What the kernel refuses, with the reason where that is known.
    fn perform(&self) -> Result<()>;

    /// Tells whether it may take its time, in which a thread does no harm.
    fn may_wait(&self) -> bool {
        false
    }

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
    ($($operation:ty: $may_wait:literal),+) => {
        $(impl Step for $operation {
            fn shell(&self) -> Vec<String> {
                self.shell()
            }

            fn perform(&self) -> Result<()> {
                Ok(self.perform()?)
            }

            fn may_wait(&self) -> bool {
                $may_wait
            }

            fn undo(&self) -> Result<()> {
                Ok(self.undo()?)
            }
        })+
    };
}

// The others enter namespaces, for which a process has to be alone.
are_steps!(
    palisade_cgroup::Operation: true,
    palisade_namespace::PinOperation: false,
    palisade_network::Operation: false
);

/// Turns operations into steps.
pub(crate) fn steps<O: Step + 'static>(operations: Vec<O>) -> Vec<Box<dyn Step>> {
    operations.into_iter().map(|operation| Box::new(operation) as Box<dyn Step>).collect()
}

/// One step as it is printed for programs; the names of the fields are promised.
#[derive(Debug, Serialize)]
struct Told {
    commands: Vec<String>,
    /// None where it was not done.
    milliseconds: Option<f64>,
}

/// Carries the steps out in their order, all or none, or only tells them.
///
/// # Errors
/// That of the first step that fails; those before it are taken back.
pub(crate) fn carry_out(steps: &[Box<dyn Step + '_>], telling: Telling) -> Result<()> {
    if telling.dry_run {
        return print_commands(steps.iter().map(|step| step.shell()), telling.format);
    }
    let may_wait = !steps.is_empty() && steps.iter().all(|step| step.may_wait());
    let spinner = if may_wait { Spinner::begin("") } else { None };
    let mut told = Vec::new();
    for (index, step) in steps.iter().enumerate() {
        if let Some(spinner) = &spinner {
            spinner.tell(progress(index, steps));
        }
        // Once it is done the machine may say something else.
        let commands = if telling.format == Format::Json { step.shell() } else { Vec::new() };
        let begun = Instant::now();
        if let Err(error) = step.perform() {
            drop(spinner);
            steps[..index].iter().rev().filter_map(|done| done.undo().err()).for_each(say);
            return Err(error);
        }
        let milliseconds = begun.elapsed().as_secs_f64() * 1000.0;
        if telling.explain {
            spinner.iter().for_each(Spinner::wipe);
            explain(&step.shell(), milliseconds);
        }
        told.push(Told { commands, milliseconds: Some(milliseconds) });
    }
    drop(spinner);
    match telling.format {
        Format::Json => print_json(&told),
        Format::Table => Ok(()),
    }
}

/// Prints the commands of steps that are not done.
///
/// # Errors
/// Standard output cannot be written.
pub(crate) fn print_commands(steps: impl Iterator<Item = Vec<String>>, format: Format) -> Result<()> {
    match format {
        Format::Json => {
            print_json(&steps.map(|commands| Told { commands, milliseconds: None }).collect::<Vec<_>>())
        }
        Format::Table => print(&steps.flatten().map(|line| line + "\n").collect::<String>()),
    }
}

/// Prints a script that is not run.
///
/// # Errors
/// Standard output cannot be written.
pub(crate) fn print_script(script: &str, format: Format) -> Result<()> {
    print_commands(std::iter::once(script.lines().map(str::to_owned).collect()), format)
}

/// Says what is done, and how much of it there is.
fn progress(index: usize, steps: &[Box<dyn Step + '_>]) -> String {
    let shell = steps[index].shell().into_iter().next().unwrap_or_default();
    match steps.len() {
        1 => shell,
        count => format!("{} of {count}: {shell}", index + 1),
    }
}

/// Looks at the machine without a change to it; tells the shell commands that show the same, or only those.
///
/// # Errors
/// What cannot be seen.
pub(crate) fn look(
    telling: Telling,
    shell: impl FnOnce() -> Result<Vec<String>>,
    show: impl FnOnce() -> Result<u8>,
) -> Result<u8> {
    if telling.dry_run {
        return print_commands(std::iter::once(shell()?), telling.format).map(|()| 0);
    }
    let begun = Instant::now();
    let code = show()?;
    if telling.explain {
        explain(&shell()?, begun.elapsed().as_secs_f64() * 1000.0);
    }
    Ok(code)
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
