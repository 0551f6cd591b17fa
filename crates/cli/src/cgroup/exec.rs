//! `exec`: runs a program in a group.

use std::os::unix::process::CommandExt;
use std::process::Command;

use palisade_cgroup::{Layout, Operation, Place, Version};
use palisade_runtime::{Error, ErrorKind, Result, Store};
use rustix::io::Errno;

use crate::arguments::cgroup::Exec;
use crate::steps::{Step, carry_out};

pub(crate) fn exec(verb: &Exec, store: &Store) -> Result<u8> {
    let layout = Layout::detect()?;
    let controllers = &verb.hierarchies.controllers;
    let mut places = verb.group.places(&layout, controllers, store)?;
    if controllers.is_empty() {
        // A group need not be in all hierarchies.
        let there: Vec<Place> = places.iter().filter(|place| place.exists()).cloned().collect();
        places = if there.is_empty() { places.into_iter().take(1).collect() } else { there };
    }
    let mut steps: Vec<Box<dyn Step>> =
        places.iter().map(|place| Box::new(enter(place)) as Box<dyn Step>).collect();
    steps.push(Box::new(Run(&verb.command)));
    carry_out(&steps, verb.telling)?;
    Ok(0)
}

/// Writes 0 for this process, which has one thread: to `tasks` that takes a hundredth of the time that `cgroup.procs`
/// takes. There is no way back, as this process ends where a step fails.
fn enter(place: &Place) -> Operation {
    let file = if place.version == Version::V1 { "tasks" } else { "cgroup.procs" };
    Operation::write(place, file, "0")
}

/// The last step: this process becomes the program.
struct Run<'a>(&'a [String]);

impl Step for Run<'_> {
    fn shell(&self) -> Vec<String> {
        let words: Vec<String> = self.0.iter().map(|word| palisade_cgroup::quote(word)).collect();
        vec![format!("exec {}", words.join(" "))]
    }

    fn perform(&self) -> Result<()> {
        let Some((program, arguments)) = self.0.split_first() else { return Ok(()) };
        let error = Command::new(program).args(arguments).exec();
        let kind = match Errno::from_io_error(&error) {
            Some(Errno::NOENT) => ErrorKind::ProgramMissing,
            _ => ErrorKind::ProgramNotExecutable,
        };
        Err(Error::of(kind, Error::io(format_args!("exec {program}"), &error).to_string()))
    }
}
