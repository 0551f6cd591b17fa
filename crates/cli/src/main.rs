//! `pal`: containers and their primitives for a person at a terminal.
#![forbid(unsafe_code)]
#![cfg_attr(not(test), no_main)]

mod arguments;
mod background;
mod cgroup;
mod config;
mod end;
mod exec;
mod flags;
mod host_image;
mod image;
mod init;
mod list;
mod log;
mod machine;
mod manage;
mod mistake;
mod name;
mod netns;
mod ns;
mod output;
mod plain;
mod run;
mod spinner;
mod steps;
mod table;
mod target;
mod user;

use std::ffi::OsString;

use clap::{CommandFactory, Parser};
use palisade_runtime::{Error, ErrorKind, Result, Store};

use arguments::{Arguments, Verb};

/// What podman and docker exit with when the error is their own.
const OWN_ERROR: u8 = 125;

/// 128 and SIGPIPE.
const READER_GONE: u8 = 141;

#[cfg(target_env = "musl")]
#[global_allocator]
static ALLOCATOR: dlmalloc::GlobalDlmalloc = dlmalloc::GlobalDlmalloc;

#[cfg(not(test))]
palisade_sys::entry!(start);

#[cfg_attr(test, expect(dead_code, reason = "the tests have a main of their own"))]
fn start() -> u8 {
    let words = palisade_sys::entry::words();
    match words.as_slice() {
        // The third is the -- that ends this program's own words.
        [_, verb, _, program @ ..] if verb == init::VERB => return init::run(program.iter().cloned()),
        [_, verb, root, ..] if verb == background::VERB => return background::monitor(root.into()),
        _ => {}
    }
    let arguments = match read_plain(&words).map_or_else(|| Arguments::try_parse_from(&words), Ok) {
        Ok(arguments) => arguments,
        Err(error) => return mistake::refuse(&error, &words),
    };
    match dispatch(&arguments) {
        Ok(code) => code,
        // As a program that SIGPIPE ends: silently.
        Err(error) if error.kind() == ErrorKind::ReaderGone => READER_GONE,
        Err(error) => {
            output::say(&error);
            code_of(&error)
        }
    }
}

/// Reads the command line where that takes no parser.
fn read_plain(words: &[OsString]) -> Option<Arguments> {
    let words: Option<Vec<&str>> = words.iter().skip(1).map(|word| word.to_str()).collect();
    plain::read(&words?)
}

fn dispatch(arguments: &Arguments) -> Result<u8> {
    let store = Store::new(arguments.root.clone().unwrap_or_else(palisade_runtime::state_directory));
    match &arguments.verb {
        None => output::print(&Arguments::command().render_long_help().to_string()).map(|()| 0),
        Some(Verb::Run(flags)) => run::run(flags, &store),
        Some(Verb::Ps(verb)) => list::list(verb, &store),
        Some(Verb::Exec(verb)) => exec::exec(verb, &store),
        Some(Verb::Kill(verb)) => manage::kill(verb, &store),
        Some(Verb::Rm(verb)) => manage::remove(verb, &store),
        Some(Verb::Logs(verb)) => manage::logs(verb, &store),
        Some(Verb::Update(verb)) => manage::update(verb, &store),
        Some(Verb::Pause(verb)) => manage::pause(verb, &store),
        Some(Verb::Unpause(verb)) => manage::unpause(verb, &store),
        Some(Verb::Cgroup(family)) => cgroup::dispatch(&family.verb, &store),
        Some(Verb::Ns(family)) => ns::dispatch(&family.verb, &store),
        Some(Verb::Netns(family)) => netns::dispatch(&family.verb, &store),
    }
}

fn code_of(error: &Error) -> u8 {
    match error.kind() {
        ErrorKind::ProgramMissing => 127,
        ErrorKind::ProgramNotExecutable => 126,
        _ => OWN_ERROR,
    }
}
