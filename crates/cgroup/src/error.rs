//! The error of this crate: operation, object, cause and a hint.

use crate::{GroupPath, Knob, Refusal};
use rustix::io::Errno;
use std::fmt;
use std::path::{Path, PathBuf};

/// Says which operation on which file of which group failed, why, and what usually causes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error(Box<Inner>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Inner {
    operation: String,
    object: PathBuf,
    cause: Cause,
    hint: Option<String>,
    kind: ErrorKind,
    knob: Option<Knob>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Cause {
    Errno(Errno),
    Text(String),
}

/// Sorts errors by what a caller can do about them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The group is already there and holds processes.
    Occupied,
    /// The group or the file is not there.
    NotFound,
    /// The kernel or the file permissions say no.
    Denied,
    /// The machine has no cgroup hierarchy, or not the one that is needed.
    Unsupported,
    /// A limit cannot be expressed on this machine.
    Refused,
    /// The kernel did not finish in the time given.
    TimedOut,
    /// Anything else.
    Other,
}

impl Error {
    /// Returns what a caller may branch on.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// Returns the error number of the system call, if one failed.
    pub fn errno(&self) -> Option<Errno> {
        match self.0.cause {
            Cause::Errno(errno) => Some(errno),
            Cause::Text(_) => None,
        }
    }

    /// Returns the file or directory that the operation was about.
    pub fn path(&self) -> &Path {
        &self.0.object
    }

    /// Returns what usually causes this error, where that is known.
    pub fn hint(&self) -> Option<&str> {
        self.0.hint.as_deref()
    }

    /// Returns the limit that was to be set, so that a caller can lead back to where its user wrote it.
    pub fn knob(&self) -> Option<Knob> {
        self.0.knob
    }

    pub(crate) fn call(operation: impl Into<String>, object: impl Into<PathBuf>, errno: Errno) -> Self {
        let kind = match errno {
            Errno::NOENT => ErrorKind::NotFound,
            Errno::ACCESS | Errno::PERM | Errno::ROFS => ErrorKind::Denied,
            _ => ErrorKind::Other,
        };
        Self::new(operation.into(), object.into(), Cause::Errno(errno), kind)
    }

    pub(crate) fn text(
        operation: impl Into<String>,
        object: impl Into<PathBuf>,
        cause: impl Into<String>,
        kind: ErrorKind,
    ) -> Self {
        Self::new(operation.into(), object.into(), Cause::Text(cause.into()), kind)
    }

    pub(crate) fn no_hierarchy() -> Self {
        let cause = "no cgroup hierarchy is mounted";
        Self::text("look for cgroups in", "/proc/self/mountinfo", cause, ErrorKind::Unsupported)
            .with_hint("mount -t cgroup2 none /sys/fs/cgroup")
    }

    pub(crate) fn no_group(path: &GroupPath) -> Self {
        Self::call("open cgroup", path.as_str(), Errno::NOENT).with_hint("there is no such group")
    }

    pub(crate) fn refused(path: impl Into<PathBuf>, refusals: &[Refusal]) -> Self {
        let causes: Vec<String> = refusals.iter().map(ToString::to_string).collect();
        Self::text("limit", path, causes.join("; "), ErrorKind::Refused)
    }

    pub(crate) fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.0.hint = Some(hint.into());
        self
    }

    /// Adds a hint to the one that is there.
    #[must_use]
    pub fn and_hint(self, hint: &str) -> Self {
        match self.hint().map(|first| format!("{first}; {hint}")) {
            Some(both) => self.with_hint(both),
            None => self.with_hint(hint),
        }
    }

    /// Notes which limit was to be set.
    pub(crate) fn about(mut self, knob: Option<Knob>) -> Self {
        self.0.knob = knob;
        self
    }

    pub(crate) fn with_kind(mut self, kind: ErrorKind) -> Self {
        self.0.kind = kind;
        self
    }

    fn new(operation: String, object: PathBuf, cause: Cause, kind: ErrorKind) -> Self {
        Self(Box::new(Inner { operation, object, cause, hint: None, kind, knob: None }))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner { operation, object, cause, hint, .. } = &*self.0;
        write!(f, "{operation} {}: ", object.display())?;
        match cause {
            Cause::Errno(errno) => f.write_str(palisade_sys::errno::name(*errno))?,
            Cause::Text(text) => f.write_str(text)?,
        }
        match hint {
            Some(hint) => write!(f, " ({hint})"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Error {}
