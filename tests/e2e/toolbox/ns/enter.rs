//! Namespaces that are entered, or kept under a name.

use std::fs;

use palisade_tests::container::wait_until;
use palisade_tests::{Bundle, Privilege, case, skip};

use super::{KINDS, end, find, json, ns, number_of, pid, start};

/// The number of the process that `pal ns new --pid` has made.
fn child(of: &str) -> String {
    let path = format!("/proc/{of}/task/{of}/children");
    fs::read_to_string(path).expect("the children").trim().to_owned()
}

#[test]
fn c10_a_process_is_entered_with_all_that_it_has() {
    let case = case!();
    let words = ["--uts", "--ipc", "--net", "--hostname", "inner"];
    let target = start(&case, &words, "export MARK=inside; cd /proc; exec sleep 1000");
    let pid = pid(&target);
    wait_until("it sleeps", || {
        fs::read_to_string(format!("/proc/{pid}/environ")).is_ok_and(|text| text.contains("MARK="))
    });
    let script =
        "hostname; for k in mnt pid net ipc uts user cgroup time; do readlink /proc/self/ns/$k; done";
    let said = ns(&case, &["enter", &pid, "--", "sh", "-c", script]).run().succeeded().stdout;
    let lines: Vec<&str> = said.lines().collect();
    assert_eq!(lines[0], "inner");
    for (kind, line) in KINDS.iter().zip(&lines[1..]) {
        assert_eq!(*line, format!("{kind}:[{}]", number_of(&pid, kind)));
    }
    let own = ns(&case, &["enter", &pid, "--env", "--cwd", "--", "/bin/sh", "-c", "echo $MARK; pwd"]).run();
    assert_eq!(own.succeeded().stdout, "inside\n/proc\n");
    let code = ns(&case, &["enter", &pid, "--explain", "--", "sh", "-c", "exit 7"]).run();
    assert_eq!(code.code(), 7);
    assert!(code.stderr.contains(&format!("nsenter --target {pid} --net --ipc --uts ")), "{code}");
    end(target);
    let gone = ns(&case, &["enter", &pid, "--", "true"]).run().failed(125);
    assert!(gone.stderr.starts_with(&format!("pal: find process {pid}: ESRCH")), "{gone}");
    assert_eq!(gone.stderr.lines().count(), 1, "{gone}");
}

#[test]
fn c10_a_pid_namespace_is_entered_by_a_child() {
    let case = case!();
    let target = start(&case, &["--pid", "--mount-proc"], "exec sleep 1000");
    let first = child(&pid(&target));
    let script = "echo $$; cat /proc/1/comm; kill -9 1; exit 5";
    let said = ns(&case, &["enter", &first, "--", "sh", "-c", script]).run();
    let lines: Vec<&str> = said.stdout.lines().collect();
    assert_eq!(said.code(), 5, "{said}");
    assert!(lines[0].parse::<u32>().is_ok_and(|number| number < 100) && lines[1] == "sleep", "{said}");
    end(target);
}

#[test]
fn c10_credentials_and_groups_are_those_of_the_process() {
    let case = case!();
    if case.tier().privilege() == Privilege::Ordinary {
        skip!(case, "an ordinary user has one id");
    }
    let words = ["--map-users", "0:100000:1000", "--map-groups", "0:100000:1000", "--uts", "--"];
    let target = ns(&case, &["new"]).args(words).args(["sleep", "1000"]).spawn();
    let pid = pid(&target);
    wait_until("it sleeps", || {
        fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|name| name == "sleep\n")
    });
    let ids = |option: &[&str]| {
        ns(&case, &["enter", &pid])
            .args(option)
            .args(["--", "sh", "-c", "id -u; id -g"])
            .run()
            .succeeded()
            .stdout
    };
    assert_eq!(ids(&[]), "0\n0\n");
    assert_eq!(ids(&["--credentials"]), "0\n0\n");
    assert_eq!(ids(&["--as", "7:8"]), "7\n8\n");
    let groups =
        ns(&case, &["enter", &pid, "--join-cgroup", "--", "cat", "/proc/self/cgroup"]).run().succeeded();
    assert_eq!(groups.stdout, fs::read_to_string(format!("/proc/{pid}/cgroup")).expect("its groups"));
    end(target);
}

#[test]
fn c10_a_container_is_entered_by_its_name() {
    let case = case!();
    let bundle = Bundle::new(&case, "bundle", &["true"]);
    let name = case.id("web");
    let pal = || case.pal().arg("--root").arg(case.state());
    let call = pal().args(["run", "-d", "--name", &name, "--hostname", "inside"]);
    let call = call.args(["--cap-drop", "ALL", "--cap-add", "KILL"]).arg(bundle.rootfs());
    call.args(["--", "sleep", "1000"]).run().succeeded();
    let said =
        ns(&case, &["enter", &format!("@{name}"), "--", "/bin/sh", "-c", "hostname; cat /proc/1/comm"]).run();
    assert_eq!(said.succeeded().stdout, "inside\nsleep\n");
    let show = ["/bin/sh", "-c", "grep ^Cap /proc/self/status"];
    let of_exec = pal().args(["exec", &name]).args(show).run().succeeded().stdout;
    assert!(of_exec.contains("CapBnd:\t0000000000000020"), "{of_exec}");
    let said = ns(&case, &["enter", &format!("@{name}"), "--credentials", "--"]).args(show).run();
    assert_eq!(said.succeeded().stdout, of_exec, "the capabilities of its processes");
    let long = format!("{}-{name}", "n".repeat(70));
    let call = pal().args(["run", "--rm", "--name", &long]).arg(bundle.rootfs()).args(["--", "hostname"]);
    assert_eq!(call.run().succeeded().stdout.trim_end(), "n".repeat(64), "a host's name is shorter");
    pal().args(["rm", "-f", &name]).run().succeeded();
    let said = ns(&case, &["enter", &format!("@{name}"), "--", "true"]).run().failed(125);
    assert_eq!(said.stderr.lines().count(), 1, "{said}");
}

#[test]
fn c2_namespaces_are_kept_under_a_name() {
    let case = case!();
    let words = [
        "new",
        "--uts",
        "--mount",
        "--net",
        "--hostname",
        "kept",
        "--pin",
        "web",
        "--",
        "sh",
        "-c",
        "exit 3",
    ];
    if case.tier().privilege() == Privilege::Ordinary {
        let said = ns(&case, &words).run().failed(125);
        assert!(said.stderr.contains("EPERM") && said.stderr.contains("only root"), "{said}");
        assert!(!case.state().join("@ns").exists(), "nothing is left");
        return;
    }
    assert_eq!(ns(&case, &words).run().code(), 3);
    let rows = json(&case, &["ls", "-t", "uts,net,mnt"]);
    let kept = |kind: &str| {
        let path = case.state().join("@ns/web").join(kind).display().to_string();
        let by = |row: &&serde_json::Value| {
            row["keptBy"].as_array().expect("a list").iter().any(|by| by["path"] == path.as_str())
        };
        rows.iter().find(by).unwrap_or_else(|| panic!("{path} is not in {rows:?}"))["number"]
            .as_u64()
            .expect("a number")
    };
    assert_eq!(find(&rows, kept("uts"))["processes"], 0);
    assert!(kept("mnt") != kept("net"));
    let said = ns(&case, &["enter", "web", "--", "sh", "-c", "hostname; readlink /proc/self/ns/net"]).run();
    assert_eq!(said.succeeded().stdout, format!("kept\nnet:[{}]\n", kept("net")));
    let said = ns(&case, &words).run().failed(125);
    assert!(said.stderr.contains("EEXIST"), "{said}");
    ns(&case, &["unpin", "web"]).run().succeeded();
    let said = ns(&case, &["enter", "web", "--", "true"]).run().failed(125);
    assert!(said.stderr.contains("ENOENT (no namespaces are kept under that name)"), "{said}");
}

#[test]
fn c2_the_namespaces_of_a_process_are_kept_or_none() {
    let case = case!();
    if case.tier().privilege() == Privilege::Ordinary {
        skip!(case, "names are mounts, which take root");
    }
    let target = start(&case, &["--uts", "--hostname", "first"], "exec sleep 1000");
    let pid = pid(&target);
    ns(&case, &["pin", "web", &pid]).run().succeeded();
    end(target);
    assert_eq!(ns(&case, &["enter", "web", "--", "hostname"]).run().succeeded().stdout, "first\n");
    let missing = ns(&case, &["pin", "other", &pid, "--uts"]).run().failed(125);
    assert!(missing.stderr.contains("ENOENT"), "{missing}");
    assert!(!case.state().join("@ns/other").exists());
    let never = ns(&case, &["new", "--uts", "--pin", "other", "--", "/no/such/program"]).run();
    assert_eq!(never.code(), 127, "{never}");
    assert!(!case.state().join("@ns/other").exists(), "what could not be run is not kept");
    ns(&case, &["unpin", "web"]).run().succeeded();
    for bad in ["a/b", "..", "7"] {
        ns(&case, &["pin", bad, "1"]).run().failed(125);
    }
}
