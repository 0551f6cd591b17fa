//! `new`: a program in new namespaces.

mod link;
mod plan;
mod shell;
mod subject;

use palisade_namespace::{Kind, Kinds, MapMethod, Pins};
use palisade_runtime::{Result, Store};

use super::program::{Child, fork};
use super::told::Teller;
use crate::arguments::ns::New;
use crate::steps::print_script;
use link::Outside;
use plan::Plan;
use subject::Subject;

pub(super) use shell::{flags, word};

pub(crate) fn new(verb: &New, store: &Store) -> Result<u8> {
    let pins = Pins::new(super::keep::directory(store));
    let plan = Plan::new(verb)?;
    if verb.telling.dry_run {
        return print_script(&shell::script(&plan, &pins)?, verb.telling.format).map(|()| 0);
    }
    let teller = Teller::new(verb.telling);
    if plan.forks() {
        return run_below(&plan, &pins, teller);
    }
    let written_outside = plan.maps.as_ref().is_some_and(|maps| maps.method != MapMethod::Single);
    if !written_outside {
        return Subject { plan: &plan, teller, outside: None, helper: None }.go();
    }
    let (inside, outside) = link::pair()?;
    let pid = rustix::process::getpid();
    let (shown, others) = (&plan, &pins);
    // What the helper takes with it is closed here.
    let other = inside.number();
    let helper = fork(Kinds::NONE, move || {
        link::close_copy(other);
        Outside { link: outside, pid, plan: shown, pins: others, teller }.serve().map(|()| 0)
    })?;
    Subject { plan: &plan, teller, outside: Some(inside), helper: Some(helper) }.go()
}

/// Runs the program in a child, which the first process of a pid namespace has to be.
fn run_below(plan: &Plan, pins: &Pins, teller: Teller) -> Result<u8> {
    let (inside, outside) = link::pair()?;
    let other = outside.number();
    let by_clone = plan.created.both(Kinds::NONE.with(Kind::User).with(Kind::Pid));
    let child: Child = teller.step(
        || format!("unshare {}--fork ...", shell::flags(by_clone)),
        // What the child takes with it is closed here.
        || {
            fork(by_clone, move || {
                link::close_copy(other);
                Subject { plan, teller, outside: Some(inside), helper: None }.go()
            })
        },
    )?;
    let served = Outside { link: outside, pid: child.pid(), plan, pins, teller }.serve();
    match served {
        Ok(()) => child.attend(),
        Err(error) => {
            child.kill();
            Err(error)
        }
    }
}
