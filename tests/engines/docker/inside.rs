//! What options of Docker do inside of a container.

use std::fs;

use palisade_tests::container::wait_until;

use super::{DEFAULT, Docker, With};
use crate::image::IMAGE;
use crate::place::{self, scene};
use crate::steps::{Steps, compare};

#[test]
fn docker_confines_containers() {
    let case = scene!();
    let docker = Docker::start(&case);
    let profile = case.scratch().join("profile.json");
    let text = r#"{ "defaultAction": "SCMP_ACT_ALLOW", "architectures": ["SCMP_ARCH_X86_64", "SCMP_ARCH_AARCH64"],
        "syscalls": [{ "names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO", "errnoRet": 28 }] }"#;
    fs::write(&profile, text).expect("write a profile");
    let seccomp = format!("--security-opt=seccomp={}", profile.display());
    let volume = format!("--volume={}:/v:ro", case.scratch().display());
    let verdict = compare(DEFAULT, |runtime, steps| {
        let docker = docker.with(runtime);
        let status = "grep -E '^(NoNewPrivs|Seccomp):' /proc/self/status | tr -d '\\n\\t '";
        steps.gives("default", &docker.run(&[], status), 0, "NoNewPrivs:0Seccomp:2");
        let option = "--security-opt=no-new-privileges";
        steps.gives("no-new-privileges", &docker.run(&[option], status), 0, "NoNewPrivs:1Seccomp:2");
        let option = "--security-opt=seccomp=unconfined";
        steps.gives("seccomp=unconfined", &docker.run(&[option], status), 0, "NoNewPrivs:0Seccomp:0");
        let denied = docker.run(&[&seccomp], "mkdir /tmp/x; echo $?");
        steps.tells("seccomp=FILE", &denied, 0, &["No space left on device", "1\n"]);
        let script = "grep -E '^Cap(Eff|Bnd)' /proc/self/status | cut -f2";
        let bits = "0000000000000001\n0000000000000001";
        steps.gives("capabilities", &docker.run(&["--cap-drop=all", "--cap-add=chown"], script), 0, bits);
        let as_user = docker.run(&["--user=1000:1000", "--group-add=2000"], "id -u; id -g; id -G; touch /no");
        steps.tells("user", &as_user, 1, &["1000\n1000\n1000 2000\n", "Permission denied"]);
        steps.succeeds("privileged", &docker.run(&["--privileged"], "mkdir /x && mount -t tmpfs x /x"));
        steps.excused("it insists on capabilities that the machine may lack");
        let options = ["--read-only", "--tmpfs=/run:size=1m", &volume];
        let script = "touch /x; touch /v/x; ls /v; touch /run/x && echo ok";
        let parts = ["/x: Read-only file system", "/v/x: Read-only file system", "docker.json", "ok\n"];
        steps.tells("read-only, volume, tmpfs", &docker.run(&options, script), 0, &parts);
        steps.succeeds("writes", &docker.run(&["--volume=kept:/k"], "echo here > /k/x"));
        steps.gives("reads", &docker.run(&["--volume=kept:/k"], "cat /k/x"), 0, "here");
        steps.succeeds("volume rm", &docker.call(&["volume", "rm", "kept"]));
        let script = "exec 3>/dev/log && echo open; exec 4</dev/log";
        let device = docker.run(&["--device=/dev/kmsg:/dev/log:w"], script);
        steps.tells("device", &device, 1, &["open\n", "not permitted"]);
        copies(docker, steps);
    });
    docker.end();
    verdict.demand();
}

fn copies(docker: With<'_>, steps: &mut Steps) {
    let file = docker.docker.case.scratch().join("docker.json").display().to_string();
    steps.succeeds("run --detach", &docker.start(&["--name=one"], "exec sleep 100"));
    steps.succeeds("cp", &docker.call(&["cp", &file, "one:/tmp/in"]));
    steps.gives(
        "which is there",
        &docker.call(&["exec", "one", "grep", "-c", "runtimes", "/tmp/in"]),
        0,
        "1",
    );
    steps.tells("diff", &docker.call(&["diff", "one"]), 0, &["A /tmp/in"]);
    steps.succeeds("rm --force", &docker.call(&["rm", "--force", "one"]));
}

#[test]
fn docker_limits_containers() {
    let case = scene!();
    let show_limits = place::show_limits();
    let docker = Docker::start(&case);
    let verdict = compare(DEFAULT, |runtime, steps| {
        let docker = docker.with(runtime);
        let limits = ["--cpus=0.5", "--memory=64m", "--pids-limit=50", "--cpuset-cpus=0", "--cpu-shares=100"];
        steps.gives("limits", &docker.run(&limits, show_limits), 0, "67108864\n50000\n50\n0\n100");
        let option = ["--ulimit=nofile=100:200", "--shm-size=1m"];
        let script = "ulimit -n; ulimit -Hn; df -k /dev/shm | tail -1 | tr -s ' ' | cut -d' ' -f2";
        steps.gives("ulimit, shm", &docker.run(&option, script), 0, "100\n200\n1024");
        let options = ["--name=one", "--memory=64m", "--memory-swap=64m", "--pids-limit=50"];
        steps.succeeds("run --detach", &docker.start(&options, "exec sleep 100"));
        let change = ["update", "--cpus=0.25", "--memory=32m", "--memory-swap=32m", "--pids-limit=20", "one"];
        steps.succeeds("update", &docker.call(&change));
        let script = ["exec", "one", "sh", "-c", show_limits];
        steps.tells("updated", &docker.call(&script), 0, &["33554432\n25000\n20\n"]);
        steps.succeeds("rm --force", &docker.call(&["rm", "--force", "one"]));
        let options = ["--name=one", "--memory=16m", "--memory-swap=16m"];
        steps.succeeds("run", &docker.start(&options, "exec tail /dev/zero"));
        steps.gives("out of memory", &docker.call(&["wait", "one"]), 0, "137");
        steps.is("told", &docker.inspect("one", "{{.State.OOMKilled}}"), "true");
        steps.excused("the shim is told by the kernel, which may be too late");
        steps.succeeds("rm", &docker.call(&["rm", "one"]));
    });
    docker.end();
    verdict.demand();
}

#[test]
fn docker_gives_containers_namespaces() {
    let case = scene!();
    let docker = Docker::start(&case);
    let verdict = compare(DEFAULT, |runtime, steps| {
        let docker = docker.with(runtime);
        let run = |arguments: &[&str], script: &str| {
            docker.prepare_run(&[&["--rm"], arguments, &[IMAGE, "sh", "-c", script]].concat()).run()
        };
        let addresses = "ip addr | grep 'inet ' | tr -s ' ' | cut -d' ' -f3";
        steps.gives("no network", &run(&["--network=none"], addresses), 0, "127.0.0.1/8");
        steps.tells("the host's network", &run(&["--network=host"], addresses), 0, &["127.0.0.1/8"]);
        let bridged = run(&[], "ip addr; ip route; hostname; cat /etc/hosts");
        steps.tells("a bridge", &bridged, 0, &["172.17.", "eth0", "default via 172.17.0.1"]);
        let own = |kind: &str| {
            fs::read_link(format!("/proc/self/ns/{kind}")).expect("a namespace").display().to_string()
        };
        for (step, option, kind) in [
            ("the host's pid", "--pid=host", "pid"),
            ("the host's ipc", "--ipc=host", "ipc"),
            ("the host's uts", "--uts=host", "uts"),
            ("the host's cgroup", "--cgroupns=host", "cgroup"),
        ] {
            steps.gives(step, &run(&[option], &format!("readlink /proc/self/ns/{kind}")), 0, &own(kind));
        }
        let options = ["--network=none", "--hostname=named", "--sysctl=kernel.shm_rmid_forced=1"];
        let script = "echo $$; hostname; cat /proc/sys/kernel/shm_rmid_forced";
        steps.gives("hostname, sysctl", &run(&options, script), 0, "1\nnamed\n1");
        steps.tells("init", &run(&["--init"], "cat /proc/1/comm"), 0, &["init\n"]);
        steps.succeeds("run --detach", &docker.start(&["--name=one"], "exec sleep 100"));
        let found = run(&["--pid=container:one"], "ps -o args | grep -c '^sleep 100'");
        steps.gives("another container's processes", &found, 0, "1");
        steps.succeeds("rm --force", &docker.call(&["rm", "--force", "one"]));
        publishes(docker, steps);
    });
    docker.end();
    verdict.demand();
}

fn publishes(docker: With<'_>, steps: &mut Steps) {
    let serve = "while :; do echo served | nc -l -p 80; done";
    let options = ["--detach", "--name=one", "--publish=127.0.0.1:8080:80", IMAGE, "sh", "-c", serve];
    steps.succeeds("run --publish", &docker.prepare_run(&options).run());
    let busybox = palisade_tests::bundle::busybox();
    let fetch = || docker.docker.case.program(&busybox).args(["nc", "-w", "1", "127.0.0.1", "8080"]).run();
    wait_until("it serves", || fetch().stdout == "served\n");
    steps.succeeds("rm --force", &docker.call(&["rm", "--force", "one"]));
}
