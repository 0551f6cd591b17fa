//! The container runtime: from a configuration to a plan to a running container.
//!
//! ```text
//! config.json ──▶ Spec ─┐
//!                       ├─ compile ─▶ Plan ─ execute ─▶ a running container and its record
//!        Host (facts) ──┘
//! ```
//! [`compile`] is pure; [`execute`] and `init` are the two interpreters of a [`plan::Plan`], one on each side of the
//! clone; [`Container`] has the verbs.
#![forbid(unsafe_code)]

pub mod compile;
pub mod plan;

mod criu;
mod database;
mod error;
mod execute;
mod explain;
mod features;
mod filters;
mod hooks;
mod host;
mod id;
mod init;
mod labels;
mod launch;
mod lifecycle;
mod listener;
mod notify;
mod record;
mod resctrl;
mod scope;
mod socket;
mod statistics;
mod terminal;

pub use criu::{CgroupHandling, DumpOptions, ImageOptions, PageServerAddress, RestoreLabels};
pub use database::read_database;
pub use error::{Error, ErrorKind, Result};
pub use execute::{Event, Process, Started};
pub use explain::Explain;
pub use features::features;
pub use host::{Delegation, Host, state_directory};
pub use id::ContainerId;
pub use labels::SecurityModules;
pub use lifecycle::{
    Bundle, Container, CreateRequest, Created, End, ExecOptions, Executed, Force, Foreground, Machine,
    Occurrence, Paused, Reach, Shares, Store, parse_signal, ran_out_of_memory,
};
pub use notify::{Notified, Readiness};
pub use record::{ProcessRecord, Record, read_journal};
pub use scope::{Scope, Systemd, Unit, Whose};
pub use socket::{PidfdOf, send_master, send_pidfd};
pub use statistics::Statistics;
pub use terminal::Relay;
