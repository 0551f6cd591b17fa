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

/// Picks the cgroup mounts out of the text of a mountinfo file and skips lines that it cannot read.
pub(crate) fn parse(text: &[u8]) -> Vec<CgroupMount> {
    text.split(|&byte| byte == b'\n').filter_map(parse_line).collect()
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
    fn other_and_broken_lines_are_skipped() {
        assert!(parse(b"1 2 0:3 / /a rw - tmpfs cgroup rw\ngarbage\n - cgroup\n1 - cgroup2 x rw").is_empty());
    }
}
