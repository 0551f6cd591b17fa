//! `pal netns`: network namespaces with names, which `ip netns` sees, too.

mod change;
mod connect;
mod exec;
mod list;
mod monitor;
mod processes;
mod transfer;

use palisade_network::{Name, Operation, Place};
use palisade_runtime::{Result, Store};
use rustix::process::Pid;

use crate::arguments::Telling;
use crate::arguments::netns::Verb;
use crate::flags::NetnsName;
use crate::steps::{carry_out, look, steps};

/// The word for the machine's first network namespace.
const HOST: &str = "host";

pub(crate) fn dispatch(verb: &Verb, store: &Store) -> Result<u8> {
    match verb {
        Verb::Add(verb) => change::add(verb),
        Verb::Del(verb) => change::delete(verb),
        Verb::List(verb) => look(verb.telling, || Ok(vec!["ip netns list".to_owned()]), || list::list(verb)),
        Verb::Exec(verb) => exec::exec(verb),
        Verb::Monitor(verb) => {
            look(verb.telling, || Ok(vec!["ip netns monitor".to_owned()]), || monitor::monitor(verb))
        }
        Verb::Set(verb) => change::set(verb),
        Verb::Identify(verb) => {
            look(verb.telling, || processes::shell_of_names(verb, store), || processes::identify(verb, store))
        }
        Verb::Pids(verb) => look(verb.telling, || processes::shell_of_pids(verb), || processes::pids(verb)),
        Verb::Attach(verb) => change::attach(verb, store),
        Verb::Move(verb) => transfer::transfer(verb, store),
        Verb::Connect(verb) => connect::connect(verb, store),
    }
}

/// Carries operations out, all or none, or tells them.
fn carry(operations: Vec<Operation>, telling: Telling) -> Result<u8> {
    carry_out(&steps(operations), telling).map(|()| 0)
}

impl NetnsName {
    /// Finds out what is meant: a name where there is such a name, and else a process.
    ///
    /// # Errors
    /// What can be neither; a container that is not there or does not run.
    fn place(&self, store: &Store) -> Result<Place> {
        let word = match self {
            Self::Container(name) => {
                let process = crate::flags::ProcessName::Container(name.clone());
                return Ok(Place::Process(process.pid(store)?));
            }
            Self::Word(word) => word,
        };
        let name = Name::new(word.as_str())?;
        if rustix::fs::lstat(name.path()).is_ok() {
            return Ok(Place::Name(name));
        }
        let process = match word.as_str() {
            HOST => Some(palisade_network::host()),
            number => number.parse().ok().and_then(Pid::from_raw),
        };
        Ok(process.map_or(Place::Name(name), Place::Process))
    }
}
