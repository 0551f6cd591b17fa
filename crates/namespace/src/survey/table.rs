//! Namespaces by their numbers while they are counted.

use std::collections::HashMap;

use super::{Found, Keeper};
use crate::{Kind, Kinds};

/// Namespaces that were found so far.
#[derive(Debug, Default)]
pub(super) struct Table {
    pub(super) found: Vec<Found>,
    places: HashMap<u64, usize>,
    /// The namespace of each kind that the process before was in: most are in the same.
    latest: [(u64, usize); 8],
}

impl Table {
    /// Counts a process.
    pub(super) fn count(&mut self, kind: Kind, number: u64, pid: u32) {
        let (latest, place) = self.latest[kind.index()];
        let place = if latest == number { place } else { self.place(kind, number) };
        self.latest[kind.index()] = (number, place);
        let found = &mut self.found[place];
        found.processes += 1;
        found.first = Some(found.first.map_or(pid, |first| first.min(pid)));
    }

    /// Notes down what keeps a namespace.
    pub(super) fn keep(&mut self, kind: Kind, number: u64, keeper: Keeper) {
        let place = self.place(kind, number);
        let keepers = &mut self.found[place].keepers;
        if !keepers.contains(&keeper) {
            keepers.push(keeper);
        }
    }

    /// Finds the place of a namespace, a new one if need be.
    pub(super) fn place(&mut self, kind: Kind, number: u64) -> usize {
        *self.places.entry(number).or_insert_with(|| {
            self.found.push(Found {
                kind,
                number,
                processes: 0,
                first: None,
                owner: None,
                parent: None,
                owner_uid: None,
                keepers: Vec::new(),
            });
            self.found.len() - 1
        })
    }

    /// Adds what another thread has found.
    pub(super) fn merge(&mut self, other: Self) {
        for found in other.found {
            let place = self.place(found.kind, found.number);
            let mine = &mut self.found[place];
            mine.processes += found.processes;
            mine.first = [mine.first, found.first].into_iter().flatten().min();
            mine.keepers.extend(found.keepers);
        }
    }

    /// Gives the namespaces of the wanted kinds in their order.
    pub(super) fn finish(self, kinds: Kinds) -> Vec<Found> {
        let mut found = self.found;
        found.retain(|one| kinds.contains(one.kind));
        found.sort_by_key(|one| (one.kind, one.number));
        found
    }
}

/// Reads the text of a namespace's link, `net:[4026531833]`.
pub(super) fn parse(link: &[u8]) -> Option<(Kind, u64)> {
    let text = std::str::from_utf8(link).ok()?;
    let (kind, number) = text.split_once(":[")?;
    Some((Kind::from_name(kind)?, number.strip_suffix(']')?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_read() {
        assert_eq!(parse(b"net:[4026531833]"), Some((Kind::Net, 4_026_531_833)));
        assert_eq!(parse(b"mnt:[1]"), Some((Kind::Mount, 1)));
        for other in [&b"pipe:[7]"[..], b"net:[x]", b"net:[7", b"/dev/null", b"\xff:[7]"] {
            assert_eq!(parse(other), None);
        }
    }

    #[test]
    fn what_threads_found_is_added_up() {
        let (mut one, mut other) = (Table::default(), Table::default());
        one.count(Kind::Net, 7, 20);
        one.count(Kind::Net, 8, 21);
        one.count(Kind::Net, 7, 22);
        other.count(Kind::Net, 7, 10);
        other.keep(Kind::Uts, 9, Keeper::Descriptor { pid: 10, number: 3 });
        one.merge(other);
        let found = one.finish(Kinds::NONE.with(Kind::Net).with(Kind::Uts));
        let counts: Vec<_> = found.iter().map(|found| (found.number, found.processes, found.first)).collect();
        assert_eq!(counts, [(7, 3, Some(10)), (8, 1, Some(21)), (9, 0, None)]);
    }
}
