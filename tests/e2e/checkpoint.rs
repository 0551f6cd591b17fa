//! `checkpoint` and `restore` by criu.

use std::fs;
use std::path::Path;
use std::process::Command;

use palisade_tests::container::wait_until;
use palisade_tests::{Bundle, Case, Container, Privilege, case, skip};
use serde_json::Value;

/// Counts in a file of the container's own.
const COUNT: &str = "i=0; while :; do i=$((i+1)); echo $i >/tmp/count; sleep 0.02; done";

/// Says why criu cannot work here, where it cannot.
fn obstacle(case: &Case) -> Option<String> {
    if case.tier().privilege() != Privilege::Root {
        return Some("criu needs root".to_owned());
    }
    match Command::new("criu").arg("check").output() {
        Err(error) => Some(format!("criu: {error}")),
        Ok(output) if !output.status.success() => {
            let text = String::from_utf8_lossy(&output.stderr).into_owned();
            let first = text.lines().next().unwrap_or_default().to_owned();
            Some(format!("criu check fails on this kernel: {first}"))
        }
        Ok(_) => None,
    }
}

/// A container in the host's network: criu needs iptables and ip to write one of its own.
fn counting(case: &Case) -> Bundle {
    Bundle::script(case, COUNT).with(|config| {
        let namespaces = config["linux"]["namespaces"].as_array_mut().expect("namespaces");
        namespaces.retain(|namespace| namespace["type"] != "network");
    })
}

fn count(container: &Container<'_>) -> u64 {
    container.shell("cat /tmp/count").parse().unwrap_or(0)
}

fn images(case: &Case) -> String {
    case.scratch().join("images").display().to_string()
}

#[test]
fn a_restored_container_goes_on_where_it_was() {
    let case = case!();
    if let Some(why) = obstacle(&case) {
        skip!(case, "{why}");
    }
    let bundle = counting(&case);
    let container = Container::start(&case, &bundle);
    wait_until("it has counted to 10", || count(&container) > 10);
    container.verb("checkpoint").args(["--image-path", &images(&case)]).run().succeeded();
    container.verb("state").run().failed(1);
    let streams = fs::read_to_string(Path::new(&images(&case)).join("descriptors.json")).expect("streams");
    assert_eq!(serde_json::from_str::<Value>(&streams).expect("JSON").as_array().map(Vec::len), Some(3));
    let pid_file = case.scratch().join("pid");
    let restored = Container::named(&case, &case.unused_id());
    let call = restored.verb("restore").args(["--detach", "--image-path", &images(&case), "--bundle"]);
    call.arg(bundle.path()).arg("--pid-file").arg(&pid_file).run().succeeded();
    assert_eq!(restored.status(), "running");
    assert_eq!(fs::read_to_string(&pid_file).expect("a pid file"), restored.pid().to_string());
    let first = count(&restored);
    assert!(first > 10, "it does not begin again: {first}");
    wait_until("it goes on counting", || count(&restored) > first + 5);
    assert_eq!(restored.shell("hostname"), "case");
    assert_eq!(restored.shell("cat /proc/1/cgroup"), restored.shell("cat /proc/self/cgroup"), "one group");
    restored.kill("KILL");
    restored.await_status("stopped");
    restored.remove();
}

#[test]
fn a_container_goes_on_beside_its_images() {
    let case = case!();
    if let Some(why) = obstacle(&case) {
        skip!(case, "{why}");
    }
    let bundle = counting(&case);
    let container = Container::start(&case, &bundle);
    wait_until("it counts", || count(&container) > 1);
    let pre = format!("{}-pre", images(&case));
    container.verb("checkpoint").args(["--pre-dump", "--image-path", &pre]).run().succeeded();
    let call = || container.verb("checkpoint").args(["--leave-running", "--image-path", &images(&case)]);
    for (parent, cause) in [
        (pre.as_str(), "is not relative to --image-path"),
        ("../none", "ENOENT"),
        ("../images-pre/inventory.img", "is not a directory"),
    ] {
        let said = call().args(["--parent-path", parent]).run().failed(1).stderr;
        assert!(said.contains("--parent-path: ") && said.contains(cause), "{said}");
    }
    call().args(["--parent-path", "../images-pre"]).run().succeeded();
    let first = count(&container);
    wait_until("it goes on counting", || count(&container) > first + 5);
    assert_eq!(container.status(), "running");
    container.remove();
    // In the foreground, until it is killed.
    let restored = Container::named(&case, &case.unused_id());
    // No mount here has a context: criu has nothing to put this one in place of.
    let context = "--lsm-mount-context=system_u:object_r:container_file_t:s0";
    let call = restored.verb("restore").args([context, "--image-path", &images(&case), "--bundle"]);
    let call = call.arg(bundle.path());
    let running = call.spawn();
    let runs = || restored.verb("state").run().stdout.contains("\"running\"");
    wait_until("it is restored", runs);
    wait_until("it goes on counting", || count(&restored) > 5);
    restored.kill("KILL");
    let end = running.wait();
    assert_eq!(end.code(), 137, "{end}");
    restored.verb("state").run().failed(1);
}

#[test]
fn what_cannot_be_is_refused_and_leaves_nothing() {
    let case = case!();
    let bundle = Bundle::script(&case, COUNT);
    let container = Container::create(&case, &bundle);
    let says = |said: palisade_tests::invocation::Finished, words: &str| {
        let line = said.refusal_line().unwrap_or_else(|wrong| panic!("{wrong}: {said}"));
        assert!(line.contains(words), "{words}: {line}");
    };
    let root = case.tier().privilege() == Privilege::Root;
    let no_rights = "criu checkpoints and restores for root alone";
    let or_no_rights = |words: &'static str| if root { words } else { no_rights };
    says(container.verb("checkpoint").run(), or_no_rights("cannot checkpoint container"));
    container.does("start");
    let call = container.verb("checkpoint").args(["--page-server", "9000"]).run();
    assert!(call.stderr.contains("ADDRESS:PORT"), "{call}");
    let without = container.verb("checkpoint").args(["--image-path", &images(&case)]).env("PATH", "/nowhere");
    says(without.run(), or_no_rights("checkpoint and restore are done by criu: install it"));
    assert_eq!(container.status(), "running", "it goes on");
    container.remove();
    let unmade = Container::named(&case, &case.unused_id());
    let call = unmade.verb("restore").args(["--image-path", "/nowhere", "--bundle"]).arg(bundle.path());
    says(call.run(), or_no_rights("--image-path: open /nowhere: ENOENT"));
    unmade.verb("state").run().failed(1);
}
