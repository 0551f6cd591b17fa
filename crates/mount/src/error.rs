//! The error of everything that happens before the clone: options, paths and tables.

use std::borrow::Cow;
use std::fmt;

/// Says what was wanted of which object, why it cannot be, and what usually helps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    operation: &'static str,
    object: String,
    cause: Cow<'static, str>,
    hint: Option<&'static str>,
}

impl Error {
    pub(crate) fn new(
        operation: &'static str,
        object: impl Into<String>,
        cause: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self { operation, object: object.into(), cause: cause.into(), hint: None }
    }

    pub(crate) fn hint(mut self, hint: &'static str) -> Self {
        self.hint = Some(hint);
        self
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {:?}: {}", self.operation, self.object, self.cause)?;
        match self.hint {
            Some(hint) => write!(f, " ({hint})"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Error {}
