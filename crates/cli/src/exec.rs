//! `exec`: one more program in a container that runs.

use std::os::fd::AsFd;
use std::path::PathBuf;

use palisade_oci::Process as ProcessSpec;
use palisade_runtime::compile::Affinity;
use palisade_runtime::{
    Container, Error, ErrorKind, ExecOptions, Foreground, Host, Paused, Relay, Result, Store,
};
use palisade_sys::signal;

use crate::arguments::Exec;
use crate::output::say;
use crate::run::{PATIENCE, name_flags, open_null, relay};
use crate::user::Database;

pub(crate) fn exec(verb: &Exec, store: &Store) -> Result<u8> {
    let container = store.find(&verb.name)?;
    let process = process(verb, &container)?;
    let host = Host::probe()?;
    let _mask = signal::block_all();
    let signals = signal::descriptor().map_err(|errno| Error::call("signalfd", errno))?;
    let nothing = open_null()?;
    let streams = [nothing.as_fd(), rustix::stdio::stdout(), rustix::stdio::stderr()];
    let options = ExecOptions {
        groups: &[],
        paused: Paused::Refuse,
        process: &process,
        preserve_fds: 0,
        affinity: Affinity::Callers,
        record: &|_| Ok(()),
        observe: None,
        signals: Some(signals.as_fd()),
        stdio: (!verb.interactive).then_some(streams),
    };
    let executed = container.exec(&host, options).map_err(|error| match error.kind() {
        ErrorKind::Paused => Error::new(format!("container {} is paused", verb.name))
            .hint(format_args!("pal unpause {} lets it go on", verb.name)),
        _ => name_flags(&error),
    })?;
    executed.warnings.iter().for_each(say);
    let started = executed.started;
    let relay: Option<Relay> = started.terminal.map(|master| relay(master, verb.interactive)).transpose()?;
    let patience = Some(PATIENCE);
    let end = Foreground { process: &started.process, signals: signals.as_fd(), relay, patience }.wait()?;
    Ok(end.code())
}

/// The container's own process with what the command line changes.
fn process(verb: &Exec, container: &Container) -> Result<ProcessSpec> {
    let mut process = container.process_pattern()?;
    process.args.clone_from(&verb.command);
    process.terminal = verb.tty;
    process.console_size = None;
    if let Some(user) = &verb.user {
        set_user(&mut process, container, user)?;
    }
    let term = std::env::var("TERM").ok().filter(|term| verb.tty && !term.is_empty());
    let term = term.map(|term| format!("TERM={term}"));
    for entry in term.iter().chain(&verb.env) {
        let entry = match entry.split_once('=') {
            Some(_) => entry.clone(),
            None => match std::env::var(entry) {
                Ok(value) => format!("{entry}={value}"),
                Err(_) => continue,
            },
        };
        set_variable(&mut process.env, entry);
    }
    if let Some(workdir) = &verb.workdir {
        if !workdir.starts_with('/') {
            return Err(Error::new(format!("--workdir {workdir}: it is not an absolute path")));
        }
        process.cwd = workdir.into();
    }
    Ok(process)
}

/// Looks a user up in the container as it is now.
fn set_user(process: &mut ProcessSpec, container: &Container, wanted: &str) -> Result<()> {
    let Some(first) = container.process() else {
        return Err(Error::new(format!("container {} is not running", container.record().id)));
    };
    let root = PathBuf::from(format!("/proc/{}/root", first.pid));
    let account = Database::read(&root)?.find(Some(wanted)).map_err(|error| error.context("--user"))?;
    process.user.uid = account.uid;
    process.user.gid = account.gid;
    process.user.additional_gids = account.groups;
    set_variable(&mut process.env, format!("HOME={}", account.home));
    Ok(())
}

/// Sets a variable, in the place of an earlier one of that name.
fn set_variable(variables: &mut Vec<String>, entry: String) {
    let name = |entry: &str| entry.split_once('=').map(|(name, _)| name.to_owned());
    variables.retain(|other| name(other) != name(&entry));
    variables.push(entry);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variable_replaces_the_earlier_one() {
        let mut variables = vec!["A=1".to_owned(), "B=2".to_owned()];
        set_variable(&mut variables, "A=3=4".to_owned());
        assert_eq!(variables, ["B=2", "A=3=4"]);
    }
}
