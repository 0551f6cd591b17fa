//! The verbs that move a container through its life.

use std::fs;
use std::time::{Duration, Instant};

use palisade_tests::container::wait_until;
use palisade_tests::{Bundle, Container, case};
use serde_json::json;

#[test]
fn a_container_goes_from_created_to_deleted() {
    let case = case!();
    let bundle =
        Bundle::script(&case, "echo begun > /tmp/begun; trap 'exit 0' TERM; while :; do sleep 0.05; done")
            .with(|config| config["annotations"] = json!({ "a": "1", "org.example/b": "ü" }));
    let begun = bundle.rootfs().join("tmp/begun");
    let container = Container::create(&case, &bundle);

    let state = container.state();
    assert_eq!(state["status"], "created");
    assert_eq!(state["id"], container.id());
    assert_eq!(state["bundle"], json!(bundle.path()));
    assert_eq!(state["rootfs"], json!(bundle.rootfs()));
    assert_eq!(state["annotations"], json!({ "a": "1", "org.example/b": "ü" }));
    assert!(container.pid() > 1);
    assert!(!begun.exists(), "the program waits for start");

    container.does("start");
    wait_until("the program runs", || begun.exists());
    assert_eq!(container.status(), "running");
    let line = container.verb("start").run().failed(1).stderr;
    assert!(line.contains("cannot start container") && line.contains("it is running"), "{line}");
    let line = container.verb("delete").run().failed(1).stderr;
    assert!(line.contains("cannot delete container") && line.contains("it is running"), "{line}");

    container.kill("TERM");
    container.await_status("stopped");
    assert_eq!(container.state()["pid"], 0);
    container.does("delete");
    let line = container.verb("state").run().failed(1).stderr;
    assert_eq!(line, format!("palisade: container {} does not exist\n", container.id()));
}

#[test]
fn a_container_that_was_never_started_can_be_deleted() {
    let case = case!();
    let bundle = Bundle::script(&case, "true");
    let container = Container::create(&case, &bundle);
    container.does("delete");
    case.expect_nothing_left(&"delete of a created container");
    let container = Container::create(&case, &bundle);
    container.kill("KILL");
    container.await_status("stopped");
    let line = container.verb("start").run().failed(1).stderr;
    assert!(line.contains("it is stopped"), "{line}");
    container.does("delete");
}

#[test]
fn delete_with_force_ends_whatever_there_is() {
    let case = case!();
    let bundle = Bundle::script(&case, "trap '' TERM; sleep 1000 & sleep 1000");
    let stopped = bundle.with_script(&case, "true");
    type Make = fn(&Container<'_>);
    let states: [(&str, &Bundle, Make); 4] = [
        ("created", &bundle, |_| ()),
        ("running", &bundle, |container| drop(container.does("start"))),
        ("paused", &bundle, |container| {
            container.does("start");
            container.does("pause");
        }),
        ("stopped", &stopped, |container| {
            container.does("start");
            container.await_status("stopped");
        }),
    ];
    for (status, bundle, make) in states {
        if status == "paused" && !has_freezer() {
            continue;
        }
        let container = Container::create(&case, bundle);
        make(&container);
        assert_eq!(container.status(), status);
        container.remove();
        case.expect_nothing_left(&format_args!("delete --force of a {status} container"));
    }
    let missing = case.palisade().args(["delete", "--force"]).arg(case.unused_id()).run().succeeded();
    assert_eq!(missing.stdout + &missing.stderr, "");
    let id = case.unused_id();
    let line = case.palisade().arg("delete").arg(&id).run().failed(1).stderr;
    assert_eq!(line, format!("palisade: container {id} does not exist\n"));
}

#[test]
fn run_gives_the_exit_code_of_the_program() {
    let case = case!();
    let bundle = Bundle::script(&case, "exit 0");
    for (script, code) in [
        ("exit 0", 0),
        ("exit 3", 3),
        ("exit 255", 255),
        ("kill -KILL $$", 137),
        ("kill -TERM $$; sleep 9", 0),
    ] {
        let said = bundle.with_script(&case, script);
        // The first process of a pid namespace has no default for signals from inside.
        let inside = script.starts_with("kill");
        let bundle = said.with(|config| {
            if inside {
                config["process"]["args"] = json!(["sh", "-c", format!("sh -c '{script}'; exit $?")]);
            }
        });
        let expected = if script.starts_with("kill -TERM") { 143 } else { code };
        assert_eq!(bundle.run(&case).code(), expected, "{script}");
    }
}

#[test]
fn a_signal_to_run_reaches_the_program() {
    let case = case!();
    let bundle =
        Bundle::script(&case, "trap 'echo got TERM; exit 7' TERM; echo ready; while :; do sleep 0.05; done");
    let running = case.palisade().args(["run", "--bundle"]).arg(bundle.path()).arg(case.unused_id()).spawn();
    wait_until("the program is ready", || running.stdout().contains("ready"));
    running.signal(rustix::process::Signal::TERM);
    let said = running.wait();
    assert_eq!((said.code(), said.stdout.as_str()), (7, "ready\ngot TERM\n"), "{said}");
}

#[test]
fn a_program_killed_by_a_signal_gives_128_and_its_number() {
    let case = case!();
    let bundle = Bundle::script(&case, "sleep 1000");
    for (signal, code) in [("KILL", 137), ("9", 137), ("SIGKILL", 137)] {
        let id = case.unused_id();
        let running = case.palisade().args(["run", "--bundle"]).arg(bundle.path()).arg(&id).spawn();
        let container = Container::named(&case, &id);
        wait_until("the container runs", || container.verb("state").run().stdout.contains("\"running\""));
        container.kill(signal);
        assert_eq!(running.wait().code(), code, "{signal}");
    }
}

#[test]
fn kill_all_reaches_every_process() {
    let case = case!();
    if !has_freezer() {
        palisade_tests::skip!(case, "no cgroup");
    }
    let bundle = Bundle::script(&case, "sleep 1000 & sleep 1000 & wait").without_pid_namespace();
    let container = Container::start(&case, &bundle);
    wait_until("all three run", || container.does("ps").stdout.lines().count() == 4);
    container.verb("kill").args(["--all", "KILL"]).run().succeeded();
    container.await_status("stopped");
    wait_until("none is left", || container.does("ps").stdout.lines().count() == 1);
    container.does("delete");
}

#[test]
fn pause_stops_all_progress_and_resume_lets_it_go_on() {
    let case = case!();
    if !has_freezer() {
        palisade_tests::skip!(case, "no cgroup, so no freezer");
    }
    let bundle = Bundle::script(&case, "i=0; while :; do i=$((i + 1)); echo $i > /tmp/count; done");
    let count = || fs::read_to_string(bundle.rootfs().join("tmp/count")).unwrap_or_default();
    let container = Container::start(&case, &bundle);
    wait_until("it counts", || !count().is_empty());
    container.does("pause");
    assert_eq!(container.status(), "paused");
    let before = count();
    let watched = Instant::now();
    while watched.elapsed() < Duration::from_millis(200) {
        assert_eq!(count(), before, "a paused container goes on");
    }
    let line = container.exec(&["true"]).run().failed(255).stderr;
    assert_eq!(
        line,
        format!(
            "palisade: cannot exec in container {}: it is paused (resume it first; with --ignore-paused the process begins \
             when that is done)\n",
            container.id()
        )
    );
    let line = container.verb("pause").run().failed(1).stderr;
    assert!(line.contains("paused"), "{line}");
    container.does("resume");
    assert_eq!(container.status(), "running");
    wait_until("it counts on", || !count().is_empty() && count() != before);
    container.remove();
}

#[test]
fn two_containers_of_one_bundle_do_not_meet() {
    let case = case!();
    let bundle = Bundle::script(&case, "sleep 1000");
    let (one, two) = (Container::start(&case, &bundle), Container::start(&case, &bundle));
    assert_ne!(one.pid(), two.pid());
    assert_eq!(one.shell("ps -o pid,args | grep -c '[s]leep 1000'"), "1");
    one.remove();
    assert_eq!(two.status(), "running");
    two.remove();
}

#[test]
fn an_id_in_use_is_refused() {
    let case = case!();
    let bundle = Bundle::script(&case, "sleep 1000");
    let container = Container::start(&case, &bundle);
    for verb in ["create", "run"] {
        let line = container.verb(verb).arg("--bundle").arg(bundle.path()).run().failed(1).stderr;
        let start = format!("palisade: container {} already exists", container.id());
        assert!(line.starts_with(&start) && line.lines().count() == 1, "{line}");
    }
    assert_eq!(container.status(), "running", "the one that has the id stays as it is");
    container.remove();
}

#[test]
fn a_missing_program_is_an_error_of_create_and_one_that_is_none_of_start() {
    let case = case!();
    let bundle = Bundle::script(&case, "true");
    fs::write(bundle.rootfs().join("bin/garbage"), "\u{1}\u{2}no program").expect("write a file");
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    fs::set_permissions(bundle.rootfs().join("bin/garbage"), mode).expect("chmod");
    fs::write(bundle.rootfs().join("bin/plain"), "").expect("write a file");
    for (program, message) in [
        ("/bin/absent", "/process/args: exec \"/bin/absent\": ENOENT"),
        ("/bin/plain", "/process/args: exec \"/bin/plain\": EACCES"),
        ("/bin", "/process/args: exec \"/bin\": EACCES"),
        ("absent", "/process/args: exec \"absent\": ENOENT"),
    ] {
        let bundle = bundle.variant(&case, |config| config["process"]["args"] = json!([program]));
        let create = case.palisade().args(["create", "--bundle"]).arg(bundle.path()).arg(case.unused_id());
        let line = create.run().refusal(&case);
        assert!(line.starts_with(message), "{line}");
    }
    let bundle = bundle.variant(&case, |config| config["process"]["args"] = json!(["garbage"]));
    let container = Container::create(&case, &bundle);
    let line = container.verb("start").run().failed(1).stderr;
    assert!(line.starts_with("palisade: /process/args: exec \"garbage\": ENOEXEC"), "{line}");
    container.await_status("stopped");
    container.does("delete");
}

#[test]
fn a_pid_file_names_the_first_process() {
    let case = case!();
    let bundle = Bundle::script(&case, "sleep 1000");
    let file = case.scratch().join("pid");
    let container = Container::named(&case, &case.unused_id());
    container
        .verb("create")
        .arg("--pid-file")
        .arg(&file)
        .arg("--bundle")
        .arg(bundle.path())
        .run()
        .succeeded();
    assert_eq!(fs::read_to_string(&file).expect("the pid file"), container.pid().to_string());
    container.does("start");
    let file = case.scratch().join("exec-pid");
    let call = case.palisade().args(["exec", "--detach", "--pid-file"]).arg(&file).arg(container.id());
    call.args(["sleep", "1000"]).run().succeeded();
    let pid = fs::read_to_string(&file).expect("the pid file of exec");
    let command = fs::read(format!("/proc/{pid}/cmdline")).expect("the process of exec");
    assert_eq!(command, b"sleep\x001000\0");
    container.remove();

    let bad = case.scratch().join("none/pid");
    let id = case.unused_id();
    let create = case.palisade().args(["create", "--pid-file"]).arg(&bad).arg("--bundle").arg(bundle.path());
    let line = create.arg(&id).run().refusal(&case);
    assert!(line.starts_with(&format!("--pid-file {}: ", bad.display())), "{line}");
}

#[test]
fn descriptors_are_passed_on_when_asked_and_not_otherwise() {
    let case = case!();
    let bundle = Bundle::script(&case, "echo $(ls /proc/self/fd); cat <&3");
    let gift = case.scratch().join("gift");
    fs::write(&gift, "a gift\n").expect("write a file");
    let call = |options: &str| {
        let script =
            format!(r#"exec "$0" --root "$1" run {options} --bundle "$2" "$3" 3< "$4" 4< "$4" 9< "$4""#);
        let shell = case.program("/bin/sh").arg("-c").arg(script).arg(case.palisade_path());
        shell.arg(case.state()).arg(bundle.path()).arg(case.unused_id()).arg(&gift).run()
    };
    // The fourth is the directory that ls reads.
    assert_eq!(call("--preserve-fds 1").succeeded().stdout, "0 1 2 3 4\na gift\n");
    let without = call("");
    assert_eq!(without.stdout, "0 1 2 3\n", "{without}");
    assert_ne!(without.code(), 0, "descriptor 3 is not there: {without}");
    let line = call("--preserve-fds 3").refusal(&case);
    assert!(line.starts_with("--preserve-fds 3: descriptor 5 is not open"), "{line}");
}

#[test]
fn the_root_can_be_entered_without_pivot_root() {
    let case = case!();
    let bundle = Bundle::script(&case, "ls /; grep -c . /proc/self/mountinfo; ls /..");
    let pivoted = bundle.output(&case);
    let call = case.palisade().args(["run", "--no-pivot", "--bundle"]).arg(bundle.path());
    let moved = call.arg(case.unused_id()).run().succeeded().stdout;
    let names =
        |said: &str| said.lines().filter(|line| line.parse::<u32>().is_err()).collect::<Vec<_>>().join(" ");
    assert_eq!(names(&moved), names(&pivoted));
}

/// Tells whether containers have a cgroup here.
fn has_freezer() -> bool {
    palisade_tests::group::can_make()
}
