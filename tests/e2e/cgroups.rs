//! `linux.cgroupsPath` and `linux.resources`: where the group is and what its files say.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use palisade_tests::{Bundle, Case, Container, Privilege, case, group, skip};
use serde_json::{Value, json};

#[test]
fn the_group_is_where_the_config_says_in_every_hierarchy() {
    let case = case!();
    if case.tier().privilege() == Privilege::Ordinary {
        skip!(case, "groups at the top take root");
    }
    let bundle = Bundle::script(&case, "sleep 1000");
    let name = case.id("group");
    for (path, expected) in [
        (Some(format!("/{name}")), format!("/{name}")),
        (Some(name.clone()), format!("/{name}")),
        (Some(format!("/{name}/in/side")), format!("/{name}/in/side")),
    ] {
        let bundle = bundle.variant(&case, |config| config["linux"]["cgroupsPath"] = json!(path));
        let container = Container::start(&case, &bundle);
        let found = group::paths(container.pid());
        assert!(found.iter().all(|path| *path == expected), "{path:?}: {found:?}");
        container.remove();
        for above in [format!("{name}/in"), name.clone()] {
            remove_everywhere(&above);
        }
        case.expect_nothing_left(&format_args!("a group at {path:?}"));
    }
    let container = Container::start(&case, &bundle);
    let found = group::paths(container.pid());
    let expected = format!("/palisade-{}", container.id());
    assert!(found.iter().all(|path| *path == expected), "{found:?}");
    container.remove();
}

#[test]
fn a_start_that_fails_takes_the_groups_above_with_it_that_it_made() {
    let case = case!();
    if case.tier().privilege() == Privilege::Ordinary || !group::can_make() {
        skip!(case, "groups at the top take root");
    }
    let name = case.id("above");
    let bundle = Bundle::script(&case, "echo runs").variant(&case, |config| {
        config["linux"]["cgroupsPath"] = json!(format!("/{name}/in/side"));
    });
    type Failure = (&'static str, fn(&mut Value), &'static str);
    let failures: [Failure; 3] = [
        ("a limit", |config| config["linux"]["resources"]["cpu"] = json!({ "cpus": "9999" }), "cpuset.cpus"),
        ("a mount", |config| config["mounts"][0]["type"] = json!("nonsense"), "nonsense"),
        ("the program", |config| config["process"]["args"] = json!(["/missing"]), "/missing"),
    ];
    let fail = |(what, change, word): &Failure| {
        let said = bundle.variant(&case, change).run(&case);
        let line = said.refusal_line().unwrap_or_else(|fault| panic!("{what}: {fault}: {said}"));
        assert!(line.contains(word), "{what}: {line}");
    };
    for failure in &failures {
        fail(failure);
        case.expect_nothing_left(&failure.0);
    }
    // One that was there is somebody else's.
    for point in hierarchies() {
        fs::create_dir(Path::new(&point).join(&name)).ok();
    }
    for failure in &failures {
        fail(failure);
        let left =
            hierarchies().iter().filter(|point| Path::new(point).join(&name).join("in").exists()).count();
        assert_eq!(left, 0, "{}", failure.0);
    }
    for point in hierarchies() {
        fs::remove_dir(Path::new(&point).join(&name)).expect("the group that was there before is gone");
    }
}

/// Removes a group that a path led through: whether others use it too is not for the runtime to know.
fn remove_everywhere(group: &str) {
    for point in hierarchies() {
        // It is not in all of them.
        fs::remove_dir(Path::new(&point).join(group)).ok();
    }
}

fn hierarchies() -> Vec<String> {
    let table = fs::read_to_string("/proc/self/mounts").expect("read /proc/self/mounts");
    let fields = table.lines().map(|line| line.split(' ').collect::<Vec<_>>());
    fields.filter(|fields| fields[2].starts_with("cgroup")).map(|fields| fields[1].to_owned()).collect()
}

#[test]
fn a_group_of_an_ordinary_user_is_in_what_was_delegated() {
    let case = case!();
    if case.tier().privilege() == Privilege::Root || !group::can_make() {
        skip!(case, "no group was delegated to this user");
    }
    let own = fs::read_to_string("/proc/self/cgroup").expect("read /proc/self/cgroup");
    let own = own.lines().find_map(|line| line.strip_prefix("0::")).expect("a v2 group").to_owned();
    let container = Container::start(&case, &Bundle::script(&case, "sleep 1000"));
    let found = group::paths(container.pid());
    // The own group holds this process, so that no controller could go through it: the one round it is taken.
    let above = own.rsplit_once('/').map_or("", |(above, _)| above);
    let places = [own.as_str(), above].map(|group| format!("{group}/palisade-{}", container.id()));
    assert!(found.iter().any(|path| places.contains(path)), "{found:?}");
    container.remove();
}

/// Starts a process in a group of this test's own.
struct Stranger {
    process: std::process::Child,
    group: std::path::PathBuf,
}

impl Stranger {
    fn enter(group: &Path) -> Self {
        fs::create_dir(group).unwrap_or_else(|error| panic!("create {}: {error}", group.display()));
        // A new group of the cpuset hierarchy takes nobody before it has processors and memory.
        for file in ["cpuset.cpus", "cpuset.mems"] {
            let above = group.parent().expect("a hierarchy").join(file);
            if let Ok(all) = fs::read_to_string(above) {
                fs::write(group.join(file), all).unwrap_or_else(|error| panic!("write {file}: {error}"));
            }
        }
        let process = Command::new("/bin/busybox")
            .args(["sleep", "1000"])
            .stdout(Stdio::null())
            .spawn()
            .expect("sleep");
        fs::write(group.join("cgroup.procs"), process.id().to_string()).expect("enter the group");
        Self { process, group: group.to_owned() }
    }

    fn is_alive(&mut self) -> bool {
        self.process.try_wait().expect("look at the stranger").is_none()
    }
}

impl Drop for Stranger {
    fn drop(&mut self) {
        self.process.kill().expect("kill the stranger");
        self.process.wait().expect("wait for the stranger");
        palisade_tests::container::wait_until("the group is empty", || {
            !self.group.exists() || fs::remove_dir(&self.group).is_ok()
        });
    }
}

#[test]
fn a_group_that_holds_other_processes_is_refused_and_left_alone() {
    let case = case!();
    if case.tier().privilege() == Privilege::Ordinary {
        skip!(case, "a group at the top takes root");
    }
    let bundle = Bundle::script(&case, "echo runs");
    let name = case.id("taken");
    for point in hierarchies() {
        let group = Path::new(&point).join(&name);
        let mut stranger = Stranger::enter(&group);
        let bundle =
            bundle.variant(&case, |config| config["linux"]["cgroupsPath"] = json!(format!("/{name}")));
        let id = case.unused_id();
        let said = case.palisade().args(["run", "--bundle"]).arg(bundle.path()).arg(&id).run();
        let line = said.refusal_line().unwrap_or_else(|fault| panic!("{point}: {fault}: {said}"));
        assert!(
            line.starts_with("/linux/cgroupsPath: ") && line.contains(group.to_str().expect("a path")),
            "{line}"
        );
        assert!(
            line.contains("holds process") && line.contains(&stranger.process.id().to_string()),
            "{line}"
        );
        case.palisade().args(["delete", "--force"]).arg(&id).run().succeeded();
        assert!(stranger.is_alive() && group.exists(), "{point}: the stranger has to go");
        drop(stranger);
        case.expect_nothing_left(&format_args!("a group in {point} that is taken"));
    }
}

#[test]
fn an_empty_group_that_is_there_is_used() {
    let case = case!();
    if case.tier().privilege() == Privilege::Ordinary {
        skip!(case, "a group at the top takes root");
    }
    let name = case.id("ready");
    for point in hierarchies() {
        fs::create_dir(Path::new(&point).join(&name)).expect("create a group");
    }
    let bundle =
        Bundle::script(&case, "echo runs").with(|config| config["linux"]["cgroupsPath"] = json!(name));
    assert_eq!(bundle.output(&case), "runs");
}

#[test]
fn raw_keys_are_for_v2_alone() {
    let case = case!();
    if !group::can_make() {
        skip!(case, "no cgroup");
    }
    let bundle = Bundle::script(&case, "sleep 1000");
    let with = |unified: Value| {
        bundle.variant(&case, |config| config["linux"]["resources"] = json!({ "unified": unified }))
    };
    if group::has_unified("memory") {
        let container =
            Container::start(&case, &with(json!({ "memory.high": "50331648", "pids.max": "55" })));
        assert_eq!(group::read(container.pid(), "memory", "memory.high").as_deref(), Some("50331648"));
        assert_eq!(group::read(container.pid(), "pids", "pids.max").as_deref(), Some("55"));
        container.remove();
        let line = with(json!({ "memory.luck": "1" })).refusal(&case);
        assert!(line.contains("/linux/resources") && line.contains("memory.luck"), "{line}");
    } else {
        let line = with(json!({ "memory.high": "50331648" })).refusal(&case);
        assert!(line.starts_with("config.json: /linux/resources") && line.contains("memory.high"), "{line}");
    }
    let line = with(json!({ "../x": "1" })).refusal(&case);
    assert!(line.starts_with("config.json: /linux/resources/unified/..~1x: "), "{line}");
}

#[test]
fn limits_that_cannot_be_are_refused() {
    let case = case!();
    if !group::can_make() {
        skip!(case, "no cgroup");
    }
    let bundle = Bundle::script(&case, "echo runs");
    let mut wrong = Vec::new();
    for (resources, words) in [
        (json!({ "pids": { "limit": -2 } }), &["/linux/resources/pids/limit", "-2"][..]),
        (json!({ "pids": { "limit": 4_194_305 } }), &["/linux/resources/pids/limit", "4194305"]),
        (json!({ "memory": { "limit": -5 } }), &["/linux/resources/memory/limit", "-5"]),
        (json!({ "memory": { "limit": 41_943_040, "swap": 20_971_520 } }), &["/linux/resources", "swap"]),
        (json!({ "memory": { "swappiness": 101 } }), &["/linux/resources", "swappiness"]),
        (json!({ "cpu": { "quota": -5 } }), &["/linux/resources/cpu/quota", "-5"]),
        (json!({ "cpu": { "quota": 10 } }), &["/linux/resources", "10"]),
        (json!({ "cpu": { "period": 10 } }), &["/linux/resources", "10"]),
        (json!({ "cpu": { "cpus": "9999" } }), &["9999", "cpuset.cpus"]),
        (json!({ "cpu": { "cpus": "0-" } }), &["0-", "cpu"]),
        (json!({ "cpu": { "mems": "77" } }), &["77", "cpuset.mems"]),
        (json!({ "cpu": { "idle": 2 } }), &["/linux/resources/cpu/idle", "2"]),
        (json!({ "hugepageLimits": [{ "pageSize": "3MB", "limit": 1 }] }), &["/linux/resources", "3MB"]),
        (json!({ "blockIO": { "weight": 5 } }), &["/linux/resources", "5"]),
        (json!({ "devices": [{ "allow": true, "type": "x" }] }), &["/linux/resources/devices/0/type", "x"]),
        (
            json!({ "devices": [{ "allow": true, "access": "rx" }] }),
            &["/linux/resources/devices/0/access", "rx"],
        ),
        (json!({ "devices": [{ "allow": true, "major": -7 }] }), &["/linux/resources/devices/0/major", "-7"]),
        (json!({ "pids": { "limit": "many" } }), &["/linux/resources/pids/limit", "many"]),
    ] {
        let bundle = bundle.variant(&case, |config| config["linux"]["resources"] = resources.clone());
        let said = bundle.run(&case);
        let line = said.refusal_line().unwrap_or_else(|fault| panic!("{resources}: {fault}: {said}"));
        for word in words {
            if !line.contains(word) {
                wrong.push(format!("{resources}: {line}"));
            }
        }
        case.expect_nothing_left(&resources);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn paths_that_cannot_be_are_refused() {
    let case = case!();
    if !group::can_make() {
        skip!(case, "no cgroup");
    }
    let bundle = Bundle::script(&case, "echo runs");
    for path in ["/", "..", "/../x", "/a/../../b"] {
        let bundle = bundle.variant(&case, |config| config["linux"]["cgroupsPath"] = json!(path));
        let line = bundle.refusal(&case);
        assert!(line.starts_with("config.json: /linux/cgroupsPath: "), "{path}: {line}");
    }
}

#[test]
fn a_user_without_a_group_is_told_so_when_it_asks_for_limits() {
    let case = case!();
    if group::can_make() {
        skip!(case, "this user has a cgroup");
    }
    let bundle = Bundle::script(&case, "echo runs");
    assert_eq!(bundle.output(&case), "runs");
    let line =
        bundle.with(|config| config["linux"]["resources"] = json!({ "pids": { "limit": 5 } })).refusal(&case);
    assert!(line.starts_with("config.json: /linux/resources: limits need a cgroup"), "{line}");
}

#[test]
fn devices_are_what_the_rules_allow() {
    let case = case!();
    if case.tier().privilege() == Privilege::Ordinary {
        skip!(case, "device rules take root");
    }
    let script = "for node in null zero full random urandom tty kmsg; do \
                  if (: > /dev/$node) 2> /tmp/why; then echo $node yes; else echo $node $(sed 's/.*: //' /tmp/why); fi; done";
    let with = |case: &Case, rules: Value| {
        Bundle::script(case, script).with(|config| {
            config["linux"]["devices"] =
                json!([{ "path": "/dev/kmsg", "type": "c", "major": 1, "minor": 11, "fileMode": 0o666 }]);
            config["linux"]["resources"] = json!({ "devices": rules });
        })
    };
    let allowed = "null yes\nzero yes\nfull yes\nrandom yes\nurandom yes\ntty No such device or address\n";
    let deny = json!({ "allow": false, "access": "rwm" });
    let said = with(&case, json!([deny])).output(&case);
    assert_eq!(said, format!("{allowed}kmsg Operation not permitted"));
    let allow = json!({ "allow": true, "type": "c", "major": 1, "minor": 11, "access": "w" });
    assert_eq!(with(&case, json!([deny, allow])).output(&case), format!("{allowed}kmsg yes"));
    let other = json!({ "allow": true, "type": "c", "major": 1, "minor": 11, "access": "r" });
    let said = with(&case, json!([deny, other])).output(&case);
    assert_eq!(said, format!("{allowed}kmsg Operation not permitted"), "reading is not writing");
}

/// As where somebody has mounted a v2 tree of his own over all that was there.
#[test]
fn a_hierarchy_that_is_covered_is_not_used() {
    let case = case!();
    if case.tier().privilege() == Privilege::Ordinary {
        skip!(case, "mounting takes root");
    }
    if !group::has_tree() {
        skip!(case, "no v2 tree");
    }
    let bundle = Bundle::script(&case, "cat /proc/self/cgroup").with(|config| {
        let namespaces = config["linux"]["namespaces"].as_array_mut().expect("a list");
        namespaces.retain(|namespace| namespace["type"] != "cgroup");
    });
    let script = "cd /sys/fs/cgroup && mount -t tmpfs none . && cd /sys/fs/cgroup && mkdir tree && \
                  mount -t cgroup2 none tree && exec \"$0\" \"$@\"";
    let call = case.program("unshare").args(["--mount", "--propagation", "private", "sh", "-c", script]);
    let call = call.arg(case.palisade_path()).arg("--root").arg(case.state()).args(["run", "--bundle"]);
    let id = case.unused_id();
    let said = call.arg(bundle.path()).arg(&id).run().succeeded().stdout;
    assert!(said.lines().any(|line| line.starts_with("0::/") && line.ends_with(&id)), "{said}");
}
