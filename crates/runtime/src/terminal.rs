//! The caller's terminal: made raw, relayed to that of a container, and always put back.

use std::io::Write;
use std::os::fd::{AsFd, OwnedFd};

use rustix::event::{PollFd, PollFlags};
use rustix::io::Errno;
use rustix::termios::{OptionalActions, Termios};

use crate::error::{During, Error, ErrorKind, Result};

/// What a person types at the end of what is typed: Control-D.
const END_OF_INPUT: u8 = 4;

/// Relays between the caller's standard streams and the master of a container's terminal.
#[derive(Debug)]
pub struct Relay {
    master: OwnedFd,
    before: Option<Termios>,
    input: Input,
    to_container: Vec<u8>,
    /// Whether what was written last ends within a line.
    within_line: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Input {
    Open,
    Ended,
}

impl Relay {
    /// Begins. Where stdin is a terminal it becomes raw until this is dropped, and its size goes to the container.
    ///
    /// # Errors
    /// A terminal whose modes cannot be set.
    pub fn begin(master: OwnedFd) -> Result<Self> {
        let stdin = rustix::stdio::stdin();
        let mut relay = Self::with(master, Input::Open)?;
        if rustix::termios::isatty(stdin) {
            let before = rustix::termios::tcgetattr(stdin).during("tcgetattr")?;
            let mut raw = before.clone();
            raw.make_raw();
            rustix::termios::tcsetattr(stdin, OptionalActions::Now, &raw).during("tcsetattr")?;
            relay.before = Some(before);
            relay.resize();
        }
        Ok(relay)
    }

    /// Begins with the output alone: stdin stays as it is and nothing is read from it.
    ///
    /// # Errors
    /// A master that is no terminal.
    pub fn begin_output(master: OwnedFd) -> Result<Self> {
        let mut relay = Self::with(master, Input::Ended)?;
        relay.resize();
        Ok(relay)
    }

    fn with(master: OwnedFd, input: Input) -> Result<Self> {
        let flags = rustix::fs::fcntl_getfl(&master).during("fcntl")?;
        rustix::fs::fcntl_setfl(&master, flags | rustix::fs::OFlags::NONBLOCK).during("fcntl")?;
        Ok(Self { master, before: None, input, to_container: Vec::new(), within_line: false })
    }

    /// Gives the container's terminal the size of the caller's.
    pub(crate) fn resize(&mut self) {
        // Where the caller's size cannot be read there is none to pass on.
        if let Ok(size) = rustix::termios::tcgetwinsize(rustix::stdio::stdin()) {
            let _passed = rustix::termios::tcsetwinsize(&self.master, size);
        }
    }

    /// What is to be polled: the master, then stdin where that is to be read.
    pub(crate) fn descriptors(&self) -> Vec<PollFd<'_>> {
        let mut wanted = PollFlags::IN;
        if !self.to_container.is_empty() {
            wanted |= PollFlags::OUT;
        }
        let mut fds = vec![PollFd::from_borrowed_fd(self.master.as_fd(), wanted)];
        if self.reads_input() {
            fds.push(PollFd::from_borrowed_fd(rustix::stdio::stdin(), PollFlags::IN));
        }
        fds
    }

    fn reads_input(&self) -> bool {
        self.input == Input::Open && self.to_container.is_empty()
    }

    /// Copies what is there, after a poll of [`Self::descriptors`] said which are ready.
    pub(crate) fn copy(&mut self, ready: &[bool]) -> Result<()> {
        if self.reads_input() && ready.get(1) == Some(&true) {
            self.read_input()?;
        }
        if !self.to_container.is_empty() {
            self.write_input()?;
        }
        if ready.first() == Some(&true) {
            self.copy_output()?;
        }
        Ok(())
    }

    fn read_input(&mut self) -> Result<()> {
        let mut buffer = [0u8; 4096];
        match rustix::io::read(rustix::stdio::stdin(), &mut buffer) {
            Ok(0) => {
                self.input = Input::Ended;
                // Control-D, as a person would type it: the container's program sees the end of its input. Within a line
                // the first one only hands on what there is of the line (termios(3), VEOF).
                let count = if self.within_line { 2 } else { 1 };
                self.to_container.resize(count, END_OF_INPUT);
                Ok(())
            }
            Ok(length) => {
                let read = buffer.get(..length).unwrap_or_default();
                self.within_line = read.last() != Some(&b'\n');
                self.to_container.extend_from_slice(read);
                Ok(())
            }
            Err(Errno::AGAIN | Errno::INTR) => Ok(()),
            // A terminal that was hung up.
            Err(Errno::IO) => {
                self.input = Input::Ended;
                Ok(())
            }
            Err(errno) => Err(Error::call("read stdin", errno)),
        }
    }

    fn write_input(&mut self) -> Result<()> {
        match rustix::io::write(&self.master, &self.to_container) {
            Ok(written) => {
                self.to_container.drain(..written);
                Ok(())
            }
            Err(Errno::AGAIN | Errno::INTR) => Ok(()),
            // Nobody has the other side open any more.
            Err(Errno::IO) => {
                self.to_container.clear();
                Ok(())
            }
            Err(errno) => Err(Error::call("write to the container's terminal", errno)),
        }
    }

    /// Copies one piece of output; false when there is none.
    fn copy_output(&mut self) -> Result<bool> {
        let mut buffer = [0u8; 16 * 1024];
        match rustix::io::read(&self.master, &mut buffer) {
            // EIO: the last one on the other side has closed it.
            Ok(0) | Err(Errno::IO | Errno::AGAIN | Errno::INTR) => Ok(false),
            Ok(length) => {
                let mut stdout = std::io::stdout().lock();
                let bytes = buffer.get(..length).unwrap_or_default();
                match stdout.write_all(bytes).and_then(|()| stdout.flush()) {
                    Ok(()) => Ok(true),
                    Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => {
                        Err(Error::of(ErrorKind::ReaderGone, "write stdout: EPIPE (nobody reads it)"))
                    }
                    Err(error) => Err(error).during("write stdout"),
                }
            }
            Err(errno) => Err(Error::call("read the container's terminal", errno)),
        }
    }

    /// Copies what is left once the process has ended.
    pub(crate) fn drain(&mut self) {
        // A closed stdout is no reason to lose the exit code.
        while matches!(self.copy_output(), Ok(true)) {}
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        if let Some(before) = &self.before {
            // Nothing is left to be done when the terminal is gone.
            let _restored = rustix::termios::tcsetattr(rustix::stdio::stdin(), OptionalActions::Now, before);
        }
    }
}
