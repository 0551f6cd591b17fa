//! What is printed: a reader that has read enough is no error.

use std::io::Write;
use std::os::fd::BorrowedFd;

use palisade_runtime::{Error, Result};
use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::fs::FileType;

use crate::arguments::Format;
use crate::log::Reader;
use crate::table;

/// Prints to standard output.
pub(crate) fn print(text: &str) -> Result<()> {
    print_bytes(text.as_bytes()).map(drop)
}

/// Prints a value as JSON.
pub(crate) fn print_json(value: &impl serde::Serialize) -> Result<()> {
    let text = serde_json::to_string_pretty(value);
    print(&format!("{}\n", text.map_err(|error| Error::new(format!("write JSON: {error}")))?))
}

/// Prints rows, each with its cells in a table or as an object in a list of JSON.
pub(crate) fn print_rows<R: serde::Serialize>(
    format: Format,
    header: &[&str],
    rows: &[R],
    cells: impl Fn(&R) -> Vec<String>,
) -> Result<()> {
    match format {
        Format::Json => print_json(&rows),
        Format::Table => {
            print(&table::draw(header, &rows.iter().map(cells).collect::<Vec<_>>(), table::width()))
        }
    }
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

/// Returns standard output where it is a pipe, whose reader may leave while there is nothing to be printed.
pub(crate) fn pipe() -> Option<BorrowedFd<'static>> {
    let stdout = rustix::stdio::stdout();
    let kind = rustix::fs::fstat(stdout).map(|found| FileType::from_raw_mode(found.st_mode));
    kind.is_ok_and(|kind| kind == FileType::Fifo).then_some(stdout)
}

/// Tells whether nobody reads a pipe any more.
pub(crate) fn is_left(pipe: BorrowedFd<'_>) -> bool {
    let mut polled = [PollFd::from_borrowed_fd(pipe, PollFlags::empty())];
    let now = Timespec { tv_sec: 0, tv_nsec: 0 };
    rustix::event::poll(&mut polled, Some(&now)).is_ok() && polled[0].revents().contains(PollFlags::ERR)
}

/// Says something on standard error, in one line.
pub(crate) fn say(message: impl std::fmt::Display) {
    // There is nobody to tell when standard error is closed.
    let _said = writeln!(std::io::stderr().lock(), "pal: {message}");
}
