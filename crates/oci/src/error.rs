use std::fmt;
use std::io::ErrorKind;

/// The most characters of a message; the longest list of allowed names is shorter.
const LONGEST: usize = 800;

/// Describes in one line all that is wrong with a file: `config.json: /process/terminal: wanted …, found …; /root/path: …`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    source: String,
    faults: Vec<Fault>,
    untold: usize,
}

/// One thing that is wrong with a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    pointer: String,
    message: String,
}

impl Fault {
    pub(crate) fn new(pointer: &str, message: &str) -> Self {
        Self { pointer: one_line(pointer), message: one_line(message) }
    }

    /// Returns the JSON pointer (RFC 6901) of the field at fault; empty where the whole document is.
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

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.pointer.is_empty() {
            write!(f, "{}: ", self.pointer)?;
        }
        f.write_str(&self.message)
    }
}

impl Error {
    /// Makes an error of faults, and of the number of those that are not told.
    pub(crate) fn new(source: &str, faults: Vec<Fault>, untold: usize) -> Self {
        Self { source: source.to_owned(), faults, untold }
    }

    fn whole(source: &str, message: &str) -> Self {
        Self::new(source, vec![Fault::new("", message)], 0)
    }

    /// Makes the error of a text that is not JSON; line and column are counted from 1, columns are bytes.
    pub(crate) fn syntax(source: &str, error: &serde_json::Error) -> Self {
        // The only place where serde_json puts the position is the end of its message.
        let message = error.to_string();
        let message = message.split(" at line ").next().unwrap_or(&message);
        let source = format!("{source}:{}:{}", error.line(), error.column());
        Self::whole(&source, &format!("not JSON: {message}"))
    }

    pub(crate) fn read(path: &str, error: &std::io::Error) -> Self {
        let name = match error.kind() {
            ErrorKind::NotFound => "ENOENT",
            ErrorKind::PermissionDenied => "EACCES",
            ErrorKind::IsADirectory => "EISDIR",
            ErrorKind::NotADirectory => "ENOTDIR",
            _ => "E?",
        };
        let text = error.to_string();
        let meaning = text.split(" (os error").next().unwrap_or(&text);
        Self::whole(&format!("read {path}"), &format!("{name} ({})", meaning.to_lowercase()))
    }

    pub(crate) fn too_large(path: &str) -> Self {
        Self::whole(&format!("read {path}"), "it is larger than 16 MiB")
    }

    /// Returns what is wrong, in the order of reading; of very many faults the first.
    #[must_use]
    pub fn faults(&self) -> &[Fault] {
        &self.faults
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
        write!(f, "{}: ", self.source)?;
        for (index, fault) in self.faults.iter().enumerate() {
            let separator = if index == 0 { "" } else { "; " };
            write!(f, "{separator}{fault}")?;
        }
        if self.untold > 0 {
            write!(f, "; and {} more", self.untold)?;
        }
        Ok(())
    }
}

impl std::error::Error for Error {}
