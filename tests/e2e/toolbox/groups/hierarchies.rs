//! Where controllers live, and mounting.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use palisade_tests::container::wait_until;
use palisade_tests::{Case, Privilege, case, skip};
use serde_json::Value;

use super::{json, mounts, pal, refused, v1, v2};

/// A hierarchy that `pal` has mounted in the directory of the test.
struct Mounted<'a> {
    case: &'a Case,
    point: PathBuf,
}

impl<'a> Mounted<'a> {
    fn new(case: &'a Case, words: &[&str]) -> Self {
        let point = case.scratch().join(case.unused("hierarchy"));
        pal(case, &[&["mount"], words, &[text(&point)]].concat()).succeeded();
        Self { case, point }
    }

    fn end(self) {
        pal(self.case, &["umount", "--rmdir", text(&self.point)]).succeeded();
        assert!(!self.point.exists());
    }
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a path of the test")
}

fn is_root(case: &Case) -> bool {
    case.tier().privilege() == Privilege::Root
}

/// The lines of /proc/cgroups: name, number of the hierarchy, number of groups, enabled.
fn census() -> Vec<(String, u64, bool)> {
    let table = fs::read_to_string("/proc/cgroups").expect("read /proc/cgroups");
    let lines = table.lines().filter(|line| !line.starts_with('#'));
    let fields = lines.map(|line| line.split_whitespace().collect::<Vec<_>>());
    fields
        .map(|fields| (fields[0].to_owned(), fields[1].parse().expect("a number"), fields[3] == "1"))
        .collect()
}

/// Finds the row of a controller by either of its names.
fn row<'v>(rows: &'v Value, controller: &str) -> &'v Value {
    let names = if controller == "blkio" { ["blkio", "io"] } else { [controller; 2] };
    let rows = rows.as_array().expect("a list");
    let found = rows.iter().find(|row| names.iter().any(|name| row["controller"] == *name));
    found.unwrap_or_else(|| panic!("{controller} is not in {rows:?}"))
}

#[test]
fn a1_layout_tells_of_each_controller_where_it_lives() {
    let case = case!();
    let rows = json(&case, &["layout"]);
    for (name, number, enabled) in census().into_iter().filter(|(name, ..)| name != "debug") {
        let row = row(&rows, &name);
        let home = row["home"].as_str().expect("a home");
        match (v1(&name), enabled) {
            (Some(point), _) => {
                assert_eq!((home, row["mount"].as_str()), ("v1", point.to_str()), "{name}: {row}");
                assert_eq!(row["id"], number, "{name}: {row}");
                assert!(row["groups"].as_u64().is_some_and(|groups| groups > 0), "{name}: {row}");
            }
            (None, false) => assert_eq!(home, "disabled", "{name}: {row}"),
            (None, true) => assert!(["v2", "not mounted"].contains(&home), "{name}: {row}"),
        }
    }
    let table = pal(&case, &["layout"]).succeeded().stdout;
    for controller in
        ["blkio cpu cpuacct cpuset devices freezer hugetlb memory net_cls net_prio perf_event pids rdma misc"]
            .iter()
            .flat_map(|all| all.split(' '))
    {
        row(&rows, controller);
        let names = if controller == "blkio" { ["blkio", "io"] } else { [controller; 2] };
        let line = table.lines().find(|line| names.iter().any(|name| line.starts_with(name)));
        assert!(line.is_some(), "{controller} is not in\n{table}");
    }
    for (point, options) in mounts("cgroup") {
        let Some(name) = options.split(',').find_map(|option| option.strip_prefix("name=")) else { continue };
        let found = rows.as_array().expect("a list").iter().any(|row| row["name"] == name);
        assert!(found, "{} is not in {rows}", point.display());
    }
}

#[test]
fn b9_io_brings_memory_accounting() {
    let case = case!();
    let explained = pal(&case, &["layout", "--explain"]).succeeded().stdout;
    let rows = json(&case, &["layout"]);
    let Some(tree) = v2().filter(|_| row(&rows, "blkio")["home"] == "v2") else {
        skip!(case, "io is in no v2 tree");
    };
    assert!(explained.contains("brings memory's accounting"), "{explained}");
    assert_eq!(row(&rows, "blkio")["brings"][0], "memory");
    if !is_root(&case) {
        // The root of the tree is root's.
        return;
    }
    let count = || {
        let stat = fs::read_to_string(tree.join("cgroup.stat")).expect("read cgroup.stat");
        stat.lines().find_map(|line| line.strip_prefix("nr_subsys_memory ")?.parse::<u64>().ok())
    };
    // Kernels before 6.13 do not count controllers.
    let Some(before) = count() else { return };
    let group = case.id("g");
    pal(&case, &["create", "-c", "io", &group]).succeeded();
    let controllers = fs::read_to_string(tree.join(&group).join("cgroup.controllers")).expect("read");
    let has_memory = controllers.split_whitespace().any(|one| one == "memory");
    if !has_memory {
        assert_eq!(count(), Some(before + 1), "memory comes along, and is not in {controllers}");
    }
    pal(&case, &["rm", &group]).succeeded();
    if enabled(&tree).contains("io") && !has_memory {
        fs::write(tree.join("cgroup.subtree_control"), "-io").expect("disable io again");
    }
}

fn enabled(tree: &Path) -> String {
    fs::read_to_string(tree.join("cgroup.subtree_control")).expect("read cgroup.subtree_control")
}

#[test]
fn a2_a_named_hierarchy_is_mounted_anywhere_and_has_groups_of_its_own() {
    let case = case!();
    if !is_root(&case) {
        skip!(case, "mounting takes root");
    }
    let name = case.id("h");
    let mounted = Mounted::new(&case, &["--name", &name]);
    let rows = json(&case, &["layout"]);
    let row = rows.as_array().expect("a list").iter().find(|row| row["name"] == name.as_str());
    let row = row.unwrap_or_else(|| panic!("{name} is not in {rows}"));
    assert_eq!((row["home"].as_str(), row["groups"].as_u64()), (Some("v1"), Some(1)));
    assert_eq!(row["mount"].as_str(), mounted.point.to_str());
    let hierarchy = format!("name={name}");
    let group = case.id("g");
    pal(&case, &["create", "-c", &hierarchy, &group]).succeeded();
    assert!(mounted.point.join(&group).is_dir());
    pal(&case, &["rm", "-c", &hierarchy, &group]).succeeded();
    mounted.end();
    // A hierarchy whose group has just gone would stay without a mount.
    let left = fs::read_to_string("/proc/self/cgroup").expect("read /proc/self/cgroup");
    assert!(!left.contains(&hierarchy), "{left}");
}

#[test]
fn a2_controllers_are_mounted_alone_and_together() {
    let case = case!();
    if !is_root(&case) {
        skip!(case, "mounting takes root");
    }
    let free = |rows: &Value| {
        ["net_cls", "net_prio", "perf_event"]
            .into_iter()
            // One with a number is in a hierarchy of another mount namespace.
            .filter(|name| row(rows, name)["home"] == "not mounted" && row(rows, name)["id"].is_null())
            .collect::<Vec<_>>()
    };
    let found = free(&json(&case, &["layout"]));
    if found.is_empty() {
        skip!(case, "all controllers are mounted");
    }
    for names in std::iter::once(found.join(",")).chain(found.iter().map(|one| (*one).to_owned())) {
        let mounted = Mounted::new(&case, &["-c", &names]);
        let rows = json(&case, &["layout"]);
        for name in names.split(',') {
            let row = row(&rows, name);
            assert_eq!(row["mount"].as_str(), mounted.point.to_str(), "{row}");
            let with: Vec<&str> =
                row["with"].as_array().expect("a list").iter().filter_map(Value::as_str).collect();
            let others: Vec<&str> = names.split(',').filter(|other| *other != name).collect();
            assert_eq!(with, others, "{row}");
        }
        mounted.end();
        // The kernel takes a moment to end a hierarchy.
        wait_until("a hierarchy that is gone", || free(&json(&case, &["layout"])) == found);
    }
}

#[test]
fn a2_mounting_tells_what_it_does_and_who_has_a_controller_already() {
    let case = case!();
    let point = case.scratch().join("nowhere");
    let told = pal(&case, &["mount", "--dry-run", "-c", "cpu,memory", text(&point)]).succeeded().stdout;
    assert_eq!(told, format!("mkdir {0}\nmount -t cgroup -o cpu,memory none {0}\n", point.display()));
    if !is_root(&case) {
        let said = refused(&pal(&case, &["mount", "--name", "x", text(&point)]));
        assert!(said.ends_with(": EPERM (it takes CAP_SYS_ADMIN)"), "{said}");
        assert!(!point.exists());
        skip!(case, "mounting takes root");
    }
    let rows = json(&case, &["layout"]);
    if row(&rows, "memory")["home"] == "v1" {
        // They are in hierarchies of their own.
        let said = refused(&pal(&case, &["mount", "-c", "memory,pids", text(&point)]));
        let memory = v1("memory").expect("a mount");
        assert!(said.contains("EBUSY (memory is in hierarchy "), "{said}");
        assert!(said.contains(&format!("mounted on {}", memory.display())), "{said}");
        let all = refused(&pal(&case, &["mount", "--all", text(&point)]));
        assert!(all.contains("memory is in hierarchy"), "{all}");
    } else {
        let group = case.id("g");
        pal(&case, &["create", "-c", "memory", &group]).succeeded();
        let said = refused(&pal(&case, &["mount", "-c", "memory", text(&point)]));
        assert!(said.contains("EBUSY (memory is in use in the v2 tree"), "{said}");
        pal(&case, &["rm", &group]).succeeded();
    }
    assert!(!point.exists(), "what was made is removed");
}

#[test]
fn b1_the_v2_tree_is_mounted_anywhere_and_is_one() {
    let case = case!();
    if !is_root(&case) {
        skip!(case, "mounting takes root");
    }
    let Some(tree) = v2() else {
        skip!(case, "this machine has no v2 tree");
    };
    let mounted = Mounted::new(&case, &["--v2"]);
    let group = case.id("g");
    pal(&case, &["create", &group]).succeeded();
    assert!(tree.join(&group).is_dir() && mounted.point.join(&group).is_dir());
    pal(&case, &["rm", &group]).succeeded();
    mounted.end();
}

#[test]
fn a7_the_release_agent_hears_of_a_group_that_becomes_empty() {
    let case = case!();
    if !is_root(&case) {
        skip!(case, "mounting takes root");
    }
    let (agent, heard) = (case.scratch().join("agent"), case.scratch().join("heard"));
    let script = format!("#!/bin/sh\necho \"$1\" > {0}.new && mv {0}.new {0}\n", heard.display());
    fs::write(&agent, script).expect("write the agent");
    fs::set_permissions(&agent, fs::Permissions::from_mode(0o755)).expect("chmod the agent");
    let name = case.id("h");
    let mounted = Mounted::new(&case, &["--name", &name, "--release-agent", text(&agent)]);
    let (hierarchy, group) = (format!("name={name}"), case.id("g"));
    pal(&case, &["create", "-c", &hierarchy, "--notify-on-release", &group]).succeeded();
    let shown = json(&case, &["show", &group]);
    let shown = &shown["hierarchies"][0];
    assert_eq!(
        (shown["notifyOnRelease"].as_bool(), shown["releaseAgent"].as_str()),
        (Some(true), agent.to_str())
    );
    pal(&case, &["exec", "-c", &hierarchy, &group, "--", "true"]).succeeded();
    wait_until("the release agent", || heard.exists());
    assert_eq!(fs::read_to_string(&heard).expect("what it heard"), format!("/{group}\n"));
    pal(&case, &["rm", "-c", &hierarchy, &group]).succeeded();
    mounted.end();
}
