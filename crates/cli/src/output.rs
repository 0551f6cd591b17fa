//! What is printed: a reader that has read enough is no error.

use std::io::Write;

use palisade_runtime::{Error, Result};

use crate::log::Reader;

/// Prints to standard output.
pub(crate) fn print(text: &str) -> Result<()> {
    print_bytes(text.as_bytes()).map(drop)
}

/// Prints a value as JSON.
pub(crate) fn print_json(value: &impl serde::Serialize) -> Result<()> {
    let text = serde_json::to_string_pretty(value);
    print(&format!("{}\n", text.map_err(|error| Error::new(format!("write JSON: {error}")))?))
}

/// Prints bytes to standard output and tells whether anybody reads on.
pub(crate) fn print_bytes(bytes: &[u8]) -> Result<Reader> {
    let mut stdout = std::io::stdout().lock();
    match stdout.write_all(bytes).and_then(|()| stdout.flush()) {
        Ok(()) => Ok(Reader::Present),
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(Reader::Gone),
        Err(error) => Err(Error::new(format!("write standard output: {error}"))),
    }
}

/// Says something on standard error, in one line.
pub(crate) fn say(message: impl std::fmt::Display) {
    // There is nobody to tell when standard error is closed.
    let _said = writeln!(std::io::stderr().lock(), "pal: {message}");
}
