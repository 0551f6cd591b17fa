//! `events`: what a container uses, and that it has run out of memory.

use std::time::{Duration, Instant};

use palisade_tests::container::wait_until;
use palisade_tests::{Bundle, Case, Container, case, group, skip};
use rustix::process::Signal;
use serde_json::{Value, json};

fn limited(case: &Case, script: &str, resources: Value) -> Bundle {
    Bundle::script(case, script).with(|config| config["linux"]["resources"] = resources)
}

/// Reads lines of JSON; a line that is not whole yet is left.
fn lines(text: &str) -> Vec<Value> {
    let whole = text.rfind('\n').map_or("", |end| &text[..end]);
    let parse = |line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
    whole.lines().map(parse).collect()
}

fn count(lines: &[Value], kind: &str) -> usize {
    lines.iter().filter(|line| line["type"] == kind).count()
}

fn once(container: &Container<'_>) -> Value {
    let said = container.verb("events").arg("--stats").run().succeeded();
    let lines = lines(&said.stdout);
    assert_eq!(lines.len(), 1, "{said}");
    assert_eq!((&lines[0]["type"], &lines[0]["id"]), (&json!("stats"), &json!(container.id())), "{said}");
    lines[0]["data"].clone()
}

#[test]
fn stats_tell_what_a_container_uses() {
    let case = case!();
    if !group::can_make() {
        skip!(case, "no cgroup");
    }
    let script = "dd if=/dev/zero of=/dev/shm/full bs=1M count=20 2> /dev/null; sleep 1000 & : > /ready; while :; do :; done";
    let resources = json!({
        "memory": { "limit": 134_217_728, "swap": 134_217_728 },
        "pids": { "limit": 33 },
        "cpu": { "quota": 5_000, "period": 50_000, "cpus": "0" },
    });
    let bundle = limited(&case, script, resources);
    let container = Container::start(&case, &bundle);
    let ready = bundle.rootfs().join("ready");
    wait_until("the container is at work", || ready.exists());
    wait_until("it is throttled", || once(&container)["cpu"]["throttling"]["throttledTime"].is_u64());
    let data = once(&container);
    let number = |pointer: &str| {
        data.pointer(pointer).and_then(Value::as_u64).unwrap_or_else(|| panic!("{pointer}: {data:#}"))
    };
    assert_eq!((number("/pids/current"), number("/pids/limit")), (2, 33));
    assert!((20 << 20..64 << 20).contains(&number("/memory/usage/usage")), "{data:#}");
    assert_eq!(number("/memory/usage/limit"), 134_217_728);
    assert_eq!(number("/memory/swap/limit"), 134_217_728, "memory and swap together, on v2 too");
    assert!(number("/memory/cache") >= 20 << 20, "{data:#}");
    assert!(data["memory"]["raw"].as_object().is_some_and(|raw| raw.len() > 10), "{data:#}");
    assert!(number("/cpu/usage/total") >= 5_000_000, "{data:#}");
    assert!(number("/cpu/usage/user") + number("/cpu/usage/kernel") > 0, "{data:#}");
    assert!(number("/cpu/throttling/periods") >= number("/cpu/throttling/throttledPeriods"), "{data:#}");
    assert!(number("/cpu/throttling/throttledTime") > 0, "{data:#}");
    assert_eq!(data["cpuset"]["cpus"], json!([0]));
    assert_eq!(data["intel_rdt"], json!({}));
    assert_eq!(data["network_interfaces"], json!([]), "its own network has a loopback alone");
    if group::has_unified("memory") && std::path::Path::new("/proc/pressure").exists() {
        assert!(data["cpu"]["psi"]["some"]["total"].is_u64(), "{data:#}");
    }
    // It is throttled: its next moment may be a while off.
    let grows =
        || once(&container)["cpu"]["usage"]["total"].as_u64() > data["cpu"]["usage"]["total"].as_u64();
    wait_until("it uses more of the CPU", grows);
    container.remove();
}

#[test]
fn no_limit_is_told_as_runc_tells_it() {
    let case = case!();
    if !group::can_make() {
        skip!(case, "no cgroup");
    }
    let container = Container::start(&case, &Bundle::script(&case, "sleep 1000"));
    let data = once(&container);
    assert!(data["pids"].get("limit").is_none(), "{data:#}");
    if group::read(container.pid(), "memory", "cgroup.procs").is_some() {
        let unlimited: u64 = if group::has_unified("memory") { u64::MAX } else { 9_223_372_036_854_771_712 };
        assert_eq!(data["memory"]["usage"]["limit"], json!(unlimited));
    }
    container.remove();
}

#[test]
fn the_stream_has_a_line_each_interval_and_ends_with_the_container() {
    let case = case!();
    if !group::can_make() {
        skip!(case, "no cgroup");
    }
    let container = Container::start(&case, &Bundle::script(&case, "sleep 1000"));
    let begin = Instant::now();
    let stream = container.verb("events").arg("--interval=300ms").spawn();
    wait_until("three lines", || count(&lines(&stream.stdout()), "stats") >= 3);
    assert!(begin.elapsed() >= Duration::from_millis(900), "{:?}", begin.elapsed());
    container.kill("KILL");
    let said = stream.wait().succeeded();
    let lines = lines(&said.stdout);
    assert_eq!(count(&lines, "stats"), lines.len(), "{said}");
    assert!(lines.iter().all(|line| line["id"] == container.id()), "{said}");
    assert_eq!(said.stderr, "");
    container.remove();
}

#[test]
fn a_kill_for_want_of_memory_is_told_at_once() {
    let case = case!();
    if !group::can_make() {
        skip!(case, "no cgroup");
    }
    let script = "while [ ! -e /go ]; do sleep 0.1; done; \
                  dd if=/dev/zero of=/dev/null bs=200M count=1 2> /dev/null; sleep 1000";
    let bundle = limited(&case, script, json!({ "memory": { "limit": 32 << 20, "swap": 32 << 20 } }));
    let container = Container::start(&case, &bundle);
    let stream = container.verb("events").args(["--interval", "1h"]).spawn();
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(stream.stdout(), "");
    std::fs::write(bundle.rootfs().join("go"), "").expect("write go");
    wait_until("the kill is told", || !stream.stdout().is_empty());
    assert_eq!(lines(&stream.stdout())[0], json!({ "type": "oom", "id": container.id() }));
    assert_eq!(container.status(), "running");
    container.kill("KILL");
    let said = stream.wait().succeeded();
    assert_eq!(count(&lines(&said.stdout), "stats"), 0, "{said}");
    container.remove();
}

#[test]
fn the_kill_that_ends_the_container_is_told() {
    let case = case!();
    if !group::can_make() {
        skip!(case, "no cgroup");
    }
    let script = "while [ ! -e /go ]; do sleep 0.1; done; exec dd if=/dev/zero of=/dev/null bs=200M count=1";
    let bundle = limited(&case, script, json!({ "memory": { "limit": 32 << 20, "swap": 32 << 20 } }));
    let container = Container::start(&case, &bundle);
    let stream = container.verb("events").args(["--interval", "1h"]).spawn();
    std::thread::sleep(Duration::from_millis(500));
    std::fs::write(bundle.rootfs().join("go"), "").expect("write go");
    let said = stream.wait().succeeded();
    assert_eq!(lines(&said.stdout)[0], json!({ "type": "oom", "id": container.id() }), "{said}");
    container.remove();
}

#[test]
fn a_stream_waits_without_work() {
    let case = case!();
    if !group::can_make() {
        skip!(case, "no cgroup");
    }
    let container = Container::start(&case, &Bundle::script(&case, "sleep 1000"));
    let stream = container.verb("events").args(["--interval", "1h"]).spawn();
    std::thread::sleep(Duration::from_millis(500));
    let switches = || {
        let path = format!("/proc/{}/status", stream.pid().as_raw_nonzero());
        let status = std::fs::read_to_string(path).expect("the stream runs");
        let number = status.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"));
        number.and_then(|number| number.trim().parse::<u64>().ok()).expect("a number")
    };
    let before = switches();
    std::thread::sleep(Duration::from_millis(2500));
    assert_eq!(switches(), before, "it looks at something now and then");
    stream.signal(Signal::TERM);
    let _ended = stream.wait();
    container.remove();
}

#[test]
fn what_cannot_be_told_is_refused() {
    let case = case!();
    let missing = case.palisade().args(["events", "--stats", "nobody"]).run().failed(1);
    assert!(missing.stderr.contains("does not exist"), "{missing}");
    let bundle = Bundle::script(&case, "exit 0");
    let id = case.unused_id();
    case.palisade().args(["run", "--keep", "--bundle"]).arg(bundle.path()).arg(&id).run().succeeded();
    let ended = Container::named(&case, &id);
    for options in [&["--stats"][..], &[]] {
        let said = ended.verb("events").args(options).run().failed(1);
        assert!(said.stderr.contains("container not running"), "{said}");
    }
    let said = ended.verb("events").args(["--interval", "0s"]).run().failed(1);
    assert!(said.stderr.contains("must be more than none"), "{said}");
    ended.remove();
    if !group::can_make() {
        let container = Container::start(&case, &Bundle::script(&case, "sleep 1000"));
        let said = container.verb("events").arg("--stats").run().failed(1);
        assert!(said.stderr.contains("has no cgroup"), "{said}");
        container.remove();
    }
}
