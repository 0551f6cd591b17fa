use super::*;
use crate::{Process, Resources, SchedulerFlag, Seccomp};

fn error(text: &str) -> String {
    parse("c.json", text.as_bytes()).unwrap_err().to_string()
}

/// Texts that are not JSON, with the one line that each gives.
const BROKEN: &[(&str, &str)] = &[
    ("", "c.json:1:0: not JSON: EOF while parsing a value"),
    ("{", "c.json:1:1: not JSON: EOF while parsing an object"),
    ("{\n \"ociVersion\": \"1.0.0\",\n}", "c.json:3:1: not JSON: trailing comma"),
    ("{\n \"a\": 1\n \"b\": 2}", "c.json:3:2: not JSON: expected `,` or `}`"),
    ("{\"ociVersion\":\"1.0.0\"} x", "c.json:1:24: not JSON: trailing characters"),
];

/// Whole texts with the one line that each gives.
const BAD: &[(&str, &str)] = &[
    ("[]", "c.json: wanted an object, found an array"),
    ("3", "c.json: wanted an object, found integer 3"),
    ("{}", "c.json: /ociVersion: required, but missing"),
    (r#"{"ociVersion":null}"#, "c.json: /ociVersion: wanted a string, found null"),
    (r#"{"ociVersion":""}"#, "c.json: /ociVersion: required, but empty"),
    (r#"{"ociVersion":"2.0.0"}"#, "c.json: /ociVersion: wanted version 1, found \"2.0.0\""),
    (r#"{"ociVersion":"x"}"#, "c.json: /ociVersion: wanted a version as 1.3.0, found \"x\""),
    (r#"{"ociVersion":1}"#, "c.json: /ociVersion: wanted a string, found integer 1"),
    (
        r#"{"ociVersion":"1.0.0","ociVersion":"1.0.0","hooks":[],"process":{"user":{"uid":-1,"gid":true},"args":"sh"},"root":{}}"#,
        "c.json: /ociVersion: given twice; \
         /process/user/uid: wanted an integer from 0 to 4294967295, found integer -1; \
         /process/user/gid: wanted an integer from 0 to 4294967295, found boolean true; \
         /process/args: wanted an array, found string \"sh\"; /process/cwd: required, but missing; \
         /root/path: required, but missing; /hooks: wanted an object, found an array",
    ),
];

/// Contents of a configuration that is complete otherwise, each with the fault that it gives.
const FAULTS: &[(&str, &str)] = &[
    (r#""root":{"path":""}"#, "/root/path: required, but empty"),
    (r#""process":{"user":{"uid":0,"gid":0}}"#, "/process/cwd: required, but missing"),
    (
        r#""process":{"user":{"uid":4294967296,"gid":0},"cwd":"/"}"#,
        "/process/user/uid: wanted an integer from 0 to 4294967295, found integer 4294967296",
    ),
    (
        r#""process":{"user":{"uid":1.5,"gid":0},"cwd":"/"}"#,
        "/process/user/uid: wanted an integer from 0 to 4294967295, found floating point 1.5",
    ),
    (
        r#""process":{"user":{"uid":null,"gid":0},"cwd":"/"}"#,
        "/process/user/uid: wanted an integer from 0 to 4294967295, found null",
    ),
    (r#""process":{"user":{"uid":0,"gid":0},"cwd":"/","cwd":"/"}"#, "/process/cwd: given twice"),
    (
        r#""process":{"user":{"uid":0,"gid":0},"cwd":"/","args":["a",["b"]]}"#,
        "/process/args/1: wanted a string, found an array",
    ),
    (
        r#""process":{"user":{"uid":0,"gid":0},"cwd":"/","terminal":"yes"}"#,
        "/process/terminal: wanted a boolean, found string \"yes\"",
    ),
    (
        r#""process":{"user":{"uid":0,"gid":0},"cwd":"/","execCPUAffinity":{"initial":"x","final":"1"}}"#,
        "/process/execCPUAffinity/initial: wanted a list of CPUs as 0-3,7, found \"x\"",
    ),
    (
        r#""process":{"user":{"uid":0,"gid":0},"cwd":"/","execCPUAffinity":{"final":"0,3-2"}}"#,
        "/process/execCPUAffinity/final: wanted a list of CPUs as 0-3,7, found \"0,3-2\"",
    ),
    (
        r#""process":{"user":{"uid":0,"gid":0},"cwd":"/","capabilities":{"bounding":["CAP_KILL",1]}}"#,
        "/process/capabilities/bounding/1: wanted a string, found integer 1",
    ),
    (
        r#""process":{"user":{"uid":0,"gid":0},"cwd":"/","capabilities":{"bounding":["CAP_KILL","CAP_X"]}}"#,
        "/process/capabilities/bounding/1: wanted a capability as CAP_SYS_ADMIN, found \"CAP_X\"",
    ),
    (
        r#""process":{"user":{"uid":0,"gid":0},"cwd":"/","rlimits":[{"type":"RLIMIT_AS","soft":1}]}"#,
        "/process/rlimits/0/hard: required, but missing",
    ),
    (
        r#""linux":{"namespaces":[{"type":"pid"},{"type":"net"}]}"#,
        "/linux/namespaces/1/type: wanted one of mount, cgroup, uts, ipc, user, pid, network, time; found \"net\"",
    ),
    (
        r#""linux":{"namespaces":[{"type":7}]}"#,
        "/linux/namespaces/0/type: wanted one of mount, cgroup, uts, ipc, user, pid, network, time; found integer 7",
    ),
    (r#""linux":{"namespaces":[{}]}"#, "/linux/namespaces/0/type: required, but missing"),
    (
        r#""linux":{"resources":{"pids":{"limit":"many"}}}"#,
        "/linux/resources/pids/limit: wanted an integer, found string \"many\"",
    ),
    (
        r#""linux":{"resources":{"memory":{"limit":9223372036854775808}}}"#,
        "/linux/resources/memory/limit: wanted an integer from -9223372036854775808 to 9223372036854775807, \
         found integer 9223372036854775808",
    ),
    (r#""linux":{"sysctl":{"net.ipv4/a":1}}"#, "/linux/sysctl/net.ipv4~1a: wanted a string, found integer 1"),
    (r#""linux":{"sysctl":{"a~":"1","b":"","a~":"1"}}"#, "/linux/sysctl/a~0: given twice"),
    (
        r#""linux":{"seccomp":{"defaultAction":"SCMP_ACT_NO"}}"#,
        "/linux/seccomp/defaultAction: wanted one of SCMP_ACT_KILL, SCMP_ACT_KILL_THREAD, \
         SCMP_ACT_KILL_PROCESS, SCMP_ACT_TRAP, SCMP_ACT_ERRNO, SCMP_ACT_NOTIFY, SCMP_ACT_TRACE, SCMP_ACT_LOG, \
         SCMP_ACT_ALLOW; found \"SCMP_ACT_NO\"",
    ),
    (r#""mounts":[{"type":"proc"}]"#, "/mounts/0/destination: required, but missing"),
    (
        r#""hooks":{"poststop":[{"path":"/a","timeout":"1"}]}"#,
        "/hooks/poststop/0/timeout: wanted an integer, found string \"1\"",
    ),
    (
        r#""linux":{"devices":[{"type":"c","path":"/a"},{"type":"c"}]}"#,
        "/linux/devices/1/path: required, but missing",
    ),
    (
        r#""linux":{"resources":{"hugepageLimits":[{"limit":1}]}}"#,
        "/linux/resources/hugepageLimits/0/pageSize: required, but missing",
    ),
    (
        r#""linux":{"sysctl":{"a\nb\u001b[2J":1}}"#,
        "/linux/sysctl/a\\nb\\u{1b}[2J: wanted a string, found integer 1",
    ),
];

#[test]
fn bad_texts_give_one_line_that_names_the_fields() {
    let whole = BROKEN.iter().chain(BAD).map(|(text, line)| ((*text).to_owned(), (*line).to_owned()));
    let contents = FAULTS.iter().map(|(content, fault)| {
        (format!(r#"{{"ociVersion":"1.3.0",{content}}}"#), format!("c.json: {fault}"))
    });
    let wrong: Vec<String> = whole
        .chain(contents)
        .filter(|(text, expected)| error(text) != *expected)
        .map(|(text, expected)| format!("{text}\n  wanted {expected}\n  found  {}", error(&text)))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn hostile_texts_give_short_lines() {
    let long = format!(r#"{{"linux":{{"namespaces":[{{"type":"{}"}}]}}}}"#, "x".repeat(5000));
    assert!(error(&long).len() < 1000);
    let many = format!(r#"{{"ociVersion":"1.3.0","mounts":[{}1]}}"#, "1,".repeat(999));
    let line = error(&many);
    assert!(line.contains("/mounts/19: ") && line.ends_with("; and 980 more"), "{line}");
    assert!(error(&"[".repeat(100_000)).contains("recursion limit"));
}

/// Changes each byte of a good text to each of a few others: whatever comes out, it is one line with a place.
#[test]
fn any_damage_gives_one_line() {
    let good = crate::example::example(crate::example::Owner::Root, crate::example::CgroupTree::Unified);
    for place in 0..good.len() {
        for byte in *b"0\"{" {
            let mut text = good.clone().into_bytes();
            text[place] = byte;
            let Err(error) = parse("c.json", &text) else { continue };
            let line = error.to_string();
            assert!(!line.contains('\n') && line.starts_with("c.json:"), "{line}");
            assert!(error.faults()[0].pointer().starts_with('/') || line.contains("not JSON"), "{line}");
        }
    }
}

const PROCESS: &str = r#"{"user":{"uid":1,"gid":2},"cwd":"/","args":null,"consoleSize":null,
    "scheduler":{"policy":"SCHED_DEADLINE","flags":["SCHED_FLAG_DL_OVERRUN"]},
    "capabilities":{"bounding":["CAP_KILL","CAP_NEW"],"ambient":["CAP_NEW"]}}"#;

#[test]
fn what_the_specification_allows_is_read() {
    let text = format!(
        r#"{{"ociVersion":"1.2.1+dev","unknown":{{"a":[1]}},"unknown":2,"linux":null,"windows":{{"a":1}},"process":{PROCESS}}}"#
    );
    let loaded = parse_noting("c.json", text.as_bytes()).unwrap();
    let notes: Vec<String> = loaded.notes.iter().map(ToString::to_string).collect();
    let wanted = "wanted a capability as CAP_SYS_ADMIN, found \"CAP_NEW\"";
    let place = "/process/capabilities";
    assert_eq!(notes, [format!("{place}/bounding/1: {wanted}"), format!("{place}/ambient/0: {wanted}")]);
    assert_eq!(loaded.spec.windows, crate::Presence::Present);
    let process = loaded.spec.process.unwrap();
    let capabilities = process.capabilities.unwrap();
    assert_eq!(capabilities.bounding.iter().map(crate::Capability::name).collect::<Vec<_>>(), ["CAP_KILL"]);
    assert!(capabilities.ambient.is_empty());
    assert_eq!(process.scheduler.unwrap().flags, [SchedulerFlag::DeadlineOverrun]);
}

#[test]
fn pids_without_a_limit_are_no_limit_and_zero_is_zero() {
    for (pids, expected) in [
        ("{}", None),
        (r#"{"limit":null}"#, None),
        (r#"{"limit":0}"#, Some(0)),
        (r#"{"limit":-1}"#, Some(-1)),
    ] {
        let text = format!(r#"{{"ociVersion":"1.0.0","linux":{{"resources":{{"pids":{pids}}}}}}}"#);
        let spec = parse("c.json", text.as_bytes()).unwrap();
        assert_eq!(spec.linux.resources.pids.limit, expected);
    }
}

#[test]
fn parts_are_read_with_pointers_of_their_own() {
    let bad = parse_as::<Process>("p.json", br#"{"user":{"uid":0,"gid":0},"cwd":3}"#).unwrap_err();
    assert_eq!(bad.to_string(), "p.json: /cwd: wanted a string, found integer 3");
    let bad = parse_as::<Process>("p.json", PROCESS.as_bytes()).unwrap_err();
    let pointers: Vec<&str> = bad.faults().iter().map(Fault::pointer).collect();
    assert_eq!(pointers, ["/capabilities/bounding/1", "/capabilities/ambient/0"]);
    let resources = parse_as::<Resources>("r.json", br#"{"memory":{"limit":7}}"#).unwrap();
    assert_eq!(resources.memory.limit, Some(7));
}

#[test]
fn absent_seccomp_flags_are_not_empty_ones() {
    let flags = |text: &str| parse_as::<Seccomp>("s.json", text.as_bytes()).unwrap().flags;
    assert_eq!(flags(r#"{"defaultAction":"SCMP_ACT_KILL"}"#), None);
    assert_eq!(flags(r#"{"defaultAction":"SCMP_ACT_KILL","flags":[]}"#), Some(Vec::new()));
}

/// Every field of version 1.3, in the order in which Palisade writes them.
const WHOLE: &str = include_str!("whole.json");

#[test]
fn every_field_comes_back() {
    let spec = parse("whole.json", WHOLE.as_bytes()).unwrap();
    assert_eq!(serde_json::to_string_pretty(&spec).unwrap(), WHOLE.trim_end());
}

#[test]
fn what_is_empty_is_not_written() {
    let spec = Spec { version: VERSION.to_owned(), ..Spec::default() };
    assert_eq!(serde_json::to_string(&spec).unwrap(), r#"{"ociVersion":"1.3.0"}"#);
    let process = serde_json::to_string(&Process::default()).unwrap();
    assert_eq!(process, r#"{"user":{"uid":0,"gid":0},"cwd":""}"#);
}

#[test]
fn files_that_cannot_be_read() {
    for (path, expected) in [
        ("/nonexistent/config.json", "ENOENT (no such file or directory)"),
        ("/proc", "EISDIR (is a directory)"),
        ("/proc/version/config.json", "ENOTDIR (not a directory)"),
        ("/dev/zero", "it is larger than 16 MiB"),
    ] {
        let error = load(Path::new(path)).unwrap_err().to_string();
        assert_eq!(error, format!("read {path}: {expected}"));
    }
}
