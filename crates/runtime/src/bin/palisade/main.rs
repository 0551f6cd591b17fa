//! `palisade`: an OCI runtime with runc's command line.
#![forbid(unsafe_code)]

mod arguments;
mod exec;
mod inspect;
mod log;
mod make;
mod manage;
mod plan;

use std::process::ExitCode;

use clap::Parser;
use clap::error::ErrorKind as ParseErrorKind;
use palisade_runtime::{Error, Result, Store};

use arguments::{Arguments, Verb};

fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            // Nothing more can be said when stdout or stderr is closed.
            let _printed = error.print();
            let asked = matches!(error.kind(), ParseErrorKind::DisplayHelp | ParseErrorKind::DisplayVersion);
            return if asked { ExitCode::SUCCESS } else { ExitCode::from(1) };
        }
    };
    let failure_code = if matches!(arguments.verb, Verb::Exec(_)) { 255 } else { 1 };
    let log = match log::Log::open(&arguments.global) {
        Ok(log) => log,
        Err(error) => {
            log::tell(&error);
            return ExitCode::from(1);
        }
    };
    match run(&arguments, &log) {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            log.error(&error);
            ExitCode::from(failure_code)
        }
    }
}

fn run(arguments: &Arguments, log: &log::Log) -> Result<u8> {
    let global = &arguments.global;
    if global.systemd_cgroup {
        return Err(Error::new(
            "--systemd-cgroup: the systemd cgroup driver is not supported by this version of palisade",
        )
        .hint("leave it out: cgroups are then made in the cgroup file system"));
    }
    let store = Store::new(global.root.clone().unwrap_or_else(palisade_runtime::state_directory));
    match &arguments.verb {
        Verb::Create(verb) => make::create(verb, &store, log),
        Verb::Run(verb) => make::run(verb, &store, log),
        Verb::Exec(verb) => exec::exec(verb, &store, log),
        Verb::Start(verb) => manage::start(&verb.id, &store),
        Verb::Kill(verb) => manage::kill(verb, &store),
        Verb::Delete(verb) => manage::delete(verb, &store, log),
        Verb::Pause(verb) => manage::pause(&verb.id, &store),
        Verb::Resume(verb) => manage::resume(&verb.id, &store),
        Verb::State(verb) => inspect::state(&verb.id, &store),
        Verb::List(verb) => inspect::list(verb, &store),
        Verb::Ps(verb) => inspect::ps(verb, &store),
        Verb::Spec(verb) => inspect::spec(verb),
        Verb::Features => inspect::features(),
        Verb::Plan(verb) => plan::plan(verb, &store),
    }
}
