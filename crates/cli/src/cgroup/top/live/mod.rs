//! The live view: look, draw, wait for a key or for the time of the next look.

mod act;
mod columns;
mod draw;
mod graphs;
mod history;
mod keys;
mod screen;
mod view;

use std::time::Instant;

use palisade_cgroup::Layout;
use palisade_runtime::Result;

use super::order::{Order, Shape};
use super::sampler::Sampler;
use crate::arguments::cgroup::Top;
use keys::Command;
use screen::{Happening, Screen};
use view::View;

/// So many groups are read in full at each look, so that one that is scrolled to has its rates at once.
const FEW: usize = 256;

/// Whether there are colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Paint {
    Coloured,
    Plain,
}

impl Paint {
    /// See <https://no-color.org>.
    fn of_environment() -> Self {
        match std::env::var_os("NO_COLOR") {
            Some(value) if !value.is_empty() => Self::Plain,
            _ => Self::Coloured,
        }
    }
}

/// Shows the view until its user leaves it. Returns the exit code.
pub(super) fn show(verb: &Top, layout: &Layout, sampler: &mut Sampler<'_>) -> Result<u8> {
    let order = Order::new(verb.sort, Shape::Tree, verb.filter.clone().unwrap_or_default());
    let mut view = View::new(order, if verb.containers { "containers and groups" } else { "groups" });
    let paint = Paint::of_environment();
    // A group that is not there is told before the terminal changes.
    look(&mut view, sampler)?;
    let mut screen = Screen::enter()?;
    let mut next = Instant::now() + verb.interval.0;
    let mut looks = 1;
    loop {
        screen.draw(|frame| {
            draw::draw(frame, &mut view, paint, &mut |index| sampler.complete(index).clone())
        })?;
        if verb.looks == Some(looks) {
            return Ok(0);
        }
        match screen.wait(next)? {
            Happening::Time => {
                look(&mut view, sampler)?;
                looks += 1;
                next = Instant::now() + verb.interval.0;
            }
            Happening::Resized => {}
            Happening::Ended(signal) => return Ok(128_u8.saturating_add(signal)),
            Happening::Keys(keys) => {
                for key in keys {
                    match view.press(key, sampler.rows()) {
                        Command::None => {}
                        Command::Quit => return Ok(0),
                        Command::Do(action) => view.message = Some(act::perform(layout, &action)),
                    }
                }
            }
        }
    }
}

fn look(view: &mut View, sampler: &mut Sampler<'_>) -> Result<()> {
    sampler.look(view.order.metrics())?;
    if sampler.rows().len() <= FEW {
        for index in 0..sampler.rows().len() {
            sampler.complete(index);
        }
    }
    view.update(sampler.rows());
    Ok(())
}
