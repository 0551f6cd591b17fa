//! What is wrong with a configuration.

use std::fmt;

use palisade_cgroup::Refusal;

/// One thing that cannot be, with its place in config.json.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// The place, as a JSON pointer (RFC 6901).
    pub pointer: String,
    /// What was wanted and what was found.
    pub message: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.pointer, self.message)
    }
}

/// All that is wrong with a configuration.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Violations(pub Vec<Violation>);

impl Violations {
    pub(crate) fn add(&mut self, pointer: impl Into<String>, message: impl fmt::Display) {
        self.0.push(Violation { pointer: one_line(pointer.into()), message: one_line(message.to_string()) });
    }

    /// Notes limits that this machine cannot give.
    pub(crate) fn refuse(&mut self, refusals: &[Refusal]) {
        for refusal in refusals {
            let (pointer, message) = super::limits::place(refusal);
            self.add(pointer, message);
        }
    }

    /// Notes that a field asks for what this version cannot do.
    pub(crate) fn unsupported(&mut self, pointer: impl Into<String>, what: &str) {
        self.add(pointer, format_args!("{what} is not supported by this version of palisade"));
    }
}

/// Writes the control characters of a name from the configuration as escapes, so that a report stays one line.
fn one_line(text: String) -> String {
    if !text.contains(char::is_control) {
        return text;
    }
    let escaped = |character: char| match character {
        _ if character.is_control() => character.escape_default().to_string(),
        _ => character.to_string(),
    };
    text.chars().map(escaped).collect()
}

impl fmt::Display for Violations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, violation) in self.0.iter().enumerate() {
            let separator = if index == 0 { "" } else { "; " };
            write!(f, "{separator}{violation}")?;
        }
        Ok(())
    }
}

impl Violations {
    /// The error for what was not written in config.json alone, as a process that is executed by flags.
    pub(crate) fn without_file(self) -> crate::Error {
        crate::Error::of(crate::ErrorKind::Invalid, self.to_string())
    }
}

impl From<Violations> for crate::Error {
    fn from(violations: Violations) -> Self {
        violations.without_file().context("config.json")
    }
}
