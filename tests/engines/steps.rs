//! What an engine did with a runtime, step by step, and the comparison of two runtimes.

use std::fmt::{self, Display};

use palisade_tests::invocation::Finished;

/// A runtime that an engine is told to use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Runtime {
    /// The one that the engine comes with.
    Default(&'static str),
    Palisade,
}

impl Display for Runtime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Default(name) => name,
            Self::Palisade => "palisade",
        })
    }
}

/// The outcomes of the steps, in their order.
#[derive(Debug, Default)]
pub(crate) struct Steps {
    rows: Vec<Row>,
}

#[derive(Debug)]
struct Row {
    step: &'static str,
    /// What was wrong.
    outcome: Result<(), String>,
    /// Why the default runtime may fail here.
    excuse: Option<&'static str>,
}

/// Takes the same steps with both runtimes.
///
/// # Panics
/// Where the steps are not the same ones.
pub(crate) fn compare(default: &'static str, mut scenario: impl FnMut(Runtime, &mut Steps)) -> Verdict {
    let [theirs, ours] = [Runtime::Default(default), Runtime::Palisade].map(|runtime| {
        let mut steps = Steps::default();
        scenario(runtime, &mut steps);
        steps.rows
    });
    assert_eq!(theirs.len(), ours.len(), "the runtimes took different steps");
    let mut table = format!("{:40} {default:10} palisade\n", "step");
    let mut wrong = Vec::new();
    for (their, our) in theirs.iter().zip(&ours) {
        assert_eq!(their.step, our.step, "the runtimes took different steps");
        let word = |row: &Row| if row.outcome.is_ok() { "passed" } else { "FAILED" };
        table += &format!("{:40} {:10} {}\n", their.step, word(their), word(our));
        match (&their.outcome, &our.outcome) {
            (Ok(()), Err(what)) => wrong.push(format!("{}: palisade fails: {what}", our.step)),
            (Err(what), _) if their.excuse.is_none() => {
                wrong.push(format!("{}: {default} fails without an excuse: {what}", their.step));
            }
            _ => {}
        }
    }
    println!("{table}");
    Verdict { wrong }
}

/// What came of a comparison. An engine is to be ended before the demand, so that it leaves nothing in either case.
#[derive(Debug)]
#[must_use]
pub(crate) struct Verdict {
    wrong: Vec<String>,
}

impl Verdict {
    /// Demands that Palisade did all that the default runtime did.
    ///
    /// # Panics
    /// Where it failed at a step that the default runtime passes, and where that one fails without an excuse: a step
    /// that nobody passes shows nothing.
    #[track_caller]
    pub(crate) fn demand(self) {
        assert!(self.wrong.is_empty(), "{}", self.wrong.join("\n\n"));
    }
}

impl Steps {
    /// Adds a step that ends with this code and prints exactly this, but for the end of the last line.
    pub(crate) fn gives(&mut self, step: &'static str, said: &Finished, code: i32, stdout: &str) {
        let right = said.code() == code && said.stdout.trim_end() == stdout;
        self.add(step, right, || format!("{said}\nwanted {code} and {stdout:?}"));
    }

    /// Adds a step that ends with this code and says all of this, wherever.
    pub(crate) fn tells(&mut self, step: &'static str, said: &Finished, code: i32, parts: &[&str]) {
        let text = format!("{}{}", said.stdout, said.stderr);
        let right = said.code() == code && parts.iter().all(|part| text.contains(part));
        self.add(step, right, || format!("{said}\nwanted {code} and {parts:?}"));
    }

    /// Adds a step that succeeds.
    pub(crate) fn succeeds(&mut self, step: &'static str, said: &Finished) {
        self.tells(step, said, 0, &[]);
    }

    /// Adds a step that is about more than one call.
    pub(crate) fn is(&mut self, step: &'static str, found: &str, wanted: &str) {
        self.add(step, found == wanted, || format!("found {found:?}, wanted {wanted:?}"));
    }

    /// Lets the default runtime fail at the latest step.
    pub(crate) fn excused(&mut self, why: &'static str) {
        if let Some(row) = self.rows.last_mut() {
            row.excuse = Some(why);
        }
    }

    fn add(&mut self, step: &'static str, right: bool, what: impl FnOnce() -> String) {
        let outcome = if right { Ok(()) } else { Err(what()) };
        self.rows.push(Row { step, outcome, excuse: None });
    }
}
