//! What whoever swaps the runtime under an engine counts on where the specification is silent: runc's ways, and crun's.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};

use palisade_tests::container::wait_until;
use palisade_tests::{Bundle, Case, Container, Privilege, case, group, skip};
use serde_json::{Value, json};

use crate::mounts::id_mapped::with_user_namespace;

/// Adds a mount behind all others.
fn mounting(bundle: &Bundle, case: &Case, mount: Value) -> Bundle {
    bundle.variant(case, |config| config["mounts"].as_array_mut().expect("a list").push(mount))
}

#[test]
fn a_process_without_ids_is_root() {
    let case = case!();
    let bundle = Bundle::script(&case, "echo $(id -u) $(id -g)").with(|config| {
        config["process"].as_object_mut().expect("an object").remove("user");
    });
    assert_eq!(bundle.output(&case), "0 0");
}

#[test]
fn of_entries_with_one_name_the_last_counts_and_an_empty_home_is_none() {
    let case = case!();
    let bundle = Bundle::script(&case, "env | grep -v -E '^(PWD|SHLVL|_)='");
    for (environment, said) in [
        (json!(["PATH=/bin", "A=1", "HOME=/here", "A=2"]), "A=2\nHOME=/here\nPATH=/bin"),
        (json!(["PATH=/bin", "HOME=/here", "HOME="]), "HOME=/root\nPATH=/bin"),
    ] {
        let bundle = bundle.variant(&case, |config| config["process"]["env"] = environment);
        let mut lines: Vec<String> = bundle.output(&case).lines().map(str::to_owned).collect();
        lines.sort_unstable();
        assert_eq!(lines.join("\n"), said);
    }
    let container = Container::start(&case, &bundle.with_script(&case, "sleep 1000"));
    let said = container.verb("exec").args(["--env", "A=1", "--env", "A=2"]).run();
    assert!(!said.status.success(), "options stand before the container");
    let call = case.palisade().args(["exec", "--env", "A=1", "--env", "A=2"]).arg(container.id());
    assert_eq!(call.args(["sh", "-c", "echo $A; env | grep -c ^A="]).run().succeeded().stdout, "2\n1\n");
    container.remove();
}

/// In the host's pid namespace the kernel ends nobody else with the first process.
#[test]
fn sigkill_ends_all_of_a_container_without_a_pid_namespace() {
    let case = case!();
    if !group::can_make() {
        skip!(case, "no cgroup, by which the others would be known");
    }
    let bundle = Bundle::script(&case, "sleep 1000 & sleep 1000 & wait").without_pid_namespace();
    let lives = |container: &Container<'_>| container.does("ps").stdout.lines().count() - 1;
    let container = Container::start(&case, &bundle);
    wait_until("all three run", || lives(&container) == 3);
    container.verb("kill").arg("TERM").run().succeeded();
    container.await_status("stopped");
    assert_eq!(lives(&container), 2, "any other signal is for the first alone");
    let expect_not_running = |signal| {
        let line = container.verb("kill").arg(signal).run().failed(1).stderr;
        assert!(line.contains("container not running"), "{line}");
    };
    expect_not_running("TERM");
    container.verb("kill").arg("KILL").run().succeeded();
    wait_until("none is left", || lives(&container) == 0);
    expect_not_running("KILL");
    container.does("delete");
}

#[test]
fn signal_0_asks_whether_the_container_runs() {
    let case = case!();
    let container = Container::start(&case, &Bundle::script(&case, "sleep 1000"));
    container.verb("kill").arg("0").run().succeeded();
    container.kill("KILL");
    container.await_status("stopped");
    let line = container.verb("kill").arg("0").run().failed(1).stderr;
    assert!(line.contains("container not running"), "{line}");
    container.does("delete");
}

#[test]
fn the_processes_are_listed_as_ps_lists_them() {
    let case = case!();
    if case.program("ps").arg("-ef").run().stdout.split_whitespace().nth(4) != Some("STIME") {
        skip!(case, "ps of this machine has no option -ef");
    }
    let container = Container::start(&case, &Bundle::script(&case, "sleep 1000"));
    let said = container.does("ps").stdout;
    container.remove();
    let head: Vec<&str> = said.lines().next().unwrap_or_default().split_whitespace().collect();
    assert_eq!(head, ["UID", "PID", "PPID", "C", "STIME", "TTY", "TIME", "CMD"]);
}

/// An engine may be held on a few CPUs, which is no business of its containers.
#[test]
fn the_cpus_of_the_caller_are_not_the_containers() {
    let case = case!();
    let look = ["grep", "Cpus_allowed_list", "/proc/self/status"];
    let all = case.program("/bin/busybox").args(look).run().succeeded().stdout;
    if all.trim_end().ends_with("\t0") {
        skip!(case, "this machine has one CPU");
    }
    let taskset = || case.program("/bin/busybox").args(["taskset", "1"]).arg(case.palisade_path());
    let bundle = Bundle::script(&case, "grep Cpus_allowed_list /proc/self/status");
    let run = taskset().arg("--root").arg(case.state()).args(["run", "--bundle"]).arg(bundle.path());
    assert_eq!(run.arg(case.unused_id()).run().succeeded().stdout, all);
    let container = Container::start(&case, &bundle.with_script(&case, "sleep 1000"));
    let exec = taskset().arg("--root").arg(case.state()).args(["exec", container.id()]).args(look);
    assert_eq!(exec.run().succeeded().stdout, all);
    container.remove();
}

#[test]
fn a_tmpfs_on_nothing_has_the_mode_of_a_tmpfs() {
    let case = case!();
    let bundle = Bundle::script(&case, "stat -c %a /new/there; stat -c %a /old; touch /new/there/x");
    fs::create_dir(bundle.rootfs().join("old")).expect("create a directory");
    let tmpfs = |target: &str| json!({ "destination": target, "type": "tmpfs", "source": "tmpfs" });
    let bundle = mounting(&mounting(&bundle, &case, tmpfs("/new/there")), &case, tmpfs("/old"));
    assert_eq!(bundle.output(&case), "1777\n755");
}

#[test]
fn a_read_only_dev_has_its_console() {
    let case = case!();
    let bundle = Bundle::script(&case, "test -c /dev/console && ! touch /dev/x 2> /dev/null && echo so");
    let bundle = bundle.with(|config| {
        config["process"]["terminal"] = json!(true);
        let mounts = config["mounts"].as_array_mut().expect("a list");
        let dev = mounts.iter_mut().find(|mount| mount["destination"] == "/dev").expect("a mount of /dev");
        dev["options"].as_array_mut().expect("a list").push(json!("ro"));
    });
    assert_eq!(bundle.output(&case), "so");
}

#[test]
fn a_path_that_is_masked_twice_has_one_mask() {
    let case = case!();
    let bundle = Bundle::script(&case, "grep -c ' /hidden ' /proc/self/mountinfo");
    fs::create_dir(bundle.rootfs().join("hidden")).expect("create a directory");
    let bundle = bundle.with(|config| config["linux"]["maskedPaths"] = json!(["/hidden", "/hidden"]));
    assert_eq!(bundle.output(&case), "1");
}

/// Podman passes on what it was told about a volume.
#[test]
fn words_about_volumes_are_not_for_the_kernel() {
    let case = case!();
    let volume = case.scratch().join("volume");
    fs::create_dir(&volume).expect("create a directory");
    fs::write(volume.join("file"), "there").expect("write a file");
    for word in ["nocopy", "copy"] {
        let mount =
            json!({ "destination": "/v", "type": "bind", "source": volume, "options": ["rbind", word] });
        let bundle = mounting(&Bundle::script(&case, "cat /v/file"), &case, mount);
        assert_eq!(bundle.output(&case), "there", "{word}");
    }
}

#[test]
fn what_is_mounted_in_the_place_of_a_default_link_stays() {
    let case = case!();
    let file = case.scratch().join("file");
    fs::write(&file, "mounted").expect("write a file");
    let mount = json!({ "destination": "/dev/stdin", "type": "bind", "source": file, "options": ["bind"] });
    let bundle = mounting(&Bundle::script(&case, "cat /dev/stdin; readlink /dev/stdout"), &case, mount);
    assert_eq!(bundle.output(&case), "mounted/proc/self/fd/1");
}

/// Podman lists all devices of the host for a privileged container.
#[test]
fn the_hosts_ptmx_is_not_the_containers() {
    let case = case!();
    let bundle = Bundle::script(&case, "readlink /dev/ptmx").with(|config| {
        config["linux"]["devices"] = json!([
            { "path": "/dev/ptmx", "type": "c", "major": 5, "minor": 2, "fileMode": 438, "uid": 0, "gid": 0 }
        ]);
    });
    assert_eq!(bundle.output(&case), "pts/ptmx");
}

#[test]
fn a_tunnel_can_be_opened_and_the_hosts_console_cannot() {
    let case = case!();
    if case.tier().privilege() == Privilege::Ordinary || !group::can_make() {
        skip!(case, "device rules take root and a group");
    }
    let script = "mknod /tun c 10 200; mknod /console c 5 1; (: < /tun) 2>&1; (: < /console) 2>&1";
    let bundle = Bundle::script(&case, script).with(|config| {
        config["linux"]["resources"]["devices"] = json!([{ "allow": false, "access": "rwm" }]);
        for set in ["bounding", "effective", "permitted"] {
            config["process"]["capabilities"][set] = json!(["CAP_MKNOD", "CAP_NET_ADMIN"]);
        }
    });
    let said = bundle.run(&case).stdout;
    // Where the kernel has no such driver it says so.
    assert!(!said.contains("/tun: Operation not permitted"), "{said}");
    assert!(said.contains("/console: Operation not permitted"), "{said}");
}

/// The kubelet may ask for a slice where containerd does not ask systemd.
#[test]
fn a_path_of_systemds_form_is_a_plain_one_without_systemd() {
    let case = case!();
    if !group::can_make() {
        skip!(case, "no cgroup");
    }
    let name = case.unused("slice");
    let bundle = Bundle::script(&case, "sleep 1000").with(|config| {
        config["linux"]["cgroupsPath"] = json!(format!("{name}.slice:cri:{name}"));
    });
    let container = Container::start(&case, &bundle);
    let groups = fs::read_to_string(format!("/proc/{}/cgroup", container.pid())).expect("its groups");
    container.remove();
    assert!(groups.contains(&format!("{name}.slice:cri:{name}")), "{groups}");
}

/// Docker deletes the container at once, and its shim refuses to as long as the process lives.
#[test]
fn a_start_that_fails_ends_with_its_process() {
    let case = case!();
    let bundle = Bundle::new(&case, "interpreted", &["/script"]);
    let script = bundle.rootfs().join("script");
    fs::write(&script, "#!/no/such/interpreter\n").expect("write a script");
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).expect("chmod");
    for _ in 0..5 {
        let container = Container::create(&case, &bundle);
        let line = container.verb("start").run().failed(1).stderr;
        assert!(line.contains("its interpreter is missing"), "{line}");
        assert_eq!(container.status(), "stopped");
        container.does("delete");
    }
}

/// The kubelet's directories of volumes are closed to all but root, and a container's root may be somebody else.
#[test]
fn a_user_namespace_gets_volumes_that_its_root_finds_no_way_to() {
    let case = case!();
    if case.tier().privilege() == Privilege::Ordinary {
        skip!(case, "an ordinary user has no way that is closed to himself");
    }
    let closed = case.scratch().join("closed");
    let volume = closed.join("volume");
    fs::create_dir_all(volume.join("below")).expect("create a volume");
    fs::write(volume.join("file"), "there").expect("write a file");
    fs::set_permissions(&closed, fs::Permissions::from_mode(0o700)).expect("close the directory");
    let script =
        "cat /v/file /f; touch /v/x 2>&1; grep -E ' (/v|/f) ' /proc/self/mountinfo | grep -c shared:; true";
    let bundle = Bundle::script(&case, script).with(|config| {
        with_user_namespace(config, &[[0, 100_000, 65_536]]);
    });
    let bundle = mounting(
        &bundle,
        &case,
        json!({ "destination": "/v", "type": "bind", "source": volume, "options": ["rbind", "ro"] }),
    );
    let bundle = mounting(
        &bundle,
        &case,
        json!({ "destination": "/f", "type": "bind", "source": volume.join("file"), "options": ["bind"] }),
    );
    for path in [bundle.path().to_owned(), bundle.rootfs()] {
        chown(path, Some(100_000), Some(100_000)).expect("chown the bundle");
    }
    let said = bundle.output(&case) + "\n";
    assert_eq!(said, "theretheretouch: /v/x: Read-only file system\n0\n");
    let none = bundle.variant(&case, |config| {
        config["mounts"].as_array_mut().expect("a list").last_mut().expect("a mount")["source"] =
            json!(volume.join("none"));
    });
    let line = none.refusal(&case);
    assert!(line.contains("/mounts/") && line.contains("ENOENT"), "{line}");
}
