//! The part of systemd that makes cgroups: transient scopes, asked for over D-Bus.
//!
//! [`Manager`] is a connection to a systemd, the machine's or a user's own. Its calls wait for their answers, each for a
//! bounded time, without a thread. [`unit`] has the rules for names of units, [`Property`] is a setting of one.
//!
//! The protocol is that of the D-Bus specification, <https://dbus.freedesktop.org/doc/dbus-specification.html>, of which
//! this has what those calls need: Unix sockets, the EXTERNAL way to authenticate, and messages in little-endian.
#![forbid(unsafe_code)]

pub mod unit;

mod address;
mod calls;
mod connection;
mod error;

mod message;
mod read;
mod text;
mod value;
mod write;

pub use address::Instance;
pub use calls::Manager;
pub use error::{Error, ErrorKind};
pub use text::InvalidText;
pub use value::{Property, Value};
