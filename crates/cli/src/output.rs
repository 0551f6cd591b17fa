//! What is printed: a reader that has read enough is no error.

use std::io::Write;

use palisade_runtime::{Error, Result};

/// Prints to standard output.
pub(crate) fn print(text: &str) -> Result<()> {
    let mut stdout = std::io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(Error::new(format!("write standard output: {error}")))
        }
        _ => Ok(()),
    }
}

/// Says something on standard error, in one line.
pub(crate) fn say(message: impl std::fmt::Display) {
    // There is nobody to tell when standard error is closed.
    let _said = writeln!(std::io::stderr().lock(), "pal: {message}");
}
