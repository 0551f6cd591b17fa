//! containerd, driven by its client `ctr`.

use std::fs;
use std::path::PathBuf;

use palisade_tests::Case;
use palisade_tests::container::wait_until;
use palisade_tests::group;
use palisade_tests::invocation::{Finished, Invocation};

use crate::daemon::Daemon;
use crate::image::{self, IMAGE};
use crate::place::{self, scene};
use crate::steps::{Runtime, Steps, compare};

/// The runtime of containerd's shim.
const DEFAULT: &str = "runc";

/// A containerd with configuration, content and state of its own.
#[derive(Debug)]
struct Containerd<'a> {
    case: &'a Case,
    socket: PathBuf,
    daemon: Daemon,
}

/// Its client with one of the runtimes.
#[derive(Clone, Copy, Debug)]
struct With<'a> {
    containerd: &'a Containerd<'a>,
    runtime: Runtime,
}

impl<'a> Containerd<'a> {
    fn start(case: &'a Case) -> Self {
        let at = |name: &str| case.scratch().join(name);
        let socket = at("containerd.sock");
        let config = format!(
            "version = 2\nroot = {:?}\nstate = {:?}\ndisabled_plugins = [\"io.containerd.grpc.v1.cri\"]\n[grpc]\naddress = {socket:?}\n",
            at("containerd-root"),
            at("containerd-state")
        );
        fs::write(at("containerd.toml"), config).expect("write a configuration");
        let call = case.program("containerd").arg("--config").arg(at("containerd.toml"));
        let works = || ctr(case, &socket, &["version"]).run().status.success();
        let daemon = Daemon::start(call, works);
        let registry = image::serve(case);
        ctr(case, &socket, &["images", "pull", "--plain-http", IMAGE]).run().succeeded();
        registry.end();
        Self { case, socket, daemon }
    }

    fn with(&'a self, runtime: Runtime) -> With<'a> {
        With { containerd: self, runtime }
    }

    fn end(self) {
        self.daemon.end();
        place::remove_groups("default", |_| false);
        place::expect_no_state();
    }
}

fn ctr<'a>(case: &'a Case, socket: &PathBuf, arguments: &[&str]) -> Invocation<'a> {
    case.program("ctr").arg("--address").arg(socket).args(arguments)
}

impl<'a> With<'a> {
    fn prepare(self, arguments: &[&str]) -> Invocation<'a> {
        ctr(self.containerd.case, &self.containerd.socket, arguments)
    }

    fn call(self, arguments: &[&str]) -> Finished {
        self.prepare(arguments).run()
    }

    /// Prepares to run a program in a container with these options.
    fn run(self, options: &[&str], id: &str, program: &[&str]) -> Invocation<'a> {
        let runtime = match self.runtime {
            Runtime::Default(name) => PathBuf::from(name),
            Runtime::Palisade => self.containerd.case.palisade_path(),
        };
        let runtime = runtime.display().to_string();
        let unit = format!("system.slice:ctr:{id}");
        let by_systemd = ["--runc-systemd-cgroup", "--cgroup", &unit];
        let driver = if group::made_by_systemd() { &by_systemd[..] } else { &[] };
        self.prepare(&[&["run", "--runc-binary", &runtime], driver, options, &[IMAGE, id], program].concat())
    }

    /// What `tasks list` says of a container.
    fn status(self, id: &str) -> String {
        let said = self.call(&["tasks", "list"]).stdout;
        let line = said.lines().find(|line| line.split_whitespace().next() == Some(id)).unwrap_or_default();
        line.split_whitespace().last().unwrap_or_default().to_owned()
    }
}

#[test]
fn containerd_moves_tasks_through_their_lives() {
    let case = scene!();
    let containerd = Containerd::start(&case);
    let verdict = compare(DEFAULT, |runtime, steps| {
        let ctr = containerd.with(runtime);
        let script = "trap 'exit 4' TERM; while :; do sleep 0.05; done";
        steps.succeeds("run --detach", &ctr.run(&["--detach"], "one", &["sh", "-c", script]).run());
        steps.is("runs", &ctr.status("one"), "RUNNING");
        if group::made_by_systemd() {
            let scope = case.program("systemctl").args(["is-active", "ctr-one.scope"]).run();
            steps.gives("its scope", &scope, 0, "active");
        }
        let exec = |id: &str, program: &[&str]| {
            ctr.call(
                &[&["tasks", "exec", "--exec-id", id, "--cwd=/tmp", "--user=1000", "one"], program].concat(),
            )
        };
        steps.gives("exec", &exec("e1", &["sh", "-c", "pwd; id -u; exit 7"]), 7, "/tmp\n1000");
        steps.tells("exec of nothing", &exec("e2", &["nosuch"]), 1, &["nosuch"]);
        steps.tells("ps", &ctr.call(&["tasks", "ps", "one"]), 0, &["PID"]);
        let metrics = ctr.call(&["tasks", "metrics", "one"]);
        steps.tells("metrics", &metrics, 0, &["memory", "cpu", "pids.current"]);
        steps.succeeds("pause", &ctr.call(&["tasks", "pause", "one"]));
        steps.is("paused", &ctr.status("one"), "PAUSED");
        steps.succeeds("resume", &ctr.call(&["tasks", "resume", "one"]));
        steps.is("runs on", &ctr.status("one"), "RUNNING");
        steps.succeeds("kill", &ctr.call(&["tasks", "kill", "--signal=TERM", "one"]));
        wait_until("it stops", || ctr.status("one") == "STOPPED");
        steps.tells("delete", &ctr.call(&["tasks", "delete", "one"]), 0, &["non-zero exit code 4"]);
        steps.succeeds("delete the container", &ctr.call(&["containers", "delete", "one"]));
        steps.succeeds(
            "run again",
            &ctr.run(&["--detach"], "one", &["sh", "-c", "sleep 100 & exec sleep 100"]).run(),
        );
        steps.succeeds("kill --all", &ctr.call(&["tasks", "kill", "--all", "--signal=KILL", "one"]));
        wait_until("it stops", || ctr.status("one") == "STOPPED");
        steps.succeeds("delete --force", &ctr.call(&["tasks", "delete", "--force", "one"]));
        steps.succeeds("delete the container", &ctr.call(&["containers", "delete", "one"]));
    });
    containerd.end();
    verdict.demand();
}

#[test]
fn containerd_runs_containers_with_options() {
    let case = scene!();
    let containerd = Containerd::start(&case);
    let verdict = compare(DEFAULT, |runtime, steps| {
        let ctr = containerd.with(runtime);
        let run = |options: &[&str], script: &str| {
            ctr.run(&[&["--rm"], options].concat(), "one", &["sh", "-c", script]).run()
        };
        steps.gives("exit code", &run(&[], "echo out; exit 9"), 9, "out");
        steps.tells("no program", &ctr.run(&["--rm"], "one", &["nosuch"]).run(), 1, &["nosuch"]);
        steps.gives("network", &run(&[], "ip addr | grep -c 'inet 127.0.0.1/8'"), 0, "1");
        steps.gives(
            "the host's network",
            &run(&["--net-host"], "readlink /proc/self/ns/net"),
            0,
            &own("net"),
        );
        let bound = format!("--mount=type=bind,src={},dst=/c,options=rbind:ro", case.scratch().display());
        steps.tells("mount", &run(&[&bound], "ls /c; touch /c/x"), 1, &["containerd.toml", "Read-only"]);
        steps.tells("read-only", &run(&["--read-only"], "touch /x"), 1, &["Read-only"]);
        steps.gives("seccomp", &run(&["--seccomp"], "grep ^Seccomp: /proc/self/status | cut -f2"), 0, "2");
        steps.succeeds("privileged", &run(&["--privileged"], "mkdir /x; mount -t tmpfs x /x"));
        steps.excused("it insists on capabilities that the machine may lack");
        limits(ctr, steps);
    });
    containerd.end();
    verdict.demand();
}

fn own(kind: &str) -> String {
    fs::read_link(format!("/proc/self/ns/{kind}")).expect("a namespace").display().to_string()
}

fn limits(ctr: With<'_>, steps: &mut Steps) {
    let options = ["--detach", "--memory-limit=67108864", "--cpu-quota=50000", "--cpu-period=100000"];
    steps.succeeds("limits", &ctr.run(&options, "one", &["sleep", "100"]).run());
    let metrics = ctr.call(&["tasks", "metrics", "one"]).stdout;
    let line = metrics.lines().find(|line| line.contains("limit_in_bytes") || line.contains("usage_limit"));
    let found = line.and_then(|line| line.split_whitespace().last()).unwrap_or_default();
    steps.is("limited", found, "67108864");
    steps.succeeds("delete --force", &ctr.call(&["tasks", "delete", "--force", "one"]));
    steps.succeeds("delete the container", &ctr.call(&["containers", "delete", "one"]));
}

#[test]
fn containerd_gives_tasks_a_console() {
    let case = scene!();
    let containerd = Containerd::start(&case);
    let verdict = compare(DEFAULT, |runtime, steps| {
        let ctr = containerd.with(runtime);
        let script = "tty; sleep 0.3; stty size; read line; echo \"got $line\"; exit 5";
        let mut person = ctr.run(&["--rm", "--tty"], "one", &["sh", "-c", script]).at_terminal(11, 33);
        person.sees("11 33");
        person.types("words\n");
        steps.tells("run --tty", &person.wait(), 5, &["/dev/pts/0\n", "got words\n"]);
        steps.succeeds("run --detach", &ctr.run(&["--detach"], "one", &["sleep", "100"]).run());
        let script = "tty; sleep 0.3; stty size; exit 6";
        let exec = ["tasks", "exec", "--tty", "--exec-id=e1", "one", "sh", "-c", script];
        steps.tells(
            "exec --tty",
            &ctr.prepare(&exec).at_terminal(12, 34).wait(),
            6,
            &["/dev/pts/0\n", "12 34\n"],
        );
        steps.succeeds("delete --force", &ctr.call(&["tasks", "delete", "--force", "one"]));
        steps.succeeds("delete the container", &ctr.call(&["containers", "delete", "one"]));
    });
    containerd.end();
    verdict.demand();
}
