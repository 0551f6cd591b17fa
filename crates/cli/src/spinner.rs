//! What is done now, at the terminal of whoever waits for more than a second.

use std::io::Write;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::table;

/// How long nothing is said: most is over by then.
const PATIENCE: Duration = Duration::from_secs(1);
/// From one picture to the next.
const PERIOD: Duration = Duration::from_millis(120);
const PICTURES: [char; 10] = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'];

/// A line on standard error that turns until it is dropped, after the first second.
///
/// It is drawn by a thread, so a process that has one must not enter namespaces.
pub(crate) struct Spinner {
    shared: Arc<Shared>,
    painter: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    /// What is done.
    doing: String,
    /// Whether there is a line to wipe away.
    drawn: bool,
    ended: bool,
}

impl Spinner {
    /// Begins to wait where somebody sees it: standard error is a terminal that can move its cursor.
    pub(crate) fn begin(doing: impl Into<String>) -> Option<Self> {
        let stderr = rustix::stdio::stderr();
        if !rustix::termios::isatty(stderr) || std::env::var_os("TERM").is_none_or(|kind| kind == "dumb") {
            return None;
        }
        let shared = Arc::new(Shared::default());
        shared.lock().doing = doing.into();
        let painted = Arc::clone(&shared);
        // Who cannot have a thread waits without a word.
        let painter = std::thread::Builder::new().spawn(move || painted.paint()).ok()?;
        Some(Self { shared, painter: Some(painter) })
    }

    /// Changes what is done.
    pub(crate) fn tell(&self, doing: impl Into<String>) {
        self.shared.lock().doing = doing.into();
    }

    /// Takes the line away, as something else is to be written.
    pub(crate) fn wipe(&self) {
        self.shared.lock().wipe();
    }
}

impl Drop for Spinner {
    fn drop(&mut self) {
        self.shared.lock().ended = true;
        self.shared.changed.notify_one();
        if let Some(painter) = self.painter.take() {
            // It does nothing that could fail.
            let _ended = painter.join();
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn paint(&self) {
        let mut state = self.lock();
        let mut patience = PATIENCE;
        for picture in PICTURES.iter().cycle() {
            let running = |state: &mut State| !state.ended;
            let waited = self.changed.wait_timeout_while(state, patience, running);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
            if state.ended {
                break;
            }
            patience = PERIOD;
            state.draw(*picture);
        }
        state.wipe();
    }
}

impl State {
    fn draw(&mut self, picture: char) {
        let stderr = rustix::stdio::stderr();
        let columns = rustix::termios::tcgetwinsize(stderr).ok().map(|size| usize::from(size.ws_col));
        // A line that fills the last column might wrap, and could not be wiped away.
        let width = columns.filter(|columns| *columns > 0).map(|columns| columns - 1);
        write(&format!("\r{}\x1b[K", table::line(&format!("{picture} {}", self.doing), width)));
        self.drawn = true;
    }

    fn wipe(&mut self) {
        if std::mem::take(&mut self.drawn) {
            write("\r\x1b[K");
        }
    }
}

fn write(text: &str) {
    let mut stderr = std::io::stderr().lock();
    // Nobody is there to be told when it cannot be written.
    let _written = stderr.write_all(text.as_bytes()).and_then(|()| stderr.flush());
}
