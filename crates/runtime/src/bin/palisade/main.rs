//! `palisade`: an OCI runtime with runc's command line.
#![forbid(unsafe_code)]
#![cfg_attr(not(test), no_main)]

mod arguments;
mod checkpoint;
mod dashes;
#[cfg(test)]
mod engines;
mod events;
mod exec;
mod inspect;
mod log;
mod make;
mod manage;
mod parse;
mod plan;
mod ps;
mod update;

use palisade_runtime::compile::Driver;
use palisade_runtime::{Result, Store};

use arguments::{Arguments, CgroupManager, Verb};

#[cfg(target_env = "musl")]
#[global_allocator]
static ALLOCATOR: dlmalloc::GlobalDlmalloc = dlmalloc::GlobalDlmalloc;

#[cfg(not(test))]
palisade_sys::entry!(start);

#[cfg_attr(test, expect(dead_code, reason = "the tests have a main of their own"))]
fn start() -> u8 {
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
        Ok(code) => code,
        Err(error) => {
            log.error(&error);
            failure
        }
    }
}

fn run(arguments: &Arguments, log: &log::Log) -> Result<u8> {
    let global = &arguments.global;
    let driver = driver(global.cgroup_manager());
    let store = Store::new(global.root.clone().unwrap_or_else(palisade_runtime::state_directory));
    match &arguments.verb {
        Verb::Create(verb) => make::create(verb, driver, &store, log),
        Verb::Run(verb) => make::run(verb, driver, &store, log),
        Verb::Exec(verb) => exec::exec(verb, &store, log),
        Verb::Start(verb) => manage::start(&verb.id, &store),
        Verb::Kill(verb) => manage::kill(verb, &store),
        Verb::Delete(verb) => manage::delete(verb, &store, log),
        Verb::Pause(verb) => manage::pause(&verb.id, &store),
        Verb::Resume(verb) => manage::resume(&verb.id, &store),
        Verb::Events(verb) => events::events(verb, &store),
        Verb::Update(verb) => update::update(verb, &store, log),
        Verb::State(verb) => inspect::state(&verb.id, &store),
        Verb::List(verb) => inspect::list(verb, &store),
        Verb::Ps(verb) => ps::ps(verb, &store),
        Verb::Checkpoint(verb) => checkpoint::checkpoint(verb, &store, log),
        Verb::Restore(verb) => checkpoint::restore(verb, driver, &store, log),
        Verb::Spec(verb) => inspect::spec(verb),
        Verb::Features => inspect::features(),
        Verb::Plan(verb) => plan::plan(verb, driver, &store),
    }
}

fn driver(manager: CgroupManager) -> Driver {
    match manager {
        CgroupManager::Cgroupfs => Driver::FileSystem,
        CgroupManager::Systemd => Driver::Systemd,
        CgroupManager::Disabled => Driver::Disabled,
    }
}
