//! `exec`.

use std::os::fd::AsFd;
use std::path::Path;

use palisade_cgroup::SubGroup;
use palisade_oci::{Capability, CapabilitySet, Process as ProcessSpec};
use palisade_runtime::compile::Affinity;
use palisade_runtime::{
    Container, Error, ExecOptions, Executed, Foreground, Host, Paused, PidfdOf, Process, Relay, Result,
    Started, Store, send_master, send_pidfd,
};
use palisade_sys::signal;
use rustix::io::retry_on_intr;
use rustix::process::{Signal, WaitId, WaitIdOptions, pidfd_send_signal, waitid};

use crate::arguments::Exec;
use crate::log::Log;
use crate::make::{check_descriptors, check_socket, write_pid};

pub(crate) fn exec(verb: &Exec, store: &Store, log: &Log) -> Result<u8> {
    let container = store.find(&verb.id)?;
    check_descriptors(verb.preserve_fds)?;
    let process = process(verb, &container)?;
    let terminal = process.terminal;
    check_socket(verb.console_socket.as_deref(), terminal)?;
    if verb.detach && terminal && verb.console_socket.is_none() {
        return Err(Error::new("--detach needs --console-socket for a process with a terminal"));
    }
    let host = Host::probe()?;
    let _mask = signal::block_all();
    let signals = signal::descriptor().map_err(|errno| Error::call("signalfd", errno))?;
    let record = |process: &Process| {
        if let Some(socket) = &verb.pidfd_socket {
            send_pidfd(socket, PidfdOf::Executed, process)?;
        }
        match &verb.pid_file {
            Some(path) => write_pid(path, process.pid.as_raw_nonzero().get()),
            None => Ok(()),
        }
    };
    let groups = groups(verb)?;
    let options = ExecOptions {
        process: &process,
        preserve_fds: verb.preserve_fds,
        affinity: Affinity::OfGroup,
        groups: &groups,
        paused: if verb.ignore_paused { Paused::Join } else { Paused::Refuse },
        record: &record,
        observe: None,
        signals: Some(signals.as_fd()),
        stdio: None,
    };
    let Executed { mut started, warnings } = container.exec(&host, options)?;
    log.warnings(&warnings);
    let relay = relay(verb, &mut started).inspect_err(|_| {
        // Nobody would know of it. That it has ended meanwhile is as well.
        let _killed = pidfd_send_signal(&started.process.pidfd, Signal::KILL);
        let pidfd = started.process.pidfd.as_fd();
        let _reaped = retry_on_intr(|| waitid(WaitId::PidFd(pidfd), WaitIdOptions::EXITED));
    })?;
    if verb.detach {
        return Ok(0);
    }
    let end =
        Foreground { process: &started.process, signals: signals.as_fd(), relay, patience: None }.wait()?;
    Ok(end.code())
}

/// The groups below the container's.
fn groups(verb: &Exec) -> Result<Vec<SubGroup>> {
    let parse = |text: &String| text.parse().map_err(|error| Error::new(format!("--cgroup: {error}")));
    verb.cgroup.iter().map(parse).collect()
}

/// Gives the terminal to whoever asked for it, or else relays it.
fn relay(verb: &Exec, started: &mut Started) -> Result<Option<Relay>> {
    match (&verb.console_socket, started.terminal.take()) {
        (Some(socket), Some(master)) => send_master(socket, master.as_fd()).map(|()| None),
        (None, Some(master)) => Relay::begin(master).map(Some),
        (_, None) => Ok(None),
    }
}

/// The process of a file, or the container's own with what the command line changes.
fn process(verb: &Exec, container: &Container) -> Result<ProcessSpec> {
    let mut process = match &verb.process {
        Some(path) if verb.command.is_empty() => from_file(path, container)?,
        Some(_) => return Err(Error::new("--process and a command exclude each other")),
        None if verb.command.is_empty() => return Err(Error::new("no command: give one, or --process FILE")),
        None => pattern(verb, container)?,
    };
    if verb.process.is_none() || verb.tty {
        process.terminal = verb.tty;
    }
    if let Some(cwd) = &verb.cwd {
        process.cwd.clone_from(cwd);
    }
    process.env.extend(verb.env.iter().cloned());
    if verb.no_new_privs {
        process.no_new_privileges = true;
    }
    if let Some(profile) = &verb.apparmor {
        process.apparmor_profile.clone_from(profile);
    }
    if let Some(label) = &verb.process_label {
        process.selinux_label.clone_from(label);
    }
    set_user(&mut process, verb)?;
    if !verb.cap.is_empty() {
        add_capabilities(&mut process, &verb.cap)?;
    }
    Ok(process)
}

/// The process of a file. What it does not say of rights and of the OOM score is the container's own, as with runc.
fn from_file(path: &Path, container: &Container) -> Result<ProcessSpec> {
    let mut process: ProcessSpec = palisade_oci::load_as(path)?;
    // A container may have been made without a process of its own.
    if let Ok(own) = container.process_pattern() {
        process.capabilities = process.capabilities.or(own.capabilities);
        process.oom_score_adj = process.oom_score_adj.or(own.oom_score_adj);
    }
    Ok(process)
}

fn pattern(verb: &Exec, container: &Container) -> Result<ProcessSpec> {
    let mut process = container.process_pattern()?;
    process.args.clone_from(&verb.command);
    process.console_size = None;
    Ok(process)
}

fn set_user(process: &mut ProcessSpec, verb: &Exec) -> Result<()> {
    let user = &mut process.user;
    if let Some(text) = &verb.user {
        let number = |text: &str| {
            text.parse::<u32>().ok().filter(|id| *id != u32::MAX).ok_or_else(|| {
                Error::new(format!("--user {text:?} is no number between 0 and 4294967294"))
                    .hint("names are not looked up: UID or UID:GID")
            })
        };
        match text.split_once(':') {
            Some((uid, gid)) => {
                user.uid = number(uid)?;
                user.gid = number(gid)?;
            }
            None => user.uid = number(text)?,
        }
    }
    if !verb.additional_gids.is_empty() {
        user.additional_gids.clone_from(&verb.additional_gids);
    }
    Ok(())
}

fn add_capabilities(process: &mut ProcessSpec, names: &[String]) -> Result<()> {
    let mut wanted = CapabilitySet::default();
    for name in names {
        let upper = name.to_uppercase();
        let full = if upper.starts_with("CAP_") { upper } else { format!("CAP_{upper}") };
        let capability: Capability = full.parse().map_err(|_| {
            Error::new(format!("--cap {name}: no such capability")).hint("see capabilities(7)")
        })?;
        wanted.insert(capability);
    }
    let sets = process.capabilities.get_or_insert_default();
    for set in [&mut sets.bounding, &mut sets.effective, &mut sets.permitted] {
        set.extend(wanted.iter());
    }
    // What is not inheritable cannot be ambient.
    let inheritable = sets.inheritable;
    sets.ambient.extend(wanted.iter().filter(|capability| inheritable.contains(*capability)));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    use crate::arguments::{Arguments, Verb};

    fn verb(options: &[&str]) -> Exec {
        let words = ["palisade", "exec"].into_iter().chain(options.iter().copied()).chain(["box", "sh"]);
        match Arguments::try_parse_from(words).unwrap().verb {
            Verb::Exec(verb) => verb,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_user_is_a_number_that_is_taken_as_it_is() {
        for (text, expected) in
            [("1", (1, 5)), ("0", (0, 5)), ("7:8", (7, 8)), ("4294967294:0", (4294967294, 0))]
        {
            let mut process = ProcessSpec::default();
            process.user.gid = 5;
            set_user(&mut process, &verb(&["--user", text])).unwrap();
            assert_eq!((process.user.uid, process.user.gid), expected, "{text}");
        }
    }

    #[test]
    fn what_is_no_number_is_no_user() {
        for text in [
            "",
            ":",
            "root",
            "1:",
            ":1",
            "1:root",
            "4294967295",
            "1:4294967295",
            "4294967296",
            "0x0",
            "1 ",
            "1:2:3",
        ] {
            let mut process = ProcessSpec::default();
            process.user.uid = 77;
            let error = set_user(&mut process, &verb(&[&format!("--user={text}")])).unwrap_err();
            assert!(error.to_string().contains("is no number between 0 and 4294967294"), "{text}: {error}");
        }
    }

    #[test]
    fn capabilities_are_added_to_three_sets() {
        for name in ["CAP_NET_ADMIN", "net_admin", "cap_net_admin"] {
            let mut process = ProcessSpec::default();
            add_capabilities(&mut process, &[name.to_owned()]).unwrap();
            let sets = process.capabilities.unwrap();
            let bits = 1 << 12;
            assert_eq!([sets.bounding, sets.effective, sets.permitted].map(|set| set.bits()), [bits; 3]);
            assert_eq!([sets.inheritable, sets.ambient].map(|set| set.bits()), [0; 2]);
        }
        let error = add_capabilities(&mut ProcessSpec::default(), &["ALL".to_owned()]).unwrap_err();
        assert_eq!(error.to_string(), "--cap ALL: no such capability (see capabilities(7))");
    }
}
