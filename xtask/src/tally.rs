//! Counts of tests, read from what libtest prints.

use std::ops::AddAssign;

/// What a test prints that finds no place to run; written by `palisade_tests::skip!`.
const SKIP_MARK: &str = "SKIPPED ";

/// What stands before the output of each executable.
pub(crate) const HEADING: &str = "--- ";

/// How many tests did what.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) passed: u32,
    pub(crate) failed: u32,
    pub(crate) skipped: u32,
}

/// Reads the output of test executables.
#[derive(Debug, Default)]
pub(crate) struct Reader {
    tally: Tally,
    /// Skips of the executable that is running: its result will count them as passed.
    unsettled: u32,
    /// How many tests each run announced that has not yet told its result, outermost first.
    open: Vec<u32>,
    /// The names in the list of failures that a run ends with.
    failures: Vec<String>,
    /// Whether the lines of that list, or of what the failed tests printed, are being read.
    lists_failures: bool,
}

impl Tally {
    /// Counts one thing that passed.
    pub(crate) const ONE_PASSED: Self = Self { passed: 1, failed: 0, skipped: 0 };
    /// Counts one thing that failed.
    pub(crate) const ONE_FAILED: Self = Self { passed: 0, failed: 1, skipped: 0 };
    /// Counts one thing that did not run.
    pub(crate) const ONE_SKIPPED: Self = Self { passed: 0, failed: 0, skipped: 1 };

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

impl Reader {
    /// Takes in one line.
    pub(crate) fn read(&mut self, line: &str) {
        self.note_failure(line);
        if line.starts_with(HEADING) {
            self.open.clear();
        } else if let Some(announced) = announced(line) {
            self.open.push(announced);
        } else if line.starts_with(SKIP_MARK) || line.contains(" ... SKIPPED ") {
            // libtest has no word for a test that skips itself: it passes, after having said so on a line that
            // may stand behind the `test name ... ` of libtest.
            self.tally.skipped += 1;
            self.unsettled += 1;
        } else if let Some(result) = line.strip_prefix("test result: ") {
            self.settle(Tally {
                passed: count(result, "passed"),
                failed: count(result, "failed"),
                skipped: count(result, "ignored"),
            });
        }
    }

    /// Tells what was counted.
    pub(crate) fn tally(&self) -> Tally {
        self.tally
    }

    /// Lists the tests that failed, each once.
    pub(crate) fn failures(&self) -> Vec<String> {
        let mut names = self.failures.clone();
        names.sort();
        names.dedup();
        names
    }

    /// libtest ends with `failures:` and a line for each name, four blanks before it.
    fn note_failure(&mut self, line: &str) {
        let name = line.strip_prefix("    ").filter(|name| name.contains("::") && !name.contains(' '));
        match name {
            Some(name) if self.lists_failures => self.failures.push(name.to_owned()),
            _ => self.lists_failures = line == "failures:",
        }
    }

    /// Adds the result of a run, unless a test printed it that starts its own executable again.
    ///
    /// Such an inner run may end without a result, so the run that a result is of is found by the number.
    fn settle(&mut self, mut result: Tally) {
        let depth = self.open.iter().rposition(|announced| *announced == result.total()).unwrap_or(0);
        self.open.truncate(depth);
        if depth == 0 {
            result.passed = result.passed.saturating_sub(self.unsettled);
            self.unsettled = 0;
            self.tally += result;
        }
    }
}

/// Reads the number in `running 3 tests`.
fn announced(line: &str) -> Option<u32> {
    let (number, noun) = line.strip_prefix("running ")?.split_once(' ')?;
    if matches!(noun, "test" | "tests") { number.parse().ok() } else { None }
}

/// Finds the number before `word` in `ok. 3 passed; 0 failed; 1 ignored; …`.
fn count(result: &str, word: &str) -> u32 {
    let clauses = result.split([';', '.']).map(str::trim);
    clauses.filter_map(|clause| clause.strip_suffix(word)).find_map(|n| n.trim().parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally(lines: &[&str]) -> Tally {
        let mut reader = Reader::default();
        lines.iter().for_each(|line| reader.read(line));
        reader.tally()
    }

    const ONE_LOST: &str =
        "test result: FAILED. 0 passed; 1 failed; 0 ignored; 0 measured; 36 filtered out; finished in 0.10s";
    const MOST_PASSED: &str =
        "test result: FAILED. 36 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out; finished in 9.17s";

    #[test]
    fn results_add_up_and_skips_are_no_passes() {
        let found = tally(&[
            "running 10 tests",
            "test a ... ok",
            "test b ... SKIPPED b: no v1 hierarchy here",
            "ok",
            "SKIPPED c: not root",
            "test result: FAILED. 7 passed; 2 failed; 1 ignored; 0 measured; 5 filtered out; finished in 0.01s",
            "running 1 test",
            "test result: ok. 1 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.01s",
        ]);
        assert_eq!(found, Tally { passed: 6, failed: 2, skipped: 3 });
        assert_eq!(found.total(), 11);
    }

    #[test]
    fn failures_are_known_by_name() {
        let mut reader = Reader::default();
        let lines = "test a::b ... FAILED\n\nfailures:\n\n---- a::b stdout ----\n    c::d\n\nfailures:\n    a::b\n    e::f\n\ntest result";
        lines.lines().for_each(|line| reader.read(line));
        assert_eq!(reader.failures(), ["a::b", "e::f"]);
    }

    #[test]
    fn a_run_inside_of_a_test_is_not_counted() {
        let wanted = Tally { passed: 36, failed: 1, skipped: 0 };
        assert_eq!(tally(&["running 37 tests", "running 1 test", ONE_LOST, MOST_PASSED]), wanted);
        assert_eq!(tally(&["running 37 tests", "running 1 test", "(crash)", MOST_PASSED]), wanted);
    }

    #[test]
    fn a_crash_does_not_hide_the_next_executable() {
        let lines = ["--- a", "running 9 tests", "(crash)", "--- b", "running 37 tests", MOST_PASSED];
        assert_eq!(tally(&lines), Tally { passed: 36, failed: 1, skipped: 0 });
    }
}
