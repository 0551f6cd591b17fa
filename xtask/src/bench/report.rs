//! The table and the JSON.

use std::fmt;
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::rounds::{Pace, Verb};
use super::series::{Figures, Results};
use super::subject::{Name, Subject};
use crate::hierarchy::{Hierarchy, Version};

/// The figures, and what they were taken on.
#[derive(Debug)]
pub(crate) struct Report<'a> {
    subjects: &'a [Subject],
    results: &'a Results,
    machine: Machine,
}

#[derive(Debug)]
struct Machine {
    kernel: String,
    cpus: usize,
    v1: usize,
    v2: usize,
    load: (f64, f64),
}

impl<'a> Report<'a> {
    /// Gathers the facts of the machine; `hierarchies` is what the subjects saw, `load` is the load average before
    /// and after the measurement.
    pub(crate) fn new(
        subjects: &'a [Subject],
        results: &'a Results,
        hierarchies: &[Hierarchy],
        load: (f64, f64),
    ) -> Result<Self> {
        let count = |version| hierarchies.iter().filter(|hierarchy| hierarchy.version == version).count();
        let machine = Machine {
            kernel: rustix::system::uname().release().to_string_lossy().into_owned(),
            cpus: std::thread::available_parallelism().context("count the CPUs")?.get(),
            v1: count(Version::V1),
            v2: count(Version::V2),
            load,
        };
        Ok(Self { subjects, results, machine })
    }

    /// Everything, with the single measurements in the order of the rounds.
    pub(crate) fn to_json(&self) -> Value {
        let machine = &self.machine;
        let mut tables = Vec::new();
        for (pace, verb) in self.results.tables() {
            for subject in self.subjects {
                tables.extend(self.series_json(pace, verb, subject.name));
            }
        }
        json!({
            "kernel": machine.kernel,
            "cpus": machine.cpus,
            "hierarchies": { "v1": machine.v1, "v2": machine.v2 },
            "loadAverage": { "before": machine.load.0, "after": machine.load.1 },
            "subjects": self.subjects.iter().map(|subject| json!({
                "name": subject.name.to_string(),
                "version": subject.version,
                "program": subject.program,
                "hangs": self.results.hangs(subject.name),
            })).collect::<Vec<_>>(),
            "measurements": tables,
        })
    }

    fn series_json(&self, pace: Pace, verb: Verb, name: Name) -> Option<Value> {
        let key = (pace, verb, name);
        let figures = self.results.figures(key)?;
        let pause = match pace {
            Pace::BackToBack => 0,
            Pace::AfterPause(pause) => pause.as_millis(),
        };
        let samples = self.results.samples(key);
        Some(json!({
            "verb": verb.word(),
            "copies": match verb {
                Verb::RunTogether(copies) => copies,
                _ => 1,
            },
            "pauseMs": pause,
            "subject": name.to_string(),
            "medianUs": figures.median.as_micros(),
            "minUs": figures.min.as_micros(),
            "p90Us": figures.p90.as_micros(),
            "peakKiB": figures.peak_kib,
            "toCrun": self.results.ratio(key, Name::Crun),
            "toFloor": self.results.ratio(key, Name::Floor),
            "samplesUs": samples.iter().map(|sample| sample.wall.as_micros()).collect::<Vec<_>>(),
        }))
    }

    fn row(&self, formatter: &mut fmt::Formatter<'_>, name: Name, key: (Pace, Verb)) -> fmt::Result {
        let key = (key.0, key.1, name);
        let Some(Figures { median, min, p90, peak_kib }) = self.results.figures(key) else {
            return Ok(());
        };
        let ratio =
            |base| self.results.ratio(key, base).map_or("-".to_owned(), |ratio| format!("{ratio:.2}"));
        writeln!(
            formatter,
            "{name:<10} {:>6.2} {:>6.2} {:>6.2} {:>6} {:>6} {:>4}.{}",
            millis(median),
            millis(min),
            millis(p90),
            ratio(Name::Crun),
            ratio(Name::Floor),
            peak_kib / 1024,
            peak_kib % 1024 * 10 / 1024,
        )
    }
}

/// Fits a terminal of 54 columns.
impl fmt::Display for Report<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (pace, verb) in self.results.tables() {
            let key = |subject: &Subject| (pace, verb, subject.name);
            let rounds = self.subjects.iter().map(|subject| self.results.samples(key(subject)).len()).max();
            let pace_text = match pace {
                Pace::BackToBack => "back to back".to_owned(),
                Pace::AfterPause(pause) => format!("after {} ms of quiet", pause.as_millis()),
            };
            let many = match verb {
                Verb::RunTogether(copies) => format!(" of {copies} at the same time"),
                _ => String::new(),
            };
            let word = verb.word();
            writeln!(formatter, "\n{word}{many}, {pace_text}, {} rounds", rounds.unwrap_or(0))?;
            writeln!(formatter, "{:<10} median    min    p90  ×crun ×floor    MiB", "ms")?;
            for subject in self.subjects {
                self.row(formatter, subject.name, (pace, verb))?;
            }
        }
        let Machine { kernel, cpus, v1, v2, load } = &self.machine;
        writeln!(formatter, "\nLinux {kernel}, {cpus} CPUs; cgroup hierarchies: {v1} v1, {v2} v2")?;
        writeln!(formatter, "load average {:.2} before, {:.2} after", load.0, load.1)?;
        for subject in self.subjects {
            writeln!(formatter, "{}: {}", subject.name, subject.version)?;
            if let hangs @ 1.. = self.results.hangs(subject.name) {
                writeln!(formatter, "{}: commands that hung, killed and not counted: {hangs}", subject.name)?;
            }
        }
        writeln!(
            formatter,
            "Ratios are medians of the ratios within each round. MiB: largest process of the tree."
        )
    }
}

fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}
