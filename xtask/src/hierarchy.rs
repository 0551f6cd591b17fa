//! The cgroup hierarchies that are mounted on this machine.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// Which of the two interfaces a hierarchy has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Version {
    V1,
    V2,
}

/// One mounted hierarchy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Hierarchy {
    pub(crate) path: PathBuf,
    pub(crate) version: Version,
}

/// Lists the hierarchies in the order in which they were mounted.
pub(crate) fn mounted() -> Result<Vec<Hierarchy>> {
    let text = fs::read_to_string("/proc/self/mountinfo").context("read /proc/self/mountinfo")?;
    Ok(parse(&text))
}

/// Reads mountinfo (proc_pid_mountinfo(5)): of a hierarchy mounted twice the first place counts.
fn parse(mountinfo: &str) -> Vec<Hierarchy> {
    let mut devices = Vec::new();
    let mut found = Vec::new();
    for line in mountinfo.lines() {
        let Some((mount, file_system)) = line.split_once(" - ") else { continue };
        let version = match file_system.split(' ').next() {
            Some("cgroup") => Version::V1,
            Some("cgroup2") => Version::V2,
            _ => continue,
        };
        let fields: Vec<&str> = mount.split(' ').collect();
        let [_, _, device, "/", path, ..] = fields[..] else { continue };
        if devices.contains(&device) {
            continue;
        }
        devices.push(device);
        found.push(Hierarchy { path: PathBuf::from(path), version });
    }
    found
}

/// Lists the groups below `hierarchies` whose name contains `mark`, the deepest first.
pub(crate) fn groups_named(hierarchies: &[Hierarchy], mark: &str) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for hierarchy in hierarchies {
        walk(&hierarchy.path, mark, &mut found)?;
    }
    Ok(found)
}

fn walk(directory: &Path, mark: &str, found: &mut Vec<PathBuf>) -> Result<()> {
    let entries = match fs::read_dir(directory) {
        Ok(entries) => entries,
        // Somebody else's group may go while this looks.
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error).with_context(|| format!("read {}", directory.display())),
    };
    for entry in entries {
        let entry = entry.with_context(|| format!("read {}", directory.display()))?;
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            walk(&entry.path(), mark, found)?;
        }
    }
    if directory.to_string_lossy().contains(mark) {
        found.push(directory.to_owned());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hierarchy_counts_once_and_only_from_its_root() {
        let text = "\
24 1 0:20 / /sys/fs/cgroup rw - tmpfs tmpfs rw
25 24 0:21 / /sys/fs/cgroup/pids rw,relatime shared:3 - cgroup cgroup rw,pids
26 24 0:22 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw
27 1 0:21 / /mnt/pids rw - cgroup cgroup rw,pids
28 1 0:23 /below /mnt/cpu rw - cgroup cgroup rw,cpu
";
        let at = |path: &str, version| Hierarchy { path: path.into(), version };
        let wanted = [at("/sys/fs/cgroup/pids", Version::V1), at("/sys/fs/cgroup/unified", Version::V2)];
        assert_eq!(parse(text), wanted);
    }
}
