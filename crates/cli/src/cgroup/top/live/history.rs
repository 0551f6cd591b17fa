//! The last minutes of groups, for graphs.

use std::collections::{HashMap, VecDeque};

use crate::cgroup::top::sampler::Row;

/// How many looks are kept: five minutes at one a second.
const LOOKS: usize = 300;
/// How many groups are kept; the oldest give way.
const GROUPS: usize = 256;

/// A thing that is drawn over time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Graph {
    Cpu,
    Throttled,
    Memory,
    Read,
    Written,
    Tasks,
    Pressure,
}

/// All of them.
pub(super) const GRAPHS: [Graph; 7] =
    [Graph::Cpu, Graph::Memory, Graph::Read, Graph::Written, Graph::Tasks, Graph::Pressure, Graph::Throttled];

/// Values of one group; the last is the newest.
#[derive(Debug, Default)]
pub(super) struct Series {
    values: [VecDeque<u64>; GRAPHS.len()],
    newest: u64,
}

/// Keeps the values of the groups that were read in full.
#[derive(Debug, Default)]
pub(super) struct History {
    groups: HashMap<String, Series>,
    look: u64,
}

impl History {
    /// Begins a new look.
    pub(super) fn begin(&mut self) {
        self.look += 1;
    }

    /// Adds a group that was read in full at this look.
    pub(super) fn add(&mut self, row: &Row) {
        if !row.complete {
            return;
        }
        if !self.groups.contains_key(&row.path) {
            self.make_room();
            self.groups.insert(row.path.clone(), Series::default());
        }
        if let Some(series) = self.groups.get_mut(&row.path) {
            series.push(row, self.look);
        }
    }

    /// Returns the values of a group, the oldest first.
    pub(super) fn of(&self, path: &str, graph: Graph) -> Vec<u64> {
        let series = self.groups.get(path);
        series.map(|series| series.values[graph as usize].iter().copied().collect()).unwrap_or_default()
    }

    fn make_room(&mut self) {
        if self.groups.len() < GROUPS {
            return;
        }
        let oldest = self.groups.iter().min_by_key(|(_, series)| series.newest);
        if let Some(path) = oldest.map(|(path, _)| path.clone()) {
            self.groups.remove(&path);
        }
    }
}

impl Series {
    fn push(&mut self, row: &Row, look: u64) {
        if self.newest == look {
            return;
        }
        self.newest = look;
        for (graph, values) in GRAPHS.iter().map(|graph| (*graph, *graph as usize)) {
            let values = &mut self.values[values];
            if values.len() == LOOKS {
                values.pop_front();
            }
            values.push_back(graph.value(row).unwrap_or(0));
        }
    }
}

impl Graph {
    /// What it shows of a row: a percentage in tenths, bytes, bytes a second, or a number.
    pub(super) fn value(self, row: &Row) -> Option<u64> {
        let (rates, counters) = (&row.rates, &row.counters);
        match self {
            Self::Cpu => rates.cpu.map(|percent| whole(percent * 10.0)),
            Self::Throttled => rates.throttled.map(|percent| whole(percent * 10.0)),
            Self::Memory => counters.memory,
            Self::Read => rates.read_bytes.map(whole),
            Self::Written => rates.write_bytes.map(whole),
            Self::Tasks => counters.tasks,
            Self::Pressure => {
                let all = [rates.cpu_pressure, rates.memory_pressure, rates.io_pressure];
                all.into_iter().flatten().reduce(f64::max).map(|percent| whole(percent * 10.0))
            }
        }
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "rates fit, and are not negative"
)]
fn whole(number: f64) -> u64 {
    number.round() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(path: &str, tasks: u64) -> Row {
        let mut row = Row { path: path.to_owned(), complete: true, ..Row::default() };
        row.counters.tasks = Some(tasks);
        row
    }

    #[test]
    fn values_are_kept_for_a_while() {
        let mut history = History::default();
        for look in 0..400 {
            history.begin();
            history.add(&row("/a", look));
            // Drawn once more.
            history.add(&row("/a", look));
        }
        let values = history.of("/a", Graph::Tasks);
        assert_eq!((values.len(), values.first(), values.last()), (LOOKS, Some(&100), Some(&399)));
        assert_eq!(history.of("/b", Graph::Tasks), [0_u64; 0]);
    }

    #[test]
    fn the_oldest_group_gives_way() {
        let mut history = History::default();
        history.begin();
        history.add(&row("/old", 1));
        history.begin();
        (0..GROUPS as u64).for_each(|number| history.add(&row(&format!("/{number}"), number)));
        assert_eq!(history.of("/old", Graph::Tasks), [0_u64; 0]);
        assert_eq!(history.of("/0", Graph::Tasks), [0]);
        assert_eq!(history.groups.len(), GROUPS);
    }

    #[test]
    fn what_was_not_read_in_full_is_not_kept() {
        let mut history = History::default();
        history.begin();
        history.add(&Row { complete: false, ..row("/a", 1) });
        assert_eq!(history.of("/a", Graph::Tasks), [0_u64; 0]);
    }
}
