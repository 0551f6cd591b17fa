//! Podman as an ordinary user.

use std::path::Path;

use palisade_tests::container::wait_until;
use palisade_tests::{Case, skip};

use super::{DEFAULT, Podman, With};
use crate::image::IMAGE;
use crate::place::{self, scene};
use crate::steps::{Steps, compare};

fn prepare(case: &Case) -> Option<Podman<'_>> {
    place::user().map(|user| Podman::of_user(case, user))
}

const NO_USER: &str = "only root can make the ordinary user for it";

#[test]
fn a_user_s_podman_runs_execs_and_ends_containers() {
    let case = scene!();
    let Some(podman) = prepare(&case) else { skip!(case, "{NO_USER}") };
    let verdict = compare(DEFAULT, |runtime, steps| {
        let podman = podman.with(runtime);
        let script = "echo out; trap 'echo bye; exit 3' TERM; while :; do sleep 0.05; done";
        steps.succeeds("run --detach", &podman.start(&["--name=one"], script));
        let exec = |arguments: &[&str]| podman.call(&[&["exec"], arguments].concat());
        steps.gives("exec", &exec(&["one", "sh", "-c", "echo in; id -u; exit 7"]), 7, "in\n0");
        steps.tells("exec of nothing", &exec(&["one", "nosuch"]), 127, &["not found"]);
        let options =
            ["--user=1000", "--workdir=/tmp", "--env=A=b", "one", "sh", "-c", "id -u; pwd; echo $A"];
        steps.gives("exec --user --workdir --env", &exec(&options), 0, "1000\n/tmp\nb");
        steps.succeeds("exec --detach", &exec(&["--detach", "one", "sleep", "100"]));
        let person = podman.prepare(&["exec", "-it", "one", "sh", "-c", "sleep 0.3; stty size; tty; exit 6"]);
        steps.tells("exec -it", &person.at_terminal(12, 34).wait(), 6, &["12 34\n", "/dev/pts/0\n"]);
        wait_until("it prints", || podman.call(&["logs", "one"]).stdout.contains("out"));
        steps.tells("top", &podman.call(&["top", "one", "pid", "args"]), 0, &["sleep 100"]);
        steps.succeeds("pause and stats", &podman.call(&["pause", "one"]));
        steps.excused("podman does not for a user with cgroup v1");
        steps.succeeds("unpause", &podman.call(&["unpause", "one"]));
        steps.excused("podman does not for a user with cgroup v1");
        steps.succeeds("stop", &podman.call(&["stop", "--time=20", "one"]));
        steps.is("stopped", &podman.inspect("one", "{{.State.Status}} {{.State.ExitCode}}"), "exited 3");
        steps.succeeds("start", &podman.call(&["start", "one"]));
        steps.succeeds("kill", &podman.call(&["kill", "--signal=KILL", "one"]));
        steps.gives("wait", &podman.call(&["wait", "one"]), 0, "137");
        steps.succeeds("rm", &podman.call(&["rm", "one"]));
        let person =
            podman.prepare(&["run", "--rm", "-it", "--network=none", IMAGE, "sh", "-c", "tty; exit 5"]);
        steps.tells("run -it", &person.at_terminal(11, 33).wait(), 5, &["/dev/pts/0\n"]);
    });
    podman.end();
    verdict.demand();
}

#[test]
fn a_user_s_podman_gives_containers_what_it_can() {
    let case = scene!();
    let Some(podman) = prepare(&case) else { skip!(case, "{NO_USER}") };
    let verdict = compare(DEFAULT, |runtime, steps| {
        let podman = podman.with(runtime);
        spaces(podman, steps);
        networks(podman, steps);
        steps.tells(
            "no program",
            &podman.call(&["run", "--rm", "--network=none", IMAGE, "nosuch"]),
            127,
            &["nosuch"],
        );
        let status = "grep -E '^(NoNewPrivs|Seccomp):' /proc/self/status | tr -d '\\n\\t '";
        let options = ["--security-opt=no-new-privileges", "--cap-drop=all"];
        steps.gives("confined", &podman.run(&options, status), 0, "NoNewPrivs:1Seccomp:2");
        let script = "mkdir /x && mount -t tmpfs x /x && echo x > /dev/null && echo all";
        steps.gives("privileged", &podman.run(&["--privileged"], script), 0, "all");
        let script = "touch /x; touch /run/x /tmp/x && echo ok";
        steps.tells(
            "read-only",
            &podman.run(&["--read-only"], script),
            0,
            &["Read-only file system", "ok\n"],
        );
        steps.succeeds("writes", &podman.run(&["--volume=kept:/k"], "echo here > /k/x"));
        steps.gives(
            "reads",
            &podman.run(&["--volume=kept:/k:ro"], "cat /k/x; touch /k/y 2>/dev/null || echo ro"),
            0,
            "here\nro",
        );
        steps.succeeds("volume rm", &podman.call(&["volume", "rm", "kept"]));
        let script = "ulimit -n; hostname; echo $$; cat /proc/sys/net/ipv4/ip_default_ttl";
        let options = ["--ulimit=nofile=100:200", "--hostname=named", "--sysctl=net.ipv4.ip_default_ttl=77"];
        steps.gives("ulimit, hostname, sysctl", &podman.run(&options, script), 0, "100\nnamed\n1\n77");
        steps.tells("init", &podman.run(&["--init"], "cat /proc/1/comm"), 0, &["init\n"]);
    });
    podman.end();
    verdict.demand();
}

fn spaces(podman: With<'_>, steps: &mut Steps) {
    let script = "id -u; tr -s ' ' < /proc/self/uid_map | wc -l; touch /x && stat -c %u /x";
    steps.gives("user namespace", &podman.run(&[], script), 0, "0\n2\n0");
    let uid = place::user().map_or(0, |user| user.uid);
    let kept = podman.run(&["--userns=keep-id"], "id -u; touch /tmp/x && stat -c %u /tmp/x");
    steps.gives("userns=keep-id", &kept, 0, &format!("{uid}\n{uid}"));
    steps.tells(
        "userns=auto",
        &podman.run(&["--userns=auto:size=500"], "cat /proc/self/uid_map"),
        0,
        &[" 500\n"],
    );
    steps.gives("userns=nomap", &podman.run(&["--userns=nomap"], "id -u"), 0, "0");
    steps.gives(
        "uidmap",
        &podman.run(&["--uidmap=0:1:1000"], "id -u; tr -s ' ' < /proc/self/uid_map"),
        0,
        "0\n 0 1 1000",
    );
    steps.gives("the host's pid", &podman.run(&["--pid=host"], "[ $$ -gt 1 ] && echo far"), 0, "far");
    let create = ["pod", "create", "--name=pod", "--network=none", "--share=net,ipc,uts,pid"];
    steps.succeeds("pod create", &podman.call(&create));
    let run = ["run", "--detach", "--pod=pod", "--name=one", IMAGE, "sh", "-c", "exec sleep 100"];
    steps.succeeds("a member", &podman.call(&run));
    steps.gives(
        "exec in it",
        &podman.call(&["exec", "one", "sh", "-c", "ps -o args | grep -c '^sleep 100'"]),
        0,
        "1",
    );
    steps.succeeds("pod rm", &podman.call(&["pod", "rm", "--force", "--time=0", "pod"]));
}

fn networks(podman: With<'_>, steps: &mut Steps) {
    let run = |network: &str, script: &str| podman.call(&["run", "--rm", network, IMAGE, "sh", "-c", script]);
    let addresses = "ip addr | grep 'inet ' | tr -s ' ' | cut -d' ' -f3";
    steps.gives("no network", &run("--network=none", addresses), 0, "127.0.0.1/8");
    steps.tells("the host's network", &run("--network=host", addresses), 0, &["127.0.0.1/8"]);
    if Path::new("/dev/net/tun").exists() {
        steps.tells("slirp4netns", &run("--network=slirp4netns", addresses), 0, &["10.0.2.100/24"]);
    }
}
