//! `start`, `kill`, `delete`, `pause`, `resume`.

use palisade_runtime::{
    Container, ContainerId, Error, ErrorKind, Force, Host, Notified, Reach, Result, Store, parse_signal,
};
use regex_lite::Regex;
use rustix::process::Signal;

use crate::arguments::{Delete, Kill};
use crate::log::Log;

pub(crate) fn start(id: &str, store: &Store) -> Result<u8> {
    let container = store.find(id)?;
    let readiness = match Notified::find()? {
        Some(notified) => notified.listen(container.state_directory())?,
        None => None,
    };
    container.start(&Host::probe()?)?;
    match readiness {
        Some(readiness) => container.pass_on(&readiness).map(|()| 0),
        None => Ok(0),
    }
}

pub(crate) fn kill(verb: &Kill, store: &Store) -> Result<u8> {
    // 0 is no signal; it asks whether there is somebody to get one.
    let signal = if verb.signal == "0" { None } else { Some(parse_signal(&verb.signal)?) };
    let reach = if verb.all { Reach::All } else { Reach::First };
    if !verb.regex {
        let killed = send(&store.find(&verb.id)?, signal, reach);
        return killed.or_else(|error| none_is_all(reach, error)).map(|()| 0);
    }
    let mut errors = Vec::new();
    for id in matching(&verb.id, store)? {
        match store.get(&id).and_then(|container| send(&container, signal, reach)) {
            Ok(()) => {}
            // It has gone since the look at the list.
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotRunning) => {}
            Err(error) => errors.push(error),
        }
    }
    all_or(errors)
}

fn send(container: &Container, signal: Option<Signal>, reach: Reach) -> Result<()> {
    match signal {
        Some(signal) => container.kill(signal, reach),
        None => container.check_running(),
    }
}

/// All processes of a container that has ended are none, which is no mistake, as with runc.
fn none_is_all(reach: Reach, error: Error) -> Result<()> {
    if reach == Reach::All && error.kind() == ErrorKind::NotRunning { Ok(()) } else { Err(error) }
}

/// The containers whose id a regular expression matches somewhere.
fn matching(pattern: &str, store: &Store) -> Result<Vec<ContainerId>> {
    let pattern = Regex::new(pattern)
        .map_err(|error| Error::new(format!("--regex {pattern:?} is no regular expression: {error}")))?;
    let ids = store.list()?.into_iter().map(|container| container.record().id.clone());
    Ok(ids.filter(|id| pattern.is_match(id.as_str())).collect())
}

/// Makes one error of many.
fn all_or(mut errors: Vec<Error>) -> Result<u8> {
    match errors.len() {
        0 => Ok(0),
        1 => Err(errors.remove(0)),
        _ => {
            let texts: Vec<String> = errors.iter().map(Error::to_string).collect();
            Err(Error::of(ErrorKind::Other, texts.join("; ")))
        }
    }
}

pub(crate) fn delete(verb: &Delete, store: &Store, log: &Log) -> Result<u8> {
    let force = if verb.force { Force::Yes } else { Force::No };
    let mut ids = Vec::new();
    let mut errors = Vec::new();
    for text in &verb.ids {
        if verb.regex {
            ids.extend(matching(text, store)?);
        } else {
            match ContainerId::new(text) {
                Ok(id) => ids.push(id),
                Err(error) => errors.push(error),
            }
        }
    }
    for id in ids {
        match store.delete(&id, force) {
            Ok(warnings) => log.warnings(&warnings),
            Err(error) => errors.push(error),
        }
    }
    all_or(errors)
}

pub(crate) fn pause(id: &str, store: &Store) -> Result<u8> {
    store.find(id)?.pause()?;
    Ok(0)
}

pub(crate) fn resume(id: &str, store: &Store) -> Result<u8> {
    store.find(id)?.resume()?;
    Ok(0)
}
