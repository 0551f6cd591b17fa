//! A program that runs as long as a test needs it.

use std::time::Duration;

use palisade_tests::container::comes_true;
use palisade_tests::invocation::{Invocation, Running};
use rustix::process::Signal;

/// How long it may run: for all steps of a test, with either runtime.
const LONGEST: Duration = Duration::from_secs(600);

/// A daemon, which has to be ended.
#[derive(Debug)]
pub(crate) struct Daemon {
    running: Running,
}

impl Daemon {
    /// Starts a daemon and waits until it does its work.
    #[track_caller]
    pub(crate) fn start(call: Invocation<'_>, works: impl FnMut() -> bool) -> Self {
        let running = call.limit(LONGEST).spawn();
        if !comes_true(works) {
            running.signal(Signal::KILL);
            panic!("a daemon does not work: {}", running.wait());
        }
        Self { running }
    }

    /// Asks it to end and waits until it has.
    pub(crate) fn end(self) {
        self.running.signal(Signal::TERM);
        let said = self.running.wait();
        assert!(said.code() == 0 || said.code() == 143 || said.code() == 2, "{said}");
    }
}
