//! Steps that a verb takes one by one, as each needs what the one before has made.

use std::time::Instant;

use palisade_runtime::Result;

use crate::arguments::Telling;
use crate::steps::explain;

/// Tells steps as they are done, where that was asked for.
#[derive(Clone, Copy)]
pub(super) struct Teller(Telling);

impl Teller {
    pub(super) fn new(telling: Telling) -> Self {
        Self(telling)
    }

    /// Does a step and tells the shell command that would do the same.
    pub(super) fn step<T>(
        self,
        shell: impl FnOnce() -> String,
        perform: impl FnOnce() -> Result<T>,
    ) -> Result<T> {
        let begun = Instant::now();
        let done = perform()?;
        if self.0.explain {
            explain(&[shell()], begun.elapsed().as_secs_f64() * 1000.0);
        }
        Ok(done)
    }

    /// Tells what is about to be done and, as with an exec, nobody can tell afterwards.
    pub(super) fn announce(self, shell: impl FnOnce() -> String) {
        if self.0.explain {
            explain(&[shell()], 0.0);
        }
    }
}
