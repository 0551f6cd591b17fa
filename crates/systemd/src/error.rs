//! The error of this library: the operation, its object, the cause, and where it helps a hint.

use std::fmt;

use rustix::io::Errno;

/// What a caller may want to tell apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// There is no systemd to talk to.
    Absent,
    /// There was no answer in time.
    Silent,
    /// There is no unit of that name.
    NoSuchUnit,
    /// systemd, or the bus, refused.
    Refused,
    /// Anything else.
    Other,
}

/// An error of this library.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    kind: ErrorKind,
    message: String,
}

impl Error {
    pub(crate) fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into() }
    }

    pub(crate) fn call(what: impl fmt::Display, errno: Errno) -> Self {
        Self::new(ErrorKind::Other, format!("{what}: {}", palisade_sys::errno::describe(errno)))
    }

    /// Says what it happened in, in front.
    pub(crate) fn context(self, context: impl fmt::Display) -> Self {
        Self { message: format!("{context}: {}", self.message), ..self }
    }

    pub(crate) fn hint(self, hint: impl fmt::Display) -> Self {
        Self { message: format!("{} ({hint})", self.message), ..self }
    }

    /// Tells what kind it is.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {}
