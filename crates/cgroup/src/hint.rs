//! What usually causes the kernel to refuse a file of a group.

mod entering;

use crate::{Controller, Place, Version};
use rustix::io::Errno;

/// Explains a refused write; looks at the machine only where that tells more.
pub(crate) fn for_write(place: &Place, name: &str, value: &str, errno: Errno) -> Option<String> {
    if matches!(name, "cgroup.procs" | "tasks" | "cgroup.threads") {
        return entering::explain(place, name, value, errno);
    }
    let text = match (errno, name) {
        (Errno::NOENT, "cgroup.subtree_control") if place.exists() => {
            "a group above does not offer the controller"
        }
        (Errno::NOENT | Errno::ACCESS | Errno::PERM | Errno::ROFS, _) => {
            return for_access(place, name, errno);
        }
        (Errno::BUSY, "cgroup.subtree_control") => {
            "the group itself holds processes, and only groups without groups below may once a controller is enabled"
        }
        (Errno::BUSY, "memory.limit_in_bytes" | "memory.memsw.limit_in_bytes") => {
            "the group uses more than that and it cannot be reclaimed"
        }
        (Errno::BUSY, "cpuset.cpus" | "cpuset.mems") => "processes or groups below still use what would go",
        (Errno::INVAL, "memory.limit_in_bytes" | "memory.memsw.limit_in_bytes") => {
            "memory must not exceed memory and swap together"
        }
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
        (Errno::INVAL, "devices.allow" | "devices.deny") => {
            "groups below keep it from being reset, or not a rule"
        }
        (Errno::NODEV, _) => "there is no such device",
        (Errno::INVAL, _) => "the kernel does not take this value",
        _ => return None,
    };
    Some(text.to_owned())
}

/// Explains why a file could not be opened.
pub(crate) fn for_access(place: &Place, name: &str, errno: Errno) -> Option<String> {
    match errno {
        Errno::NOENT => Some(missing(place, name)),
        Errno::ROFS => Some("this hierarchy is mounted read-only here".to_owned()),
        Errno::PERM if name == "devices.allow" => {
            Some("the group above does not have the device, or CAP_SYS_ADMIN is missing".to_owned())
        }
        Errno::ACCESS if matches!(name, "cpuset.cpus" | "cpuset.mems") => {
            Some("the group above does not have them, or this part of the tree is not delegated".to_owned())
        }
        Errno::ACCESS | Errno::PERM => {
            let uid = rustix::process::geteuid().as_raw();
            Some(format!("this part of the tree is not delegated to uid {uid}"))
        }
        _ => None,
    }
}

/// Finds out why a file is not there: the group, the controller in a group above, or the kernel.
fn missing(place: &Place, name: &str) -> String {
    if place.read_raw("cgroup.procs") == Err(Errno::NOENT) {
        return "the group is gone".to_owned();
    }
    let prefix = name.split('.').next().unwrap_or(name);
    if place.version == Version::V2 && Controller::from_name(prefix).is_some() {
        let lacks = |above: &Place| {
            above
                .read_raw("cgroup.subtree_control")
                .is_ok_and(|enabled| !enabled.split_whitespace().any(|word| word == prefix))
        };
        if let Some(above) = place.above().into_iter().find(lacks) {
            return format!(
                "{prefix} is not enabled in cgroup.subtree_control of {}",
                above.directory().display()
            );
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
