//! `pal cgroup`: control groups, with or without a container.

mod apply;
mod attach;
mod create;
mod delegate;
mod devices;
mod enable;
mod exec;
mod get;
mod label;
mod layout;
mod looking;
mod mount;
mod net;
mod of;
mod procs;
mod remove;
mod save;
mod set;
mod show;
mod signal;
mod top;
mod tree;
mod watch;

use palisade_runtime::{Result, Store};

use crate::arguments::cgroup::Verb;
use crate::steps::look;

pub(crate) fn dispatch(verb: &Verb, store: &Store) -> Result<u8> {
    match verb {
        Verb::Layout(verb) => look(verb.telling, || Ok(looking::layout()), || layout::show(verb)),
        Verb::Mount(verb) => mount::mount(verb),
        Verb::Umount(verb) => mount::umount(verb),
        Verb::Create(verb) => create::create(verb, store),
        Verb::Rm(verb) => remove::remove(verb, store),
        Verb::Tree(verb) => look(verb.telling, || looking::tree(verb, store), || tree::show(verb, store)),
        Verb::Show(verb) => look(verb.telling, || looking::show(verb, store), || show::show(verb, store)),
        Verb::Of(verb) => look(verb.telling, || looking::of(verb, store), || of::show(verb, store)),
        Verb::Procs(verb) => look(verb.telling, || looking::procs(verb, store), || procs::show(verb, store)),
        Verb::Attach(verb) => attach::attach(verb, store),
        Verb::Exec(verb) => exec::exec(verb, store),
        Verb::Freeze(verb) => signal::freeze(verb, store),
        Verb::Thaw(verb) => signal::thaw(verb, store),
        Verb::Kill(verb) => signal::kill(verb, store),
        Verb::Delegate(verb) => delegate::delegate(verb, store),
        Verb::Top(verb) => top::top(verb, store),
        Verb::Watch(verb) => watch::watch(verb, store),
        Verb::Net(verb) => net::dispatch(verb, store),
        Verb::Set(verb) => set::set(verb, store),
        Verb::Get(verb) => look(verb.telling, || get::shell(verb, store), || get::get(verb, store)),
        Verb::Enable(verb) => enable::enable(verb, store),
        Verb::Disable(verb) => enable::disable(verb, store),
        Verb::Devices(verb) => devices::devices(verb, store),
        Verb::Save(verb) => look(verb.telling, || looking::save(verb, store), || save::save(verb, store)),
        Verb::Apply(verb) => apply::apply(verb, store),
    }
}
