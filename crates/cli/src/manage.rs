//! `kill`, `rm`, `logs`, `update`, `pause`, `unpause`: what is done to a container that is there.

use palisade_oci::Resources;
use palisade_oci::state::Status;
use palisade_runtime::{
    Container, ContainerId, Error, ErrorKind, Force, Host, Reach, Result, Store, parse_signal,
};
use rustix::process::Signal;

use crate::arguments::{Kill, Logs, Names, Remove, Update};
use crate::config;
use crate::log::{self, Follow};
use crate::machine::Machine;
use crate::output::{print, say};

pub(crate) fn kill(verb: &Kill, store: &Store) -> Result<u8> {
    let signal = parse_signal(&verb.signal).map_err(|error| error.context("--signal"))?;
    each(&verb.names, |name| {
        let container = store.find(name)?;
        container.kill(signal, Reach::First)?;
        // Nobody survives this one: the next command is to find the container ended.
        if signal == Signal::KILL { log::await_monitor(container.state_directory()) } else { Ok(()) }
    })
}

pub(crate) fn remove(verb: &Remove, store: &Store) -> Result<u8> {
    each(&verb.names, |name| {
        let id = ContainerId::new(name)?;
        let container = match store.get(&id) {
            // Of a start that was cut short there may be remains.
            Err(error) if error.kind() == ErrorKind::NotFound && verb.force => None,
            container => Some(container?),
        };
        match &container {
            Some(container) if verb.force => end(container)?,
            Some(container) => check_ended(container)?,
            None => {}
        }
        let force = if verb.force { Force::Yes } else { Force::No };
        match store.delete(&id, force) {
            // Its own monitor was quicker.
            Err(error) if error.kind() == ErrorKind::NotFound => Vec::new(),
            other => other?,
        }
        .iter()
        .for_each(say);
        if container.is_some() { print(&format!("{name}\n")) } else { Ok(()) }
    })
}

/// Kills a container and lets its monitor finish, so that two do not remove at once.
fn end(container: &Container) -> Result<()> {
    match container.kill(Signal::KILL, Reach::First) {
        Err(error) if error.kind() != ErrorKind::NotRunning => return Err(error),
        _ => {}
    }
    log::await_monitor(container.state_directory())
}

fn check_ended(container: &Container) -> Result<()> {
    match container.status()? {
        Status::Stopped => log::await_monitor(container.state_directory()),
        Status::Created => Ok(()),
        status => {
            let id = &container.record().id;
            Err(Error::new(format!("container {id} is {status}"))
                .hint(format_args!("pal rm -f {id} ends it")))
        }
    }
}

pub(crate) fn update(verb: &Update, store: &Store) -> Result<u8> {
    let host = Host::probe()?;
    let limits = config::limits(&verb.limits, &host, &Machine::read()?, &config::controllers(&host))?;
    if limits.is_empty() {
        return Err(
            Error::new("there is nothing to change").hint("such as --memory 64M, see pal update --help")
        );
    }
    let text = serde_json::Value::Object(limits).to_string();
    let resources: Resources = palisade_oci::parse_as("the limits", text.as_bytes())?;
    each(&verb.names, |name| {
        store.find(name)?.update(&host, &resources)?.iter().for_each(say);
        print(&format!("{name}\n"))
    })
}

pub(crate) fn pause(verb: &Names, store: &Store) -> Result<u8> {
    each(&verb.names, |name| store.find(name)?.pause())
}

pub(crate) fn unpause(verb: &Names, store: &Store) -> Result<u8> {
    each(&verb.names, |name| store.find(name)?.resume())
}

pub(crate) fn logs(verb: &Logs, store: &Store) -> Result<u8> {
    let follow = if verb.follow { Follow::Yes } else { Follow::No };
    log::show(&store.find(&verb.name)?, follow).map(|()| 0)
}

/// Goes through all names; each failure is told, and makes the whole one.
fn each(names: &[String], act: impl Fn(&str) -> Result<()>) -> Result<u8> {
    let mut code = 0;
    for name in names {
        if let Err(error) = act(name) {
            say(error);
            code = crate::OWN_ERROR;
        }
    }
    Ok(code)
}
