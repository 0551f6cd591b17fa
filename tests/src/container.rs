//! A container between two calls of `palisade`.

use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::bundle::Bundle;
use crate::case::{Case, check_interrupt};
use crate::invocation::{Finished, Invocation};

/// How long a container may take to come to where a test waits for it.
const PATIENCE: Duration = Duration::from_secs(60);

/// A container that is on record. It is not removed by itself: what a test leaves is a leak.
#[derive(Debug)]
pub struct Container<'a> {
    case: &'a Case,
    id: String,
}

impl<'a> Container<'a> {
    /// Makes a container, which waits for its start.
    ///
    /// # Panics
    /// When that fails.
    #[must_use]
    #[track_caller]
    pub fn create(case: &'a Case, bundle: &Bundle) -> Self {
        let container = Self { case, id: case.unused_id() };
        container.verb("create").arg("--bundle").arg(bundle.path()).run().succeeded();
        container
    }

    /// Makes a container and starts it.
    ///
    /// # Panics
    /// When that fails.
    #[must_use]
    #[track_caller]
    pub fn start(case: &'a Case, bundle: &Bundle) -> Self {
        let container = Self { case, id: case.unused_id() };
        container.verb("run").arg("--detach").arg("--bundle").arg(bundle.path()).run().succeeded();
        container
    }

    /// Names a container that is made in another way.
    #[must_use]
    pub fn named(case: &'a Case, id: &str) -> Self {
        Self { case, id: id.to_owned() }
    }

    /// Its id.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Prepares a call of a verb for it. More options may follow.
    #[must_use]
    pub fn verb(&self, verb: &str) -> Invocation<'a> {
        self.case.palisade().arg(verb).arg(&self.id)
    }

    /// Calls a verb and demands that it succeeds.
    ///
    /// # Panics
    /// When it fails.
    #[track_caller]
    pub fn does(&self, verb: &str) -> Finished {
        self.verb(verb).run().succeeded()
    }

    /// Prepares to execute a program in it.
    #[must_use]
    pub fn exec(&self, arguments: &[&str]) -> Invocation<'a> {
        self.case.palisade().arg("exec").arg(&self.id).args(arguments)
    }

    /// Executes a script for the shell in it and gives what it prints, without the last line's end.
    ///
    /// # Panics
    /// When it fails.
    #[must_use]
    #[track_caller]
    pub fn shell(&self, script: &str) -> String {
        self.exec(&["sh", "-c", script]).run().succeeded().stdout.trim_end().to_owned()
    }

    /// What `state` prints.
    ///
    /// # Panics
    /// When that fails or is no JSON.
    #[must_use]
    #[track_caller]
    pub fn state(&self) -> Value {
        let said = self.does("state");
        serde_json::from_str(&said.stdout).unwrap_or_else(|error| panic!("{error}: {said}"))
    }

    /// Its status.
    ///
    /// # Panics
    /// As [`Self::state`].
    #[must_use]
    #[track_caller]
    pub fn status(&self) -> String {
        self.state()["status"].as_str().unwrap_or_default().to_owned()
    }

    /// The number of its first process.
    ///
    /// # Panics
    /// As [`Self::state`].
    #[must_use]
    #[track_caller]
    pub fn pid(&self) -> i64 {
        self.state()["pid"].as_i64().unwrap_or_default()
    }

    /// Waits until it is where it should be.
    ///
    /// # Panics
    /// When that takes too long.
    #[track_caller]
    pub fn await_status(&self, status: &str) {
        wait_until(&format!("{} is {status}", self.id), || self.status() == status);
    }

    /// Sends a signal to its first process.
    ///
    /// # Panics
    /// When that fails.
    #[track_caller]
    pub fn kill(&self, signal: &str) {
        self.verb("kill").arg(signal).run().succeeded();
    }

    /// Removes it, whatever it does.
    ///
    /// # Panics
    /// When that fails.
    #[track_caller]
    pub fn remove(self) {
        self.verb("delete").arg("--force").run().succeeded();
    }
}

/// Waits until something is so.
///
/// # Panics
/// When that takes too long.
#[track_caller]
pub fn wait_until(what: &str, is_so: impl FnMut() -> bool) {
    assert!(comes_true(is_so), "waited in vain: {what}");
}

/// Waits as long as a test may, and tells whether it came true.
pub fn comes_true(mut is_so: impl FnMut() -> bool) -> bool {
    let deadline = Instant::now() + PATIENCE;
    while !is_so() {
        check_interrupt();
        if Instant::now() >= deadline {
            return false;
        }
        thread::sleep(Duration::from_millis(10));
    }
    true
}
