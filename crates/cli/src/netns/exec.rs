//! `exec`: a program in a network namespace, or in all that have names.

use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::Command;
use std::time::Instant;

use palisade_network::{Name, enter_named, shell};
use palisade_runtime::{Error, ErrorKind, Result};

use crate::arguments::Telling;
use crate::arguments::netns::Exec;
use crate::output::{print, say};
use crate::steps::{explain, print_commands};

/// What a shell gives for a program that was ended by a signal, with its number added.
const SIGNALLED: i32 = 128;

pub(crate) fn exec(verb: &Exec) -> Result<u8> {
    let (names, command) = if verb.all {
        let all = palisade_network::list()?.into_iter().map(|named| Name::new(named.name));
        (all.collect::<palisade_network::Result<Vec<_>>>()?, verb.words.as_slice())
    } else {
        let (name, rest) = verb.words.split_first().ok_or_else(no_command)?;
        (vec![Name::new(name.as_str())?], rest)
    };
    let command = command.strip_prefix(&["--".to_owned()]).unwrap_or(command);
    if command.is_empty() {
        return Err(no_command());
    }
    if verb.telling.dry_run {
        let steps: Vec<_> =
            names.iter().map(|name| Ok(vec![shell(name, command)?])).collect::<Result<_>>()?;
        return print_commands(steps.into_iter(), verb.telling.format).map(|()| 0);
    }
    match names.as_slice() {
        [name] if !verb.all => replace(name, command, verb.telling),
        names => in_all(names, command, verb.telling),
    }
}

/// Becomes the program.
fn replace(name: &Name, command: &[String], telling: Telling) -> Result<u8> {
    enter(name, command, telling)?;
    Err(refusal(&command[0], &program(command).exec()))
}

/// Runs the program in each; the exit code is the first that is not 0.
fn in_all(names: &[Name], command: &[String], telling: Telling) -> Result<u8> {
    let mut codes = Vec::new();
    for name in names {
        print(&format!("\nnetns: {name}\n"))?;
        // Only a thread has a way back into its namespaces, namely its end.
        let code = std::thread::scope(|scope| scope.spawn(|| run(name, command, telling)).join());
        codes.push(match code {
            Ok(Ok(code)) => code,
            // The others are still to come.
            Ok(Err(error)) => {
                say(&error);
                crate::code_of(&error)
            }
            Err(panic) => std::panic::resume_unwind(panic),
        });
    }
    Ok(codes.into_iter().find(|code| *code != 0).unwrap_or(0))
}

fn run(name: &Name, command: &[String], telling: Telling) -> Result<u8> {
    enter(name, command, telling)?;
    let status = program(command).status().map_err(|error| refusal(&command[0], &error))?;
    let code = status.code().or_else(|| status.signal().map(|signal| SIGNALLED + signal));
    Ok(code.and_then(|code| u8::try_from(code).ok()).unwrap_or(u8::MAX))
}

fn enter(name: &Name, command: &[String], telling: Telling) -> Result<()> {
    let begun = Instant::now();
    let told = if telling.explain { Some(shell(name, command)?) } else { None };
    enter_named(name)?.into_iter().for_each(say);
    if let Some(line) = told {
        explain(&[line], begun.elapsed().as_secs_f64() * 1000.0);
    }
    Ok(())
}

fn program(command: &[String]) -> Command {
    let mut program = Command::new(&command[0]);
    program.args(&command[1..]);
    program
}

fn refusal(program: &str, error: &std::io::Error) -> Error {
    let kind = match error.kind() {
        std::io::ErrorKind::NotFound => ErrorKind::ProgramMissing,
        _ => ErrorKind::ProgramNotExecutable,
    };
    Error::of(kind, Error::io(format_args!("execute {program}"), error).to_string())
}

fn no_command() -> Error {
    Error::new("wanted a name and a program").hint("pal netns exec NAME CMD...")
}
