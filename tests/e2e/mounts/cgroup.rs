//! Mounts of type cgroup and cgroup2 on each kind of machine.

use palisade_tests::{Bundle, Case, Cgroups, Privilege, case, skip};
use serde_json::{Value, json};

/// Whether the container has a cgroup namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Namespace {
    Own,
    Inherited,
}

fn bundle(case: &Case, script: &str, namespace: Namespace, kind: &str, options: &[&str]) -> Bundle {
    Bundle::script(case, script).with(|config| {
        let mount =
            json!({ "destination": "/sys/fs/cgroup", "type": kind, "source": "cgroup", "options": options });
        config["mounts"].as_array_mut().expect("a list").push(mount);
        if namespace == Namespace::Inherited {
            let namespaces = config["linux"]["namespaces"].as_array_mut().expect("a list");
            namespaces.retain(|one: &Value| one["type"] != "cgroup");
        }
    })
}

/// Lists the directories below the mount, or `.`, in which the shell finds itself, and those in which it does not.
const PLACES: &str = "cd /sys/fs/cgroup; for d in . *; do [ -L $d ] && continue; [ -f $d/cgroup.procs ] || continue; \
                      if grep -qx $$ $d/cgroup.procs; then echo in $d; else echo not in $d; fi; done; ";

/// Finds out which hierarchies this machine has, as the names of the directories that they are mounted on.
fn hierarchies() -> Vec<String> {
    let mounts = std::fs::read_to_string("/proc/self/mounts").expect("read /proc/self/mounts");
    let own = |line: &str| {
        let mut fields = line.split(' ').skip(1);
        let (path, kind) = (fields.next()?, fields.next()?);
        let below = path.strip_prefix("/sys/fs/cgroup")?.trim_start_matches('/').to_owned();
        matches!(kind, "cgroup" | "cgroup2").then_some(below)
    };
    let mut names: Vec<String> = mounts.lines().filter_map(own).collect();
    names.sort();
    names
}

#[test]
fn the_container_finds_itself_in_every_hierarchy() {
    let case = case!();
    if !palisade_tests::group::can_make() {
        skip!(case, "no cgroup");
    }
    for namespace in [Namespace::Own, Namespace::Inherited] {
        let said =
            bundle(&case, PLACES, namespace, "cgroup", &["ro", "nosuid", "nodev", "noexec"]).output(&case);
        let mut found: Vec<&str> = said.lines().collect();
        found.sort_unstable();
        let machine = hierarchies();
        if case.tier().privilege() == Privilege::Ordinary && machine != [""] {
            // The group that a user was given is in the v2 tree of a hybrid machine; its mount shows the host's.
            continue;
        }
        let expected: Vec<String> = match machine.as_slice() {
            [one] if one.is_empty() => vec!["in .".to_owned()],
            several => several.iter().map(|name| format!("in {name}")).collect(),
        };
        assert_eq!(found, expected, "{namespace:?}");
    }
}

#[test]
fn a_read_only_mount_takes_no_limit() {
    let case = case!();
    if !palisade_tests::group::can_make() {
        skip!(case, "no cgroup");
    }
    let script = "cd /sys/fs/cgroup; for f in pids.max pids/pids.max; do [ -f $f ] || continue; \
                  (echo 77 > $f) 2>&1 | sed 's/.*: //'; done; mkdir /sys/fs/cgroup/x 2>&1 | sed 's/.*: //'";
    for namespace in [Namespace::Own, Namespace::Inherited] {
        let said = bundle(&case, script, namespace, "cgroup", &["ro"]).output(&case);
        assert!(
            said.lines().all(|line| line == "Read-only file system") && !said.is_empty(),
            "{namespace:?}: {said}"
        );
    }
}

/// Without a namespace of its own a v2 group is shown read-only, whatever the options say: what is in it are limits.
#[test]
fn a_group_of_the_hosts_tree_is_not_the_containers_to_change() {
    let case = case!();
    if !palisade_tests::group::can_make() {
        skip!(case, "no cgroup");
    }
    if hierarchies() != [""] {
        skip!(case, "not a v2 machine");
    }
    let script = "(echo max > /sys/fs/cgroup/pids.max) 2>&1 | sed 's/.*: //'; mkdir /sys/fs/cgroup/x 2>&1 | sed 's/.*: //'";
    let said = bundle(&case, script, Namespace::Inherited, "cgroup", &["rw"]).output(&case);
    assert_eq!(said, "Read-only file system\nRead-only file system");
    let script = "mkdir /sys/fs/cgroup/x && echo $$ > /sys/fs/cgroup/x/cgroup.procs && cat /proc/self/cgroup; \
                  echo 0 > /sys/fs/cgroup/cgroup.procs; rmdir /sys/fs/cgroup/x";
    let said = bundle(&case, script, Namespace::Own, "cgroup", &["rw"]).output(&case);
    assert_eq!(said, "0::/x", "with a namespace of its own it makes groups");
}

/// CVE-2023-25809: a user's container must not get the host's tree to write to, nor what is mounted below it.
#[test]
fn without_a_group_the_tree_of_the_host_is_read_only() {
    let case = case!();
    if palisade_tests::group::can_make() {
        skip!(case, "this user has a group");
    }
    let script =
        "for d in /sys/fs/cgroup /sys/fs/cgroup/*/; do mkdir $d/x 2>&1 | sed 's/.*: //'; done | sort -u";
    let said = bundle(&case, script, Namespace::Own, "cgroup", &["rw"]).output(&case);
    assert_eq!(said, "Read-only file system");
}

#[test]
fn type_cgroup2_is_the_v2_tree() {
    let case = case!();
    if !palisade_tests::group::can_make() {
        skip!(case, "no cgroup");
    }
    let machine = hierarchies();
    let has_v2 = machine == [""] || machine.iter().any(|name| name == "unified");
    for namespace in [Namespace::Own, Namespace::Inherited] {
        let script =
            PLACES.to_owned() + "grep ' /sys/fs/cgroup ' /proc/self/mounts | cut -d' ' -f3 | tail -1";
        let bundle = bundle(&case, &script, namespace, "cgroup2", &["ro"]);
        if !has_v2 || case.tier().cgroups() == Some(Cgroups::V1) {
            let said = bundle.refusal(&case);
            assert!(said.contains("/mounts/6/type: the container has no group in a v2 tree here"), "{said}");
            continue;
        }
        assert_eq!(bundle.output(&case), "in .\ncgroup2", "{namespace:?}");
    }
}
