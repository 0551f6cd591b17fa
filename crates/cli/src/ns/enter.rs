//! `enter`: a program in namespaces that there are.

mod capabilities;
mod character;
mod destination;

use std::os::fd::{AsFd, OwnedFd};

use palisade_cgroup::quote;
use palisade_namespace::{Action, Kind, Kinds, Namespaces, Rights, Source, Target, open, setns, steps};
use palisade_runtime::{Error, Result, Store};
use rustix::thread::CapabilitySet;

use super::program::{become_program, fork, or_shell, shell_words};
use super::told::Teller;
use crate::arguments::ns::Enter;
use crate::steps::print_script;
use character::Character;
use destination::{Destination, find};

pub(crate) fn enter(verb: &Enter, store: &Store) -> Result<u8> {
    let destination = find(verb, store)?;
    let character = Character::of(verb, &destination)?;
    let command = or_shell(&verb.command);
    if verb.telling.dry_run {
        let script = script(&destination, &character, &command);
        return print_script(&script, verb.telling.format).map(|()| 0);
    }
    let teller = Teller::new(verb.telling);
    hide()?;
    enter_all(&destination, teller)?;
    let go = move || {
        character.take(teller)?;
        teller.announce(|| format!("exec {}", shell_words(&command)));
        Err(become_program(&command, character.environment.as_deref()))
    };
    if destination.kinds().contains(Kind::Pid) {
        // A pid namespace is entered by children.
        return fork(Kinds::NONE, go)?.attend();
    }
    go()
}

/// Keeps whoever is in there from tracing this process, and from its descriptors, until it becomes the program.
fn hide() -> Result<()> {
    rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable)
        .map_err(|errno| Error::call("prctl PR_SET_DUMPABLE", errno))
}

fn enter_all(destination: &Destination, teller: Teller) -> Result<()> {
    match destination {
        Destination::Process { pid, pidfd, kinds } if !kinds.is_empty() => {
            let told = || format!("nsenter --target {pid} {}...", super::new::flags(*kinds));
            teller.step(told, || enter_process(*pid, pidfd, *kinds))
        }
        Destination::Process { .. } => Ok(()),
        Destination::Files(files) => {
            let named = files.iter().map(|(kind, path)| (*kind, Source::Join(Target::Path(path.clone()))));
            let namespaces = Namespaces::new(named)?;
            // All are opened first: in a mount namespace the paths mean something else.
            let mut handles = Vec::with_capacity(files.len());
            for (kind, target) in namespaces.targets() {
                handles.push((open(kind, target)?, target.path(kind)));
            }
            for step in steps(&namespaces, rights()?) {
                let Action::Join(kind) = step.action else { continue };
                let Some((handle, path)) = handles.iter().find(|(handle, _)| handle.kind() == kind) else {
                    continue;
                };
                let option = super::new::word(kind);
                let told = || format!("nsenter --{option}={} ...", path.display());
                teller.step(told, || Ok(handle.enter()?))?;
            }
            Ok(())
        }
    }
}

/// Enters all namespaces of a process by one call.
fn enter_process(pid: u32, pidfd: &OwnedFd, kinds: Kinds) -> Result<()> {
    setns(pidfd.as_fd(), kinds).map_err(|error| {
        let error: Error = error.into();
        error.context(format_args!("enter {pid}"))
    })
}

fn rights() -> Result<Rights> {
    let sets = rustix::thread::capabilities(None).map_err(|errno| Error::call("capget", errno))?;
    let is_root = sets.effective.contains(CapabilitySet::SYS_ADMIN);
    Ok(if is_root { Rights::Full } else { Rights::OwnUser })
}

/// The same for sh, with the program nsenter of util-linux.
fn script(destination: &Destination, character: &Character, command: &[String]) -> String {
    let mut text = character.before();
    text.push_str("nsenter ");
    match destination {
        Destination::Process { pid, kinds, .. } => {
            text.push_str(&format!("--target {pid} {}", super::new::flags(*kinds)));
        }
        Destination::Files(files) => {
            for (kind, path) in files {
                text.push_str(&format!(
                    "--{}={} ",
                    super::new::word(*kind),
                    quote(&path.display().to_string())
                ));
            }
        }
    }
    text.push_str(&character.options(destination.kinds()));
    text.push_str(&shell_words(command));
    text.push('\n');
    text
}
