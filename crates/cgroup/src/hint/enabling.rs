//! Why the kernel does not enable or disable a controller for the groups below one.

use crate::{GroupPath, Home, Layout, Place, Version};
use rustix::io::Errno;

/// More processes than these are counted only.
const NAMED: usize = 5;

/// Explains a refused write of `+CONTROLLER` or `-CONTROLLER` to `cgroup.subtree_control`.
pub(super) fn explain(place: &Place, words: &str, errno: Errno) -> Option<String> {
    match errno {
        Errno::BUSY if words.starts_with('-') => Some(held_below(place, words)),
        Errno::BUSY => Some(inhabited(place)),
        Errno::NOENT if place.exists() => {
            words.split_whitespace().find_map(|word| not_offered(place, word, &place.path))
        }
        Errno::INVAL => Some("the kernel knows no such controller on v2".to_owned()),
        Errno::OPNOTSUPP => {
            Some("the group or one above it is threaded, which not all controllers are".to_owned())
        }
        _ => None,
    }
}

/// Names the groups below that have one of the controllers enabled for those below them.
fn held_below(place: &Place, words: &str) -> String {
    let dropped: Vec<&str> = words.split_whitespace().filter_map(|word| word.strip_prefix('-')).collect();
    let holds = |group: &Place| {
        let enabled = group.read_raw("cgroup.subtree_control").unwrap_or_default();
        enabled.split_whitespace().any(|word| dropped.contains(&word))
    };
    let below = place.tree().unwrap_or_default().into_iter().skip(1);
    let holders: Vec<String> = below.filter(holds).map(|group| group.path.to_string()).collect();
    match holders.last() {
        // The lowest has to be the first to let go.
        Some(last) => format!(
            "still enabled in {}: `pal cgroup disable {last} {}` first",
            shortened(&holders),
            dropped.join(" ")
        ),
        None => "a group below has it enabled".to_owned(),
    }
}

/// Names the processes of a group that are in the way.
fn inhabited(place: &Place) -> String {
    let held = place.read_raw("cgroup.procs").unwrap_or_default();
    let named: Vec<String> = held.lines().map(|pid| format!("{pid} ({})", name_of(pid))).collect();
    if named.is_empty() {
        return "it holds processes, and only groups without groups below may once a controller is enabled"
            .to_owned();
    }
    format!(
        "it holds {}, and only groups without groups below may once a controller is enabled; pal's --make-leaf moves them",
        shortened(&named)
    )
}

fn name_of(pid: &str) -> String {
    let name = std::fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
    name.trim_end().chars().filter(|character| !character.is_control()).collect()
}

fn shortened(words: &[String]) -> String {
    let shown = words[..words.len().min(NAMED)].join(", ");
    match words.len().saturating_sub(NAMED) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

/// Finds out why a group cannot pass a controller on: who above does not, or why the tree has none.
///
/// `target` is the group that would have to pass it on.
pub(super) fn not_offered(place: &Place, word: &str, target: &GroupPath) -> Option<String> {
    let name = word.trim_start_matches('+');
    let lists = |group: &Place, file: &str| {
        let list = group.read_raw(file).unwrap_or_default();
        list.split_whitespace().any(|controller| controller == name)
    };
    if lists(place, "cgroup.controllers") {
        return None;
    }
    let above = place.above();
    let in_tree = above.first().is_some_and(|root| lists(root, "cgroup.controllers"));
    if let Some(gap) = above.iter().find(|group| in_tree && !lists(group, "cgroup.subtree_control")) {
        let path = &gap.path;
        return Some(format!(
            "{path} does not pass {name} on: `pal cgroup enable --parents {target} {name}`"
        ));
    }
    Some(elsewhere(name))
}

/// Says where a controller is that the v2 tree does not have.
pub(super) fn elsewhere(name: &str) -> String {
    let Some(controller) = crate::Controller::from_name(name) else {
        return format!("the kernel knows no controller {name}");
    };
    let Ok(layout) = Layout::detect() else { return format!("the v2 tree has no {name}") };
    match (layout.home(controller), layout.hierarchy(controller)) {
        (_, Some(home)) if home.version == Version::V1 => {
            format!("{name} is in the v1 hierarchy at {}, where every group has it", home.mount.display())
        }
        (Home::Disabled, _) => format!("{name} is disabled by cgroup_disable= at boot"),
        (Home::Absent, _) => format!("the kernel was built without {name}"),
        _ => format!("the v2 tree has no {name}"),
    }
}
