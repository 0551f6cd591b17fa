//! The error of this crate.

use std::fmt;

/// Says what in a profile cannot be compiled, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    place: String,
    cause: String,
    hint: Option<&'static str>,
}

impl Error {
    pub(crate) fn new(place: impl Into<String>, cause: impl Into<String>) -> Self {
        Self { place: place.into(), cause: cause.into(), hint: None }
    }

    pub(crate) fn with_hint(mut self, hint: &'static str) -> Self {
        self.hint = Some(hint);
        self
    }

    /// Returns the JSON pointer, inside the profile, of the value that is at fault; it is empty when the
    /// profile as a whole is.
    pub fn place(&self) -> &str {
        &self.place
    }

    /// Returns what is wrong with that value.
    pub fn cause(&self) -> &str {
        &self.cause
    }

    /// Returns what usually helps, where something does.
    pub fn hint(&self) -> Option<&str> {
        self.hint
    }
}

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = if self.place.is_empty() { "the whole profile" } else { &self.place };
        write!(formatter, "compile seccomp profile: {place}: {}", self.cause)?;
        match self.hint {
            Some(hint) => write!(formatter, " ({hint})"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Error {}
