//! What usually causes the kernel to refuse a file of a group.

mod cpus;
mod enabling;
mod entering;

use crate::{Controller, GroupPath, Place, Version};
use rustix::io::Errno;

/// Explains a refused write; looks at the machine only where that tells more.
pub(crate) fn for_write(place: &Place, name: &str, value: &str, errno: Errno) -> Option<String> {
    if matches!(name, "cgroup.procs" | "tasks" | "cgroup.threads") {
        return entering::explain(place, name, value, errno);
    }
    let particular = match name {
        "cgroup.subtree_control" => enabling::explain(place, value, errno),
        "cpuset.cpus" | "cpuset.mems" if entering::may_write(place, name) => {
            cpus::explain(place, name, value, errno)
        }
        "memory.limit_in_bytes" | "memory.memsw.limit_in_bytes" => memory(place, name, errno),
        _ => None,
    };
    if particular.is_some() {
        return particular;
    }
    let text = match (errno, name) {
        (Errno::NOENT | Errno::ACCESS | Errno::PERM | Errno::ROFS, _) => {
            return for_access(place, name, errno);
        }
        (Errno::BUSY, "cpuset.cpus" | "cpuset.mems") => "processes or groups below still use what would go",
        (Errno::INVAL | Errno::RANGE | Errno::NXIO, "cpuset.cpus" | "cpuset.mems") => {
            "not a list, or not online on this machine"
        }
        (Errno::INVAL, "cpu.rt_runtime_us" | "cpu.rt_period_us") => {
            "more than the group above has to give: set its cpu.rt_runtime_us first"
        }
        (Errno::INVAL, _) if name.starts_with("cpu.cfs_") || name.starts_with("cpu.max") => {
            "more than the group above has, or the burst is above the quota"
        }
        (Errno::INVAL, "cpu.weight" | "cpu.shares") => "an idle group takes no weight: cpu.idle first",
        (Errno::OPNOTSUPP, "memory.kmem.limit_in_bytes") => {
            "kernels from 5.16 on have no kernel memory limit"
        }
        (Errno::INVAL, _) if takes_device(name) && !begins_with_device(value) => {
            "a device is named by its numbers, MAJOR:MINOR, which lsblk shows"
        }
        (Errno::INVAL, "devices.allow" | "devices.deny") => {
            "groups below keep it from being reset, or not a rule"
        }
        (Errno::NODEV, _) => "there is no such device",
        (Errno::INVAL, _) => "the kernel does not take this value",
        _ => return None,
    };
    Some(text.to_owned())
}

fn takes_device(name: &str) -> bool {
    let is_weight = matches!(name, "io.weight" | "io.bfq.weight" | "blkio.weight" | "blkio.bfq.weight");
    (name.starts_with("io.") || name.starts_with("blkio.")) && !is_weight
}

fn begins_with_device(value: &str) -> bool {
    let first = value.split_whitespace().next().unwrap_or_default();
    first
        .split_once(':')
        .is_some_and(|(major, minor)| [major, minor].iter().all(|number| number.parse::<u32>().is_ok()))
}

/// Explains why a file could not be opened.
pub(crate) fn for_access(place: &Place, name: &str, errno: Errno) -> Option<String> {
    match errno {
        Errno::NOENT => Some(missing(place, name)),
        Errno::ROFS => Some("this hierarchy is mounted read-only here".to_owned()),
        Errno::PERM if name == "devices.allow" => {
            Some("the group above does not have the device, or CAP_SYS_ADMIN is missing".to_owned())
        }
        Errno::ACCESS | Errno::PERM => Some(denied(place, name)),
        _ => None,
    }
}

/// Explains the refused limits of v1 on memory, which depend on each other and on what is in use.
fn memory(place: &Place, name: &str, errno: Errno) -> Option<String> {
    let read = |file: &str| place.read_raw(file).ok().map(|text| text.trim().to_owned());
    match errno {
        Errno::BUSY => {
            let usage = read(&name.replace("limit", "usage"))?;
            Some(format!("the group uses {usage} bytes, and the kernel could not reclaim enough of them"))
        }
        Errno::INVAL => {
            let (memory, both) = ("memory.limit_in_bytes", "memory.memsw.limit_in_bytes");
            let other = if name == memory { both } else { memory };
            let limit = read(other)?;
            Some(format!("memory must not exceed memory and swap together, and {other} is {limit}: set both"))
        }
        _ => None,
    }
}

/// Finds which condition of a delegation fails: whose the file is, or whose the group.
fn denied(place: &Place, name: &str) -> String {
    let uid = rustix::process::geteuid().as_raw();
    let owner = |file: &str| rustix::fs::stat(place.file(file)).map(|found| found.st_uid).ok();
    match (owner(name), owner("")) {
        _ if uid == 0 => "a security module or a user namespace is in the way".to_owned(),
        (Some(file), Some(group)) if group == uid && file != uid => format!(
            "{} is delegated to uid {uid}, its limits are not: they belong to uid {file}; make a group below",
            place.path
        ),
        (Some(file), _) if file != uid => {
            format!("{} is not delegated to uid {uid}: it belongs to uid {file}", place.path)
        }
        _ => format!("this part of the tree is not delegated to uid {uid}"),
    }
}

/// Finds out why a file is not there: the group, the controller in a group above, or the kernel.
fn missing(place: &Place, name: &str) -> String {
    if place.read_raw("cgroup.procs") == Err(Errno::NOENT) {
        return "there is no such group".to_owned();
    }
    let prefix = name.split('.').next().unwrap_or(name);
    if place.version == Version::V2 && Controller::from_name(prefix).is_some() {
        let above = place.path.parent().unwrap_or_else(GroupPath::root);
        if let Some(why) = enabling::not_offered(place, prefix, &above) {
            return why;
        }
    }
    if place.path.is_root() {
        return "the root of a hierarchy has no such file".to_owned();
    }
    format!("this kernel has no {name}, or it was built or started without it")
}

/// Explains a directory that could not be made.
pub(crate) fn for_mkdir(_place: &Place, _name: &str, errno: Errno) -> Option<String> {
    match errno {
        Errno::ACCESS | Errno::PERM | Errno::ROFS => {
            let uid = rustix::process::geteuid().as_raw();
            Some(format!("this part of the tree is read-only or not delegated to uid {uid}"))
        }
        Errno::AGAIN => {
            Some("cgroup.max.descendants or cgroup.max.depth of a group above is reached".to_owned())
        }
        Errno::NOSPC => Some("the kernel has no more ids for groups of this controller".to_owned()),
        Errno::NOMEM => Some("the kernel has no memory, or the memory controller no more ids".to_owned()),
        _ => None,
    }
}

/// Explains a directory that could not be removed.
pub(crate) fn for_rmdir(place: &Place, _name: &str, errno: Errno) -> Option<String> {
    match errno {
        Errno::BUSY | Errno::NOTEMPTY => {
            let held = place.read_raw("cgroup.procs").unwrap_or_default();
            Some(match held.lines().next() {
                Some(first) => {
                    format!("it holds {}", crowd(first, held.lines().count()))
                }
                None => "there are groups below it".to_owned(),
            })
        }
        Errno::ACCESS | Errno::PERM | Errno::ROFS => for_mkdir(place, "", errno),
        _ => None,
    }
}

/// Tells how many processes are in the way, and one of them to look at.
pub(crate) fn crowd(first: impl std::fmt::Display, count: usize) -> String {
    match count {
        1 => format!("process {first}"),
        _ => format!("{count} processes, {first} the first of them"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_are_named_by_numbers() {
        for (name, value, is_wrong) in [
            ("io.max", "vda wbps=1", true),
            ("io.max", "254:0 wbps=1", false),
            ("blkio.throttle.write_bps_device", "/dev/vda 7", true),
            ("blkio.throttle.write_bps_device", "8:x 7", true),
            ("io.weight", "luck", false),
            ("memory.max", "luck", false),
        ] {
            assert_eq!(takes_device(name) && !begins_with_device(value), is_wrong, "{name} {value}");
        }
    }
}
