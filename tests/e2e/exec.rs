//! `exec`: one more process in a container.

use std::fs;

use palisade_tests::container::wait_until;
use palisade_tests::{Bundle, Container, Privilege, case, group, skip};
use serde_json::json;

#[test]
fn exec_finds_what_the_container_has() {
    let case = case!();
    let bundle = Bundle::script(&case, "export HIDDEN=1; sleep 1000").with(|config| {
        config["process"]["env"] = json!(["PATH=/bin", "A=1", "HOME=/root"]);
        config["process"]["cwd"] = json!("/tmp");
        config["process"]["oomScoreAdj"] = json!(123);
    });
    let container = Container::start(&case, &bundle);
    let namespaces = "for kind in cgroup ipc mnt net pid user uts; do readlink /proc/$PID/ns/$kind; done";
    let first = container.shell(&namespaces.replace("$PID", "1"));
    assert_eq!(
        container.shell(&namespaces.replace("$PID", "self")),
        first,
        "the namespaces of the first process"
    );
    assert_eq!(container.shell("cat /proc/self/cgroup"), container.shell("cat /proc/1/cgroup"));
    if group::can_make() {
        let pid = container.verb("ps").args(["--format", "json"]).run().succeeded().stdout;
        assert!(pid.trim().starts_with('['), "{pid}");
        let other = case.palisade().args(["exec", "--detach"]).arg(container.id()).args(["sleep", "1001"]);
        other.run().succeeded();
        let text = container.verb("ps").run().succeeded().stdout;
        assert!(text.contains("sleep 1000") && text.contains("sleep 1001"), "in the group: {text}");
    }
    assert_eq!(container.shell("pwd; echo $A$HIDDEN; cat /proc/self/oom_score_adj"), "/tmp\n1\n123");
    // What hides system calls from the runtime is a filter, too.
    let without = std::env::var("PALISADE_WITHOUT").unwrap_or_default();
    let seccomp = if without.trim().is_empty() { 0 } else { 2 };
    assert_eq!(
        container.shell("grep -E '^(Seccomp|NoNewPrivs):' /proc/self/status"),
        format!("NoNewPrivs:\t1\nSeccomp:\t{seccomp}")
    );
    assert_eq!(container.shell("hostname; ls /proc/self/fd"), "case\n0\n1\n2\n3");
    container.remove();
}

#[test]
fn exec_changes_what_its_options_say() {
    let case = case!();
    let bundle = Bundle::script(&case, "sleep 1000");
    let container = Container::start(&case, &bundle);
    let exec = |options: &[&str], script: &str| {
        let call = case.palisade().arg("exec").args(options).arg(container.id()).args(["sh", "-c", script]);
        call.run().succeeded().stdout.trim_end().to_owned()
    };
    assert_eq!(exec(&["--cwd", "/etc"], "pwd"), "/etc");
    assert_eq!(exec(&["--env", "B=2", "-e", "PATH=/bin:/x"], "echo $B $PATH"), "2 /bin:/x");
    assert_eq!(exec(&["--no-new-privs"], "grep NoNewPrivs: /proc/self/status"), "NoNewPrivs:\t1");
    let with = exec(&["--cap", "CAP_SYS_CHROOT", "-c", "chown"], "grep Cap /proc/self/status");
    let mask = |name: &str| {
        let line = with.lines().find_map(|line| line.strip_prefix(name)).expect("a set");
        u64::from_str_radix(line.trim(), 16).expect("a mask")
    };
    let wanted = 1 << 18 | 1;
    assert_eq!(
        (mask("CapBnd:") & wanted, mask("CapEff:") & wanted, mask("CapInh:")),
        (wanted, wanted, 0),
        "{with}"
    );
    if case.tier().privilege() == Privilege::Root {
        let ids = "id -u; id -g; grep Groups: /proc/self/status";
        assert_eq!(exec(&["--user", "1001:1002", "-g", "7"], ids), "1001\n1002\nGroups:\t7");
        assert_eq!(exec(&["--user", "1001"], "id -u; id -g"), "1001\n0");
    }
    let file = case.scratch().join("process.json");
    let process = json!({
        "args": ["sh", "-c", "echo $C in $(pwd)"], "env": ["PATH=/bin", "C=3"], "cwd": "/dev", "user": { "uid": 0, "gid": 0 }
    });
    fs::write(&file, process.to_string()).expect("write a process");
    let call = case.palisade().args(["exec", "--process"]).arg(&file).arg(container.id());
    assert_eq!(call.run().succeeded().stdout, "3 in /dev\n");
    // What it does not say is as the container has it.
    let mut rights = process;
    rights["args"] = json!(["sh", "-c", "grep ^Cap /proc/self/status; cat /proc/self/oom_score_adj"]);
    fs::write(&file, rights.to_string()).expect("write a process");
    let call = case.palisade().args(["exec", "--process"]).arg(&file).arg(container.id());
    assert_eq!(
        call.run().succeeded().stdout.trim_end(),
        container.shell("grep ^Cap /proc/self/status; cat /proc/self/oom_score_adj")
    );
    let call = case.palisade().args(["exec", "--cwd", "/mistyped/here"]).arg(container.id()).arg("true");
    let said = call.run().failed(255);
    assert!(said.stderr.contains("/mistyped/here") && said.stderr.contains("ENOENT"), "{said}");
    assert_eq!(container.shell("ls -d /mistyped 2>/dev/null || echo none"), "none");
    container.remove();
}

#[test]
fn limits_hold_for_an_exec_as_another_user() {
    let case = case!();
    if case.tier().privilege() != Privilege::Root {
        skip!(case, "another user takes root");
    }
    let bundle = Bundle::script(&case, "sleep 1000").with(|config| {
        config["process"]["rlimits"] = json!([{ "type": "RLIMIT_NOFILE", "soft": 99, "hard": 100 }]);
    });
    let container = Container::start(&case, &bundle);
    for user in ["0", "1"] {
        let call = case.palisade().args(["exec", "--user", user]).arg(container.id());
        let said = call.args(["sh", "-c", "id -u; ulimit -n; ulimit -H -n"]).run().succeeded();
        assert_eq!(said.stdout, format!("{user}\n99\n100\n"), "{said}");
    }
    container.remove();
}

#[test]
fn exec_gives_the_exit_code_and_255_for_its_own_failures() {
    let case = case!();
    let bundle = Bundle::script(&case, "sleep 1000");
    let container = Container::start(&case, &bundle);
    for (script, code) in [("exit 0", 0), ("exit 3", 3), ("kill -KILL $$", 137), ("kill -TERM $$", 143)] {
        assert_eq!(container.exec(&["sh", "-c", script]).run().code(), code, "{script}");
    }
    let refused = |options: &[&str], command: &[&str], words: &str| {
        let said = case.palisade().arg("exec").args(options).arg(container.id()).args(command).run();
        assert_eq!(said.code(), 255, "{said}");
        let line = said.refusal_line().unwrap_or_else(|fault| panic!("{fault}: {said}"));
        assert!(line.starts_with(words), "wanted {words}\nfound  {line}");
    };
    refused(&[], &["absent"], "/process/args: exec \"absent\": ENOENT");
    refused(&[], &["/etc/passwd"], "/process/args: exec \"/etc/passwd\": EACCES");
    refused(&[], &[], "no command");
    refused(&["--cwd", "etc"], &["true"], "/process/cwd: \"etc\" is not an absolute path");
    refused(&["--user", "root"], &["true"], "--user \"root\" is no number");
    refused(&["--user", "4294967295"], &["true"], "--user \"4294967295\" is no number");
    refused(&["--user", "0:-1"], &["true"], "--user \"-1\" is no number");
    refused(&["--user", ""], &["true"], "--user \"\" is no number");
    refused(&["--cap", "CAP_LUCK"], &["true"], "--cap CAP_LUCK: no such capability");
    refused(&["--env", "NOVALUE"], &["true"], "/process/env/");
    refused(&["--process", "/no/such"], &[], "read /no/such: ENOENT");
    // Whoever started the tests may have passed some on.
    refused(&["--preserve-fds", "99"], &["true"], "--preserve-fds 99: descriptor ");
    container.kill("KILL");
    container.await_status("stopped");
    refused(&[], &["true"], &format!("cannot exec in container {}: it is stopped", container.id()));
    container.does("delete");
    refused(&[], &["true"], &format!("container {} does not exist", container.id()));
}

#[test]
fn exec_in_a_created_container_runs_beside_what_waits() {
    let case = case!();
    let bundle = Bundle::script(&case, "echo begun > /tmp/begun; sleep 1000");
    let container = Container::create(&case, &bundle);
    assert_eq!(container.shell("hostname; ls /tmp"), "case");
    assert_eq!(container.status(), "created");
    container.does("start");
    wait_until("the program runs", || container.shell("ls /tmp") == "begun");
    container.remove();
}

#[test]
fn input_and_output_pass_through() {
    let case = case!();
    let bundle = Bundle::script(&case, "sleep 1000");
    let container = Container::start(&case, &bundle);
    let big: String = (0..20_000).map(|line| format!("line {line}\n")).collect();
    let said = container.exec(&["cat"]).input(big.clone()).run().succeeded();
    assert_eq!(said.stdout, big);
    let said = container.exec(&["sh", "-c", "echo out; echo err >&2"]).run().succeeded();
    assert_eq!((said.stdout.as_str(), said.stderr.as_str()), ("out\n", "err\n"));
    container.remove();
    let bundle = bundle.with_script(&case, "tr a-z A-Z");
    let call = case.palisade().args(["run", "--bundle"]).arg(bundle.path()).arg(case.unused_id());
    assert_eq!(call.input("through run").run().succeeded().stdout, "THROUGH RUN");
}

#[test]
fn exec_is_under_the_containers_seccomp_and_capabilities() {
    let case = case!();
    let bundle = Bundle::script(&case, "sleep 1000").with(|config| {
        config["linux"]["seccomp"] = json!({
            "defaultAction": "SCMP_ACT_ALLOW",
            "syscalls": [{ "names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO", "errnoRet": 95 }]
        });
    });
    let container = Container::start(&case, &bundle);
    let said = container.exec(&["mkdir", "/tmp/x"]).run().failed(1);
    assert!(
        said.stderr.contains("Operation not supported") || said.stderr.contains("Not supported"),
        "{said}"
    );
    assert_eq!(container.shell("grep CapInh /proc/self/status"), "CapInh:\t0000000000000000");
    container.remove();
}

#[test]
fn exec_does_not_outlive_the_container() {
    let case = case!();
    if !group::can_make() {
        skip!(case, "what was executed is known by its group");
    }
    let bundle = Bundle::script(&case, "sleep 1000");
    let container = Container::start(&case, &bundle);
    for _ in 0..3 {
        let call = case.palisade().args(["exec", "--detach"]).arg(container.id());
        call.args(["sh", "-c", "trap '' TERM HUP; setsid sleep 1000"]).run().succeeded();
    }
    container.remove();
    case.expect_nothing_left(&"exec --detach");
}
