//! `update`: new limits for a container that runs, by the files of its group and by their effect.

use palisade_tests::{Bundle, Case, Container, case, group, skip};
use serde_json::{Value, json};

/// Starts a container that sleeps, with these resources.
fn sleeper<'a>(case: &'a Case, resources: Value) -> Container<'a> {
    Container::start(
        case,
        &Bundle::script(case, "sleep 1000").with(|config| config["linux"]["resources"] = resources),
    )
}

/// Reads the file of a controller that has one name on v1 and another on v2.
fn read(container: &Container<'_>, controller: &str, v1: &str, v2: &str) -> String {
    let file = if group::has_unified(controller) { v2 } else { v1 };
    group::read(container.pid(), controller, file).expect("the controller has a home")
}

fn memory(container: &Container<'_>) -> String {
    read(container, "memory", "memory.limit_in_bytes", "memory.max")
}

/// Memory and swap on v1, swap alone on v2.
fn swap(container: &Container<'_>) -> String {
    read(container, "memory", "memory.memsw.limit_in_bytes", "memory.swap.max")
}

#[test]
fn options_change_what_they_name() {
    let case = case!();
    if !group::can_make() {
        skip!(case, "no cgroup");
    }
    let container = sleeper(&case, json!({ "pids": { "limit": 20 }, "memory": { "limit": 33_554_432 } }));
    let update = |options: &[&str]| {
        container.verb("update").args(options).run().succeeded();
    };
    update(&["--pids-limit", "55"]);
    assert_eq!(read(&container, "pids", "pids.max", "pids.max"), "55");
    assert_eq!(memory(&container), "33554432", "what is not named stays");
    update(&["--pids-limit=-1", "--memory-reservation", "16m"]);
    assert_eq!(read(&container, "pids", "pids.max", "pids.max"), "max");
    assert_eq!(read(&container, "memory", "memory.soft_limit_in_bytes", "memory.low"), "16777216");
    update(&["--cpu-quota", "50000", "--cpu-period", "100000", "--cpu-burst", "10000"]);
    let quota = || read(&container, "cpu", "cpu.cfs_quota_us", "cpu.max");
    let period = || read(&container, "cpu", "cpu.cfs_period_us", "cpu.max");
    assert!(quota().starts_with("50000") && period().ends_with("100000"), "{} {}", quota(), period());
    assert_eq!(read(&container, "cpu", "cpu.cfs_burst_us", "cpu.max.burst"), "10000");
    update(&["--cpu-period", "200000"]);
    assert!(quota().starts_with("50000") && period().ends_with("200000"), "{} {}", quota(), period());
    update(&["--cpu-burst", "0", "--cpu-quota", "-1", "--cpu-share", "2048"]);
    assert!(quota().starts_with("-1") || quota().starts_with("max "), "{}", quota());
    let shares: u64 = read(&container, "cpu", "cpu.shares", "cpu.weight").parse().expect("a number");
    assert!(shares == 2048 || (101..2048).contains(&shares), "{shares}");
    update(&["--cpuset-cpus", "0", "--cpuset-mems=0"]);
    assert_eq!(container.shell("grep Cpus_allowed_list /proc/self/status"), "Cpus_allowed_list:\t0");
    update(&["--cpu-idle", "1"]);
    assert_eq!(read(&container, "cpu", "cpu.idle", "cpu.idle"), "1");
    container.remove();
}

#[test]
fn memory_and_swap_go_up_and_down_together() {
    let case = case!();
    if !group::can_make() {
        skip!(case, "no cgroup");
    }
    let container = sleeper(&case, json!({ "memory": { "limit": 33_554_432, "swap": 33_554_432 } }));
    if !group::has_unified("memory") && group::read(container.pid(), "memory", "cgroup.procs").is_none() {
        skip!(case, "no memory controller");
    }
    let alone = |both: u64, memory: u64| if group::has_unified("memory") { both - memory } else { both };
    for (memory_limit, both) in [(256u64 << 20, 512u64 << 20), (16 << 20, 16 << 20), (64 << 20, 128 << 20)] {
        let options = ["--memory".to_owned(), memory_limit.to_string(), format!("--memory-swap={both}")];
        container.verb("update").args(options).run().succeeded();
        assert_eq!(memory(&container), memory_limit.to_string());
        assert_eq!(swap(&container), alone(both, memory_limit).to_string());
    }
    // Swap alone counts together with the memory that holds.
    container.verb("update").args(["--memory-swap", "256m"]).run().succeeded();
    assert_eq!(
        (memory(&container), swap(&container)),
        ((64u64 << 20).to_string(), alone(256 << 20, 64 << 20).to_string())
    );
    container.verb("update").args(["--memory", "-1"]).run().succeeded();
    assert!(["max", "9223372036854771712"].contains(&memory(&container).as_str()), "{}", memory(&container));
    assert!(["max", "9223372036854771712"].contains(&swap(&container).as_str()), "{}", swap(&container));
    container.remove();
}

#[test]
fn resources_come_from_a_file_and_from_standard_input() {
    let case = case!();
    if !group::can_make() {
        skip!(case, "no cgroup");
    }
    let container = sleeper(&case, json!({}));
    let resources = json!({ "pids": { "limit": 31 }, "cpu": { "shares": 512 }, "unknown": 1 });
    let file = case.scratch().join("resources.json");
    std::fs::write(&file, resources.to_string()).expect("write the resources");
    let pids = || read(&container, "pids", "pids.max", "pids.max");
    container.verb("update").arg("--resources").arg(&file).run().succeeded();
    assert_eq!(pids(), "31");
    let text = json!({ "pids": { "limit": 32 } }).to_string();
    let before = case.palisade().args(["update", "--resources=-"]).arg(container.id()).input(text).run();
    before.succeeded();
    assert_eq!(pids(), "32");
    let text = json!({ "pids": { "limit": 33 } }).to_string();
    container.verb("update").args(["-r", "-"]).input(text).run().succeeded();
    assert_eq!(pids(), "33");
    let said =
        container.verb("update").args(["-r", "-"]).input("{\"pids\":{\"limit\":\"x\"}}").run().failed(1);
    assert!(said.stderr.contains("standard input: /pids/limit"), "{said}");
    container.remove();
}

#[test]
fn an_update_is_whole_or_not_at_all() {
    let case = case!();
    if !group::can_make() {
        skip!(case, "no cgroup");
    }
    let limit = 67_108_864;
    let container = sleeper(&case, json!({ "memory": { "limit": limit }, "pids": { "limit": 20 } }));
    for (options, words) in [
        (&["--memory", "128m", "--pids-limit", "9999999"][..], &["/pids/limit", "9999999"][..]),
        (&["--memory", "128m", "--cpuset-cpus", "9999"], &["/cpu/cpus", "9999"]),
        (&["--pids-limit", "30", "--memory", "64m", "--memory-swap", "32m"], &["/memory/swap"]),
        (&["--pids-limit", "30", "--blkio-weight", "5"], &["/blockIO/weight", "10 to 1000"]),
        (&["--pids-limit", "30", "--cpu-quota", "5"], &["/cpu/quota", "5"]),
        (&["--pids-limit", "30", "--cpu-idle", "3"], &["/cpu/idle", "3"]),
    ] {
        let said = container.verb("update").args(options).run();
        let line = said.refusal_line().unwrap_or_else(|fault| panic!("{fault}: {said}"));
        assert!(line.starts_with("resources: /"), "{line}");
        assert!(words.iter().all(|word| line.contains(word)), "{options:?}: {line}");
        assert_eq!(memory(&container), limit.to_string(), "{options:?}");
        assert_eq!(read(&container, "pids", "pids.max", "pids.max"), "20", "{options:?}");
    }
    container.remove();
}

#[test]
fn a_limit_that_the_kernel_has_given_up_is_left_out_with_a_word() {
    let case = case!();
    if !group::can_make() {
        skip!(case, "no cgroup");
    }
    if group::has_unified("memory") {
        skip!(case, "on v2 it is refused, which another test says");
    }
    let container = sleeper(&case, json!({ "pids": { "limit": 20 } }));
    let said =
        container.verb("update").args(["--kernel-memory", "1m", "--pids-limit", "21"]).run().succeeded();
    assert!(said.stderr.contains("/memory/kernel: left out"), "{said}");
    assert_eq!(group::read(container.pid(), "pids", "pids.max").as_deref(), Some("21"));
    container.remove();
}

#[test]
fn what_only_the_other_version_has_is_refused_by_name() {
    let case = case!();
    if !group::can_make() {
        skip!(case, "no cgroup");
    }
    let container = sleeper(&case, json!({ "pids": { "limit": 20 } }));
    let unified = group::has_unified("memory");
    let rows = if unified {
        vec![
            (json!({ "memory": { "kernelTCP": 1_048_576 } }), "/memory/kernelTCP"),
            (json!({ "memory": { "kernel": 1_048_576 } }), "/memory/kernel"),
            (json!({ "memory": { "swappiness": 10 } }), "/memory/swappiness"),
            (json!({ "memory": { "disableOOMKiller": true } }), "/memory/disableOOMKiller"),
            (json!({ "memory": { "useHierarchy": false } }), "/memory/useHierarchy"),
            (json!({ "cpu": { "realtimeRuntime": 1000 } }), "/cpu/realtimeRuntime"),
            (json!({ "cpu": { "realtimePeriod": 1000 } }), "/cpu/realtimePeriod"),
            (json!({ "blockIO": { "leafWeight": 100 } }), "/blockIO/leafWeight"),
            (json!({ "network": { "classID": 7 } }), "/network/classID"),
            (
                json!({ "network": { "priorities": [{ "name": "lo", "priority": 1 }] } }),
                "/network/priorities",
            ),
        ]
    } else {
        vec![
            (json!({ "unified": { "memory.high": "1048576" } }), "/unified/memory.high"),
            (json!({ "unified": { "cgroup.procs": "1" } }), "/unified/cgroup.procs"),
        ]
    };
    for (mut resources, place) in rows {
        resources["pids"] = json!({ "limit": 30 });
        let said = container.verb("update").args(["-r", "-"]).input(resources.to_string()).run();
        let line = said.refusal_line().unwrap_or_else(|fault| panic!("{fault}: {said}"));
        assert!(line.starts_with(&format!("resources: {place}: ")), "{line}");
        assert_eq!(read(&container, "pids", "pids.max", "pids.max"), "20", "{resources}");
    }
    container.remove();
}

#[test]
fn memory_below_what_is_used_is_refused_where_that_is_asked() {
    let case = case!();
    if !group::can_make() {
        skip!(case, "no cgroup");
    }
    let script = "dd if=/dev/zero of=/dev/shm/full bs=1M count=24 2> /dev/null; : > /ready; sleep 1000";
    let bundle = Bundle::script(&case, script).with(|config| {
        config["linux"]["resources"] = json!({ "memory": { "limit": 134_217_728, "swap": 134_217_728 } });
    });
    let container = Container::start(&case, &bundle);
    let ready = bundle.rootfs().join("ready");
    palisade_tests::container::wait_until("the memory is in use", || ready.exists());
    let resources =
        json!({ "memory": { "limit": 8_388_608, "swap": 8_388_608, "checkBeforeUpdate": true } }).to_string();
    let said = container.verb("update").args(["-r", "-"]).input(resources).run().failed(1);
    assert!(said.stderr.contains("resources: /memory/"), "{said}");
    assert_eq!(memory(&container), "134217728");
    assert_eq!(container.status(), "running");
    container.remove();
}

#[test]
fn a_quota_set_later_is_felt() {
    let case = case!();
    if !group::can_make() {
        skip!(case, "no cgroup");
    }
    let container = Container::start(&case, &Bundle::script(&case, "while :; do :; done"));
    let throttled = || {
        let text = group::read(container.pid(), "cpu", "cpu.stat").expect("the cpu controller");
        let number = text.lines().find_map(|line| line.strip_prefix("nr_throttled ")?.parse::<u64>().ok());
        // Without the controller a v2 group counts no periods.
        number.unwrap_or_default()
    };
    assert_eq!(throttled(), 0);
    container.verb("update").args(["--cpu-quota", "10000", "--cpu-period", "50000"]).run().succeeded();
    palisade_tests::container::wait_until("the container is throttled", || throttled() > 3);
    container.remove();
}

#[test]
fn a_container_that_cannot_be_updated_says_why() {
    let case = case!();
    let missing = case.palisade().args(["update", "--pids-limit", "5", "nobody"]).run().failed(1);
    assert!(missing.stderr.contains("does not exist"), "{missing}");
    let bundle = Bundle::script(&case, "exit 0");
    let id = case.unused_id();
    case.palisade().args(["run", "--keep", "--bundle"]).arg(bundle.path()).arg(&id).run().succeeded();
    let ended = Container::named(&case, &id);
    let said = ended.verb("update").args(["--pids-limit", "5"]).run().failed(1);
    assert!(said.stderr.contains("container not running"), "{said}");
    ended.remove();
    if !group::can_make() {
        let container = Container::start(&case, &Bundle::script(&case, "sleep 1000"));
        let said = container.verb("update").args(["--pids-limit", "5"]).run().failed(1);
        assert!(said.stderr.contains("has no cgroup"), "{said}");
        container.remove();
    }
}

#[test]
fn a_container_that_is_created_can_be_updated() {
    let case = case!();
    if !group::can_make() {
        skip!(case, "no cgroup");
    }
    let container = Container::create(&case, &Bundle::script(&case, "sleep 1000"));
    container.verb("update").args(["--pids-limit", "44"]).run().succeeded();
    assert_eq!(read(&container, "pids", "pids.max", "pids.max"), "44");
    container.remove();
}
