//! Which rows are shown, and in which order; pure.

use std::cmp::Ordering;
use std::collections::HashSet;

use palisade_cgroup::survey::Metrics;

use super::sampler::Row;
use crate::arguments::cgroup::SortKey;

/// How rows are put in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Order {
    pub(super) key: SortKey,
    pub(super) direction: Direction,
    pub(super) shape: Shape,
    /// Only what has this in its path or container's name; everything where it is empty.
    pub(super) filter: String,
    /// The paths of groups whose groups below are hidden.
    pub(super) folded: HashSet<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Direction {
    /// The largest first, and names from a to z.
    Usual,
    Reversed,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    /// Each group below the one that it is in.
    Tree,
    /// One list.
    Flat,
}

impl Order {
    pub(super) fn new(key: SortKey, shape: Shape, filter: String) -> Self {
        Self { key, direction: Direction::Usual, shape, filter, folded: HashSet::new() }
    }

    /// Returns what has to be read of each group to put them in order.
    pub(super) fn metrics(&self) -> Metrics {
        match self.key {
            SortKey::Name => Metrics::NONE,
            SortKey::Cpu => Metrics::CPU,
            SortKey::Memory => Metrics::MEMORY,
            SortKey::Io => Metrics::IO_BYTES,
            SortKey::Tasks => Metrics::TASKS,
            SortKey::Pressure => Metrics::PRESSURE,
            SortKey::Oom => Metrics::OOM_KILLS,
        }
    }

    /// Returns the indexes of the rows to show, in order.
    pub(super) fn of(&self, rows: &[Row]) -> Vec<usize> {
        match self.shape {
            Shape::Tree => self.tree(rows),
            Shape::Flat => {
                let mut shown: Vec<usize> =
                    (0..rows.len()).filter(|index| self.matches(&rows[*index])).collect();
                shown.sort_by(|a, b| self.compare(&rows[*a], &rows[*b]));
                shown
            }
        }
    }

    fn matches(&self, row: &Row) -> bool {
        let named = row.container.as_ref().is_some_and(|name| name.contains(&self.filter));
        named || row.path.contains(&self.filter)
    }

    fn tree(&self, rows: &[Row]) -> Vec<usize> {
        // A group that is passed over is shown where one below it is not.
        let mut kept: Vec<bool> = rows.iter().map(|row| self.matches(row)).collect();
        let mut below: Vec<Vec<usize>> = vec![Vec::new(); rows.len()];
        let mut pending = Vec::new();
        for index in (0..rows.len()).rev() {
            if !kept[index] {
                continue;
            }
            match rows[index].parent {
                Some(parent) => {
                    kept[parent] = true;
                    below[parent].push(index);
                }
                None => pending.push(index),
            }
        }
        let mut shown = Vec::new();
        self.sort_reversed(rows, &mut pending);
        while let Some(index) = pending.pop() {
            shown.push(index);
            if self.folded.contains(&rows[index].path) {
                continue;
            }
            let children = &mut below[index];
            self.sort_reversed(rows, children);
            pending.append(children);
        }
        shown
    }

    /// Sorts so that the last comes first, as it is taken first.
    fn sort_reversed(&self, rows: &[Row], indexes: &mut [usize]) {
        indexes.sort_by(|a, b| self.compare(&rows[*b], &rows[*a]));
    }

    fn compare(&self, a: &Row, b: &Row) -> Ordering {
        let by_name = || (a.container.as_ref(), &a.path).cmp(&(b.container.as_ref(), &b.path));
        let order = match self.key {
            SortKey::Name => by_name(),
            // What is not known comes last.
            key => value(b, key).partial_cmp(&value(a, key)).unwrap_or(Ordering::Equal),
        };
        let order = if self.direction == Direction::Reversed { order.reverse() } else { order };
        order.then_with(by_name)
    }
}

/// What a row is sorted by.
fn value(row: &Row, key: SortKey) -> Option<f64> {
    let (rates, counters) = (&row.rates, &row.counters);
    match key {
        SortKey::Name => None,
        SortKey::Cpu => rates.cpu,
        SortKey::Memory => counters.memory.map(float),
        SortKey::Io => match (rates.read_bytes, rates.write_bytes) {
            (None, None) => None,
            (read, write) => Some(read.unwrap_or(0.0) + write.unwrap_or(0.0)),
        },
        SortKey::Tasks => counters.tasks.map(float),
        SortKey::Pressure => {
            let all = [rates.cpu_pressure, rates.memory_pressure, rates.io_pressure];
            all.into_iter().flatten().reduce(f64::max)
        }
        SortKey::Oom => counters.oom_kills.map(float),
    }
}

#[expect(clippy::cast_precision_loss, reason = "an order need not be exact to the last of 53 bits")]
fn float(number: u64) -> f64 {
    number as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A tree with the groups `/`, `/a`, `/a/x`, `/a/y`, `/b` and `/c`.
    fn rows() -> Vec<Row> {
        let row = |path: &str, parent, tasks| {
            let mut row = Row { path: path.to_owned(), parent, ..Row::default() };
            row.counters.tasks = tasks;
            row
        };
        vec![
            row("/", None, Some(9)),
            row("/a", Some(0), Some(5)),
            row("/a/x", Some(1), Some(1)),
            row("/a/y", Some(1), Some(4)),
            row("/b", Some(0), None),
            row("/c", Some(0), Some(6)),
        ]
    }

    #[track_caller]
    fn check(change: impl FnOnce(&mut Order), wanted: &[&str]) {
        let mut order = Order::new(SortKey::Name, Shape::Tree, String::new());
        change(&mut order);
        let rows = rows();
        let shown: Vec<&str> = order.of(&rows).into_iter().map(|index| rows[index].path.as_str()).collect();
        assert_eq!(shown, wanted);
    }

    #[test]
    fn a_tree_keeps_its_form() {
        check(|_| {}, &["/", "/a", "/a/x", "/a/y", "/b", "/c"]);
        check(|order| order.key = SortKey::Tasks, &["/", "/c", "/a", "/a/y", "/a/x", "/b"]);
        check(|order| order.direction = Direction::Reversed, &["/", "/c", "/b", "/a", "/a/y", "/a/x"]);
    }

    #[test]
    fn a_list_has_none() {
        let flat = |order: &mut Order| {
            (order.shape, order.key) = (Shape::Flat, SortKey::Tasks);
        };
        check(flat, &["/", "/c", "/a", "/a/y", "/a/x", "/b"]);
    }

    #[test]
    fn folded_groups_hide_those_below() {
        check(|order| order.folded = HashSet::from(["/a".to_owned()]), &["/", "/a", "/b", "/c"]);
        check(|order| order.folded = HashSet::from(["/".to_owned()]), &["/"]);
    }

    #[test]
    fn a_filter_keeps_the_way_to_what_it_finds() {
        check(|order| order.filter = "y".to_owned(), &["/", "/a", "/a/y"]);
        check(|order| order.filter = "none".to_owned(), &[]);
        let flat = |order: &mut Order| {
            order.shape = Shape::Flat;
            order.filter = "a/".to_owned();
        };
        check(flat, &["/a/x", "/a/y"]);
    }
}
