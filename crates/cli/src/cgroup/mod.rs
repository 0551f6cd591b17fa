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

pub(crate) fn dispatch(verb: &Verb, store: &Store) -> Result<u8> {
    match verb {
        Verb::Layout(verb) => layout::show(verb),
        Verb::Mount(verb) => mount::mount(verb),
        Verb::Umount(verb) => mount::umount(verb),
        Verb::Create(verb) => create::create(verb, store),
        Verb::Rm(verb) => remove::remove(verb, store),
        Verb::Tree(verb) => tree::show(verb, store),
        Verb::Show(verb) => show::show(verb, store),
        Verb::Of(verb) => of::show(verb, store),
        Verb::Procs(verb) => procs::show(verb, store),
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
        Verb::Get(verb) => get::get(verb, store),
        Verb::Enable(verb) => enable::enable(verb, store),
        Verb::Disable(verb) => enable::disable(verb, store),
        Verb::Devices(verb) => devices::devices(verb, store),
        Verb::Save(verb) => save::save(verb, store),
        Verb::Apply(verb) => apply::apply(verb, store),
    }
}
