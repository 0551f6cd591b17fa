//! `start`, `kill`, `delete`, `pause`, `resume`.

use palisade_runtime::{ContainerId, Error, ErrorKind, Force, Host, Reach, Result, Store, parse_signal};

use crate::arguments::{Delete, Kill};
use crate::log::Log;

pub(crate) fn start(id: &str, store: &Store) -> Result<u8> {
    store.find(id)?.start(&Host::probe()?)?;
    Ok(0)
}

pub(crate) fn kill(verb: &Kill, store: &Store) -> Result<u8> {
    let signal = parse_signal(&verb.signal)?;
    let reach = if verb.all { Reach::All } else { Reach::First };
    store.find(&verb.id)?.kill(signal, reach)?;
    Ok(0)
}

pub(crate) fn delete(verb: &Delete, store: &Store, log: &Log) -> Result<u8> {
    let force = if verb.force { Force::Yes } else { Force::No };
    let host = Host::probe()?;
    let mut errors = Vec::new();
    for id in &verb.ids {
        match ContainerId::new(id).and_then(|id| store.delete(&host, &id, force)) {
            Ok(warnings) => log.warnings(&warnings),
            Err(error) => errors.push(error),
        }
    }
    match errors.len() {
        0 => Ok(0),
        1 => Err(errors.remove(0)),
        _ => {
            let texts: Vec<String> = errors.iter().map(Error::to_string).collect();
            Err(Error::of(ErrorKind::Other, texts.join("; ")))
        }
    }
}

pub(crate) fn pause(id: &str, store: &Store) -> Result<u8> {
    store.find(id)?.pause()?;
    Ok(0)
}

pub(crate) fn resume(id: &str, store: &Store) -> Result<u8> {
    store.find(id)?.resume()?;
    Ok(0)
}
