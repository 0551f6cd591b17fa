//! Containers and configurations that want to keep the runtime from coming to an end.

use std::fs;
use std::time::{Duration, Instant};

use palisade_tests::{Bundle, Container, Privilege, case, group, skip};
use serde_json::json;

/// Long enough for any machine, and far below what a test may take.
const SOON: Duration = Duration::from_secs(20);

#[test]
fn a_hook_that_hangs_is_ended_by_its_timeout() {
    let case = case!();
    for kind in ["createRuntime", "createContainer"] {
        let bundle = Bundle::script(&case, "true").with(|config| {
            let path = if kind == "createRuntime" { "/bin/busybox" } else { "/bin/sleep" };
            config["hooks"][kind] = json!([{ "path": path, "args": ["sleep", "1000"], "timeout": 1 }]);
        });
        let begin = Instant::now();
        let line = bundle.refusal(&case);
        assert!(line.contains(&format!("/hooks/{kind}/0")) && line.contains("timeout"), "{kind}: {line}");
        assert!(begin.elapsed() < SOON, "{kind} took {:?}", begin.elapsed());
    }
}

/// A child that ends before its parent looks, below a caller that ignores SIGCHLD and so leaves that to its children.
#[test]
fn a_child_that_ends_early_is_not_waited_for_for_ever() {
    let case = case!();
    let bundle = Bundle::new(&case, "bundle", &["true"]);
    for _ in 0..20 {
        bundle.run(&case).succeeded();
    }
    let script = r#"trap '' CHLD; exec "$@""#;
    for _ in 0..5 {
        let call = case.program("/bin/sh").args(["-c", script, "sh"]).arg(case.palisade_path());
        let call = call.arg("--root").arg(case.state()).args(["run", "--bundle"]).arg(bundle.path());
        let said = call.arg(case.unused_id()).limit(SOON).run();
        assert!(said.status.success(), "{said}");
    }
}

#[test]
fn a_container_that_fills_its_output_is_not_held_in_memory() {
    let case = case!();
    let bundle = Bundle::script(&case, "head -c 30000000 /dev/zero");
    let said = bundle.run(&case).succeeded();
    assert_eq!(said.stdout.len(), 30_000_000);
}

#[test]
fn a_descriptor_bomb_ends_at_its_limit_and_exec_still_works() {
    let case = case!();
    let script = "number=3; while [ $number -lt 200 ]; do eval \"exec $number< /dev/null\" || break; number=$((number + 1)); done; sleep 1000";
    let bundle = Bundle::script(&case, &format!("( {script} ) 2> /dev/null; sleep 1000")).with(|config| {
        config["process"]["rlimits"] = json!([{ "type": "RLIMIT_NOFILE", "soft": 64, "hard": 64 }]);
    });
    let container = Container::start(&case, &bundle);
    assert_eq!(container.shell("echo still here"), "still here");
    container.remove();
}

/// runc #4481: a group that somebody froze, not by way of the runtime.
#[test]
fn a_container_frozen_from_outside_is_told_and_can_be_removed() {
    let case = case!();
    if case.tier().privilege() == Privilege::Ordinary {
        skip!(case, "an ordinary user has no group on v1");
    }
    let container = Container::start(&case, &Bundle::script(&case, "sleep 1000"));
    let frozen = group::of(container.pid(), "freezer").map(|group| (group.join("freezer.state"), "FROZEN"));
    let Some((file, word)) = frozen else {
        container.remove();
        skip!(case, "there is no freezer of v1");
    };
    fs::write(file, word).expect("freeze the group");
    let said = container.exec(&["true"]).limit(SOON).run();
    assert_eq!(said.code(), 255, "{said}");
    assert!(said.stderr.contains("paused"), "{said}");
    container.remove();
}

/// CVE-2021-43784: what is longer than a field for its length is refused or passed on whole, never cut.
#[test]
fn what_is_very_long_is_refused_or_whole() {
    let case = case!();
    let long = "x".repeat(100_000);
    let bundle = Bundle::script(&case, "echo ${#LONG}").with(|config| {
        config["process"]["env"] = json!(["PATH=/bin", format!("LONG={long}")]);
        config["annotations"] = json!({ "long": long });
    });
    assert_eq!(bundle.output(&case), "100000");
    type Change = fn(&mut serde_json::Value, &str);
    let changes: [(&str, Change); 4] = [
        ("/hostname", |config, long| config["hostname"] = json!(long)),
        ("/process/cwd", |config, long| config["process"]["cwd"] = json!(format!("/{long}"))),
        ("/mounts/1", |config, long| config["mounts"][1]["options"] = json!([format!("mode={long}")])),
        ("/mounts/1", |config, long| config["mounts"][1]["destination"] = json!(format!("/{long}"))),
    ];
    for (place, change) in changes {
        let line = bundle.variant(&case, |config| change(config, &long)).refusal(&case);
        assert!(line.contains(place), "{place}: {}", line.chars().take(300).collect::<String>());
    }
}
