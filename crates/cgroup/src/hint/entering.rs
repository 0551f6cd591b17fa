//! Why the kernel does not let a process into a group.

use crate::{GroupPath, Layout, Place, Version};
use rustix::fs::{Access, AtFlags, CWD};
use rustix::io::Errno;
use rustix::process::Pid;

/// Explains the refused write of a pid to one of the files that move processes and threads.
pub(super) fn explain(place: &Place, name: &str, pid: &str, errno: Errno) -> Option<String> {
    Some(match errno {
        Errno::NOENT if !place.exists() => "there is no such group".to_owned(),
        Errno::NODEV => "the group is gone".to_owned(),
        Errno::SRCH => "there is no such process".to_owned(),
        Errno::NOSPC => "the group's cpuset has no CPUs or no memory nodes".to_owned(),
        Errno::BUSY => inner(place),
        Errno::OPNOTSUPP => threaded(place, name),
        Errno::ACCESS | Errno::PERM => denied(place, name, pid),
        Errno::ROFS => "this hierarchy is mounted read-only here".to_owned(),
        Errno::INVAL if name == "cgroup.procs" && is_kernel_thread(pid) => {
            "a thread of the kernel that is bound to its CPUs does not move".to_owned()
        }
        Errno::INVAL => "the process has realtime threads and the group no realtime runtime".to_owned(),
        _ => return None,
    })
}

fn inner(place: &Place) -> String {
    const RULE: &str = "a controller is enabled in its cgroup.subtree_control, and then only groups below may hold processes";
    let is_leaf = |group: &Place| {
        group.read_raw("cgroup.subtree_control").is_ok_and(|enabled| enabled.trim().is_empty())
    };
    let below = place.tree().unwrap_or_default().into_iter().skip(1);
    match below.into_iter().find(is_leaf) {
        Some(leaf) => format!("{RULE}, as {} may", leaf.path),
        None => format!("{RULE}: make one"),
    }
}

fn threaded(place: &Place, name: &str) -> String {
    let kind = place.read_raw("cgroup.type").unwrap_or_default();
    match (kind.trim(), name) {
        ("domain invalid", _) => {
            "its cgroup.type is domain invalid, as a group above is threaded: it has to be threaded, too"
        }
        ("threaded", "cgroup.procs") => {
            "its cgroup.type is threaded: it takes single threads, of processes that are in a group above"
        }
        (_, "cgroup.threads") => {
            "single threads go into groups whose cgroup.type is threaded, below the group of their process"
        }
        _ => "the group is in threaded mode or its type is invalid",
    }
    .to_owned()
}

/// Finds which of the conditions of a delegation fails; see "Delegation Containment" in cgroup-v2.rst of the kernel.
fn denied(place: &Place, name: &str, pid: &str) -> String {
    let uid = rustix::process::geteuid().as_raw();
    let not_ours = |group: &Place, what: &str| {
        let owner = rustix::fs::stat(group.file(name)).map_or(0, |found| found.st_uid);
        format!("uid {uid} may not write {name} of {}{what}: it belongs to uid {owner}", group.path)
    };
    if !may_write(place, name) {
        return not_ours(place, ", where the process would go");
    }
    let Some(process) = number(pid) else {
        return format!("this part of the tree is not delegated to uid {uid}");
    };
    if place.version == Version::V1 {
        let owner = rustix::fs::stat(format!("/proc/{process}")).map_or(0, |found| found.st_uid);
        return match owner == uid {
            true => "a security module or a user namespace is in the way".to_owned(),
            false => {
                format!("process {process} belongs to uid {owner}, and uid {uid} may move its own alone")
            }
        };
    }
    let from = Layout::detect().ok().and_then(|layout| place.home_of(&layout, process).ok().flatten());
    let Some(from) = from else {
        return format!("process {process} is in a group out of sight, or has gone");
    };
    let common = Place { path: common(&from.path, &place.path), ..place.clone() };
    match may_write(&common, name) {
        true => "a security module or a user namespace is in the way".to_owned(),
        false => {
            not_ours(&common, &format!(", the nearest group above both {} and {}", from.path, place.path))
        }
    }
}

/// Finds the lowest group that both are in or below.
fn common(a: &GroupPath, b: &GroupPath) -> GroupPath {
    let shared: Vec<&str> = a
        .relative()
        .split('/')
        .zip(b.relative().split('/'))
        .take_while(|(a, b)| a == b)
        .map(|(part, _)| part)
        .collect();
    GroupPath::root().join(&shared.join("/")).unwrap_or_else(|_| GroupPath::root())
}

pub(super) fn may_write(place: &Place, name: &str) -> bool {
    rustix::fs::accessat(CWD, place.file(name), Access::WRITE_OK, AtFlags::EACCESS).is_ok()
}

/// Reads what was written: a number, or 0 for the writer.
fn number(pid: &str) -> Option<Pid> {
    match pid.trim().parse().ok()? {
        0 => Some(rustix::process::getpid()),
        other => Pid::from_raw(other),
    }
}

/// Threads of the kernel have no program.
fn is_kernel_thread(pid: &str) -> bool {
    std::fs::read_link(format!("/proc/{}/exe", pid.trim())).is_err()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_group_above_both() {
        for (a, b, expected) in
            [("/a/b", "/a/c", "/a"), ("/a", "/b", "/"), ("/a/b/c", "/a/b", "/a/b"), ("/", "/a", "/")]
        {
            let path = |text| GroupPath::new(text).unwrap();
            assert_eq!(common(&path(a), &path(b)).as_str(), expected, "{a} {b}");
        }
    }
}
