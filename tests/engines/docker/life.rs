//! The life of a container under Docker.

use std::time::Duration;

use palisade_tests::container::wait_until;

use super::{DEFAULT, Docker, With};
use crate::image::IMAGE;
use crate::place::scene;
use crate::steps::{Steps, compare};

/// Prints on both streams, then waits for SIGTERM and ends with 3.
const PATIENT: &str = "echo out; echo err >&2; trap 'echo bye; exit 3' TERM; while :; do sleep 0.05; done";

#[test]
fn docker_runs_execs_and_ends_containers() {
    let case = scene!();
    let docker = Docker::start(&case);
    let verdict = compare(DEFAULT, |runtime, steps| {
        let docker = docker.with(runtime);
        steps.succeeds("run --detach", &docker.start(&["--name=one"], PATIENT));
        steps.is("its runtime", &docker.inspect("one", "{{.HostConfig.Runtime}}"), &runtime.to_string());
        execs(docker, steps);
        let logged = || docker.call(&["logs", "one"]);
        wait_until("it prints", || logged().stderr.contains("err"));
        steps.tells("logs", &logged(), 0, &["out\n", "err\n"]);
        steps.tells("top", &docker.call(&["top", "one", "-eo", "pid,args"]), 0, &["sleep 100"]);
        let stats = docker.call(&["stats", "--no-stream", "--format={{.Name}} {{.PIDs}}", "one"]);
        steps.tells("stats", &stats, 0, &["one 3"]);
        steps.succeeds("pause", &docker.call(&["pause", "one"]));
        steps.is("paused", &docker.inspect("one", "{{.State.Status}}"), "paused");
        steps.tells("exec while paused", &docker.call(&["exec", "one", "true"]), 1, &["is paused"]);
        steps.succeeds("unpause", &docker.call(&["unpause", "one"]));
        steps.gives("exec after that", &docker.call(&["exec", "one", "echo", "on"]), 0, "on");
        ends(docker, steps);
    });
    docker.end();
    verdict.demand();
}

fn execs(docker: With<'_>, steps: &mut Steps) {
    let exec = |arguments: &[&str]| docker.call(&[&["exec"], arguments].concat());
    steps.gives("exec", &exec(&["one", "sh", "-c", "echo in; exit 7"]), 7, "in");
    steps.tells("exec of nothing", &exec(&["one", "nosuch"]), 126, &["nosuch"]);
    steps.tells("exec of no program", &exec(&["one", "/etc/passwd"]), 126, &["permission denied"]);
    let options =
        ["--user=1000:2000", "--workdir=/tmp", "--env=A=b", "one", "sh", "-c", "id -u; id -g; pwd; echo $A"];
    steps.gives("exec --user --workdir --env", &exec(&options), 0, "1000\n2000\n/tmp\nb");
    steps.gives("exec --privileged", &exec(&["--privileged", "one", "echo", "mine"]), 0, "mine");
    steps.excused("it insists on capabilities that the machine may lack");
    steps.succeeds(
        "exec --detach",
        &exec(&["--detach", "one", "sh", "-c", "echo x > /tmp/x; exec sleep 100"]),
    );
    let inside = docker.prepare(&["exec", "--interactive", "one", "cat", "-"]).input("typed");
    steps.gives("exec --interactive", &inside.run(), 0, "typed");
    steps.gives(
        "what exec --detach did",
        &exec(&["one", "sh", "-c", "until cat /tmp/x; do :; done"]),
        0,
        "x",
    );
}

fn ends(docker: With<'_>, steps: &mut Steps) {
    let state = || docker.inspect("one", "{{.State.Status}} {{.State.ExitCode}} {{.State.OOMKilled}}");
    steps.succeeds("stop", &docker.call(&["stop", "--time=20", "one"]));
    steps.is("stopped", &state(), "exited 3 false");
    steps.tells("logs of an ended container", &docker.call(&["logs", "one"]), 0, &["bye\n"]);
    steps.succeeds("start", &docker.call(&["start", "one"]));
    steps.succeeds("kill", &docker.call(&["kill", "--signal=KILL", "one"]));
    steps.gives("wait", &docker.call(&["wait", "one"]), 0, "137");
    steps.succeeds("restart", &docker.call(&["restart", "--time=1", "one"]));
    steps.is("runs again", &state(), "running 0 false");
    steps.succeeds("rm --force", &docker.call(&["rm", "--force", "one"]));
    steps.gives("ps --all", &docker.call(&["ps", "--all", "--quiet"]), 0, "");
}

#[test]
fn docker_tells_why_a_container_does_not_start() {
    let case = scene!();
    let docker = Docker::start(&case);
    let verdict = compare(DEFAULT, |runtime, steps| {
        let docker = docker.with(runtime);
        let run =
            |arguments: &[&str]| docker.prepare_run(&[&["--rm", "--network=none"], arguments].concat()).run();
        steps.tells("no program", &run(&[IMAGE, "nosuch"]), 127, &["nosuch"]);
        steps.tells("not executable", &run(&[IMAGE, "/etc/passwd"]), 126, &["permission denied"]);
        steps.gives("exit code", &run(&[IMAGE, "sh", "-c", "exit 42"]), 42, "");
        steps.gives("killed by a signal", &run(&[IMAGE, "sh", "-c", "sh -c 'kill -9 $$'; exit $?"]), 137, "");
        steps.tells("a name", &run(&["--name=again", IMAGE, "nosuch"]), 127, &[]);
        steps.gives("is free after a failure", &run(&["--name=again", IMAGE, "echo", "again"]), 0, "again");
        steps.tells("bad sysctl", &run(&["--sysctl=net.no.such=1", IMAGE, "true"]), 127, &["net"]);
        steps.excused("it may have another message");
    });
    docker.end();
    verdict.demand();
}

#[test]
fn docker_gives_a_container_a_terminal() {
    let case = scene!();
    let docker = Docker::start(&case);
    let verdict = compare(DEFAULT, |runtime, steps| {
        let docker = docker.with(runtime);
        let script = "tty; trap 'stty size' WINCH; echo ready; until read line; do :; done; echo \"got $line\"; exit 5";
        let options = ["--rm", "-it", "--network=none", IMAGE, "sh", "-c", script];
        let mut person = docker.prepare_run(&options).at_terminal(11, 33);
        person.sees("ready");
        std::thread::sleep(Duration::from_millis(300));
        person.resizes(22, 66);
        std::thread::sleep(Duration::from_millis(300));
        person.types("words\n");
        steps.tells("run -it", &person.wait(), 5, &["/dev/pts/0\n", "got words\n", "22 66\n"]);
        steps.succeeds("run --detach --tty", &docker.start(&["--name=one", "--tty"], "sleep 100"));
        let script = "sleep 0.5; stty size; tty; exit 6";
        let person = docker.prepare(&["exec", "-it", "one", "sh", "-c", script]).at_terminal(12, 34);
        steps.tells("exec -it", &person.wait(), 6, &["12 34\n", "/dev/pts/1\n"]);
        let mut person =
            docker.prepare(&["exec", "-it", "one", "sh", "-c", "echo ready; cat"]).at_terminal(12, 34);
        person.sees("ready");
        person.types("\u{3}");
        steps.tells("Ctrl-C", &person.wait(), 130, &["^C"]);
        steps.succeeds("rm --force", &docker.call(&["rm", "--force", "one"]));
    });
    docker.end();
    verdict.demand();
}

#[test]
fn docker_restarts_containers_and_checks_their_health() {
    let case = scene!();
    let docker = Docker::start(&case);
    let verdict = compare(DEFAULT, |runtime, steps| {
        let docker = docker.with(runtime);
        steps.succeeds(
            "on-failure",
            &docker.start(&["--name=one", "--restart=on-failure:2"], "echo try; exit 5"),
        );
        let state = || docker.inspect("one", "{{.RestartCount}} {{.State.Status}} {{.State.ExitCode}}");
        wait_until("it was tried three times", || state() == "2 exited 5");
        steps.gives("each try", &docker.call(&["logs", "one"]), 0, "try\ntry\ntry");
        steps.succeeds("rm", &docker.call(&["rm", "one"]));
        steps.succeeds("always", &docker.start(&["--name=one", "--restart=always"], "exec sleep 100"));
        let pid = docker.inspect("one", "{{.State.Pid}}");
        steps.succeeds("killed by somebody", &case.program("kill").args(["-9", &pid]).run());
        wait_until("it runs again", || state() == "1 running 0");
        steps.is(
            "with another process",
            if docker.inspect("one", "{{.State.Pid}}") == pid { "no" } else { "yes" },
            "yes",
        );
        steps.succeeds("rm --force", &docker.call(&["rm", "--force", "one"]));
        let options =
            ["--name=one", "--health-cmd=test -f /tmp/well", "--health-interval=200ms", "--health-retries=1"];
        steps.succeeds("health", &docker.start(&options, "exec sleep 100"));
        let health = || docker.inspect("one", "{{.State.Health.Status}}");
        wait_until("it is not well", || health() == "unhealthy");
        steps.succeeds("becomes well", &docker.call(&["exec", "one", "touch", "/tmp/well"]));
        wait_until("it is well", || health() == "healthy");
        steps.succeeds("rm --force", &docker.call(&["rm", "--force", "one"]));
    });
    docker.end();
    verdict.demand();
}
