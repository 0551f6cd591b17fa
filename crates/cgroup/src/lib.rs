//! Linux control groups, v1, v2 and hybrid, behind one model.
//!
//! [`Layout`] says where each controller lives, [`Limits`] what a group may use, [`Recipe`] what has to be done
//! about it on a machine with that layout: all three are data, and none does I/O but [`Layout::detect`].
//! [`Group`] is a group that exists: it is made from a recipe or opened, entered, read, watched, frozen, killed
//! and removed.
#![forbid(unsafe_code)]

pub mod convert;
pub mod device;
pub mod interface;
pub mod limits;
pub mod recipe;
pub mod stats;
pub mod survey;
pub mod watch;

mod attach;
mod below;
mod bpf;
mod census;
mod change;
mod choice;
mod controller;
mod create;
mod delegate;
mod enable;
mod error;
mod exceptions;
mod file;
mod freeze;
mod group;
mod hint;
mod kill;
mod layout;
mod make;
mod members;
mod membership;
mod mount;
mod mountinfo;
mod operation;
mod path;
mod place;
mod refusal;
mod remove;
mod rules;
mod setting;

pub use attach::Granularity;
pub use below::{InvalidSubGroup, SubGroup};
pub use census::{Census, Count};
pub use choice::controller;
pub use controller::{Controller, Version};
pub use create::Below;
pub use enable::Reach;
pub use error::{Error, ErrorKind};
pub use freeze::FreezerState;
pub use group::{Entrance, Group, TasksFile};
pub use layout::{Hierarchy, Home, Layout};
pub use limits::{Limit, Limits};
pub use membership::Membership;
pub use mount::{Mounting, Wish};
pub use operation::{Operation, Owner};
pub use path::{GroupPath, InvalidPath};
pub use place::Place;
pub use recipe::{Recipe, quote};
pub use refusal::{Knob, Refusal};
pub use rules::{DeviceChange, DeviceRules, Shown, device_place};
pub use stats::Stats;
pub use survey::Survey;
pub use watch::{Depth, Event, Notice, PressureLevel, Told, Watch};
