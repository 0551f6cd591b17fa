//! The cgroup mounts in `/proc/self/mountinfo`.

use crate::{Controller, Version};
use palisade_sys::mountinfo::unescape;
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

/// One cgroup mount as mountinfo tells it.
#[derive(Debug, PartialEq)]
pub(crate) struct CgroupMount {
    pub(crate) version: Version,
    /// The number of the super block: the same for all mounts of one hierarchy.
    pub(crate) device: String,
    /// The directory of the hierarchy that is seen at the mount point.
    pub(crate) root: String,
    pub(crate) mount: PathBuf,
    pub(crate) controllers: Vec<Controller>,
    pub(crate) name: Option<String>,
    pub(crate) writable: bool,
}

/// Picks the cgroup mounts out of the text of a mountinfo file, those whose mount point leads to them. Skips lines that it
/// cannot read.
pub(crate) fn parse(text: &[u8]) -> Vec<CgroupMount> {
    let lines = || text.split(|&byte| byte == b'\n');
    let places: Vec<Place<'_>> = lines().filter_map(Place::read).collect();
    let in_sight =
        |line| parse_line(line).filter(|_| Place::read(line).is_some_and(|it| !it.is_covered(&places)));
    lines().filter_map(in_sight).collect()
}

/// The fields of a line that say where its mount is.
#[derive(Clone, Copy)]
struct Place<'a> {
    id: u32,
    parent: u32,
    point: &'a [u8],
}

impl<'a> Place<'a> {
    fn read(line: &'a [u8]) -> Option<Self> {
        let mut fields = line.splitn(6, |&byte| byte == b' ');
        let mut number = || std::str::from_utf8(fields.next()?).ok()?.parse().ok();
        let (id, parent) = (number()?, number()?);
        Some(Self { id, parent, point: fields.nth(2)? })
    }

    /// Tells whether something is mounted over this mount or over a directory above it.
    fn is_covered(self, places: &[Self]) -> bool {
        if places.iter().any(|other| other.parent == self.id && other.point == self.point) {
            return true;
        }
        let mut here = Some(self);
        // Upwards; the last is nobody's child, or its own.
        for _ in 0..places.len() {
            let Some(place) = here else { return false };
            if places.iter().any(|other| other.is_above(place)) {
                return true;
            }
            here = places.iter().find(|other| other.id == place.parent && other.id != place.id).copied();
        }
        false
    }

    /// Tells whether this mount is on a directory above another one, in the mount that both are on.
    fn is_above(self, other: Self) -> bool {
        let is_below = || match other.point.strip_prefix(self.point) {
            Some(rest) => self.point == b"/" || rest.starts_with(b"/"),
            None => false,
        };
        self.parent == other.parent && self.id != other.id && self.point != other.point && is_below()
    }
}

/// Reads one line, whose layout proc_pid_mountinfo(5) gives.
fn parse_line(line: &[u8]) -> Option<CgroupMount> {
    let separator = line.windows(3).position(|window| window == b" - ")?;
    let (before, after) = (&line[..separator], &line[separator + 3..]);
    let mut after = after.split(|&byte| byte == b' ');
    let version = match after.next()? {
        b"cgroup" => Version::V1,
        b"cgroup2" => Version::V2,
        _ => return None,
    };
    let super_options = std::str::from_utf8(after.nth(1)?).ok()?;
    let mut before = before.split(|&byte| byte == b' ').skip(2);
    let device = String::from_utf8(before.next()?.to_vec()).ok()?;
    let root = String::from_utf8(unescape(before.next()?)).ok()?;
    let mount = PathBuf::from(OsString::from_vec(unescape(before.next()?)));
    let mount_options = std::str::from_utf8(before.next()?).ok()?;
    let read_only = |options: &str| options.split(',').any(|option| option == "ro");
    let mut found = CgroupMount {
        version,
        device,
        root,
        mount,
        controllers: Vec::new(),
        name: None,
        writable: !read_only(mount_options) && !read_only(super_options),
    };
    if version == Version::V1 {
        for option in super_options.split(',') {
            if let Some(name) = option.strip_prefix("name=") {
                found.name = Some(name.to_owned());
            } else {
                found.controllers.extend(Controller::from_name(option));
            }
        }
    }
    Some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_v1_line_with_tags_and_escapes() {
        let line = br"40 31 0:33 /docker/a\040b /sys/fs/cgroup/cpu,\134x rw,nosuid shared:14 master:2 - cgroup cgroup rw,cpu,cpuacct,release_agent=/x";
        let found = parse(line);
        assert_eq!(
            found,
            [CgroupMount {
                version: Version::V1,
                device: "0:33".into(),
                root: "/docker/a b".into(),
                mount: "/sys/fs/cgroup/cpu,\\x".into(),
                controllers: vec![Controller::Cpu, Controller::Cpuacct],
                name: None,
                writable: true,
            }]
        );
    }

    #[test]
    fn read_only_by_mount_or_by_super_block() {
        let text = b"1 2 0:3 / /a ro - cgroup2 none rw\n1 2 0:3 / /b rw - cgroup2 none ro\n";
        assert!(parse(text).iter().all(|mount| !mount.writable));
    }

    #[test]
    fn what_is_covered_is_not_there() {
        let points =
            |text: &[u8]| -> Vec<PathBuf> { parse(text).into_iter().map(|mount| mount.mount).collect() };
        let hybrid = b"20 1 0:1 / / rw - ext4 x rw\n\
            30 20 0:4 / /sys rw - sysfs x rw\n\
            31 30 0:5 / /sys/fs/cgroup rw - tmpfs x rw\n\
            32 31 0:6 / /sys/fs/cgroup/unified rw - cgroup2 x rw\n\
            33 31 0:7 / /sys/fs/cgroup/cpu rw - cgroup x rw,cpu\n";
        let below = ["/sys/fs/cgroup/unified", "/sys/fs/cgroup/cpu"].map(PathBuf::from);
        assert_eq!(points(hybrid), below);
        let with = |line: &str| [hybrid.as_slice(), line.as_bytes()].concat();
        let over_all = with("40 31 0:6 / /sys/fs/cgroup rw - cgroup2 x rw\n");
        assert_eq!(points(&over_all), [PathBuf::from("/sys/fs/cgroup")]);
        assert!(points(&with("40 30 0:9 / /sys rw - sysfs x rw\n")).is_empty());
        assert_eq!(points(&with("40 33 0:9 / /sys/fs/cgroup/cpu rw - tmpfs x rw\n")), below[..1]);
        assert_eq!(points(&with("40 32 0:9 / /sys/fs/cgroup/unified/a rw - tmpfs x rw\n")), below);
        assert_eq!(points(&with("40 31 0:9 / /sys/fs/cgroup/c rw - tmpfs x rw\n")), below);
    }

    #[test]
    fn other_and_broken_lines_are_skipped() {
        assert!(parse(b"1 2 0:3 / /a rw - tmpfs cgroup rw\ngarbage\n - cgroup\n1 - cgroup2 x rw").is_empty());
    }
}
