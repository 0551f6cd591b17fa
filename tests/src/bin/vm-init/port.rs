//! The serial port that the host listens to.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};

use anyhow::{Context, Result};
use rustix::termios::{OptionalActions, tcdrain, tcgetattr, tcsetattr};

/// The second port; the kernel talks on the first.
const PATH: &str = "/dev/ttyS1";

/// The port, passing on every byte as it is.
#[derive(Debug)]
pub(crate) struct Port(File);

impl Port {
    /// Opens the port for the output of the tests.
    pub(crate) fn open() -> Result<Self> {
        let file = Self::terminal()?;
        let mut settings = tcgetattr(&file).context("tcgetattr /dev/ttyS1")?;
        settings.make_raw();
        tcsetattr(&file, OptionalActions::Now, &settings).context("tcsetattr /dev/ttyS1")?;
        Ok(Self(file))
    }

    /// Opens the port as a terminal for a person.
    pub(crate) fn terminal() -> Result<File> {
        OpenOptions::new().read(true).write(true).open(PATH).with_context(|| format!("open {PATH}"))
    }

    /// Duplicates the port for a child.
    pub(crate) fn try_clone(&self) -> io::Result<File> {
        self.0.try_clone()
    }

    /// Tells the host something that is not the output of a test; a host that is gone needs no answer.
    pub(crate) fn say(&mut self, word: &str) {
        if let Err(error) = writeln!(self.0, "palisade-vm: {word}") {
            eprintln!("palisade-vm: {word}: {error}");
        }
    }

    /// Waits until the host has everything: what is still on its way is lost when the machine goes.
    pub(crate) fn drain(&self) -> Result<()> {
        tcdrain(&self.0).context("tcdrain /dev/ttyS1")
    }
}

impl Write for Port {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}
