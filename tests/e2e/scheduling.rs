//! `process.scheduler` and `process.ioPriority`.

use palisade_tests::{Bundle, Privilege, case, skip};
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
