//! Configurations that cannot be: one line that names the field, and nothing left.

use std::fs;

use palisade_tests::{Bundle, Case, Privilege, case};
use serde_json::{Value, json};

/// A change that breaks a config, and how the line about it begins.
type Row = (&'static str, fn(&mut Value), &'static str);

/// Runs a bundle with each change and demands the line.
fn refuse_each(case: &Case, rows: &[Row]) {
    let bundle = Bundle::script(case, "echo runs");
    let mut wrong = Vec::new();
    for (what, change, expected) in rows {
        let bundle = bundle.variant(case, change);
        let said = bundle.run(case);
        let line = match said.refusal_line() {
            Ok(line) => line.replace(&bundle.path().display().to_string(), "BUNDLE"),
            Err(fault) => format!("({fault}) {said}"),
        };
        if !line.starts_with(expected) {
            wrong.push(format!("{what}\n  wanted {expected}\n  found  {line}"));
        }
        case.expect_nothing_left(what);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn text_that_is_no_config_is_refused_by_line_and_column() {
    let case = case!();
    let bundle = Bundle::script(&case, "true");
    let file = bundle.path().join("config.json");
    for (text, expected) in [
        ("", "1:0: "),
        ("{\"ociVersion\": \"1.2.0\",\n  \"process\": {,}}", "2:15: "),
        ("[]", " wanted an object, found an array"),
        ("{\"ociVersion\": \"1.2.0\"} trailing", "1:25: "),
        ("\u{feff}{}", "1:1: "),
    ] {
        fs::write(&file, text).expect("write config.json");
        let line = bundle.refusal(&case);
        let start = format!("{}:{expected}", file.display());
        assert!(line.starts_with(&start), "{text:?}\n  wanted {start}\n  found  {line}");
    }
    fs::write(&file, [0xff, 0xfe, b'{']).expect("write config.json");
    let line = bundle.refusal(&case);
    assert!(line.starts_with(&format!("{}:1:1: not JSON", file.display())), "{line}");
    fs::remove_file(&file).expect("remove config.json");
    let line = bundle.refusal(&case);
    assert!(line.starts_with(&format!("read {}: ENOENT", file.display())), "{line}");
}

#[test]
fn wrong_process_sections_are_refused() {
    let case = case!();
    refuse_each(&case, PROCESS);
}

const PROCESS: &[Row] = &[
    ("no process", |c| c["process"] = Value::Null, "config.json: /process"),
    ("no arguments", |c| c["process"]["args"] = json!([]), "config.json: /process/args: it is empty"),
    (
        "arguments as a text",
        |c| c["process"]["args"] = json!("sh"),
        "BUNDLE/config.json: /process/args: wanted an array, found string",
    ),
    (
        "a relative cwd",
        |c| c["process"]["cwd"] = json!("tmp"),
        "config.json: /process/cwd: \"tmp\" is not an absolute path",
    ),
    ("a cwd that is a file", |c| c["process"]["cwd"] = json!("/etc/passwd"), "/process/cwd: "),
    (
        "a variable without =",
        |c| c["process"]["env"] = json!(["PATH"]),
        "config.json: /process/env/0: \"PATH\" is not NAME=VALUE",
    ),
    ("a NUL", |c| c["process"]["args"] = json!(["sh\u{0}"]), "config.json: /process/args/0: "),
    (
        "a negative uid",
        |c| c["process"]["user"]["uid"] = json!(-1),
        "BUNDLE/config.json: /process/user/uid: wanted an integer from 0 to 4294967295, found integer -1",
    ),
    (
        "a uid that wraps to 0",
        |c| c["process"]["user"]["uid"] = json!(4_294_967_296u64),
        "BUNDLE/config.json: /process/user/uid: wanted an integer from 0 to 4294967295, found integer 4294967296",
    ),
    (
        "the uid that is none",
        |c| c["process"]["user"]["uid"] = json!(u32::MAX),
        "config.json: /process/user/uid: ",
    ),
    (
        "the gid that is none",
        |c| c["process"]["user"]["gid"] = json!(u32::MAX),
        "config.json: /process/user/gid: ",
    ),
    (
        "a group that is none",
        |c| c["process"]["user"]["additionalGids"] = json!([u32::MAX]),
        "config.json: /process/user/additionalGids",
    ),
    (
        "an unknown limit",
        |c| c["process"]["rlimits"] = json!([{ "type": "RLIMIT_LUCK", "soft": 1, "hard": 1 }]),
        "BUNDLE/config.json: /process/rlimits/0/type: wanted one of RLIMIT_CPU, ",
    ),
    (
        "a soft limit above the hard",
        |c| c["process"]["rlimits"] = json!([{ "type": "RLIMIT_CPU", "soft": 2, "hard": 1 }]),
        "config.json: /process/rlimits/0: soft limit 2 is above hard limit 1",
    ),
    (
        "a limit twice",
        |c| {
            let one = json!({ "type": "RLIMIT_CPU", "soft": 1, "hard": 1 });
            c["process"]["rlimits"] = json!([one, one]);
        },
        "config.json: /process/rlimits/1: RLIMIT_CPU is listed twice",
    ),
    (
        "an OOM score too high",
        |c| c["process"]["oomScoreAdj"] = json!(1001),
        "config.json: /process/oomScoreAdj: 1001 is not between -1000 and 1000",
    ),
    (
        "an unknown policy",
        |c| c["process"]["scheduler"] = json!({ "policy": "SCHED_LUCK" }),
        "BUNDLE/config.json: /process/scheduler/policy: wanted one of SCHED_OTHER, ",
    ),
    (
        "an I/O priority too high",
        |c| c["process"]["ioPriority"] = json!({ "class": "IOPRIO_CLASS_BE", "priority": 8 }),
        "config.json: /process/ioPriority/priority: 8 is not between 0 and 7",
    ),
    (
        "a terminal too large",
        |c| {
            c["process"]["terminal"] = json!(true);
            c["process"]["consoleSize"] = json!({ "height": 65536, "width": 1 });
        },
        "config.json: /process/consoleSize: ",
    ),
    (
        "effective but not permitted",
        |c| {
            c["process"]["capabilities"] = json!({ "bounding": ["CAP_KILL"], "effective": ["CAP_KILL"] });
        },
        "config.json: /process/capabilities/effective: CAP_KILL must be permitted too",
    ),
];

#[test]
fn wrong_file_systems_are_refused() {
    let case = case!();
    refuse_each(&case, FILE_SYSTEM);
}

fn mount(config: &mut Value, mount: Value) {
    config["mounts"].as_array_mut().expect("a list").push(mount);
}

const FILE_SYSTEM: &[Row] = &[
    ("no root", |c| c["root"] = Value::Null, "config.json: /root/path: it is missing"),
    (
        "a root that is not there",
        |c| c["root"]["path"] = json!("none"),
        "/root/path: open BUNDLE/none: ENOENT",
    ),
    (
        "a root that is a file",
        |c| c["root"]["path"] = json!("config.json"),
        "/root/path: BUNDLE/config.json is not a directory",
    ),
    (
        "a mount onto ../..",
        |c| mount(c, json!({ "destination": "../..", "type": "tmpfs" })),
        "config.json: /mounts/6",
    ),
    (
        "a mount over the root",
        |c| mount(c, json!({ "destination": "/", "type": "tmpfs" })),
        "config.json: /mounts/6",
    ),
    (
        "an unknown file system",
        |c| mount(c, json!({ "destination": "/tmp", "type": "luckfs" })),
        "/mounts/6: ",
    ),
    (
        "an option that no tmpfs has",
        |c| mount(c, json!({ "destination": "/tmp", "type": "tmpfs", "options": ["luck=7"] })),
        "/mounts/6: ",
    ),
    (
        "a bind of what is not there",
        |c| {
            mount(
                c,
                json!({ "destination": "/tmp", "type": "bind", "source": "/no/such", "options": ["bind"] }),
            )
        },
        "/mounts/6: ",
    ),
    (
        "a bind without a source",
        |c| mount(c, json!({ "destination": "/tmp", "type": "bind", "options": ["bind"] })),
        "config.json: /mounts/6",
    ),
    (
        "a directory bound over a file",
        |c| {
            mount(
                c,
                json!({ "destination": "/etc/passwd", "type": "bind", "source": "/etc", "options": ["bind"] }),
            )
        },
        "/mounts/6: ",
    ),
    (
        "a mount on a symbolic link's loop",
        |c| mount(c, json!({ "destination": "/proc/self/fd/7/x", "type": "tmpfs" })),
        "/mounts/6: ",
    ),
    (
        "an unknown propagation",
        |c| c["linux"]["rootfsPropagation"] = json!("sideways"),
        "config.json: /linux/rootfsPropagation: \"sideways\" is none of ",
    ),
    (
        "a relative masked path",
        |c| c["linux"]["maskedPaths"] = json!(["proc/kcore"]),
        "config.json: /linux/maskedPaths/0: \"proc/kcore\" is not an absolute path",
    ),
    (
        "a relative read-only path",
        |c| c["linux"]["readonlyPaths"] = json!(["proc"]),
        "config.json: /linux/readonlyPaths/0: \"proc\" is not an absolute path",
    ),
    (
        "a relative device",
        |c| c["linux"]["devices"] = json!([{ "path": "dev/x", "type": "c", "major": 1, "minor": 3 }]),
        "config.json: /linux/devices/0/path: \"dev/x\" is not an absolute path",
    ),
    (
        "a device of all kinds",
        |c| c["linux"]["devices"] = json!([{ "path": "/dev/x", "type": "a", "major": 1, "minor": 3 }]),
        "config.json: /linux/devices/0/type: ",
    ),
    (
        "a device without a number",
        |c| c["linux"]["devices"] = json!([{ "path": "/dev/x", "type": "c" }]),
        "config.json: /linux/devices/0",
    ),
];

#[test]
fn wrong_namespaces_are_refused() {
    let case = case!();
    refuse_each(&case, NAMESPACES);
}

fn namespaces(config: &mut Value) -> &mut Vec<Value> {
    config["linux"]["namespaces"].as_array_mut().expect("a list")
}

const NAMESPACES: &[Row] = &[
    (
        "an unknown kind",
        |c| namespaces(c)[0]["type"] = json!("luck"),
        "BUNDLE/config.json: /linux/namespaces/0/type: wanted one of mount, cgroup, uts, ipc, user, pid, network, time; found \"luck\"",
    ),
    ("a kind twice", |c| namespaces(c).push(json!({ "type": "uts" })), "config.json: /linux/namespaces/"),
    (
        "a relative path",
        |c| namespaces(c)[1]["path"] = json!("net"),
        "config.json: /linux/namespaces/1/path: \"net\" is not an absolute path",
    ),
    (
        "a path that is not there",
        |c| namespaces(c)[1]["path"] = json!("/no/such"),
        "/linux/namespaces (network): open network namespace /no/such: ENOENT",
    ),
    (
        "another kind",
        |c| namespaces(c)[1]["path"] = json!("/proc/self/ns/uts"),
        "/linux/namespaces (network): ",
    ),
    (
        "no namespace at all",
        |c| namespaces(c)[1]["path"] = json!("/etc/passwd"),
        "/linux/namespaces (network): ",
    ),
    (
        "a host name without uts",
        |c| namespaces(c).retain(|one| one["type"] != "uts"),
        "config.json: /hostname: it needs a uts namespace",
    ),
    (
        "a long host name",
        |c| c["hostname"] = json!("x".repeat(65)),
        "config.json: /hostname: it is longer than 64 bytes",
    ),
    (
        "a sysctl of the machine",
        |c| c["linux"]["sysctl"] = json!({ "kernel.panic": "1" }),
        "config.json: /linux/sysctl/kernel.panic: it is not of a namespace",
    ),
    (
        "a sysctl that climbs",
        |c| c["linux"]["sysctl"] = json!({ "net/../kernel/panic": "1" }),
        "config.json: /linux/sysctl/net~1..~1kernel~1panic: ",
    ),
    (
        "a sysctl that is not there",
        |c| c["linux"]["sysctl"] = json!({ "net.luck": "1" }),
        "/linux/sysctl/net.luck: ",
    ),
    (
        "a sysctl of an inherited namespace",
        |c| {
            namespaces(c).retain(|one| one["type"] != "ipc");
            c["mounts"].as_array_mut().expect("a list").retain(|one| one["type"] != "mqueue");
            c["linux"]["sysctl"] = json!({ "kernel.shmmax": "1" });
        },
        "config.json: /linux/sysctl/kernel.shmmax: it needs an ipc namespace",
    ),
];

#[test]
fn wrong_seccomp_sections_are_refused() {
    let case = case!();
    refuse_each(&case, SECCOMP);
}

fn seccomp(config: &mut Value, section: Value) {
    config["linux"]["seccomp"] = section;
}

const SECCOMP: &[Row] = &[
    (
        "an unknown action",
        |c| seccomp(c, json!({ "defaultAction": "SCMP_ACT_LUCK" })),
        "BUNDLE/config.json: /linux/seccomp/defaultAction: wanted one of SCMP_ACT_KILL, ",
    ),
    (
        "no default",
        |c| seccomp(c, json!({ "syscalls": [] })),
        "BUNDLE/config.json: /linux/seccomp/defaultAction: required, but missing",
    ),
    (
        "an unknown operator",
        |c| {
            seccomp(
                c,
                json!({ "defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{ "names": ["read"], "action": "SCMP_ACT_ERRNO", "args": [{ "index": 0, "value": 1, "op": "SCMP_CMP_LUCK" }] }] }),
            )
        },
        "BUNDLE/config.json: /linux/seccomp/syscalls/0/args/0/op: wanted one of SCMP_CMP_NE, ",
    ),
    (
        "a seventh argument",
        |c| {
            seccomp(
                c,
                json!({ "defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{ "names": ["read"], "action": "SCMP_ACT_ERRNO", "args": [{ "index": 6, "value": 1, "op": "SCMP_CMP_EQ" }] }] }),
            )
        },
        "config.json: /linux/seccomp/syscalls/0/args/0",
    ),
    (
        "an errno that is none",
        |c| seccomp(c, json!({ "defaultAction": "SCMP_ACT_ERRNO", "defaultErrnoRet": 100_000 })),
        "config.json: /linux/seccomp/defaultErrnoRet",
    ),
    ("notify", |c| seccomp(c, json!({ "defaultAction": "SCMP_ACT_NOTIFY" })), "config.json: /linux/seccomp"),
];

#[test]
fn what_is_not_supported_is_refused_by_name() {
    let case = case!();
    refuse_each(&case, UNSUPPORTED);
}

const UNSUPPORTED: &[Row] = &[
    (
        "an old version",
        |c| c["ociVersion"] = json!("0.9.0"),
        "BUNDLE/config.json: /ociVersion: wanted version 1, found \"0.9.0\"",
    ),
    (
        "no version",
        |c| c["ociVersion"] = Value::Null,
        "BUNDLE/config.json: /ociVersion: wanted a string, found null",
    ),
    (
        "rdt",
        |c| c["linux"]["intelRdt"] = json!({ "closID": "x" }),
        "config.json: /linux/intelRdt: no resctrl file system is mounted",
    ),
    ("net devices", |c| c["linux"]["netDevices"] = json!({ "a/b": {} }), "config.json: /linux/netDevices"),
    (
        "time offsets",
        |c| c["linux"]["timeOffsets"] = json!({ "monotonic": { "secs": 1 } }),
        "config.json: /linux/timeOffsets: it needs a new time namespace in /linux/namespaces",
    ),
    (
        "windows",
        |c| c["windows"] = json!({}),
        "config.json: /windows: a container of another platform is not supported",
    ),
    ("a vm", |c| c["vm"] = json!({}), "config.json: /vm: a container of another platform is not supported"),
];

#[test]
fn all_mistakes_are_told_at_once() {
    let case = case!();
    let bundle = Bundle::script(&case, "true").with(|config| {
        config["process"]["cwd"] = json!("tmp");
        config["process"]["oomScoreAdj"] = json!(-1001);
        config["linux"]["maskedPaths"] = json!(["x"]);
    });
    let line = bundle.refusal(&case);
    for place in ["/process/cwd: ", "/process/oomScoreAdj: ", "/linux/maskedPaths/0: "] {
        assert!(line.contains(place), "{line}");
    }
    assert_eq!(line.matches("; ").count(), 2, "{line}");
}

#[test]
fn ids_that_are_no_file_names_are_refused() {
    let case = case!();
    let bundle = Bundle::script(&case, "true");
    let long = "x".repeat(256);
    for id in ["", ".", "..", "a/b", "/", "../../etc", "a b", "ä", "a\nb", "$(id)", long.as_str()] {
        for verb in ["run", "create"] {
            let call = case.palisade().arg(verb).arg("--bundle").arg(bundle.path()).arg("--").arg(id);
            let line = call.run().refusal(&case);
            assert!(line.starts_with(&format!("container id {id:?}: ")), "{line}");
        }
        for verb in ["start", "state", "kill", "delete", "exec", "ps", "pause", "resume"] {
            let line = case
                .palisade()
                .args([verb, "--", id, "KILL"][..if verb == "exec" || verb == "kill" { 4 } else { 3 }].iter())
                .run()
                .refusal(&case);
            assert!(line.starts_with(&format!("container id {id:?}: ")), "{verb}: {line}");
        }
    }
}

#[test]
fn a_terminal_without_a_socket_is_refused() {
    let case = case!();
    let bundle = Bundle::script(&case, "true").with(|config| config["process"]["terminal"] = json!(true));
    for options in [&["create"][..], &["run", "--detach"]] {
        let call = case.palisade().args(options).arg("--bundle").arg(bundle.path()).arg(case.unused_id());
        let line = call.run().refusal(&case);
        assert!(line.starts_with("/process/terminal: ") && line.contains("--console-socket"), "{line}");
    }
    let call = case.palisade().args(["create", "--console-socket", "/no/such/socket", "--bundle"]);
    let line = call.arg(bundle.path()).arg(case.unused_id()).run().refusal(&case);
    assert!(line.starts_with("--console-socket /no/such/socket: ENOENT"), "{line}");
}

#[test]
fn a_bundle_of_root_needs_a_user_namespace_from_others() {
    let case = case!();
    let bundle = Bundle::script(&case, "true").with(|config| {
        namespaces(config).retain(|one| one["type"] != "user");
        config["linux"]["uidMappings"] = json!([]);
        config["linux"]["gidMappings"] = json!([]);
    });
    if case.tier().privilege() == Privilege::Root {
        assert_eq!(bundle.output(&case), "");
        return;
    }
    let line = bundle.refusal(&case);
    assert!(
        line.starts_with("config.json: /linux/namespaces: an ordinary user needs a user namespace"),
        "{line}"
    );
}
