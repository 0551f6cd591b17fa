//! What options of podman do inside of a container, as root.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use super::{DEFAULT, Podman, With};
use crate::image::IMAGE;
use crate::place::{self, scene};
use crate::steps::{Steps, compare};

#[test]
fn podman_confines_containers() {
    let case = scene!();
    let podman = Podman::new(&case);
    let profile = case.scratch().join("profile.json");
    let text = r#"{ "defaultAction": "SCMP_ACT_ALLOW", "architectures": ["SCMP_ARCH_X86_64", "SCMP_ARCH_AARCH64"],
        "syscalls": [{ "names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO", "errnoRet": 28 }] }"#;
    fs::write(&profile, text).expect("write a profile");
    let seccomp = format!("--security-opt=seccomp={}", profile.display());
    let verdict = compare(DEFAULT, |runtime, steps| {
        let podman = podman.with(runtime);
        let status = "grep -E '^(NoNewPrivs|Seccomp):' /proc/self/status | tr -d '\\n\\t '";
        steps.gives("default", &podman.run(&[], status), 0, "NoNewPrivs:0Seccomp:2");
        let option = "--security-opt=no-new-privileges";
        steps.gives("no-new-privileges", &podman.run(&[option], status), 0, "NoNewPrivs:1Seccomp:2");
        let option = "--security-opt=seccomp=unconfined";
        steps.gives("seccomp=unconfined", &podman.run(&[option], status), 0, "NoNewPrivs:0Seccomp:0");
        let denied = podman.run(&[&seccomp], "mkdir /tmp/x; echo $?");
        steps.tells("seccomp=FILE", &denied, 0, &["No space left on device", "1\n"]);
        let script = "wc -c < /etc/group; ls /proc/acpi 2>&1 | wc -l; echo 1 > /proc/sys/vm/swappiness";
        let masked = podman.run(&["--security-opt=mask=/etc/group"], script);
        steps.tells("mask", &masked, 1, &["0\n0\n", "Read-only"]);
        let script = "grep -c /proc/sys /proc/self/mountinfo";
        steps.gives("unmask", &podman.run(&["--security-opt=unmask=ALL"], script), 1, "0");
        let script = "grep -E '^Cap(Eff|Bnd)' /proc/self/status | cut -f2";
        let bits = "0000000000000001\n0000000000000001";
        steps.gives("capabilities", &podman.run(&["--cap-drop=all", "--cap-add=chown"], script), 0, bits);
        let as_user = podman.run(&["--user=1000:1000", "--group-add=2000"], "id -u; id -g; id -G; touch /no");
        steps.tells("user", &as_user, 1, &["1000\n1000\n1000 2000\n", "Permission denied"]);
        let script =
            "mkdir /x && mount -t tmpfs x /x && [ -c /dev/loop-control -o -c /dev/fuse ] && echo all";
        steps.gives("privileged", &podman.run(&["--privileged"], script), 0, "all");
        let script = "touch /x; touch /run/x /tmp/x && echo ok";
        steps.tells(
            "read-only",
            &podman.run(&["--read-only"], script),
            0,
            &["/x: Read-only file system", "ok\n"],
        );
    });
    podman.end();
    verdict.demand();
}

#[test]
fn podman_gives_containers_volumes() {
    let case = scene!();
    let podman = Podman::new(&case);
    let host = case.scratch().join("shared");
    fs::create_dir(&host).expect("create a directory");
    fs::set_permissions(&host, fs::Permissions::from_mode(0o777)).expect("chmod");
    fs::write(host.join("file"), "text\n").expect("write a file");
    let host = host.display().to_string();
    let verdict = compare(DEFAULT, |runtime, steps| {
        let podman = podman.with(runtime);
        let volume = |options: &str| format!("--volume={host}:/v{options}");
        let script = "cat /v/file; echo more > /v/new && cat /v/new && rm /v/new";
        steps.gives("bound", &podman.run(&[&volume("")], script), 0, "text\nmore");
        steps.tells(
            "read-only",
            &podman.run(&[&volume(":ro")], "cat /v/file; touch /v/x"),
            1,
            &["text\n", "Read-only"],
        );
        let script = "cp /bin/busybox /v/true; chmod 755 /v/true; /v/true; echo $?; rm /v/true";
        steps.tells("noexec", &podman.run(&[&volume(":noexec")], script), 0, &["Permission denied", "126\n"]);
        let file = format!("--volume={host}/file:/etc/one:ro");
        steps.gives("one file", &podman.run(&[&file], "cat /etc/one"), 0, "text");
        let script = "stat -f -c %T /t; df -k /t | tail -1 | tr -s ' ' | cut -d' ' -f2; stat -c %a /t";
        let mounted =
            podman.run(&["--mount=type=tmpfs,destination=/t,tmpfs-size=1m,tmpfs-mode=1700"], script);
        steps.gives("tmpfs", &mounted, 0, "tmpfs\n1024\n1700");
        steps.gives(
            "shm",
            &podman.run(&["--shm-size=1m"], "df -k /dev/shm | tail -1 | tr -s ' ' | cut -d' ' -f2"),
            0,
            "1024",
        );
        for (step, option, word) in
            [("private", "", "^"), ("slave", ":rslave", "master:"), ("shared", ":rshared", "shared:")]
        {
            let script = format!("grep ' /v ' /proc/self/mountinfo | grep -c {word}");
            steps.gives(step, &podman.run(&[&volume(option)], &script), 0, "1");
        }
        steps.succeeds("volume create", &podman.call(&["volume", "create", "kept"]));
        steps.succeeds("writes", &podman.run(&["--volume=kept:/k"], "echo here > /k/x"));
        steps.gives("reads", &podman.run(&["--volume=kept:/k"], "cat /k/x"), 0, "here");
        steps.succeeds("volume rm", &podman.call(&["volume", "rm", "kept"]));
        copies(podman, &host, steps);
    });
    podman.end();
    verdict.demand();
}

fn copies(podman: With<'_>, host: &str, steps: &mut Steps) {
    steps.succeeds("run --detach", &podman.start(&["--name=one"], "exec sleep 100"));
    steps.succeeds("cp in", &podman.call(&["cp", &format!("{host}/file"), "one:/tmp/in"]));
    steps.gives("which is there", &podman.call(&["exec", "one", "cat", "/tmp/in"]), 0, "text");
    let out = format!("{host}/out");
    steps.succeeds("cp out", &podman.call(&["cp", "one:/etc/group", &out]));
    steps.is(
        "which is here",
        &fs::read_to_string(&out).unwrap_or_default(),
        "root:x:0:\nuser:x:1000:\nextra:x:2000:user\n",
    );
    fs::remove_file(out).ok();
    steps.tells("diff", &podman.call(&["diff", "one"]), 0, &["A /tmp/in"]);
    steps.succeeds("rm", &podman.call(&["rm", "--force", "--time=0", "one"]));
}

#[test]
fn podman_limits_containers() {
    let case = scene!();
    let show_limits = place::show_limits();
    let podman = Podman::new(&case);
    let verdict = compare(DEFAULT, |runtime, steps| {
        let podman = podman.with(runtime);
        let limits = ["--cpus=0.5", "--memory=64m", "--pids-limit=50", "--cpuset-cpus=0", "--cpu-shares=100"];
        steps.gives("limits", &podman.run(&limits, show_limits), 0, "67108864\n50000\n50\n0\n100");
        let script = "ulimit -n; ulimit -Hn";
        let option = ["--ulimit=nofile=100:200", "--ulimit=nproc=100:100"];
        steps.gives("ulimit", &podman.run(&option, script), 0, "100\n200");
        let options = ["--name=one", "--memory=64m", "--memory-swap=64m", "--pids-limit=50"];
        steps.succeeds("run --detach", &podman.start(&options, "exec sleep 100"));
        let change = ["update", "--cpus=0.25", "--memory=32m", "one"];
        steps.succeeds("update", &podman.call(&change));
        let script = ["exec", "one", "sh", "-c", show_limits];
        steps.tells("updated", &podman.call(&script), 0, &["33554432\n25000\n50\n"]);
        steps.succeeds("rm", &podman.call(&["rm", "--force", "--time=0", "one"]));
        let options = ["--name=one", "--memory=16m", "--memory-swap=16m"];
        steps.succeeds("run", &podman.start(&options, "exec tail /dev/zero"));
        steps.gives("out of memory", &podman.call(&["wait", "one"]), 0, "137");
        steps.is("told", &podman.inspect("one", "{{.State.OOMKilled}}"), "true");
        steps.excused("conmon is told by the kernel, which may be too late");
        steps.succeeds("rm", &podman.call(&["rm", "one"]));
    });
    podman.end();
    verdict.demand();
}

#[test]
fn podman_gives_containers_namespaces() {
    let case = scene!();
    let podman = Podman::new(&case);
    let verdict = compare(DEFAULT, |runtime, steps| {
        let podman = podman.with(runtime);
        networks(podman, steps);
        users(podman, steps);
        let script = "echo $$; hostname";
        steps.gives("new ones", &podman.run(&["--hostname=named"], script), 0, "1\nnamed");
        let own = |kind: &str| {
            fs::read_link(format!("/proc/self/ns/{kind}")).expect("a namespace").display().to_string()
        };
        for (step, option, kind) in [
            ("the host's pid", "--pid=host", "pid"),
            ("the host's ipc", "--ipc=host", "ipc"),
            ("the host's uts", "--uts=host", "uts"),
            ("the host's cgroup", "--cgroupns=host", "cgroup"),
        ] {
            steps.gives(
                step,
                &podman.run(&[option], &format!("readlink /proc/self/ns/{kind}")),
                0,
                &own(kind),
            );
        }
        steps.gives(
            "cgroup namespace",
            &podman.run(&["--cgroupns=private"], "cut -d: -f3 /proc/self/cgroup | sort -u"),
            0,
            "/",
        );
        steps.excused("a hierarchy that it does not know");
        let sysctl = ["--sysctl=net.ipv4.ip_default_ttl=77", "--sysctl=kernel.shm_rmid_forced=1"];
        let script = "cat /proc/sys/net/ipv4/ip_default_ttl /proc/sys/kernel/shm_rmid_forced";
        steps.gives("sysctl", &podman.run(&sysctl, script), 0, "77\n1");
        steps.tells("init", &podman.run(&["--init"], "cat /proc/1/comm; echo $$"), 0, &["init\n"]);
    });
    podman.end();
    verdict.demand();
}

fn networks(podman: With<'_>, steps: &mut Steps) {
    let run = |network: &str, script: &str| podman.call(&["run", "--rm", network, IMAGE, "sh", "-c", script]);
    let addresses = "ip addr | grep 'inet ' | tr -s ' ' | cut -d' ' -f3";
    steps.gives("no network", &run("--network=none", addresses), 0, "127.0.0.1/8");
    steps.tells("the host's network", &run("--network=host", addresses), 0, &["127.0.0.1/8"]);
    let bridged = run("--network=bridge", "ip addr; ip route");
    steps.tells("a bridge", &bridged, 0, &["10.88.", "eth0", "default via 10.88.0.1"]);
    steps.succeeds("run --detach", &podman.start(&["--name=one"], "exec sleep 100"));
    let joined =
        |option: &str, script: &str| podman.call(&["run", "--rm", option, IMAGE, "sh", "-c", script]);
    let network = podman.call(&["exec", "one", "readlink", "/proc/self/ns/net"]).stdout;
    let found = joined("--network=container:one", "readlink /proc/self/ns/net");
    steps.gives("another container's network", &found, 0, network.trim_end());
    let found = joined("--pid=container:one", "ps -o args | grep -c '^sleep 100'");
    steps.gives("another container's processes", &found, 0, "1");
    steps.succeeds("rm", &podman.call(&["rm", "--force", "--time=0", "one"]));
}

fn users(podman: With<'_>, steps: &mut Steps) {
    let script = "tr -s ' ' < /proc/self/uid_map; id -u; touch /x && stat -c %u /x; cat /etc/group | wc -l";
    let mapped = podman.run(&["--uidmap=0:100000:5000"], script);
    steps.gives("uidmap", &mapped, 0, " 0 100000 5000\n0\n0\n3");
    if place::user().is_some() {
        let mapped = podman.run(&["--userns=auto:size=3000"], script);
        steps.tells("userns=auto", &mapped, 0, &[" 3000\n0\n0\n3\n"]);
        let first = podman.start(&["--userns=auto:size=3000", "--name=one"], "exec sleep 100");
        steps.succeeds("userns=auto, one", &first);
        let map = |output: &str| output.lines().next().unwrap_or_default().to_owned();
        let of_one = map(&podman.call(&["exec", "one", "cat", "/proc/self/uid_map"]).stdout);
        let of_two = map(&podman.run(&["--userns=auto:size=3000"], "cat /proc/self/uid_map").stdout);
        steps.is("and another", if of_one != of_two { "other ids" } else { &of_one }, "other ids");
        let exec = ["exec", "one", "sh", "-c", "id -u; touch /y; ls /proc/1/root/y"];
        steps.gives("exec in it", &podman.call(&exec), 0, "0\n/proc/1/root/y");
        steps.succeeds("rm", &podman.call(&["rm", "--force", "--time=0", "one"]));
    }
}
