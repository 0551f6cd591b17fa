//! Namespaces: new, joined, inherited; names and kernel parameters in them.

use std::fs;

use palisade_tests::{Bundle, Container, Privilege, case, skip};
use serde_json::{Value, json};

const KINDS: [(&str, &str); 8] = [
    ("cgroup", "cgroup"),
    ("ipc", "ipc"),
    ("mount", "mnt"),
    ("network", "net"),
    ("pid", "pid"),
    ("time", "time"),
    ("user", "user"),
    ("uts", "uts"),
];

fn own(name: &str) -> String {
    fs::read_link(format!("/proc/self/ns/{name}")).expect("a namespace").display().to_string()
}

fn list(config: &mut Value) -> &mut Vec<Value> {
    config["linux"]["namespaces"].as_array_mut().expect("a list")
}

#[test]
fn every_kind_is_new_when_listed_and_inherited_when_not() {
    let case = case!();
    let script = "for kind in cgroup ipc mnt net pid time user uts; do readlink /proc/self/ns/$kind; done";
    let bundle = Bundle::script(&case, script);
    let with_time = bundle.variant(&case, |config| list(config).push(json!({ "type": "time" })));
    let said = with_time.output(&case);
    let namespaces: Vec<&str> = said.lines().collect();
    for ((kind, name), found) in KINDS.iter().zip(&namespaces) {
        let is_own = *found == own(name);
        let listed = *kind != "user" || case.tier().privilege() == Privilege::Ordinary;
        assert_eq!(is_own, !listed, "{kind}: {found}");
    }
    for (kind, name) in
        [("network", "net"), ("uts", "uts"), ("ipc", "ipc"), ("cgroup", "cgroup"), ("pid", "pid")]
    {
        let inherited = bundle.variant(&case, |config| {
            list(config).retain(|one| one["type"] != kind);
            config["hostname"] = Value::Null;
            let mounts = config["mounts"].as_array_mut().expect("a list");
            mounts.retain(|mount| {
                mount["type"] != "mqueue" && (mount["type"] != "sysfs" || kind != "network") && (mount["type"] != "proc" || kind != "pid")
            });
            if kind == "pid" {
                mounts.push(json!({ "destination": "/proc", "type": "bind", "source": "/proc", "options": ["rbind"] }));
                config["linux"]["maskedPaths"] = json!([]);
                config["linux"]["readonlyPaths"] = json!([]);
            }
        });
        let said = inherited.output(&case);
        assert!(said.lines().any(|line| line == own(name)), "{kind} is inherited: {said}");
    }
}

#[test]
fn namespaces_are_joined_by_path() {
    let case = case!();
    let bundle = Bundle::script(&case, "sleep 1000");
    let first = Container::start(&case, &bundle);
    let pid = first.pid();
    let joined: &[&str] = match case.tier().privilege() {
        Privilege::Root => &["network", "ipc", "uts", "pid", "cgroup"],
        Privilege::Ordinary => &["user", "network", "ipc", "uts", "pid"],
    };
    let script =
        "for kind in cgroup ipc mnt net pid user uts; do readlink /proc/self/ns/$kind; done; hostname";
    let second = bundle.with_script(&case, script).with(|config| {
        for namespace in list(config) {
            let kind = namespace["type"].as_str().expect("a kind").to_owned();
            if joined.contains(&kind.as_str()) {
                let name = KINDS.iter().find(|(known, _)| *known == kind).expect("a kind").1;
                namespace["path"] = json!(format!("/proc/{pid}/ns/{name}"));
            }
        }
        config["hostname"] = Value::Null;
        if joined.contains(&"user") {
            config["linux"]["uidMappings"] = json!([]);
            config["linux"]["gidMappings"] = json!([]);
        }
    });
    let said = second.output(&case);
    for kind in joined {
        let name = KINDS.iter().find(|(known, _)| known == kind).expect("a kind").1;
        let its = fs::read_link(format!("/proc/{pid}/ns/{name}")).expect("a namespace").display().to_string();
        assert!(said.lines().any(|line| line == its), "{kind} is joined: {said}");
    }
    assert!(said.ends_with("case"), "the name of the host that was joined: {said}");
    assert_eq!(first.status(), "running");
    let detached =
        second.with(|config| config["process"]["args"] = json!(["sh", "-c", "sleep 1000 & sleep 1000"]));
    let container = Container::start(&case, &detached);
    container.remove();
    assert_eq!(first.status(), "running", "what was joined outlives who joined");
    first.remove();
}

#[test]
fn names_are_the_containers_own() {
    let case = case!();
    let names = |bundle: &Bundle| bundle.output(&case);
    let script = "hostname; cat /proc/sys/kernel/domainname";
    let bundle = Bundle::script(&case, script).with(|config| {
        config["hostname"] = json!("h".repeat(64));
        config["domainname"] = json!("example.org");
    });
    let before = fs::read_to_string("/proc/sys/kernel/hostname").expect("the host's name");
    assert_eq!(names(&bundle), format!("{}\nexample.org", "h".repeat(64)));
    assert_eq!(fs::read_to_string("/proc/sys/kernel/hostname").expect("the host's name"), before);
}

#[test]
fn kernel_parameters_are_set_inside_alone() {
    let case = case!();
    let file = "/proc/sys/net/ipv4/ip_default_ttl";
    let before = fs::read_to_string(file).expect("a parameter of the host");
    let script = format!("cat {file} /proc/sys/kernel/shm_rmid_forced /proc/sys/net/ipv4/conf/lo/forwarding");
    let bundle = Bundle::script(&case, &script).with(|config| {
        config["linux"]["sysctl"] = json!({
            "net.ipv4.ip_default_ttl": "77", "kernel.shm_rmid_forced": "1", "net/ipv4/conf/lo/forwarding": "1"
        });
    });
    assert_eq!(bundle.output(&case), "77\n1\n1");
    assert_eq!(fs::read_to_string(file).expect("a parameter of the host"), before);
}

#[test]
fn a_user_namespace_maps_ids() {
    let case = case!();
    if case.tier().privilege() == Privilege::Ordinary {
        skip!(case, "every container of an ordinary user has one");
    }
    let script = "cat /proc/self/uid_map | tr -s ' '; id -u; stat -c %u /tmp/mine; : > /tmp/made";
    let bundle = Bundle::script(&case, script).with(|config| {
        list(config).push(json!({ "type": "user" }));
        let map = json!([{ "containerID": 0, "hostID": 100_000, "size": 1000 }]);
        config["linux"]["uidMappings"] = map.clone();
        config["linux"]["gidMappings"] = map;
    });
    let tmp = bundle.rootfs().join("tmp");
    fs::write(tmp.join("mine"), "").expect("write a file");
    std::os::unix::fs::chown(tmp.join("mine"), Some(100_005), Some(100_005)).expect("chown");
    std::os::unix::fs::chown(&tmp, Some(100_000), Some(100_000)).expect("chown");
    assert_eq!(bundle.output(&case), " 0 100000 1000\n0\n5");
    let owner = std::os::unix::fs::MetadataExt::uid(&fs::metadata(tmp.join("made")).expect("the file"));
    assert_eq!(owner, 100_000);
    let container = Container::start(&case, &bundle.with_script(&case, "sleep 1000"));
    assert_eq!(container.shell("id -u; cat /proc/self/uid_map | tr -s ' '"), "0\n 0 100000 1000");
    container.remove();
    let outside = bundle.variant(&case, |config| config["process"]["user"]["uid"] = json!(1000));
    let line = outside.refusal(&case);
    assert!(
        line.starts_with("config.json: /process/user/uid: 1000 is not in the container's id map"),
        "{line}"
    );
}

#[test]
fn loopback_is_on_in_a_new_network_namespace() {
    let case = case!();
    let script =
        "(echo said | nc -l -p 7 127.0.0.1 &); while ! nc 127.0.0.1 7 </dev/null; do sleep 0.05; done";
    assert_eq!(Bundle::script(&case, script).output(&case), "said");
}

#[test]
fn clocks_are_set_ahead_in_a_new_time_namespace() {
    let case = case!();
    let bundle =
        Bundle::script(&case, "cat /proc/self/timens_offsets | tr -s ' '; cat /proc/uptime").with(|config| {
            list(config).push(json!({ "type": "time" }));
            config["linux"]["timeOffsets"] =
                json!({ "boottime": { "secs": 1_000_000, "nanosecs": 5 }, "monotonic": { "secs": 7 } });
        });
    let said = bundle.output(&case);
    let (offsets, uptime) = said.rsplit_once('\n').expect("lines");
    assert_eq!(offsets, "monotonic 7 0\nboottime 1000000 5");
    let seconds: f64 = uptime.split(' ').next().and_then(|text| text.parse().ok()).expect("seconds");
    assert!(seconds > 1_000_000.0, "{uptime}");
    let container = Container::start(&case, &bundle.with_script(&case, "sleep 1000"));
    let uptime = container.shell("cut -d . -f 1 /proc/uptime").parse::<u64>().expect("seconds");
    assert!(uptime > 1_000_000, "a process of exec joins the namespace: {uptime}");
    container.remove();
    let before_boot = bundle.variant(&case, |config| {
        config["linux"]["timeOffsets"] = json!({ "boottime": { "secs": -2_000_000_000 } });
    });
    let line = before_boot.refusal(&case);
    assert!(line.starts_with("/linux/timeOffsets: write boottime -2000000000 0 to /proc/"), "{line}");
    assert!(line.contains("ERANGE"), "{line}");
}

#[test]
fn mount_and_time_namespaces_are_joined_by_path_and_of_the_wrong_kind_refused() {
    let case = case!();
    if case.tier().privilege() == Privilege::Ordinary {
        skip!(case, "what it joins belongs to another user namespace");
    }
    let bundle = Bundle::script(&case, "sleep 1000");
    let other =
        case.program(palisade_tests::bundle::busybox()).args(["unshare", "-m", "sleep", "1000"]).spawn();
    let mounts = format!("/proc/{}/ns/mnt", other.pid().as_raw_nonzero());
    palisade_tests::container::wait_until("it has mounts of its own", || {
        fs::read_link(&mounts).is_ok_and(|link| link.display().to_string() != own("mnt"))
    });
    let timed = Container::start(
        &case,
        &bundle.variant(&case, |config| {
            list(config).push(json!({ "type": "time" }));
            config["linux"]["timeOffsets"] = json!({ "boottime": { "secs": 1_000_000 } });
        }),
    );
    let clock = format!("/proc/{}/ns/time", timed.pid());
    let join = |kind: &str, path: &str| {
        let script = "readlink /proc/self/ns/mnt; readlink /proc/self/ns/time";
        bundle.with_script(&case, script).with(|config| {
            list(config).retain(|one| one["type"] != kind);
            list(config).push(json!({ "type": kind, "path": path }));
        })
    };
    for (kind, path) in [("mount", &mounts), ("time", &clock)] {
        let wanted = fs::read_link(path).expect("a namespace").display().to_string();
        let said = join(kind, path).output(&case);
        assert!(said.lines().any(|line| line == wanted), "{kind}: {said}");
    }
    let offsets = join("time", &clock).with(|config| {
        config["linux"]["timeOffsets"] = json!({ "boottime": { "secs": 1 } });
    });
    let said = offsets.run(&case).refusal_line().expect("a refusal");
    assert_eq!(said, "config.json: /linux/timeOffsets: it needs a new time namespace in /linux/namespaces");
    for kind in ["mount", "network", "ipc", "uts", "pid", "cgroup", "user"] {
        let said = join(kind, &clock).run(&case);
        let line = said.refusal_line().unwrap_or_else(|wrong| panic!("{kind}: {wrong}: {said}"));
        assert!(line.contains("it is a namespace of kind time"), "{kind}: {line}");
    }
    timed.remove();
    other.signal(rustix::process::Signal::KILL);
    assert_eq!(other.wait().code(), 137);
}
