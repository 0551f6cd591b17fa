//! `palisade`: an OCI runtime with runc's command line.
#![forbid(unsafe_code)]

mod arguments;
mod dashes;
#[cfg(test)]
mod engines;
mod exec;
mod inspect;
mod log;
mod make;
mod manage;
mod parse;
mod plan;
mod ps;
mod update;

use std::process::ExitCode;

use palisade_runtime::{Error, Result, Store};

use arguments::{Arguments, CgroupManager, Verb};

fn main() -> ExitCode {
    let arguments = match parse::arguments() {
        Ok(arguments) => arguments,
        Err(code) => return code,
    };
    let failure = parse::failure_code(matches!(arguments.verb, Verb::Exec(_)));
    let log = match log::Log::open(&arguments.global) {
        Ok(log) => log,
        Err(error) => {
            log::tell(&error);
            return failure;
        }
    };
    match run(&arguments, &log) {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            log.error(&error);
            failure
        }
    }
}

fn run(arguments: &Arguments, log: &log::Log) -> Result<u8> {
    let global = &arguments.global;
    check_cgroup_manager(global.cgroup_manager())?;
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
        Verb::Update(verb) => update::update(verb, &store, log),
        Verb::State(verb) => inspect::state(&verb.id, &store),
        Verb::List(verb) => inspect::list(verb, &store),
        Verb::Ps(verb) => ps::ps(verb, &store),
        Verb::Spec(verb) => inspect::spec(verb),
        Verb::Features => inspect::features(),
        Verb::Plan(verb) => plan::plan(verb, &store),
    }
}

fn check_cgroup_manager(manager: CgroupManager) -> Result<()> {
    let refuse = |what: &str| {
        Err(Error::new(format!("{what} is not supported by this version of palisade"))
            .hint("leave it out: cgroups are then made in the cgroup file system"))
    };
    match manager {
        CgroupManager::Cgroupfs => Ok(()),
        CgroupManager::Systemd => refuse("--cgroup-manager systemd: the systemd cgroup driver"),
        CgroupManager::Disabled => refuse("--cgroup-manager disabled: a container without a cgroup"),
    }
}
