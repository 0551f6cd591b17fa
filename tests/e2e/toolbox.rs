//! The toolbox of `pal`: control groups and namespaces with no container at all.
//!
//! A test that shows a primitive of `docs/primitives.md` bears the row's id in front of its name.

mod containers;
mod journey;
mod ground;
mod limits;
mod groups;
mod netns;
mod ns;
mod telling;
mod top;
mod packets;
mod top;
mod watch;
