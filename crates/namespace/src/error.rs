use std::fmt;

use palisade_sys::errno;
use rustix::io::Errno;

/// Describes what could not be done: the operation and its object, the cause, and a hint where one helps.
///
/// Reads like a line of strace, `open /run/netns/a: ENOENT (no namespace has that name)`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    what: String,
    cause: Cause,
    hint: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Cause {
    System(Errno),
    Rule(String),
}

impl Error {
    pub(crate) fn system(what: impl Into<String>, errno: Errno) -> Self {
        Self { what: what.into(), cause: Cause::System(errno), hint: None }
    }

    pub(crate) fn rule(what: impl Into<String>, cause: impl Into<String>) -> Self {
        Self { what: what.into(), cause: Cause::Rule(cause.into()), hint: None }
    }

    pub(crate) fn io(what: impl Into<String>, error: &std::io::Error) -> Self {
        match Errno::from_io_error(error) {
            Some(errno) => Self::system(what, errno),
            None => Self::rule(what, error.to_string()),
        }
    }

    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Returns the error number where the kernel refused, and nothing where a rule was broken.
    #[must_use]
    pub const fn errno(&self) -> Option<Errno> {
        match self.cause {
            Cause::System(errno) => Some(errno),
            Cause::Rule(_) => None,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.what)?;
        match &self.cause {
            Cause::System(errno) => f.write_str(errno::name(*errno))?,
            Cause::Rule(cause) => f.write_str(cause)?,
        }
        self.hint.as_ref().map_or(Ok(()), |hint| write!(f, " ({hint})"))
    }
}

impl std::error::Error for Error {}
