//! The terminal: taken over, and given back as it was whatever happens.

use std::io::{Stdout, stdout};
use std::sync::Once;
use std::time::Instant;

use palisade_runtime::{Error, Result};
use palisade_sys::signal::{self, Mask};
use ratatui::backend::CrosstermBackend;
use ratatui::crossterm::cursor::{Hide, Show};
use ratatui::crossterm::event::{self, Event, KeyEvent, KeyEventKind};
use ratatui::crossterm::execute;
use ratatui::crossterm::terminal::{
    Clear, ClearType, EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode,
};
use ratatui::{Frame, Terminal};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fd::{AsFd, OwnedFd};
use rustix::io::Errno;
use rustix::process::Signal;

/// The terminal while the view is shown; dropping it gives it back.
pub(super) struct Screen {
    terminal: Terminal<CrosstermBackend<Stdout>>,
    signals: OwnedFd,
    mask: Mask,
}

/// What ended a wait.
#[derive(Debug)]
pub(super) enum Happening {
    /// It is time for the next look.
    Time,
    /// The terminal has another size.
    Resized,
    /// Keys were pressed.
    Keys(Vec<KeyEvent>),
    /// A signal came that asks to end.
    Ended(u8),
}

impl Screen {
    /// Takes the terminal over.
    ///
    /// # Errors
    /// A terminal that cannot be set.
    pub(super) fn enter() -> Result<Self> {
        // A signal that ended the process in the middle would leave the terminal as it is; and one that suspends it, too.
        let mask = signal::block_all();
        let signals = signal::descriptor().map_err(|errno| Error::call("signalfd", errno))?;
        let terminal = Terminal::new(CrosstermBackend::new(stdout())).map_err(|error| failed(&error))?;
        restore_on_panic();
        let screen = Self { terminal, signals, mask };
        enable_raw_mode().map_err(|error| failed(&error))?;
        // The terminal's own way to clear asks where the cursor is, which not every terminal answers.
        execute!(stdout(), EnterAlternateScreen, Clear(ClearType::All), Hide)
            .map_err(|error| failed(&error))?;
        Ok(screen)
    }

    /// Draws what has changed.
    ///
    /// # Errors
    /// A terminal that is gone.
    pub(super) fn draw(&mut self, draw: impl FnOnce(&mut Frame<'_>)) -> Result<()> {
        self.terminal.draw(draw).map(drop).map_err(|error| failed(&error))
    }

    /// Waits until something happens, until `deadline` at the longest.
    ///
    /// # Errors
    /// A terminal that is gone.
    pub(super) fn wait(&mut self, deadline: Instant) -> Result<Happening> {
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(Happening::Time);
            }
            let stdin = rustix::stdio::stdin();
            let mut watched = [
                PollFd::from_borrowed_fd(self.signals.as_fd(), PollFlags::IN),
                PollFd::from_borrowed_fd(stdin, PollFlags::IN),
            ];
            let left = Timespec::try_from(left).unwrap_or(Timespec { tv_sec: 3600, tv_nsec: 0 });
            match poll(&mut watched, Some(&left)) {
                Ok(_) | Err(Errno::INTR) => {}
                Err(errno) => return Err(Error::call("poll", errno)),
            }
            let typed = !watched[1].revents().is_empty();
            if let Some(happening) = self.signalled()? {
                return Ok(happening);
            }
            if typed {
                return keys().map_err(|error| failed(&error)).map(Happening::Keys);
            }
        }
    }

    fn signalled(&self) -> Result<Option<Happening>> {
        let ending = [Signal::TERM, Signal::HUP, Signal::INT, Signal::QUIT];
        let next = || signal::next(self.signals.as_fd()).map_err(|errno| Error::call("read a signal", errno));
        while let Some(number) = next()? {
            if number == Signal::WINCH.as_raw() {
                return Ok(Some(Happening::Resized));
            }
            if ending.iter().any(|signal| signal.as_raw() == number) {
                return Ok(Some(Happening::Ended(u8::try_from(number).unwrap_or(u8::MAX))));
            }
        }
        Ok(None)
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        give_back();
        signal::restore(self.mask);
    }
}

/// Takes all keys that wait to be read.
fn keys() -> std::io::Result<Vec<KeyEvent>> {
    let mut keys = Vec::new();
    while event::poll(std::time::Duration::ZERO)? {
        match event::read()? {
            Event::Key(key) if key.kind != KeyEventKind::Release => keys.push(key),
            _ => {}
        }
    }
    Ok(keys)
}

/// Gives the terminal back. There is nobody to tell if it is gone.
fn give_back() {
    let _left = execute!(stdout(), Show, LeaveAlternateScreen);
    let _restored = disable_raw_mode();
}

/// A panic ends the process without dropping anything.
fn restore_on_panic() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let print = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            give_back();
            print(panic);
        }));
    });
}

fn failed(error: &std::io::Error) -> Error {
    Error::io("use the terminal", error)
}
