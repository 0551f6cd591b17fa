//! The error of the runtime: what was done, to what, why it failed and what to do about it, in one line.

use std::fmt;

use rustix::io::Errno;

/// What a caller may want to tell apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// There is no container of that id.
    NotFound,
    /// The container's process is gone.
    NotRunning,
    /// The container's processes are frozen.
    Paused,
    /// The configuration asks for what cannot be.
    Invalid,
    /// The container's program does not exist.
    ProgramMissing,
    /// The container's program cannot be executed.
    ProgramNotExecutable,
    /// A v2 group can hold no process, as it has groups with controllers below it.
    GroupBusy,
    /// A signal ended the work.
    Interrupted,
    /// Nobody reads standard output any more.
    ReaderGone,
    /// Anything else.
    Other,
}

/// An error of the runtime.
#[derive(Debug)]
pub struct Error {
    kind: ErrorKind,
    message: String,
}

/// The result of an operation of the runtime.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// Makes an error of no particular kind.
    #[must_use]
    pub fn new(message: impl Into<String>) -> Self {
        Self::of(ErrorKind::Other, message)
    }

    /// Makes an error of a kind.
    #[must_use]
    pub fn of(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into() }
    }

    /// Makes an error of a failed system call: `open /x: EPERM (operation not permitted)`.
    #[must_use]
    pub fn call(what: impl fmt::Display, errno: Errno) -> Self {
        let what = what.to_string();
        let error = Self::new(format!("{what}: {}", palisade_sys::errno::describe(errno)));
        match palisade_sys::oldest::needed(&what, errno) {
            Some(needed) => error.hint(needed),
            None => error,
        }
    }

    /// Makes an error of a failed operation of the standard library, in the form of [`Self::call`].
    #[must_use]
    pub fn io(what: impl fmt::Display, error: &std::io::Error) -> Self {
        match Errno::from_io_error(error) {
            Some(errno) => Self::call(what, errno),
            None => Self::new(format!("{what}: {error}")),
        }
    }

    /// Says what to do about it, in brackets at the end.
    #[must_use]
    pub fn hint(mut self, hint: impl fmt::Display) -> Self {
        self.message = format!("{} ({hint})", self.message);
        self
    }

    /// Says what it happened in, in front.
    #[must_use]
    pub fn context(mut self, context: impl fmt::Display) -> Self {
        self.message = format!("{context}: {}", self.message);
        self
    }

    /// Tells whether it begins with a place in config.json below this one.
    pub(crate) fn is_of(&self, pointer: &str) -> bool {
        self.message.strip_prefix(pointer).is_some_and(|rest| rest.starts_with('/'))
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

macro_rules! wraps {
    ($($library:ty => $kind:expr),+) => {
        $(impl From<$library> for Error {
            fn from(error: $library) -> Self {
                Self::of($kind, error.to_string())
            }
        })+
    };
}

wraps! {
    palisade_cgroup::Error => ErrorKind::Other,
    palisade_namespace::Error => ErrorKind::Other,
    palisade_network::Error => ErrorKind::Other,
    palisade_systemd::Error => ErrorKind::Other,
    palisade_oci::Error => ErrorKind::Invalid
}

/// A clean-up goes on after an error; the first is told with the number of the others.
impl From<Vec<palisade_cgroup::Error>> for Error {
    fn from(errors: Vec<palisade_cgroup::Error>) -> Self {
        let others = errors.len().saturating_sub(1);
        let first = errors.first().map(ToString::to_string).unwrap_or_default();
        if others == 0 {
            Self::new(first)
        } else {
            Self::new(first).hint(format_args!("and {others} more like it"))
        }
    }
}

/// Names the operation in front of an error number.
pub(crate) trait During<T> {
    fn during(self, what: impl fmt::Display) -> Result<T>;
}

impl<T> During<T> for std::result::Result<T, Errno> {
    fn during(self, what: impl fmt::Display) -> Result<T> {
        self.map_err(|errno| Error::call(what, errno))
    }
}

impl<T> During<T> for std::io::Result<T> {
    fn during(self, what: impl fmt::Display) -> Result<T> {
        self.map_err(|error| Error::io(what, &error))
    }
}
