//! Counts of tests, read from what libtest prints.

use std::ops::AddAssign;

/// What a test prints that finds no place to run; written by `palisade_tests::skip!`.
const SKIP_MARK: &str = "SKIPPED ";

/// How many tests did what.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) passed: u32,
    pub(crate) failed: u32,
    pub(crate) skipped: u32,
    /// Skips of the executable that is running: its result line will count them as passed.
    unsettled: u32,
}

impl Tally {
    /// Counts one thing that failed.
    pub(crate) const ONE_FAILED: Self = Self { passed: 0, failed: 1, skipped: 0, unsettled: 0 };
    /// Counts one thing that did not run.
    pub(crate) const ONE_SKIPPED: Self = Self { passed: 0, failed: 0, skipped: 1, unsettled: 0 };

    /// Takes in one line of a test executable's output.
    pub(crate) fn read(&mut self, line: &str) {
        // libtest has no word for a test that skips itself: it passes, after having said so on a line that may
        // stand behind the `test name ... ` of libtest.
        if line.starts_with(SKIP_MARK) || line.contains(" ... SKIPPED ") {
            self.skipped += 1;
            self.unsettled += 1;
        } else if let Some(result) = line.strip_prefix("test result: ") {
            self.passed += count(result, "passed").saturating_sub(self.unsettled);
            self.unsettled = 0;
            self.failed += count(result, "failed");
            self.skipped += count(result, "ignored");
        }
    }

    /// Tells how many tests were begun or passed over.
    pub(crate) fn total(self) -> u32 {
        self.passed + self.failed + self.skipped
    }
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
    }
}

/// Finds the number before `word` in `ok. 3 passed; 0 failed; 1 ignored; …`.
fn count(result: &str, word: &str) -> u32 {
    let clauses = result.split([';', '.']).map(str::trim);
    clauses.filter_map(|clause| clause.strip_suffix(word)).find_map(|n| n.trim().parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_add_up_and_skips_are_no_passes() {
        let mut tally = Tally::default();
        for line in [
            "running 4 tests",
            "test a ... ok",
            "test b ... SKIPPED b: no v1 hierarchy here",
            "ok",
            "SKIPPED c: not root",
            "test result: FAILED. 7 passed; 2 failed; 1 ignored; 0 measured; 5 filtered out; finished in 0.01s",
        ] {
            tally.read(line);
        }
        assert_eq!((tally.passed, tally.failed, tally.skipped), (5, 2, 3));
        assert_eq!(tally.total(), 10);
    }
}
