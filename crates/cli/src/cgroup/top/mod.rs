//! `top`: what groups use, live at a terminal or once for a script.

mod export;
mod live;
mod once;
mod openmetrics;
mod order;
mod sampler;

use palisade_cgroup::{GroupPath, Layout};
use palisade_runtime::{Error, Result, Store};
use rustix::stdio::{stdin, stdout};
use rustix::termios::isatty;

use super::looking;
use crate::arguments::cgroup::{Top, TopFormat};
use crate::arguments::{Explaining, Format, Telling};
use crate::steps::look;
use sampler::{Sampler, Subject};

pub(crate) fn top(verb: &Top, store: &Store) -> Result<u8> {
    let Explaining { explain, dry_run } = verb.explaining;
    let format = if verb.format == Some(TopFormat::Json) { Format::Json } else { Format::Table };
    let telling = Telling { explain, dry_run, format };
    look(telling, || looking::top(verb, store), || show(verb, store))
}

fn show(verb: &Top, store: &Store) -> Result<u8> {
    let once = verb.once || verb.format.is_some();
    if !once {
        require_terminal()?;
    }
    let layout = Layout::detect()?;
    let subject = subject(verb, &layout, store)?;
    let mut sampler = Sampler::new(&layout, subject)?;
    if !once {
        return live::show(verb, &layout, &mut sampler);
    }
    once::print_once(verb, &mut sampler)?;
    Ok(0)
}

fn require_terminal() -> Result<()> {
    let missing = match (isatty(stdin()), isatty(stdout())) {
        (true, true) => return Ok(()),
        (_, false) => "standard output is no terminal",
        (false, true) => "standard input is no terminal",
    };
    Err(Error::new(missing).hint(
        "--once prints what happens in one interval; --format json, csv or openmetrics is for programs",
    ))
}

fn subject<'a>(verb: &Top, layout: &Layout, store: &'a Store) -> Result<Subject<'a>> {
    if verb.containers {
        return Ok(Subject::Containers(store));
    }
    let path = match &verb.group {
        Some(name) => name.path(layout, store)?,
        None => GroupPath::root(),
    };
    Ok(Subject::Below(path))
}
