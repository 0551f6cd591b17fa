//! What Palisade promises beside crun, and whether it holds.

use std::fmt;

use super::rounds::{Pace, Verb};
use super::series::Results;
use super::subject::Name;

/// The most that peak memory may be, as a share of crun's.
const MEMORY: f64 = 0.6;

/// The table of promises with docker's configuration.
#[derive(Debug)]
pub(crate) struct Bars<'a> {
    results: &'a Results,
}

impl<'a> Bars<'a> {
    pub(crate) fn new(results: &'a Results) -> Self {
        Self { results }
    }

    /// The peak memory as a share of crun's.
    fn memory(&self, pace: Pace, verb: Verb) -> Option<f64> {
        let peak = |name| Some(self.results.figures((pace, verb, name))?.peak_kib);
        #[expect(clippy::cast_precision_loss, reason = "kilobytes of a process are far below 2^52")]
        let share = peak(Name::Palisade)? as f64 / peak(Name::Crun)? as f64;
        Some(share)
    }
}

/// The most that the time may be, as a share of crun's.
fn bar(pace: Pace, verb: Verb) -> Option<f64> {
    match (verb, pace) {
        (Verb::Run, Pace::BackToBack) => Some(0.45),
        (Verb::Run, Pace::AfterPause(_)) => Some(0.3),
        (Verb::Exec, _) => Some(0.4),
        (Verb::State | Verb::Kill | Verb::Delete, _) => Some(0.35),
        (Verb::RunTogether(_), _) => Some(0.5),
        (Verb::Create | Verb::Start, _) => None,
    }
}

impl fmt::Display for Bars<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(formatter, "\npalisade to crun, and the most that is wanted")?;
        let word = |holds: bool| if holds { "" } else { "  MISSED" };
        for (pace, verb) in self.results.tables() {
            let pace_word = match pace {
                Pace::BackToBack => "",
                Pace::AfterPause(_) => " after a pause",
            };
            let many = if matches!(verb, Verb::RunTogether(_)) { " in parallel" } else { "" };
            let name = format!("{}{many}{pace_word}", verb.word());
            let key = (pace, verb, Name::Palisade);
            if let (Some(bar), Some(ratio)) = (bar(pace, verb), self.results.ratio(key, Name::Crun)) {
                writeln!(formatter, "{name:<22} {ratio:>5.2} {bar:>5.2}{}", word(ratio <= bar))?;
            }
            if let Some(share) = self.memory(pace, verb).filter(|_| pace == Pace::BackToBack) {
                let name = format!("{name}: memory");
                writeln!(formatter, "{name:<22} {share:>5.2} {MEMORY:>5.2}{}", word(share <= MEMORY))?;
            }
        }
        Ok(())
    }
}
