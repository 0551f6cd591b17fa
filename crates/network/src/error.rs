use std::fmt;

use palisade_sys::errno;
use rustix::io::Errno;

/// Describes what could not be done: the operation and its object, the cause, and a hint where one helps.
///
/// Reads like a line of strace, `open /run/netns/a: ENOENT (no such file or directory; no namespace has that name)`.
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

/// The result of an operation of this library.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    pub(crate) fn call(what: impl fmt::Display, errno: Errno) -> Self {
        Self { what: what.to_string(), cause: Cause::System(errno), hint: None }
    }

    pub(crate) fn rule(what: impl fmt::Display, cause: impl fmt::Display) -> Self {
        Self { what: what.to_string(), cause: Cause::Rule(cause.to_string()), hint: None }
    }

    pub(crate) fn io(what: impl fmt::Display, error: &std::io::Error) -> Self {
        match Errno::from_io_error(error) {
            Some(errno) => Self::call(what, errno),
            None => Self::rule(what, error),
        }
    }

    pub(crate) fn hint(mut self, hint: impl fmt::Display) -> Self {
        self.hint = Some(hint.to_string());
        self
    }

    /// Says what it happened to, in front.
    pub(crate) fn of(mut self, object: impl fmt::Display) -> Self {
        self.what = format!("{object}: {}", self.what);
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
        let cause = match &self.cause {
            Cause::System(errno) => errno::describe(*errno),
            Cause::Rule(cause) => cause.clone(),
        };
        match (&self.hint, cause.strip_suffix(')')) {
            (None, _) => write!(f, "{}: {cause}", self.what),
            (Some(hint), Some(open)) => write!(f, "{}: {open}; {hint})", self.what),
            (Some(hint), None) => write!(f, "{}: {cause} ({hint})", self.what),
        }
    }
}

impl std::error::Error for Error {}

/// Names the operation in front of an error number.
pub(crate) trait During<T> {
    fn during(self, what: impl fmt::Display) -> Result<T>;
}

impl<T> During<T> for std::result::Result<T, Errno> {
    fn during(self, what: impl fmt::Display) -> Result<T> {
        self.map_err(|errno| Error::call(what, errno))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_one_line_with_its_hint_inside() {
        let error = Error::call("open /run/netns/a", Errno::NOENT);
        assert_eq!(error.to_string(), "open /run/netns/a: ENOENT (no such file or directory)");
        let hinted = error.hint("no namespace has that name");
        let line = "open /run/netns/a: ENOENT (no such file or directory; no namespace has that name)";
        assert_eq!(hinted.to_string(), line);
        assert_eq!(Error::rule("name a", "is bad").hint("no").to_string(), "name a: is bad (no)");
    }
}
