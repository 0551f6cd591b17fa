//! Walks and readings of directories that look like hierarchies of both versions.

use super::*;
use crate::{Controller, GroupPath, Hierarchy, Home, Limit, Version};
use std::fs;
use std::path::Path;

/// Makes a hybrid machine: memory and pids in a hierarchy of v1 each, the rest in the v2 tree.
fn machine(root: &Path) -> Layout {
    let tree = |name: &str, version, controllers: &[Controller]| Hierarchy {
        version,
        mount: root.join(name),
        root: "/".to_owned(),
        controllers: controllers.to_vec(),
        name: None,
        own: "/".to_owned(),
    };
    let hierarchies = vec![
        tree("memory", Version::V1, &[Controller::Memory]),
        tree("pids", Version::V1, &[Controller::Pids]),
        tree("unified", Version::V2, &[Controller::Cpu]),
    ];
    let homes = [
        (Controller::Memory, Home::Hierarchy(0)),
        (Controller::Pids, Home::Hierarchy(1)),
        (Controller::Cpu, Home::Hierarchy(2)),
        (Controller::Cpuacct, Home::Hierarchy(2)),
    ];
    for (file, text) in [
        ("memory/a/memory.usage_in_bytes", "4096\n"),
        ("memory/a/memory.limit_in_bytes", "9223372036854771712\n"),
        ("memory/a/memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 2\n"),
        ("memory/a/x/memory.usage_in_bytes", "7\n"),
        ("pids/b/pids.current", "3\n"),
        ("pids/b/pids.max", "max\n"),
        ("unified/a/cpu.stat", "usage_usec 5\nuser_usec 1\nnr_throttled 1\nthrottled_usec 2\n"),
        ("unified/a/cpu.pressure", "some avg10=0.00 avg60=0.00 avg300=0.00 total=9\n"),
    ] {
        let path = root.join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    Layout { hierarchies, homes: homes.into_iter().collect() }
}

#[test]
fn groups_of_all_hierarchies_are_one_tree() {
    let directory = tempfile::tempdir().unwrap();
    let layout = machine(directory.path());
    let mut survey = Survey::new(&layout, Metrics::ALL).unwrap();
    let places = survey.walk(&GroupPath::root()).unwrap();
    let found: Vec<_> = places.iter().map(|place| (place.path(), place.parent, place.depth)).collect();
    assert_eq!(found, [("/", None, 0), ("/a", Some(0), 1), ("/a/x", Some(1), 2), ("/b", Some(0), 1)]);

    let a = survey.read(&places[1], Metrics::ALL);
    assert_eq!((a.memory, a.memory_limit, a.oom_kills), (Some(4096), Some(Limit::Max), Some(2)));
    assert_eq!((a.cpu, a.throttled, a.pressure.cpu), (Some(5000), Some(2000), Some(9)));
    assert_eq!((a.tasks, a.pressure.io), (None, None));
    let b = survey.read(&places[3], Metrics::TASKS);
    assert_eq!((b.tasks, b.tasks_limit), (Some(3), None), "what is not asked for is not read");
    assert_eq!(survey.alone(), Metrics::OOM_KILLS);
}

#[test]
fn a_walk_begins_where_it_is_told_to() {
    let directory = tempfile::tempdir().unwrap();
    let survey = Survey::new(&machine(directory.path()), Metrics::ALL).unwrap();
    let places = survey.walk(&GroupPath::new("/a").unwrap()).unwrap();
    assert_eq!(places.iter().map(Place::path).collect::<Vec<_>>(), ["/a", "/a/x"]);
    assert_eq!(places.iter().map(Place::name).collect::<Vec<_>>(), ["a", "x"]);
    let error = survey.walk(&GroupPath::new("/none").unwrap()).unwrap_err();
    assert_eq!(error.to_string(), "open cgroup /none: ENOENT (there is no such group)");
}

#[test]
fn a_group_that_goes_has_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let mut survey = Survey::new(&machine(directory.path()), Metrics::ALL).unwrap();
    let places = survey.walk(&GroupPath::root()).unwrap();
    fs::remove_dir_all(directory.path().join("pids/b")).unwrap();
    assert_eq!(survey.read(&places[3], Metrics::ALL), Counters::default());
}

#[test]
fn a_long_file_is_read_to_its_end() {
    let directory = tempfile::tempdir().unwrap();
    let layout = machine(directory.path());
    let text = format!("{}oom_kill 5\n", "filler 0\n".repeat(CHUNK));
    fs::write(directory.path().join("memory/a/memory.oom_control"), text).unwrap();
    let mut survey = Survey::new(&layout, Metrics::OOM_KILLS).unwrap();
    let places = survey.walk(&GroupPath::new("/a").unwrap()).unwrap();
    assert_eq!(survey.read(&places[0], Metrics::OOM_KILLS).oom_kills, Some(5));
}
