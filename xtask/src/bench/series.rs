//! The measurements, and the figures that are drawn from them.

use std::collections::BTreeMap;
use std::time::Duration;

use super::launch::Sample;
use super::rounds::{Pace, Verb};
use super::subject::Name;

/// One measured command of one subject at one pace.
pub(crate) type Key = (Pace, Verb, Name);

/// All measurements; those of the same round have the same index in their series.
#[derive(Debug, Default)]
pub(crate) struct Results {
    series: BTreeMap<Key, Vec<Sample>>,
    hangs: BTreeMap<Name, u32>,
}

/// What one series comes to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Figures {
    pub(crate) median: Duration,
    pub(crate) min: Duration,
    /// Nine of ten took at most this long.
    pub(crate) p90: Duration,
    /// The largest peak of all rounds, in KiB.
    pub(crate) peak_kib: u64,
}

impl Results {
    /// Adds the next round's measurement.
    pub(crate) fn push(&mut self, key: Key, sample: Sample) {
        self.series.entry(key).or_default().push(sample);
    }

    /// Counts a command that did not end and was killed; it is in no series.
    pub(crate) fn note_hang(&mut self, name: Name) {
        *self.hangs.entry(name).or_default() += 1;
    }

    /// How many commands of a subject did not end.
    pub(crate) fn hangs(&self, name: Name) -> u32 {
        self.hangs.get(&name).copied().unwrap_or(0)
    }

    /// The paces and verbs that were measured, in order.
    pub(crate) fn tables(&self) -> Vec<(Pace, Verb)> {
        let mut tables: Vec<_> = self.series.keys().map(|&(pace, verb, _)| (pace, verb)).collect();
        tables.dedup();
        tables
    }

    /// The measurements of one series, in the order of the rounds; none when it was not measured.
    pub(crate) fn samples(&self, key: Key) -> &[Sample] {
        self.series.get(&key).map_or(&[], Vec::as_slice)
    }

    /// The figures of one series.
    pub(crate) fn figures(&self, key: Key) -> Option<Figures> {
        let samples = self.samples(key);
        let mut walls: Vec<f64> = samples.iter().map(|sample| sample.wall.as_secs_f64()).collect();
        walls.sort_by(f64::total_cmp);
        let nine_tenths = (walls.len() * 9).div_ceil(10);
        Some(Figures {
            median: Duration::from_secs_f64(middle(&walls)?),
            min: Duration::from_secs_f64(*walls.first()?),
            p90: Duration::from_secs_f64(*walls.get(nine_tenths - 1)?),
            peak_kib: samples.iter().map(|sample| sample.peak_kib).max()?,
        })
    }

    /// The median of the ratios that a subject has to `base`, each of two measurements of the same round.
    pub(crate) fn ratio(&self, (pace, verb, name): Key, base: Name) -> Option<f64> {
        let pairs = self.samples((pace, verb, name)).iter().zip(self.samples((pace, verb, base)));
        let mut ratios: Vec<f64> =
            pairs.map(|(mine, other)| mine.wall.as_secs_f64() / other.wall.as_secs_f64()).collect();
        ratios.sort_by(f64::total_cmp);
        middle(&ratios)
    }
}

/// The median of a sorted list.
pub(crate) fn middle(sorted: &[f64]) -> Option<f64> {
    let half = sorted.len() / 2;
    let upper = sorted.get(half)?;
    Some(if sorted.len().is_multiple_of(2) { f64::midpoint(sorted[half - 1], *upper) } else { *upper })
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: Key = (Pace::BackToBack, Verb::Run, Name::Palisade);
    const CRUN: Key = (Pace::BackToBack, Verb::Run, Name::Crun);

    fn results(rounds: &[(Key, u64)]) -> Results {
        let mut results = Results::default();
        for &(key, millis) in rounds {
            results.push(
                key,
                Sample { wall: Duration::from_millis(millis), peak_kib: millis, cpu: Duration::ZERO },
            );
        }
        results
    }

    #[test]
    fn figures_of_ten_rounds() {
        let rounds: Vec<_> = [7, 1, 10, 3, 5, 2, 9, 4, 8, 6].map(|millis| (KEY, millis)).into();
        let figures = results(&rounds).figures(KEY).unwrap();
        assert_eq!(figures.median, Duration::from_micros(5500));
        assert_eq!(figures.min, Duration::from_millis(1));
        assert_eq!(figures.p90, Duration::from_millis(9));
        assert_eq!(figures.peak_kib, 10);
    }

    #[test]
    fn a_ratio_is_of_pairs_not_of_medians() {
        let results = results(&[(KEY, 1), (CRUN, 10), (KEY, 8), (CRUN, 16), (KEY, 3), (CRUN, 4)]);
        let ratio = results.ratio(KEY, Name::Crun).unwrap();
        assert!((ratio - 0.5).abs() < 1e-9, "{ratio}");
        assert_eq!(results.ratio(KEY, Name::Floor), None);
    }

    #[test]
    fn nothing_measured_gives_no_figures() {
        assert_eq!(Results::default().figures(KEY), None);
    }
}
