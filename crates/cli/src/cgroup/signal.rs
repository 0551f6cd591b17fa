//! `freeze`, `thaw` and `kill`: all processes of a group at once.

use palisade_cgroup::{Controller, FreezerState, Group, Layout, Membership, Place, Version, quote};
use palisade_runtime::{Error, Result, Store, parse_signal};
use rustix::process::Signal;

use crate::arguments::cgroup::{Freeze, Kill};
use crate::flags::GroupName;
use crate::steps::{Step, carry_out};

pub(crate) fn freeze(verb: &Freeze, store: &Store) -> Result<u8> {
    let layout = Layout::detect()?;
    let actions = actions(&verb.groups, &layout, store, What::Freeze)?;
    actions.iter().try_for_each(|action| refuse_own(action, "freeze"))?;
    carry_out(&boxed(actions), verb.telling)?;
    Ok(0)
}

pub(crate) fn thaw(verb: &Freeze, store: &Store) -> Result<u8> {
    let layout = Layout::detect()?;
    carry_out(&boxed(actions(&verb.groups, &layout, store, What::Thaw)?), verb.telling)?;
    Ok(0)
}

pub(crate) fn kill(verb: &Kill, store: &Store) -> Result<u8> {
    let signal = parse_signal(&verb.signal).map_err(|error| error.context("--signal"))?;
    let layout = Layout::detect()?;
    let actions = actions(&verb.groups, &layout, store, What::Kill(signal))?;
    for action in &actions {
        if action.group.path().is_root() {
            return Err(Error::new("kill /: every process of the machine is below it"));
        }
        refuse_own(action, "kill")?;
    }
    carry_out(&boxed(actions), verb.telling)?;
    Ok(0)
}

#[derive(Clone, Copy)]
enum What {
    Freeze,
    Thaw,
    Kill(Signal),
}

/// One thing that is done to a group, and waited for.
struct Action {
    group: Group,
    /// The group where its processes are listed, and stopped where there is a freezer.
    place: Place,
    what: What,
    was: FreezerState,
}

fn actions(names: &[GroupName], layout: &Layout, store: &Store, what: What) -> Result<Vec<Action>> {
    let needed: &[String] = match what {
        What::Kill(_) => &[],
        What::Freeze | What::Thaw => &[Controller::Freezer.to_string()],
    };
    let chosen = layout.choose(needed)?;
    let freezer = layout.hierarchy(Controller::Freezer).or(chosen.first().copied());
    let action = |name: &GroupName| {
        let path = name.path(layout, store)?;
        let group = Group::open(layout, &path)?;
        let Some(home) = freezer else { return Err(Error::new("there is no hierarchy")) };
        let was = match what {
            What::Kill(_) => FreezerState::Thawed,
            What::Freeze | What::Thaw => group.freezer_state()?,
        };
        Ok(Action { group, place: Place::new(home, &path), what, was })
    };
    names.iter().map(action).collect()
}

/// What would stop this process before its work is done.
fn refuse_own(action: &Action, verb: &str) -> Result<()> {
    let own = Membership::of(rustix::process::getpid())?;
    let path = action.group.path();
    let inside = own
        .iter()
        .any(|home| home.path == path.as_str() || home.path.starts_with(&format!("{}/", path.as_str())));
    match inside {
        true => Err(Error::new(format!("{verb} {path}: this command would be among its processes"))
            .hint("run it from another group")),
        false => Ok(()),
    }
}

fn boxed(actions: Vec<Action>) -> Vec<Box<dyn Step>> {
    actions.into_iter().map(|action| Box::new(action) as Box<dyn Step>).collect()
}

impl Step for Action {
    fn shell(&self) -> Vec<String> {
        let file = |name: &str| quote(&self.place.file(name).to_string_lossy());
        let (state, v1) = (file("freezer.state"), self.place.version == Version::V1);
        match self.what {
            What::Freeze if v1 => vec![
                format!("echo FROZEN > {state}"),
                format!("until [ $(cat {state}) = FROZEN ]; do sleep 0.01; done"),
            ],
            What::Freeze => vec![
                format!("echo 1 > {}", file("cgroup.freeze")),
                format!("until grep -q 'frozen 1' {}; do sleep 0.01; done", file("cgroup.events")),
            ],
            What::Thaw if v1 => vec![format!("echo THAWED > {state}")],
            What::Thaw => vec![format!("echo 0 > {}", file("cgroup.freeze"))],
            What::Kill(Signal::KILL) if !v1 => {
                let kill = file("cgroup.kill");
                vec![
                    format!("echo 1 > {kill}"),
                    format!("until grep -q 'populated 0' {}; do sleep 0.01; done", file("cgroup.events")),
                ]
            }
            What::Kill(signal) => {
                let directory = file("");
                let procs = format!("find {directory} -name cgroup.procs -exec cat {{}} +");
                let number = signal.as_raw();
                match signal {
                    Signal::KILL => {
                        vec![format!("while p=$({procs}); [ \"$p\" ]; do kill -9 $p; sleep 0.01; done")]
                    }
                    _ => vec![format!("kill -{number} $({procs})")],
                }
            }
        }
    }

    fn may_wait(&self) -> bool {
        true
    }

    fn perform(&self) -> Result<()> {
        match self.what {
            What::Freeze => self.group.freeze()?,
            What::Thaw => self.group.thaw()?,
            What::Kill(signal) => self.group.kill(signal)?,
        }
        Ok(())
    }

    fn undo(&self) -> Result<()> {
        match (self.what, self.was) {
            (What::Freeze, FreezerState::Thawed) => self.group.thaw()?,
            (What::Thaw, FreezerState::Frozen | FreezerState::Freezing) => self.group.freeze()?,
            _ => {}
        }
        Ok(())
    }
}
