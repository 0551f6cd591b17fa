//! Groups and what they use, look after look.

use std::collections::HashMap;
use std::time::Instant;

use palisade_cgroup::survey::{Counters, Metrics, Place, Rates, Survey};
use palisade_cgroup::{ErrorKind, GroupPath, Layout};
use palisade_runtime::{Result, Store};

/// Which groups are looked at.
#[derive(Debug)]
pub(super) enum Subject<'a> {
    /// A group and all below it.
    Below(GroupPath),
    /// The groups of these containers and all below them.
    Containers(&'a Store),
}

/// A group at the last look.
#[derive(Debug, Clone, Default)]
pub(super) struct Row {
    /// From the top of the hierarchies.
    pub(super) path: String,
    /// The container whose group this is.
    pub(super) container: Option<String>,
    /// The index of the row of the group above.
    pub(super) parent: Option<usize>,
    pub(super) depth: usize,
    pub(super) counters: Counters,
    /// Since the look before.
    pub(super) rates: Rates,
    /// Whether all was read, and not only what all rows are sorted by.
    pub(super) complete: bool,
}

/// Looks at groups again and again.
#[derive(Debug)]
pub(super) struct Sampler<'a> {
    survey: Survey,
    subject: Subject<'a>,
    places: Vec<Place>,
    rows: Vec<Row>,
    times: Vec<Instant>,
    before: HashMap<String, (Instant, Counters)>,
}

impl Row {
    /// The last part of the path, or the container's name.
    pub(super) fn name(&self) -> &str {
        let last = || self.path.rsplit('/').next().filter(|name| !name.is_empty()).unwrap_or("/");
        self.container.as_deref().unwrap_or_else(last)
    }
}

impl<'a> Sampler<'a> {
    pub(super) fn new(layout: &Layout, subject: Subject<'a>) -> Result<Self> {
        let survey = Survey::new(layout, Metrics::ALL)?;
        let (places, rows, times, before) = Default::default();
        Ok(Self { survey, subject, places, rows, times, before })
    }

    /// The groups of the last look, each after the one above.
    pub(super) fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// Finds the groups that are there now and reads `metrics` of each.
    ///
    /// # Errors
    /// The group to begin with is not there, or the containers cannot be listed.
    pub(super) fn look(&mut self, metrics: Metrics) -> Result<()> {
        self.remember();
        self.find()?;
        // What has to be added up is needed of all.
        let metrics = metrics | self.survey.alone();
        for index in 0..self.places.len() {
            self.read(index, metrics);
        }
        self.add_up();
        Ok(())
    }

    /// Reads all there is of one group, unless that was done at the last look.
    pub(super) fn complete(&mut self, index: usize) -> &Row {
        if !self.rows[index].complete {
            let summed = self.rows[index].counters.oom_kills;
            self.read(index, Metrics::ALL);
            if self.survey.alone().meets(Metrics::OOM_KILLS) {
                self.rows[index].counters.oom_kills = summed;
            }
        }
        &self.rows[index]
    }

    fn remember(&mut self) {
        self.before.clear();
        let rows = self.rows.drain(..).zip(self.times.drain(..));
        self.before.extend(rows.map(|(row, time)| (row.path, (time, row.counters))));
    }

    fn find(&mut self) -> Result<()> {
        self.places.clear();
        match &self.subject {
            Subject::Below(top) => self.survey.walk_into(top, &mut self.places)?,
            Subject::Containers(store) => {
                for container in store.list()? {
                    let Some(group) = &container.record().cgroup else { continue };
                    let first = self.places.len();
                    match self.survey.walk_into(group, &mut self.places) {
                        Ok(()) => {}
                        // One that has ended.
                        Err(error) if error.kind() == ErrorKind::NotFound => continue,
                        Err(error) => return Err(error.into()),
                    }
                    self.rows.resize_with(first, Row::default);
                    self.rows
                        .push(Row { container: Some(container.record().id.to_string()), ..Row::default() });
                }
            }
        }
        self.rows.resize_with(self.places.len(), Row::default);
        self.times.resize(self.places.len(), Instant::now());
        for (row, place) in self.rows.iter_mut().zip(&self.places) {
            (row.path, row.parent, row.depth) = (place.path().to_owned(), place.parent, place.depth);
        }
        Ok(())
    }

    fn read(&mut self, index: usize, metrics: Metrics) {
        let row = &mut self.rows[index];
        row.counters = self.survey.read(&self.places[index], metrics);
        row.complete = metrics == Metrics::ALL;
        let now = Instant::now();
        self.times[index] = now;
        if let Some((time, before)) = self.before.get(&row.path) {
            row.rates = Rates::between(before, &row.counters, now.duration_since(*time));
        }
    }

    /// Adds to each group what only the groups below it have counted.
    fn add_up(&mut self) {
        if !self.survey.alone().meets(Metrics::OOM_KILLS) {
            return;
        }
        for index in (0..self.rows.len()).rev() {
            let Row { parent: Some(parent), counters, .. } = self.rows[index] else { continue };
            if let Some(kills) = counters.oom_kills {
                let sum = &mut self.rows[parent].counters.oom_kills;
                *sum = Some(sum.unwrap_or(0).saturating_add(kills));
            }
        }
    }
}
