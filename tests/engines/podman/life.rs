//! The life of a container under podman, as root.

use std::time::Duration;

use palisade_tests::container::wait_until;
use palisade_tests::invocation::Finished;

use super::{DEFAULT, Podman, With};
use crate::image::IMAGE;
use crate::place::scene;
use crate::steps::{Steps, compare};

/// Prints on both streams, then waits for SIGTERM and ends with 3.
const PATIENT: &str = "echo out; echo err >&2; trap 'echo bye; exit 3' TERM; while :; do sleep 0.05; done";

#[test]
fn podman_runs_execs_and_ends_containers() {
    let case = scene!();
    let podman = Podman::new(&case);
    let verdict = compare(DEFAULT, |runtime, steps| {
        let podman = podman.with(runtime);
        steps.succeeds("run --detach", &podman.start(&["--name=one"], PATIENT));
        execs(podman, steps);
        let logged = || podman.call(&["logs", "one"]);
        wait_until("it prints", || logged().stderr.contains("err"));
        steps.tells("logs", &logged(), 0, &["out\n", "err\n"]);
        steps.tells("top", &top(podman), 0, &["1 ", "sleep 100"]);
        steps.tells(
            "stats",
            &podman.call(&["stats", "--no-stream", "--format={{.Name}} {{.PIDS}}", "one"]),
            0,
            &["one 3"],
        );
        pauses(podman, steps);
        ends(podman, steps);
    });
    podman.end();
    verdict.demand();
}

/// Podman reads all of the machine's `/proc` for it, and gives up where a process ends meanwhile.
fn top(podman: With<'_>) -> Finished {
    let look = || podman.call(&["top", "one", "pid", "args"]);
    let is_whole = |said: &Finished| !said.stderr.contains("no such process");
    (0..5).map(|_| look()).find(is_whole).unwrap_or_else(look)
}

fn execs(podman: With<'_>, steps: &mut Steps) {
    let exec = |arguments: &[&str]| podman.call(&[&["exec"], arguments].concat());
    steps.gives("exec", &exec(&["one", "sh", "-c", "echo in; exit 7"]), 7, "in");
    steps.tells("exec of nothing", &exec(&["one", "nosuch"]), 127, &["not found"]);
    steps.tells("exec of no program", &exec(&["one", "/etc/passwd"]), 126, &["permission denied"]);
    let options =
        ["--user=1000:2000", "--workdir=/tmp", "--env=A=b", "one", "sh", "-c", "id -u; id -g; pwd; echo $A"];
    steps.gives("exec --user --workdir --env", &exec(&options), 0, "1000\n2000\n/tmp\nb");
    steps.gives("exec --privileged", &exec(&["--privileged", "one", "sh", "-c", "echo mine"]), 0, "mine");
    steps.succeeds(
        "exec --detach",
        &exec(&["--detach", "one", "sh", "-c", "echo x > /tmp/x; exec sleep 100"]),
    );
    let inside = podman.prepare(&["exec", "--interactive", "one", "cat", "-"]).input("typed");
    steps.gives("exec --interactive", &inside.run(), 0, "typed");
    steps.gives(
        "what exec --detach did",
        &exec(&["one", "sh", "-c", "until cat /tmp/x; do :; done"]),
        0,
        "x",
    );
}

fn pauses(podman: With<'_>, steps: &mut Steps) {
    steps.succeeds("pause", &podman.call(&["pause", "one"]));
    steps.is("paused", &podman.inspect("one", "{{.State.Status}}"), "paused");
    steps.tells("exec while paused", &podman.call(&["exec", "one", "true"]), 255, &["running containers"]);
    steps.succeeds("unpause", &podman.call(&["unpause", "one"]));
    steps.gives("exec after that", &podman.call(&["exec", "one", "echo", "on"]), 0, "on");
}

fn ends(podman: With<'_>, steps: &mut Steps) {
    let state = || podman.inspect("one", "{{.State.Status}} {{.State.ExitCode}}");
    steps.succeeds("stop", &podman.call(&["stop", "--time=20", "one"]));
    steps.is("stopped", &state(), "exited 3");
    steps.tells("logs of an ended container", &podman.call(&["logs", "one"]), 0, &["bye\n"]);
    steps.succeeds("start", &podman.call(&["start", "one"]));
    steps.succeeds("kill", &podman.call(&["kill", "--signal=KILL", "one"]));
    steps.gives("wait", &podman.call(&["wait", "one"]), 0, "137");
    steps.succeeds("restart", &podman.call(&["restart", "--time=1", "one"]));
    steps.is("runs again", &state(), "running 0");
    steps.tells("rm of a running container", &podman.call(&["rm", "one"]), 2, &["running"]);
    steps.succeeds("rm --force", &podman.call(&["rm", "--force", "--time=0", "one"]));
    steps.gives("ps --all", &podman.call(&["ps", "--all", "--quiet"]), 0, "");
}

#[test]
fn podman_tells_why_a_container_does_not_start() {
    let case = scene!();
    let podman = Podman::new(&case);
    let verdict = compare(DEFAULT, |runtime, steps| {
        let podman = podman.with(runtime);
        let run = |arguments: &[&str]| podman.call(&[&["run", "--rm", "--network=none"], arguments].concat());
        steps.tells("no program", &run(&[IMAGE, "nosuch"]), 127, &["nosuch", "not found"]);
        steps.tells("not executable", &run(&[IMAGE, "/etc/passwd"]), 126, &["permission denied"]);
        steps.gives("exit code", &run(&[IMAGE, "sh", "-c", "exit 42"]), 42, "");
        steps.gives("killed by a signal", &run(&[IMAGE, "sh", "-c", "sh -c 'kill -9 $$'; exit $?"]), 137, "");
        steps.tells("bad sysctl", &run(&["--sysctl=net.no.such=1", IMAGE, "true"]), 126, &["net"]);
        steps.excused("it says which exit code it likes");
        steps
            .succeeds("a working directory that is missing", &run(&["--workdir=/made/for/it", IMAGE, "pwd"]));
        steps.excused("podman looks for it first");
        let failed = run(&["--name=again", IMAGE, "nosuch"]);
        steps.tells("a name", &failed, 127, &[]);
        steps.gives("is free after a failure", &run(&["--name=again", IMAGE, "echo", "again"]), 0, "again");
    });
    podman.end();
    verdict.demand();
}

#[test]
fn podman_gives_a_container_a_terminal() {
    let case = scene!();
    let podman = Podman::new(&case);
    let verdict = compare(DEFAULT, |runtime, steps| {
        let podman = podman.with(runtime);
        let script = "tty; trap 'stty size' WINCH; echo ready; until read line; do :; done; echo \"got $line\"; exit 5";
        let options = ["run", "--rm", "-it", "--network=none", IMAGE, "sh", "-c", script];
        let mut person = podman.prepare(&options).at_terminal(11, 33);
        person.sees("ready");
        person.resizes(22, 66);
        std::thread::sleep(Duration::from_millis(300));
        person.types("words\n");
        steps.tells("run -it", &person.wait(), 5, &["/dev/pts/0\n", "got words\n", "22 66\n"]);
        steps.succeeds("run --detach --tty", &podman.start(&["--name=one", "--tty"], "sleep 100"));
        let script = "sleep 0.3; stty size; tty; exit 6";
        let person = podman.prepare(&["exec", "-it", "one", "sh", "-c", script]).at_terminal(12, 34);
        steps.tells("exec -it", &person.wait(), 6, &["12 34\n", "/dev/pts/1\n"]);
        let mut person =
            podman.prepare(&["exec", "-it", "one", "sh", "-c", "echo ready; cat"]).at_terminal(12, 34);
        person.sees("ready");
        person.types("\u{3}");
        steps.tells("Ctrl-C", &person.wait(), 130, &["^C"]);
        steps.succeeds("rm --force", &podman.call(&["rm", "--force", "--time=0", "one"]));
    });
    podman.end();
    verdict.demand();
}
