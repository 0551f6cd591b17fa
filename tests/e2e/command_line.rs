//! What a caller writes and reads: options, messages, exit codes, the log.

use std::fs;

use palisade_tests::container::wait_until;
use palisade_tests::{Bundle, Case, Container, case, group, skip};
use serde_json::Value;

use crate::terminal::listen;

/// A call of palisade through the shell, which can close and redirect what a call here cannot.
fn shell(case: &Case, script: &str) -> palisade_tests::invocation::Finished {
    let script = script.replace(
        "palisade ",
        &format!("{} --root {} ", case.palisade_path().display(), case.state().display()),
    );
    case.program("/bin/sh").args(["-c", &script]).run()
}

#[test]
fn the_version_has_the_lines_that_engines_look_for() {
    let case = case!();
    for option in ["--version", "-v"] {
        let said = case.program(case.palisade_path()).arg(option).run().succeeded();
        let lines: Vec<&str> = said.stdout.lines().collect();
        let [first, commit, spec] = lines[..] else { panic!("{said}") };
        let (name, version) = first.split_once(" version ").expect("docker splits here");
        assert!(name == "palisade" && version.split('.').count() == 3, "{said}");
        assert!(commit.strip_prefix("commit: ").is_some_and(|commit| !commit.is_empty()), "{said}");
        assert_eq!(spec, "spec: 1.3.0");
    }
}

#[test]
fn mistakes_of_the_caller_are_one_line_with_where_to_look() {
    let case = case!();
    for (words, code, line) in [
        ("bogus", 1, "unrecognized subcommand 'bogus' (see palisade --help)"),
        (
            "lst",
            1,
            "unrecognized subcommand 'lst' (a similar subcommand exists: 'list'; see palisade --help)",
        ),
        ("state", 1, "the following required arguments were not provided: <ID> (see palisade state --help)"),
        ("state x y", 1, "unexpected argument 'y' found (see palisade state --help)"),
        ("run --bogus x", 1, "unexpected argument '--bogus' found ("),
        ("exec --bogus x", 255, "unexpected argument '--bogus' found ("),
        ("--bogus exec x", 1, "unexpected argument '--bogus' found (see palisade --help)"),
        ("run --preserve-fds -1 x", 1, "unexpected argument '-1' found ("),
        ("run --preserve-fds 4294967295 x", 1, "--preserve-fds 4294967295: descriptor "),
        (
            "list --format yaml",
            1,
            "invalid value 'yaml' for '--format <FORMAT>' [possible values: table, json] (",
        ),
        ("--cgroup-manager podman list", 1, "invalid value 'podman' for '--cgroup-manager <WHO>' ["),
        ("kill --regex ( 9", 1, "--regex \"(\" is no regular expression: "),
        ("kill x LUCK", 1, "\"LUCK\" is no signal (a name as TERM or SIGKILL, or a number to 64)"),
        ("--log /no/such/log state x", 1, "--log /no/such/log: open: ENOENT (no such file or directory)"),
        (
            "--log file:/no/such/log state x",
            1,
            "--log file:/no/such/log: open: ENOENT (no such file or directory)",
        ),
        ("state x", 1, "container x does not exist"),
        ("state ../x", 1, "container id \"../x\": '/' is not allowed"),
        ("delete x", 1, "container x does not exist"),
        ("exec x true", 255, "container x does not exist"),
    ] {
        let said = case.palisade().args(words.split(' ')).run();
        assert_eq!(said.code(), code, "{said}");
        let found = said.refusal(&case);
        assert!(found.starts_with(line), "{words}\n  wanted {line}\n  found  {found}");
    }
    case.palisade().args(["delete", "--force", "x"]).run().succeeded();
    let said = case.program(case.palisade_path()).run().failed(1);
    assert!(said.stderr.contains("Usage: palisade"), "no verb gets the help: {said}");
}

#[test]
fn the_last_error_of_the_log_is_the_line_on_standard_error() {
    let case = case!();
    let bundle = Bundle::script(&case, "true").with(|config| config["process"]["cwd"] = "relative".into());
    let log = case.scratch().join("log.json");
    let path = bundle.path().display().to_string();
    for words in
        [&["state", "x"][..], &["exec", "--bogus", "x"], &["run", "--bundle", &path, "x"], &["bogus"]]
    {
        let call = case.palisade().args(["--log-format=json", "--log"]).arg(&log).args(words);
        let line = call.run().refusal(&case);
        let text = fs::read_to_string(&log).expect("the log");
        let last: Value = serde_json::from_str(text.lines().last().expect("a line")).expect("JSON");
        assert_eq!((&last["level"], &last["msg"]), (&"error".into(), &line.as_str().into()), "{words:?}");
        let time = last["time"].as_str().expect("a time");
        assert!(time.len() > 19 && time.ends_with('Z'), "{time}");
        let told = text.lines().filter(|entry| entry.contains(&*serde_json::to_string(&line).expect("JSON")));
        assert_eq!(told.count(), 1, "told once: {text}");
    }
    let said = case.palisade().args(["--log-format", "json", "state", "x"]).run().failed(1);
    let alone: Value = serde_json::from_str(&said.stderr).expect("JSON on standard error");
    assert_eq!(alone["msg"], "container x does not exist");
    fs::remove_file(&log).expect("remove the log");
    let call = case.palisade().arg(format!("--log=file:{}", log.display())).args(["state", "x"]);
    call.run().failed(1);
    let text = fs::read_to_string(&log).expect("the log");
    assert!(
        text.starts_with("time=\"") && text.ends_with("level=error msg=\"container x does not exist\"\n"),
        "{text}"
    );
}

/// Some engines read the last object of the log, others the log where it is one object and else standard error: neither
/// may take a warning for the reason.
#[test]
fn a_warning_before_an_error_hides_it_from_no_engine() {
    let case = case!();
    let bundle = Bundle::new(&case, "bundle", &["/no/such/program"]).with(|config| {
        let mount = serde_json::json!({ "destination": "relative", "type": "tmpfs", "source": "tmpfs" });
        config["mounts"].as_array_mut().expect("a list").push(mount);
    });
    let log = case.scratch().join("log.json");
    let call = case.palisade().args(["--log-format=json", "--log"]).arg(&log).args(["create", "--bundle"]);
    let line = call.arg(bundle.path()).arg(case.unused_id()).run().refusal(&case);
    assert!(line.starts_with("/process/args: exec \"/no/such/program\": ENOENT"), "{line}");
    let text = fs::read_to_string(&log).expect("the log");
    let parse = |line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {text}"));
    let entries: Vec<Value> = text.lines().map(parse).collect();
    let [warning, error] = entries.as_slice() else { panic!("not two entries: {text}") };
    assert_eq!((&warning["level"], &error["level"]), (&"warning".into(), &"error".into()), "{text}");
    assert!(
        warning["msg"].as_str().is_some_and(|message| message.contains("/destination: relative")),
        "{text}"
    );
    assert_eq!(error["msg"], line.as_str());
}

#[test]
fn the_log_level_says_how_much_is_told() {
    let case = case!();
    let log = case.scratch().join("log.json");
    let bundle = Bundle::script(&case, "true");
    let levels = |options: &[&str]| {
        let call = case.palisade().args(["--log-format=json", "--log"]).arg(&log).args(options);
        let call = call.args(["run", "--bundle"]).arg(bundle.path()).arg(case.unused_id());
        let said = call.run().succeeded();
        assert_eq!(said.stderr, "", "what is in the log is not told as well: {said}");
        let text = fs::read_to_string(&log).unwrap_or_default();
        let _removed = fs::remove_file(&log);
        let levels: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
        levels.iter().map(|entry| entry["level"].to_string()).collect::<Vec<_>>()
    };
    for options in [&["--debug"][..], &["--log-level", "debug"], &["-debug"]] {
        assert!(levels(options).contains(&"\"debug\"".to_owned()), "{options:?}");
    }
    for options in [&[][..], &["--log-level", "error"], &["--log-level=warning"], &["--debug=false"]] {
        assert!(!levels(options).contains(&"\"debug\"".to_owned()), "{options:?}");
    }
}

#[test]
fn words_of_a_kill_that_comes_too_late_are_those_that_engines_look_for() {
    let case = case!();
    let container = Container::start(&case, &Bundle::script(&case, "sleep 1000"));
    container.kill("KILL");
    container.await_status("stopped");
    let said = container.verb("kill").arg("TERM").run().failed(1);
    assert!(said.stderr.contains("container not running"), "{said}");
    case.palisade().args(["kill", "--all", container.id(), "KILL"]).run().succeeded();
    let id = container.id().to_owned();
    container.does("delete");
    let said = case.palisade().args(["kill", &id, "TERM"]).run().failed(1);
    assert!(said.stderr.contains("does not exist"), "{said}");
}

#[test]
fn a_paused_container_dies_of_sigkill() {
    let case = case!();
    if !group::can_make() {
        skip!(case, "only a group can be frozen");
    }
    let container = Container::start(&case, &Bundle::script(&case, "sleep 1000"));
    container.does("pause");
    container.verb("kill").arg("TERM").run().succeeded();
    assert_eq!(container.status(), "paused");
    container.kill("KILL");
    container.await_status("stopped");
    container.does("delete");
}

#[test]
fn kill_and_delete_by_regular_expression() {
    let case = case!();
    let bundle = Bundle::script(&case, "sleep 1000");
    let [one, two, other] = [0; 3].map(|_| Container::start(&case, &bundle));
    let pattern = format!("^({}|{})$", one.id(), two.id());
    case.palisade().args(["kill", "-r", &pattern, "KILL"]).run().succeeded();
    one.await_status("stopped");
    two.await_status("stopped");
    assert_eq!(other.status(), "running");
    case.palisade().args(["kill", "--regex", "matches nothing", "KILL"]).run().succeeded();
    case.palisade().args(["delete", "--regex", &pattern]).run().succeeded();
    let left = case.palisade().args(["list", "-q"]).run().succeeded().stdout;
    assert_eq!(left.trim(), other.id());
    case.palisade().args(["delete", "--force", "--regex", "."]).run().succeeded();
    case.expect_nothing_left(&"delete --regex");
}

#[test]
fn a_configuration_may_have_another_name() {
    let case = case!();
    let bundle = Bundle::script(&case, "echo from the bundle");
    let other = case.scratch().join("other.json");
    fs::write(&other, bundle.config().to_string().replace("from the bundle", "from elsewhere"))
        .expect("write");
    for option in ["-f", "--config", "-config"] {
        let call = case.palisade().arg("run").arg(case.unused_id()).arg("-b").arg(bundle.path());
        let said = call.args([option, "other.json"]).directory(case.scratch()).run().succeeded();
        assert_eq!(
            said.stdout, "from elsewhere\n",
            "the root is the bundle's, the file the caller's: {said}"
        );
    }
}

#[test]
fn a_pidfd_goes_to_whoever_listens() {
    let case = case!();
    let bundle = Bundle::script(&case, "sleep 1000");
    let pid_of = |pidfd: fs::File| {
        use std::os::fd::AsRawFd;
        let text = fs::read_to_string(format!("/proc/self/fdinfo/{}", pidfd.as_raw_fd())).expect("fdinfo");
        let line = text.lines().find_map(|line| line.strip_prefix("Pid:")).expect("a pidfd");
        line.trim().parse::<i64>().expect("a number")
    };
    let (socket, pidfd) = listen(&case);
    let container = Container::named(&case, &case.unused_id());
    let call = case.palisade().args(["create", "--pidfd-socket"]).arg(&socket).arg("--bundle");
    call.arg(bundle.path()).arg(container.id()).run().succeeded();
    assert_eq!(pid_of(pidfd.join().expect("a descriptor")), container.pid());
    container.does("start");
    let (socket, pidfd) = listen(&case);
    let file = case.scratch().join("exec.pid");
    let call = case.palisade().args(["exec", "--detach", "--pidfd-socket"]).arg(&socket).arg("--pid-file");
    call.arg(&file).arg(container.id()).args(["sleep", "1000"]).run().succeeded();
    let pid = fs::read_to_string(&file).expect("a pid file");
    assert_eq!(pid_of(pidfd.join().expect("a descriptor")).to_string(), pid);
    container.remove();
    let call = case.palisade().args(["run", "--pidfd-socket", "/no/such", "--bundle"]).arg(bundle.path());
    let line = call.arg(case.unused_id()).run().refusal(&case);
    assert_eq!(line, "--pidfd-socket /no/such: ENOENT (no such file or directory)");
}

#[test]
fn sockets_that_are_listened_at_are_passed_on() {
    let case = case!();
    let bundle = Bundle::script(&case, "echo $LISTEN_FDS $LISTEN_PID; cat <&3; (cat <&4) 2>/dev/null; true");
    let id = case.unused_id();
    let script = format!(
        "echo one > {0}/one; echo two > {0}/two; exec 3<{0}/one 4<{0}/two; export LISTEN_FDS=1 LISTEN_PID=$$; exec palisade run --preserve-fds 1 --bundle {1} {id}",
        case.scratch().display(),
        bundle.path().display()
    );
    assert_eq!(shell(&case, &script).succeeded().stdout, "1 1\none\ntwo\n");
    let foreign = script.replace("LISTEN_PID=$$", "LISTEN_PID=1");
    assert_eq!(shell(&case, &foreign).succeeded().stdout, "\none\n", "they are for another process");
}

#[test]
fn an_exec_that_cannot_be_handed_over_leaves_no_process() {
    let case = case!();
    let container = Container::start(&case, &Bundle::script(&case, "sleep 1000"));
    for options in [
        &["--tty", "--console-socket", "/no/such"][..],
        &["--detach", "--pidfd-socket", "/no/such"],
        &["--detach", "--pid-file", "/no/such/file"],
    ] {
        let said =
            case.palisade().arg("exec").args(options).arg(container.id()).args(["sleep", "1001"]).run();
        assert_eq!(said.code(), 255, "{said}");
        let line = said.refusal_line().unwrap_or_else(|wrong| panic!("{wrong}: {said}"));
        assert!(line.starts_with(options[1]) && line.contains("/no/such"), "{line}");
        assert!(!container.shell("ps").contains("sleep 1001"), "{options:?}");
    }
    container.remove();
}

#[test]
fn options_of_ps_make_the_table() {
    let case = case!();
    if case.program("/bin/sh").args(["-c", "command -v ps"]).run().stdout.is_empty() {
        skip!(case, "there is no ps(1)");
    }
    let container = Container::start(&case, &Bundle::script(&case, "sleep 1000"));
    let pid = container.pid().to_string();
    for options in [&["-A", "-o", "pid,args"][..], &["--", "-A", "-o", "pid,args"], &["-ef"]] {
        let said = container.verb("ps").args(options).run();
        if !said.status.success() && said.stderr.contains("BusyBox") {
            container.remove();
            skip!(case, "this ps knows too few options");
        }
        let table = said.succeeded().stdout;
        let mut lines = table.lines();
        assert!(lines.next().expect("a head").contains("PID"), "{table}");
        let line = lines.next().expect("a line");
        assert!(line.split_whitespace().any(|word| word == pid) && line.ends_with("sleep 1000"), "{table}");
    }
    let said = container.verb("ps").args(["-A", "-o", "comm"]).run().failed(1);
    assert!(said.stderr.contains("ps printed no column PID"), "{said}");
    // As go-runc calls it where there are no options.
    let said = container.verb("ps").arg("").run().succeeded();
    assert!(said.stdout.starts_with("UID"), "{said}");
    container.remove();
}

#[test]
fn output_that_nobody_reads_and_output_that_does_not_fit() {
    let case = case!();
    let said = shell(&case, "palisade features | head -n 1; palisade list >&-; echo $?").succeeded();
    assert_eq!(said.stdout, "{\n0\n", "whoever read has read enough: {said}");
    assert_eq!(said.stderr, "", "{said}");
    let said = shell(&case, "palisade features >/dev/full").failed(1);
    assert_eq!(said.stderr, "palisade: write standard output: ENOSPC (no space left on device)\n");
    let said = shell(&case, "palisade state x 2>/dev/full; echo $?").succeeded();
    assert_eq!(said.stdout, "1\n", "an error nobody reads is an error: {said}");
    let said = shell(&case, "palisade --help >/dev/full; palisade --version | true; echo $?").succeeded();
    assert_eq!(said.stdout, "0\n", "{said}");
}

#[test]
fn control_c_in_the_middle_of_a_start_leaves_nothing() {
    let case = case!();
    let begun = case.scratch().join("begun");
    let script = format!("touch {}; exec sleep 1000", begun.display());
    let bundle = Bundle::script(&case, "sleep 1000").with(|config| {
        config["hooks"] = serde_json::json!({
            "createRuntime": [{ "path": "/bin/sh", "args": ["sh", "-c", script] }]
        });
    });
    let running = case.palisade().args(["run", "--bundle"]).arg(bundle.path()).arg(case.unused_id()).spawn();
    wait_until("the hook runs", || begun.exists());
    running.signal(rustix::process::Signal::INT);
    let said = running.wait();
    assert!(!said.status.success(), "{said}");
    assert_eq!(said.stderr.lines().count(), 1, "{said}");
    case.expect_nothing_left(&said);
}
