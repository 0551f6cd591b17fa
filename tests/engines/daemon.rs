//! A program that runs as long as a test needs it.

use palisade_tests::container::wait_until;
use palisade_tests::invocation::{Invocation, Running};
use rustix::process::{Signal, test_kill_process};

/// A daemon, which has to be ended.
#[derive(Debug)]
pub(crate) struct Daemon {
    running: Running,
}

impl Daemon {
    /// Starts a daemon and waits until it does its work.
    #[track_caller]
    pub(crate) fn start(call: Invocation<'_>, mut works: impl FnMut() -> bool) -> Self {
        let daemon = Self { running: call.spawn() };
        let is_there = || test_kill_process(daemon.running.pid()).is_ok();
        wait_until("a daemon works", || works() || !is_there());
        assert!(is_there(), "a daemon ends");
        daemon
    }

    /// Asks it to end and waits until it has.
    pub(crate) fn end(self) {
        self.running.signal(Signal::TERM);
        let said = self.running.wait();
        assert!(said.code() == 0 || said.code() == 143 || said.code() == 2, "{said}");
    }
}
