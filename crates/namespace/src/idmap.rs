use std::fmt;

use crate::{Error, SubIdRange};

/// The most lines that the kernel takes in one map since Linux 4.15; before that it took 5.
pub const MAX_ENTRIES: usize = 340;

/// The kernel refuses a text of a page or more, `user_namespaces(7)`; no page is smaller than this.
const MAX_BYTES: usize = 4095;

/// User ids or group ids.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IdKind {
    /// User ids.
    Uid,
    /// Group ids.
    Gid,
}

impl IdKind {
    /// Returns the name of the map's file in `/proc/PID`.
    #[must_use]
    pub const fn map_file(self) -> &'static str {
        match self {
            Self::Uid => "uid_map",
            Self::Gid => "gid_map",
        }
    }
}

/// One range of ids: `size` ids from `inside` on are those from `outside` on in the parent user namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct IdMap {
    /// The first id in the user namespace.
    pub inside: u32,
    /// The first id in its parent.
    pub outside: u32,
    /// How many ids.
    pub size: u32,
}

impl IdMap {
    /// Checks one range.
    ///
    /// # Errors
    /// No ids, or ids beyond 4294967294: the highest number means "no id" to the kernel.
    pub fn new(inside: u32, outside: u32, size: u32) -> Result<Self, Error> {
        let map = Self { inside, outside, size };
        map.check().map(|()| map)
    }

    fn check(self) -> Result<(), Error> {
        if self.size == 0 {
            return Err(Error::rule(format!("id map {self}"), "size is 0"));
        }
        for first in [self.inside, self.outside] {
            if u64::from(first) + u64::from(self.size) > u64::from(u32::MAX) {
                return Err(Error::rule(format!("id map {self}"), "ids end at 4294967294"));
            }
        }
        Ok(())
    }

    /// Returns the id in the parent of the id `inside`, where this range has it.
    #[must_use]
    pub const fn outside_of(self, inside: u32) -> Option<u32> {
        match inside.checked_sub(self.inside) {
            Some(offset) if offset < self.size => self.outside.checked_add(offset),
            _ => None,
        }
    }
}

impl fmt::Display for IdMap {
    /// Prints a line of `/proc/PID/uid_map`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.inside, self.outside, self.size)
    }
}

/// The maps of one user namespace.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct IdMaps {
    /// User ids.
    pub uid: Vec<IdMap>,
    /// Group ids.
    pub gid: Vec<IdMap>,
}

impl IdMaps {
    /// Checks both maps by the rules of the kernel.
    ///
    /// # Errors
    /// An empty map, more than [`MAX_ENTRIES`] ranges or 4095 bytes of text, a range without ids or beyond the last id, and ranges that
    /// share an id on either side.
    pub fn new(uid: Vec<IdMap>, gid: Vec<IdMap>) -> Result<Self, Error> {
        check_map(IdKind::Uid, &uid)?;
        check_map(IdKind::Gid, &gid)?;
        Ok(Self { uid, gid })
    }

    /// Checks the map of one kind.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn check(kind: IdKind, maps: &[IdMap]) -> Result<(), Error> {
        check_map(kind, maps)
    }

    /// Returns the ranges of one kind.
    #[must_use]
    pub fn of(&self, kind: IdKind) -> &[IdMap] {
        match kind {
            IdKind::Uid => &self.uid,
            IdKind::Gid => &self.gid,
        }
    }

    /// Returns what is written to `/proc/PID/uid_map` or `gid_map`, in one write.
    #[must_use]
    pub fn text(&self, kind: IdKind) -> String {
        text(self.of(kind))
    }

    /// Returns the id in the parent namespace of an id inside, where it is mapped.
    #[must_use]
    pub fn outside_of(&self, kind: IdKind, inside: u32) -> Option<u32> {
        self.of(kind).iter().find_map(|map| map.outside_of(inside))
    }
}

fn text(maps: &[IdMap]) -> String {
    maps.iter().fold(String::new(), |text, map| format!("{text}{map}\n"))
}

fn check_map(kind: IdKind, maps: &[IdMap]) -> Result<(), Error> {
    let what = kind.map_file();
    if maps.is_empty() {
        return Err(Error::rule(what, "no ids are mapped"));
    }
    if maps.len() > MAX_ENTRIES {
        return Err(Error::rule(what, format!("{} ranges, the kernel takes {MAX_ENTRIES}", maps.len())));
    }
    let bytes = text(maps).len();
    if bytes > MAX_BYTES {
        return Err(Error::rule(what, format!("{bytes} bytes of text, the kernel takes {MAX_BYTES}")));
    }
    for map in maps {
        map.check()?;
    }
    check_overlap(what, "inside", maps, |map| map.inside)?;
    check_overlap(what, "outside", maps, |map| map.outside)
}

fn check_overlap(what: &str, side: &str, maps: &[IdMap], first: fn(&IdMap) -> u32) -> Result<(), Error> {
    let mut sorted: Vec<&IdMap> = maps.iter().collect();
    sorted.sort_by_key(|map| first(map));
    match sorted.windows(2).find(|pair| first(pair[0]) + pair[0].size > first(pair[1])) {
        None => Ok(()),
        Some(pair) => Err(Error::rule(what, format!("ranges {} and {} share ids {side}", pair[0], pair[1]))),
    }
}

/// Makes the maps of an ordinary user: 0 inside is the own id, 1 and up are the ranges of `/etc/subuid` and
/// `/etc/subgid`, one after the other.
///
/// Ranges that hold the own id, repeat one another or would not fit are cut or left out, as are those beyond
/// [`MAX_ENTRIES`]; without ranges it is a map of one id.
#[must_use]
pub fn default_rootless_maps(uid: u32, gid: u32, subuid: &[SubIdRange], subgid: &[SubIdRange]) -> IdMaps {
    IdMaps { uid: rootless_map(uid, subuid), gid: rootless_map(gid, subgid) }
}

fn rootless_map(own: u32, ranges: &[SubIdRange]) -> Vec<IdMap> {
    let mut maps = vec![IdMap { inside: 0, outside: own, size: 1 }];
    let mut next: u32 = 1;
    for range in ranges {
        if maps.len() == MAX_ENTRIES {
            break;
        }
        let room = (u32::MAX - next).min(u32::MAX - range.first);
        let map = IdMap { inside: next, outside: range.first, size: range.count.min(room) };
        let mut candidate = maps.clone();
        candidate.push(map);
        if check_map(IdKind::Uid, &candidate).is_ok() {
            next += map.size;
            maps = candidate;
        }
    }
    maps
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(inside: u32, outside: u32, size: u32) -> IdMap {
        IdMap { inside, outside, size }
    }

    #[test]
    fn good_maps_become_text() {
        let maps =
            IdMaps::new(vec![map(0, 1000, 1), map(1, 100_000, 65536)], vec![map(0, 0, u32::MAX)]).unwrap();
        assert_eq!(maps.text(IdKind::Uid), "0 1000 1\n1 100000 65536\n");
        assert_eq!(maps.text(IdKind::Gid), "0 0 4294967295\n");
        assert_eq!(maps.outside_of(IdKind::Uid, 0), Some(1000));
        assert_eq!(maps.outside_of(IdKind::Uid, 65536), Some(165_535));
        assert_eq!(maps.outside_of(IdKind::Uid, 65537), None);
    }

    #[test]
    fn bad_maps_are_refused() {
        let table = [
            (vec![], "uid_map: no ids are mapped"),
            (vec![map(0, 1000, 0)], "id map 0 1000 0: size is 0"),
            (vec![map(u32::MAX, 0, 1)], "id map 4294967295 0 1: ids end at 4294967294"),
            (vec![map(0, 1, u32::MAX)], "id map 0 1 4294967295: ids end at 4294967294"),
            (
                vec![map(5, 1000, 10), map(0, 2000, 6)],
                "uid_map: ranges 0 2000 6 and 5 1000 10 share ids inside",
            ),
            (
                vec![map(0, 1000, 10), map(10, 1009, 1)],
                "uid_map: ranges 0 1000 10 and 10 1009 1 share ids outside",
            ),
            (
                (0..200).map(|n| map(1_000_000_000 + n, 1_000_000_000 + n, 1)).collect(),
                "uid_map: 4800 bytes of text, the kernel takes 4095",
            ),
            ((0..341).map(|n| map(n, n, 1)).collect(), "uid_map: 341 ranges, the kernel takes 340"),
        ];
        for (uid, expected) in table {
            let error = IdMaps::new(uid, vec![map(0, 0, 1)]).unwrap_err();
            assert_eq!(error.to_string(), expected);
        }
        assert!(IdMaps::new((0..340).map(|n| map(n, n, 1)).collect(), vec![map(0, 0, 1)]).is_ok());
        assert!(IdMap::new(0, 0, 0).is_err());
    }

    #[test]
    fn rootless_maps_use_what_fits() {
        let range = |first, count| SubIdRange { first, count };
        let maps = default_rootless_maps(
            1000,
            100,
            &[range(100_000, 65536), range(300_000, 10), range(100_100, 10), range(999, 5)],
            &[],
        );
        assert_eq!(maps.uid, [map(0, 1000, 1), map(1, 100_000, 65536), map(65537, 300_000, 10)]);
        assert_eq!(maps.gid, [map(0, 100, 1)]);
        let huge = default_rootless_maps(1000, 0, &[range(100_000, u32::MAX)], &[range(1, u32::MAX)]);
        assert!(IdMaps::new(huge.uid, huge.gid).is_ok());
    }
}
