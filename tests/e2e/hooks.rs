//! Hooks of the six kinds: when they run, where, and what they are told.

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use palisade_tests::{Bundle, Case, Container, case};
use serde_json::{Value, json};

const KINDS: [&str; 6] =
    ["prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop"];

/// Makes a bundle each of whose hooks adds its kind, its namespaces and what it reads to a file on the host.
fn reporting(case: &Case) -> (Bundle, PathBuf) {
    let report = case.scratch().join("report");
    fs::create_dir(&report).expect("create a directory");
    let bundle = Bundle::script(case, "echo program >> /report/order; sleep 1000");
    fs::create_dir(bundle.rootfs().join("report")).expect("create a directory");
    let bundle = bundle.with(|config| {
        let bind = json!({ "destination": "/report", "type": "bind", "source": report, "options": ["bind"] });
        config["mounts"].as_array_mut().expect("a list").push(bind);
        config["annotations"] = json!({ "key": "value" });
        for kind in KINDS {
            // startContainer finds its program and its files inside.
            let (shell, place) = match kind {
                "startContainer" => ("/bin/sh", PathBuf::from("/report")),
                _ => ("/bin/busybox", report.clone()),
            };
            let script = format!(
                "cat > {place}/{kind}.state; echo {kind} $0 $HOOK >> {place}/order; \
                 for ns in pid mnt uts; do readlink /proc/self/ns/$ns; done > {place}/{kind}.ns",
                place = place.display()
            );
            let arguments = match kind {
                "startContainer" => json!(["sh", "-c", script, "word"]),
                _ => json!(["sh", "-c", script, "word"]),
            };
            config["hooks"][kind] =
                json!([{ "path": shell, "args": arguments, "env": ["HOOK=yes", "PATH=/bin"], "timeout": 30 }]);
        }
    });
    (bundle, report)
}

fn read(report: &std::path::Path, name: &str) -> String {
    fs::read_to_string(report.join(name)).unwrap_or_else(|error| panic!("read {name}: {error}"))
}

#[test]
fn hooks_run_in_their_order_and_place_and_are_told_the_state() {
    let case = case!();
    let (bundle, report) = reporting(&case);
    let container = Container::create(&case, &bundle);
    let pid = container.pid();
    let order = |kinds: &[&str]| {
        kinds
            .iter()
            .map(|kind| if *kind == "program" { "program\n".into() } else { format!("{kind} word yes\n") })
            .collect::<String>()
    };
    assert_eq!(read(&report, "order"), order(&KINDS[..3]), "create");
    container.does("start");
    palisade_tests::container::wait_until("the program runs", || read(&report, "order").contains("program"));
    let mut lines: Vec<String> = read(&report, "order").lines().map(str::to_owned).collect();
    // The program and the poststart hook run side by side.
    lines[4..].sort_unstable();
    let expected: Vec<String> =
        order(&[&KINDS[..4], &["poststart"], &["program"]].concat()).lines().map(str::to_owned).collect();
    assert_eq!(lines, expected, "start");
    let own = |kind: &str| {
        fs::read_link(format!("/proc/self/ns/{kind}")).expect("a namespace").display().to_string()
    };
    let its = |kind: &str| {
        fs::read_link(format!("/proc/{pid}/ns/{kind}")).expect("a namespace").display().to_string()
    };
    let (hosts, containers) =
        (["pid", "mnt", "uts"].map(own).join("\n"), ["pid", "mnt", "uts"].map(its).join("\n"));
    container.remove();
    assert!(read(&report, "order").ends_with("poststop word yes\n"), "delete");
    for (kind, status, inside) in [
        ("prestart", "creating", false),
        ("createRuntime", "creating", false),
        ("createContainer", "creating", true),
        ("startContainer", "created", true),
        ("poststart", "running", false),
        ("poststop", "stopped", false),
    ] {
        let text = read(&report, &format!("{kind}.state"));
        let state: Value =
            serde_json::from_str(&text).unwrap_or_else(|error| panic!("{kind}: {error}: {text}"));
        assert_eq!(state["status"], status, "{kind}");
        assert_eq!(state["bundle"], json!(bundle.path()), "{kind}");
        assert_eq!(state["annotations"], json!({ "key": "value" }), "{kind}");
        assert!(state["id"].is_string() && state["ociVersion"].is_string(), "{kind}: {state}");
        let told = match (kind, inside) {
            ("poststop", _) => Value::Null,
            (_, true) => json!(1),
            (_, false) => json!(pid),
        };
        assert_eq!(state["pid"], told, "{kind}");
        let namespaces = if inside { &containers } else { &hosts };
        assert_eq!(read(&report, &format!("{kind}.ns")).trim_end(), namespaces, "{kind}");
    }
}

/// On the host that of the runtime, inside that of the container, as with runc and crun; a list without entries is empty.
/// And it begins in the bundle as long as that can be seen.
#[test]
fn a_hook_without_an_environment_has_that_of_its_place() {
    let case = case!();
    let report = case.scratch().join("report");
    fs::create_dir(&report).expect("create a directory");
    let bundle = Bundle::script(&case, "true");
    fs::create_dir(bundle.rootfs().join("report")).expect("create a directory");
    let bundle = bundle.with(|config| {
        let bind = json!({ "destination": "/report", "type": "bind", "source": report, "options": ["bind"] });
        config["mounts"].as_array_mut().expect("a list").push(bind);
        config["process"]["env"] = json!(["WHOSE=container", "PATH=/bin"]);
        for kind in KINDS {
            let place = if kind == "startContainer" { PathBuf::from("/report") } else { report.clone() };
            let script = format!("echo $WHOSE in $(pwd) >> {}/{kind}", place.display());
            let hook = json!({ "path": "/bin/busybox", "args": ["sh", "-c", script] });
            let mut with_none = hook.clone();
            with_none["env"] = json!([]);
            config["hooks"][kind] = json!([hook, with_none]);
        }
    });
    let call = case.palisade().env("WHOSE", "runtime").args(["run", "--bundle"]);
    call.arg(bundle.path()).arg(case.unused_id()).run().succeeded();
    for kind in KINDS {
        let inside = matches!(kind, "createContainer" | "startContainer");
        let whose = if inside { "container" } else { "runtime" };
        let place =
            if kind == "startContainer" { "/".to_owned() } else { bundle.path().display().to_string() };
        assert_eq!(read(&report, kind), format!("{whose} in {place}\nin {place}\n"), "{kind}");
    }
}

#[test]
fn run_runs_the_same_hooks() {
    let case = case!();
    let (bundle, report) = reporting(&case);
    let bundle = bundle.with(|config| {
        config["process"]["args"] = json!(["sh", "-c", "echo program >> /report/order; sleep 0.3"]);
    });
    let said = bundle.run(&case).succeeded();
    assert_eq!(said.stderr, "");
    let order = read(&report, "order");
    for kind in KINDS {
        assert_eq!(order.matches(&format!("{kind} word yes\n")).count(), 1, "{kind}: {order}");
    }
    let place = |what: &str| order.find(what).expect("a line");
    assert!(place("startContainer") < place("program") && place("program") < place("poststop"), "{order}");
}

#[test]
fn a_hook_that_fails_ends_the_start_and_leaves_nothing() {
    let case = case!();
    let bundle = Bundle::script(&case, "sleep 1000");
    for kind in &KINDS[..5] {
        for (hook, message) in [
            (
                json!({ "path": "/bin/busybox", "args": ["sh", "-c", "exit 3"] }),
                "it failed with exit status 3",
            ),
            (
                json!({ "path": "/bin/busybox", "args": ["sh", "-c", "kill -9 $$"] }),
                "it was killed by signal 9",
            ),
            (
                json!({ "path": "/no/such/hook" }),
                " /no/such/hook: exec \"/no/such/hook\": ENOENT (no such file or directory) (no such file, or its \
                 interpreter is missing)",
            ),
            (
                json!({ "path": "/bin/busybox", "args": ["sleep", "1000"], "timeout": 1 }),
                "it did not end within its timeout of 1 s",
            ),
            (json!({ "path": "relative" }), "\"relative\" is not an absolute path"),
            (json!({ "path": "/bin/busybox", "timeout": 0 }), "it is not above 0"),
            (json!({ "path": "/bin/busybox", "timeout": -1 }), "it is not above 0"),
        ] {
            if message.contains("timeout") && !matches!(*kind, "createRuntime" | "startContainer") {
                continue;
            }
            let bundle = bundle.variant(&case, |config| config["hooks"][kind] = json!([hook]));
            let call = case.palisade().args(["run", "--detach", "--bundle"]).arg(bundle.path());
            let id = case.unused_id();
            let begin = Instant::now();
            let said = call.arg(&id).run();
            assert!(begin.elapsed() < Duration::from_secs(20), "{said}");
            let line = said.refusal_line().unwrap_or_else(|fault| panic!("{kind} {hook}: {fault}: {said}"));
            let place = format!("/hooks/{kind}/0");
            assert!(line.contains(&place) && line.contains(message), "{kind} {hook}: {line}");
            case.expect_nothing_left(&format_args!("{kind} {hook}"));
        }
    }
}

#[test]
fn hooks_behind_one_that_fails_do_not_run() {
    let case = case!();
    let mark = case.scratch().join("mark");
    let touch = json!({ "path": "/bin/busybox", "args": ["touch", mark] });
    let bundle = Bundle::script(&case, "true").with(|config| {
        config["hooks"]["createRuntime"] = json!([{ "path": "/bin/busybox", "args": ["false"] }, touch]);
    });
    let line = bundle.refusal(&case);
    assert!(line.starts_with("/hooks/createRuntime/0 /bin/busybox: it failed with exit status 1"), "{line}");
    assert!(!mark.exists());
}

#[test]
fn a_start_hook_that_fails_stops_the_container() {
    let case = case!();
    let bundle = Bundle::script(&case, "sleep 1000").with(|config| {
        config["hooks"]["startContainer"] = json!([{ "path": "/bin/busybox", "args": ["false"] }]);
    });
    let container = Container::create(&case, &bundle);
    let line = container.verb("start").run().failed(1).stderr;
    assert!(
        line.starts_with("palisade: /hooks/startContainer/0 /bin/busybox: it failed with exit status 1"),
        "{line}"
    );
    assert_eq!(container.status(), "stopped");
    container.does("delete");
}

#[test]
fn poststop_hooks_all_run_and_a_failure_is_a_warning() {
    let case = case!();
    let mark = case.scratch().join("mark");
    let bundle = Bundle::script(&case, "true").with(|config| {
        config["hooks"]["poststop"] = json!([
            { "path": "/bin/busybox", "args": ["false"] },
            { "path": "/bin/busybox", "args": ["touch", mark] },
        ]);
    });
    let container = Container::start(&case, &bundle);
    container.await_status("stopped");
    let said = container.does("delete");
    let warning = "palisade: warning: /hooks/poststop/0 /bin/busybox: it failed with exit status 1\n";
    assert_eq!(said.stderr, warning);
    assert!(mark.exists(), "the second one does not run");
    let said = bundle.run(&case).succeeded();
    assert_eq!(said.stderr, warning);
}

#[test]
fn poststop_hooks_run_for_a_start_that_a_hook_failed() {
    let case = case!();
    let mark = case.scratch().join("mark");
    let bundle = Bundle::script(&case, "true").with(|config| {
        config["hooks"]["createContainer"] = json!([{ "path": "/bin/busybox", "args": ["false"] }]);
        config["hooks"]["poststop"] = json!([{ "path": "/bin/busybox", "args": ["touch", mark] }]);
    });
    let line = bundle.refusal(&case);
    assert!(line.starts_with("/hooks/createContainer/0 "), "{line}");
    assert!(mark.exists());
}

#[test]
fn what_hooks_print_goes_to_the_files_of_annotations() {
    let case = case!();
    let (out, err) = (case.scratch().join("out"), case.scratch().join("err"));
    let say = json!([{ "path": "/bin/busybox", "args": ["sh", "-c", "echo said; echo warned >&2"] }]);
    let bundle = Bundle::script(&case, "true").with(|config| {
        config["annotations"] = json!({ "run.oci.hooks.stdout": out, "run.oci.hooks.stderr": err });
        for kind in KINDS {
            config["hooks"][kind] = say.clone();
        }
    });
    assert_eq!(bundle.run(&case).succeeded().stderr, "");
    assert_eq!(fs::read_to_string(&out).expect("the file"), "said\n".repeat(6));
    assert_eq!(fs::read_to_string(&err).expect("the file"), "warned\n".repeat(6));
    let only_out = bundle.variant(&case, |config| {
        config["annotations"] = json!({ "run.oci.hooks.stdout": "/dev/null" });
    });
    assert_eq!(only_out.run(&case).succeeded().stderr, "warned\n".repeat(6));
    let relative = bundle.variant(&case, |config| {
        config["annotations"] = json!({ "run.oci.hooks.stderr": "err" });
    });
    let line = relative.refusal(&case);
    let place = "config.json: /annotations/run.oci.hooks.stderr: ";
    assert_eq!(line, format!("{place}\"err\" is not an absolute path"));
    let missing = bundle.variant(&case, |config| {
        config["annotations"] = json!({ "run.oci.hooks.stderr": "/no/such/err" });
        config["hooks"]["poststop"] = Value::Null;
    });
    let line = missing.refusal(&case);
    assert!(line.contains("/annotations/run.oci.hooks.stderr: open /no/such/err: ENOENT"), "{line}");
}
