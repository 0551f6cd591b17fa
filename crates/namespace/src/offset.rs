//! The clocks of a new time namespace, `time_namespaces(7)`.

use std::fs::File;

use rustix::io::Errno;

use crate::{Error, Handle, Kind, Target, open};

/// By how many seconds clocks are ahead in a time namespace.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Offsets {
    /// CLOCK_MONOTONIC.
    pub monotonic: Option<i64>,
    /// CLOCK_BOOTTIME, which `/proc/uptime` shows.
    pub boottime: Option<i64>,
}

impl Offsets {
    /// Returns what is written to `/proc/self/timens_offsets`; nothing where no clock is set.
    #[must_use]
    pub fn text(&self) -> String {
        let line = |clock: &str, seconds: Option<i64>| {
            seconds.map_or_else(String::new, |seconds| format!("{clock} {seconds} 0\n"))
        };
        line("monotonic", self.monotonic) + &line("boottime", self.boottime)
    }

    /// Sets the clocks of the time namespace that the caller has made for its children; nobody is in it yet.
    ///
    /// # Errors
    /// ERANGE for a clock that would be below zero or too far ahead, EACCES when somebody is in the namespace.
    pub fn write(&self) -> Result<(), Error> {
        use std::io::Write;
        let text = self.text();
        if text.is_empty() {
            return Ok(());
        }
        let path = "/proc/self/timens_offsets";
        let written =
            File::options().write(true).open(path).and_then(|mut file| file.write_all(text.as_bytes()));
        written.map_err(|error| {
            let shown = text.trim_end().replace('\n', ", ");
            let range = Errno::from_io_error(&error) == Some(Errno::RANGE);
            let error = Error::io(format!("write {shown} to {path}"), &error);
            if range {
                error.hint("a clock would be below zero, or more than 146 years ahead")
            } else {
                error
            }
        })
    }
}

/// Moves the caller, who has one thread, into the time namespace that it has made for its children.
///
/// # Errors
/// As [`Handle::enter`].
pub fn enter_own_time() -> Result<(), Error> {
    let path = "/proc/self/ns/time_for_children";
    let handle: Handle = open(Kind::Time, &Target::Path(path.into()))?;
    handle.enter()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clocks_that_are_not_set_are_left_out() {
        assert_eq!(
            Offsets { monotonic: Some(-5), boottime: Some(7) }.text(),
            "monotonic -5 0\nboottime 7 0\n"
        );
        assert_eq!(Offsets::default().text(), "");
    }
}
