//! Processes of a container that outlive their parents: `run` takes them in, where the container has no pid namespace whose
//! first process would.

use std::fs;

use palisade_tests::container::wait_until;
use palisade_tests::{Bundle, Container, Privilege, case, skip};
use rustix::process::{Pid, Signal, kill_process};

/// The number of a process's parent; none once the process is gone.
fn parent(pid: i32) -> Option<i32> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    status.lines().find_map(|line| line.strip_prefix("PPid:"))?.trim().parse().ok()
}

#[test]
fn run_reaps_orphans_unless_it_is_told_to_leave_them() {
    let case = case!();
    if case.tier().privilege() == Privilege::Ordinary {
        skip!(case, "proc cannot be mounted in a user namespace without a pid namespace");
    }
    // The shell between ends, and leaves its child.
    let script = "sh -c 'sleep 1000 & echo $! > /number; mv /number /pid'; sleep 1000";
    let bundle = Bundle::script(&case, script).with(|config| {
        let namespaces = config["linux"]["namespaces"].as_array_mut().expect("a list");
        namespaces.retain(|namespace| namespace["type"] != "pid");
    });
    let file = bundle.rootfs().join("pid");
    for option in [None, Some("--no-subreaper")] {
        let id = case.unused_id();
        let call = case.palisade().arg("run").args(option).arg("--bundle").arg(bundle.path());
        let running = call.arg(&id).spawn();
        wait_until("the container has an orphan", || file.exists());
        let orphan: i32 = fs::read_to_string(&file).expect("a number").trim().parse().expect("a number");
        fs::remove_file(&file).expect("remove a file");
        let own = i32::try_from(std::process::id()).expect("a number");
        let expected = if option.is_none() { running.pid().as_raw_nonzero().get() } else { own };
        wait_until("the orphan has another parent", || parent(orphan) == Some(expected));
        kill_process(Pid::from_raw(orphan).expect("a number"), Signal::KILL).expect("kill the orphan");
        let state = || fs::read_to_string(format!("/proc/{orphan}/stat")).unwrap_or_default();
        if option.is_none() {
            wait_until("the orphan is reaped", || parent(orphan).is_none());
        } else {
            // The tests keep what they are given until the end.
            wait_until("the orphan has ended", || state().contains(") Z ") || state().is_empty());
        }
        let container = Container::named(&case, &id);
        assert_eq!(container.status(), "running");
        container.kill("KILL");
        assert_eq!(running.wait().code(), 137);
    }
}
