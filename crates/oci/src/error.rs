use std::fmt;
use std::io::ErrorKind;

/// The most characters of a message; the longest list of allowed names is shorter.
const LONGEST: usize = 800;

/// Describes in one line what is wrong with a file: `config.json:4:17: /process/terminal: wanted …, found …`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    source: String,
    position: Option<Position>,
    pointer: String,
    message: String,
}

/// A place in a text, both counted from 1; columns are bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Position {
    pub(crate) line: usize,
    pub(crate) column: usize,
}

impl Error {
    pub(crate) fn new(source: &str, pointer: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            source: source.to_owned(),
            position: None,
            pointer: one_line(&pointer.into()),
            message: one_line(&message.into()),
        }
    }

    pub(crate) const fn at(mut self, position: Position) -> Self {
        self.position = Some(position);
        self
    }

    pub(crate) fn read(path: &str, error: &std::io::Error) -> Self {
        let cause = match error.kind() {
            ErrorKind::NotFound => "ENOENT (a bundle is a directory that holds a config.json)".to_owned(),
            ErrorKind::PermissionDenied => "EACCES".to_owned(),
            ErrorKind::IsADirectory => "EISDIR".to_owned(),
            ErrorKind::NotADirectory => "ENOTDIR".to_owned(),
            _ => error.to_string(),
        };
        Self::new(&format!("read {path}"), "", cause)
    }

    /// Returns the JSON pointer (RFC 6901) of the field at fault; empty where the whole file is.
    #[must_use]
    pub fn pointer(&self) -> &str {
        &self.pointer
    }

    /// Returns what is wrong, without the place.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }
}

/// Keeps names and values out of a hostile file from starting lines of their own or from filling the screen.
fn one_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len().min(LONGEST));
    for letter in text.chars().take(LONGEST) {
        if letter.is_control() { line.extend(letter.escape_default()) } else { line.push(letter) }
    }
    if text.chars().nth(LONGEST).is_some() {
        line.push('…');
    }
    line
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.source)?;
        if let Some(Position { line, column }) = self.position {
            write!(f, ":{line}:{column}")?;
        }
        if !self.pointer.is_empty() {
            write!(f, ": {}", self.pointer)?;
        }
        write!(f, ": {}", self.message)
    }
}

impl std::error::Error for Error {}
