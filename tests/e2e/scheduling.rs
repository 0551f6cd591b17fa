//! `process.scheduler` and `process.ioPriority`.

use std::fs;

use palisade_tests::{Bundle, Container, Privilege, case, skip};
use serde_json::json;

#[test]
fn the_policy_and_its_numbers_are_set() {
    let case = case!();
    // Fields 19 and 41 are the nice value and the policy, `proc_pid_stat(5)`.
    let bundle = Bundle::script(&case, "awk '{ print $19, $40, $41 }' /proc/self/stat");
    let rows = [
        (json!({ "policy": "SCHED_OTHER", "nice": 7 }), "7 0 0", Privilege::Ordinary),
        (json!({ "policy": "SCHED_BATCH", "nice": 3 }), "3 0 3", Privilege::Ordinary),
        (json!({ "policy": "SCHED_IDLE" }), "0 0 5", Privilege::Ordinary),
        (json!({ "policy": "SCHED_OTHER", "nice": -5 }), "-5 0 0", Privilege::Root),
    ];
    for (scheduler, said, needs) in rows {
        if needs == Privilege::Root && case.tier().privilege() == Privilege::Ordinary {
            continue;
        }
        let bundle = bundle.variant(&case, |config| config["process"]["scheduler"] = scheduler.clone());
        assert_eq!(bundle.output(&case), said, "{scheduler}");
    }
}

#[test]
fn a_realtime_policy_is_set_or_refused_by_name() {
    let case = case!();
    let bundle = Bundle::script(&case, "awk '{ print $40, $41 }' /proc/self/stat").with(|config| {
        config["process"]["scheduler"] =
            json!({ "policy": "SCHED_FIFO", "priority": 9, "flags": ["SCHED_FLAG_RESET_ON_FORK"] });
        config["process"]["args"] = json!(["awk", "{ print $40, $41 }", "/proc/self/stat"]);
    });
    let said = bundle.run(&case);
    if said.status.success() {
        assert_eq!(said.stdout, "9 1\n", "{said}");
        return;
    }
    // A v1 cpu group without a share of realtime takes no such process.
    let line = said.refusal(&case);
    assert!(line.starts_with("/process/scheduler: "), "{line}");
}

#[test]
fn a_clamp_is_set_where_the_kernel_has_clamps() {
    let case = case!();
    let bundle = Bundle::script(&case, "awk '/uclamp/ { print $1, $3 }' /proc/self/sched").with(|config| {
        config["process"]["scheduler"] =
            json!({ "policy": "SCHED_OTHER", "flags": ["SCHED_FLAG_UTIL_CLAMP_MAX"] });
    });
    let said = bundle.run(&case);
    if said.status.success() {
        assert!(said.stdout.contains("uclamp.max 0\n"), "{said}");
        return;
    }
    let line = said.refusal(&case);
    assert!(line.starts_with("/process/scheduler: ") && line.contains("EOPNOTSUPP"), "{line}");
}

#[test]
fn the_io_priority_is_set() {
    let case = case!();
    let bundle = Bundle::script(&case, "ionice -p $$");
    for (class, priority, said) in [
        ("IOPRIO_CLASS_BE", 6, "best-effort: prio 6"),
        ("IOPRIO_CLASS_BE", 0, "best-effort: prio 0"),
        ("IOPRIO_CLASS_IDLE", 0, "idle"),
    ] {
        let value = json!({ "class": class, "priority": priority });
        let bundle = bundle.variant(&case, |config| config["process"]["ioPriority"] = value);
        assert_eq!(bundle.output(&case), said, "{class} {priority}");
    }
    if case.tier().privilege() == Privilege::Ordinary {
        skip!(case, "the realtime class takes root");
    }
    let value = json!({ "class": "IOPRIO_CLASS_RT", "priority": 2 });
    let bundle = bundle.variant(&case, |config| config["process"]["ioPriority"] = value);
    assert_eq!(bundle.output(&case), "realtime: prio 2");
}

/// The CPUs that a process of this machine may run on.
fn own_cpus() -> Vec<usize> {
    let status = fs::read_to_string("/proc/self/status").expect("read /proc/self/status");
    let list = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:")).expect("a list");
    let range = |part: &str| match part.split_once('-') {
        Some((first, last)) => first.parse().expect("a CPU")..=last.parse().expect("a CPU"),
        None => part.parse().expect("a CPU")..=part.parse().expect("a CPU"),
    };
    list.trim().split(',').flat_map(range).collect()
}

#[test]
fn a_process_of_exec_runs_on_the_cpus_of_its_affinity() {
    let case = case!();
    let cpus = own_cpus();
    let [first, .., last] = cpus.as_slice() else { skip!(case, "there is one CPU") };
    let bundle = Bundle::script(&case, "sleep 1000").with(|config| {
        // It means nothing to the first process.
        config["process"]["execCPUAffinity"] = json!({ "initial": "1000", "final": "1000" });
    });
    let container = Container::start(&case, &bundle);
    let exec = |affinity: serde_json::Value| {
        let file = case.scratch().join(case.unused("process.json"));
        let mut process = bundle.config()["process"].clone();
        process["args"] = json!(["sed", "-n", "s/^Cpus_allowed_list:\t//p", "/proc/self/status"]);
        process["execCPUAffinity"] = affinity;
        fs::write(&file, process.to_string()).expect("write process.json");
        container.verb("exec").arg("--process").arg(file).run()
    };
    let allowed = |affinity| exec(affinity).succeeded().stdout.trim_end().to_owned();
    assert_eq!(allowed(json!({ "final": last.to_string() })), last.to_string());
    assert_eq!(allowed(json!({ "initial": first.to_string(), "final": last.to_string() })), last.to_string());
    assert_eq!(allowed(json!({ "final": format!("{first},{last},1000") })), allowed(json!({})));
    for name in ["initial", "final"] {
        let line = exec(json!({ name: "1000" })).failed(255).stderr;
        let place = format!("/process/execCPUAffinity/{name}: ");
        assert!(line.contains(&place) && line.contains("sched_setaffinity: EINVAL"), "{line}");
    }
    container.remove();
}
