//! The toolbox of `pal`: control groups and namespaces with no container at all.
//!
//! A test that shows a primitive of `docs/book/primitives.md` bears the row's id in front of its name.

mod containers;
mod ground;
mod groups;
mod journey;
mod limits;
mod netns;
mod ns;
mod packets;
mod telling;
mod top;
mod watch;
