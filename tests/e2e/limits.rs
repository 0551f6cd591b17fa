//! Programs that want too much, and what is left to the machine.

use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, Instant};

use palisade_tests::container::wait_until;
use palisade_tests::{Bundle, Case, Container, case, group, skip};
use serde_json::{Value, json};

/// Makes a bundle with limits; none where this user can make no cgroup with them.
fn limited(case: &Case, script: &str, resources: Value) -> Option<Bundle> {
    group::can_make()
        .then(|| Bundle::script(case, script).with(|config| config["linux"]["resources"] = resources))
}

#[test]
fn a_fork_bomb_leaves_the_machine_usable() {
    let case = case!();
    // A shell that cannot fork ends, and this one begins anew then.
    let script = "/bomb 2> /dev/null & sleep 1000";
    let Some(bundle) = limited(&case, script, json!({ "pids": { "limit": 30 } })) else {
        skip!(case, "no cgroup");
    };
    let bomb = bundle.rootfs().join("bomb");
    std::fs::write(&bomb, "#!/bin/sh\ntrap 'exec /bomb' EXIT\n/bomb &\n/bomb &\n").expect("write the bomb");
    std::fs::set_permissions(&bomb, PermissionsExt::from_mode(0o755)).expect("chmod");
    let container = Container::start(&case, &bundle);
    let pid = container.pid();
    let read = |file: &str| group::read(pid, "pids", file).expect("the pids controller");
    let refused = || {
        let events = read("pids.events");
        let count = events.lines().find_map(|line| line.strip_prefix("max "));
        count.and_then(|count| count.parse::<u64>().ok()).unwrap_or_default()
    };
    wait_until("the bomb hits its limit", || refused() > 100);
    for _ in 0..5 {
        let current: u32 = read("pids.current").parse().expect("a number");
        assert!(current <= 30, "{current} processes");
        case.program("/bin/busybox").arg("true").limit(Duration::from_secs(10)).run().succeeded();
    }
    container.remove();
}

#[test]
fn a_fork_over_the_limit_is_told_to_try_again() {
    let case = case!();
    let script = "for i in 1 2 3 4 5 6 7 8; do sleep 1000 & done; echo all";
    let Some(bundle) = limited(&case, script, json!({ "pids": { "limit": 5 } })) else {
        skip!(case, "no cgroup");
    };
    let said = bundle.run(&case);
    assert!(said.stderr.contains("can't fork: Resource temporarily unavailable"), "{said}");
    assert_eq!(said.stdout, "");
    let enough = bundle.variant(&case, |config| config["linux"]["resources"]["pids"]["limit"] = json!(9));
    assert_eq!(enough.output(&case), "all");
}

#[test]
fn a_memory_hog_is_killed() {
    let case = case!();
    let script = "dd if=/dev/zero of=/dev/null bs=$SIZE count=1 2> /dev/null; echo $?";
    let limit = 32 << 20;
    let resources = json!({ "memory": { "limit": limit, "swap": limit } });
    let Some(bundle) = limited(&case, script, resources) else {
        skip!(case, "no cgroup");
    };
    let with = |size: &str| {
        let size = format!("SIZE={size}");
        bundle.variant(&case, |config| config["process"]["env"] = json!(["PATH=/bin", size]))
    };
    assert_eq!(with("8M").output(&case), "0", "what fits is let be");
    assert_eq!(with("200M").output(&case), "137");
    let first = with("200M").variant(&case, |config| {
        config["process"]["args"] = json!(["dd", "if=/dev/zero", "of=/dev/null", "bs=200M", "count=1"]);
    });
    assert_eq!(first.run(&case).code(), 137, "the first process is killed, too");
}

/// A process that is killed hangs up as one that is ready does.
#[test]
fn a_limit_that_the_start_itself_exceeds_is_an_error_of_create() {
    let case = case!();
    let Some(bundle) = limited(&case, "true", json!({ "memory": { "limit": 1 } })) else {
        skip!(case, "no cgroup");
    };
    let call = case.palisade().args(["create", "--bundle"]).arg(bundle.path()).arg(case.unused_id());
    let line = call.run().refusal(&case);
    assert!(line.contains("/linux/resources/memory/limit: init was killed for its memory"), "{line}");
}

#[test]
fn a_memory_hog_is_counted() {
    let case = case!();
    let script = "dd if=/dev/zero of=/dev/null bs=200M count=1 2> /dev/null; sleep 1000";
    let Some(bundle) = limited(&case, script, json!({ "memory": { "limit": 32 << 20, "swap": 32 << 20 } }))
    else {
        skip!(case, "no cgroup");
    };
    let container = Container::start(&case, &bundle);
    let pid = container.pid();
    let file = if group::has_unified("memory") { "memory.events" } else { "memory.oom_control" };
    wait_until("the kernel counts a kill", || {
        let text = group::read(pid, "memory", file).expect("the memory controller");
        text.lines().any(|line| line == "oom_kill 1")
    });
    container.remove();
}

#[test]
fn a_cpu_burner_gets_its_quota_and_no_more() {
    let case = case!();
    let Some(bundle) =
        limited(&case, "while :; do :; done", json!({ "cpu": { "quota": 50_000, "period": 100_000 } }))
    else {
        skip!(case, "no cgroup");
    };
    let container = Container::start(&case, &bundle);
    let pid = container.pid();
    let (begin, used_before) = (Instant::now(), cpu_time(pid));
    std::thread::sleep(Duration::from_secs(3));
    let used = cpu_time(pid).checked_sub(used_before).expect("time goes forward");
    let share = used.as_secs_f64() / begin.elapsed().as_secs_f64();
    let throttled = field(&group::read(pid, "cpu", "cpu.stat").expect("the cpu controller"), "nr_throttled");
    container.remove();
    // Less than the half is possible on a machine with other work to do.
    assert!((0.1..0.6).contains(&share), "a share of {share:.2}");
    assert!(throttled > 0, "never throttled with a share of {share:.2}");
}

/// The processor time that the group of a process has used.
fn cpu_time(pid: i64) -> Duration {
    match group::has_unified("cpu") {
        true => Duration::from_micros(field(
            &group::read(pid, "cpu", "cpu.stat").expect("cpu.stat"),
            "usage_usec",
        )),
        false => {
            let text = group::read(pid, "cpuacct", "cpuacct.usage").expect("cpuacct.usage");
            Duration::from_nanos(text.parse().expect("nanoseconds"))
        }
    }
}

fn field(text: &str, name: &str) -> u64 {
    let value = text.lines().find_map(|line| line.strip_prefix(name)?.trim().parse().ok());
    value.unwrap_or_else(|| panic!("no {name} in {text}"))
}

#[test]
fn a_cpuset_binds_to_its_processors() {
    let case = case!();
    let script = "grep -E '^(Cpus|Mems)_allowed_list' /proc/self/status";
    let Some(bundle) = limited(&case, script, json!({ "cpu": { "cpus": "1", "mems": "0" } })) else {
        skip!(case, "no cgroup");
    };
    assert_eq!(bundle.output(&case), "Cpus_allowed_list:\t1\nMems_allowed_list:\t0");
}
