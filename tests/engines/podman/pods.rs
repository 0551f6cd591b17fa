//! Pods and health checks of podman, as root.

use super::{DEFAULT, Podman};
use crate::image::IMAGE;
use crate::place::scene;
use crate::steps::compare;

#[test]
fn podman_keeps_containers_in_pods() {
    let case = scene!();
    let podman = Podman::new(&case);
    let verdict = compare(DEFAULT, |runtime, steps| {
        let podman = podman.with(runtime);
        let create =
            ["pod", "create", "--name=pod", "--network=none", "--share=net,ipc,uts,pid", "--hostname=named"];
        steps.succeeds("pod create", &podman.call(&create));
        for (step, name) in [("one member", "--name=one"), ("another", "--name=two")] {
            let run =
                podman.call(&["run", "--detach", "--pod=pod", name, IMAGE, "sh", "-c", "exec sleep 100"]);
            steps.succeeds(step, &run);
        }
        let script = "hostname; ps -o args | grep -c '^sleep 100'";
        steps.gives("what they share", &podman.call(&["exec", "one", "sh", "-c", script]), 0, "named\n2");
        let format = "--format={{.Name}} {{.Status}} {{.NumberOfContainers}}";
        let state = || podman.call(&["pod", "ps", format]);
        steps.gives("pod ps", &state(), 0, "pod Running 3");
        steps.tells("pod stats", &podman.call(&["pod", "stats", "--no-stream", "pod"]), 0, &["one", "two"]);
        steps.tells("pod top", &podman.call(&["pod", "top", "pod", "args"]), 0, &["sleep 100"]);
        steps.succeeds("pod pause", &podman.call(&["pod", "pause", "pod"]));
        steps.gives("paused", &state(), 0, "pod Paused 3");
        steps.succeeds("pod unpause", &podman.call(&["pod", "unpause", "pod"]));
        steps.succeeds("pod kill", &podman.call(&["pod", "kill", "pod"]));
        steps.succeeds("pod start", &podman.call(&["pod", "start", "pod"]));
        steps.gives("runs again", &podman.call(&["exec", "two", "echo", "here"]), 0, "here");
        steps.succeeds("pod stop", &podman.call(&["pod", "stop", "--time=0", "pod"]));
        steps.gives("stopped", &state(), 0, "pod Exited 3");
        steps.succeeds("pod rm", &podman.call(&["pod", "rm", "pod"]));
        steps.gives("none is left", &podman.call(&["ps", "--all", "--quiet"]), 0, "");
    });
    podman.end();
    verdict.demand();
}

#[test]
fn podman_checks_health_and_restarts() {
    let case = scene!();
    let podman = Podman::new(&case);
    let verdict = compare(DEFAULT, |runtime, steps| {
        let podman = podman.with(runtime);
        let options = ["--name=one", "--health-cmd=test -f /tmp/well", "--health-interval=disable"];
        steps.succeeds("run with a check", &podman.start(&options, "exec sleep 100"));
        steps.tells("not well", &podman.call(&["healthcheck", "run", "one"]), 1, &["unhealthy"]);
        steps.succeeds("becomes well", &podman.call(&["exec", "one", "touch", "/tmp/well"]));
        steps.gives("well", &podman.call(&["healthcheck", "run", "one"]), 0, "");
        steps.is("inspect", &podman.inspect("one", "{{.State.Healthcheck.Status}}"), "healthy");
        steps.succeeds("rm", &podman.call(&["rm", "--force", "--time=0", "one"]));
        let options = ["--name=one", "--restart=on-failure:2"];
        steps.succeeds("run with a policy", &podman.start(&options, "echo try; exit 4"));
        palisade_tests::container::wait_until("it was tried three times", || {
            podman.inspect("one", "{{.RestartCount}} {{.State.Status}}") == "2 exited"
        });
        steps.gives("each try", &podman.call(&["logs", "one"]), 0, "try\ntry\ntry");
        steps.succeeds("rm", &podman.call(&["rm", "one"]));
    });
    podman.end();
    verdict.demand();
}
