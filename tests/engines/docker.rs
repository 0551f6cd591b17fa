//! Docker, with Palisade among the runtimes of its configuration.

mod inside;
mod life;

use std::fs;
use std::path::{Path, PathBuf};

use palisade_tests::Case;
use palisade_tests::group;
use palisade_tests::invocation::{Finished, Invocation};
use serde_json::json;

use crate::daemon::Daemon;
use crate::image::{self, IMAGE};
use crate::place;
use crate::steps::Runtime;

/// Docker's default runtime.
const DEFAULT: &str = "runc";

/// A daemon with configuration, images and state of its own.
#[derive(Debug)]
struct Docker<'a> {
    case: &'a Case,
    socket: PathBuf,
    daemon: Daemon,
}

/// Its client with one of the runtimes.
#[derive(Clone, Copy, Debug)]
struct With<'a> {
    docker: &'a Docker<'a>,
    runtime: Runtime,
}

impl<'a> Docker<'a> {
    fn start(case: &'a Case) -> Self {
        let at = |name: &str| case.scratch().join(name);
        let socket = at("docker.sock");
        let mut config = json!({
            "runtimes": { "palisade": { "path": case.palisade_path() } },
            "storage-driver": "overlay2",
            "data-root": at("docker"),
            "exec-root": "/run/docker",
            "pidfile": "/run/docker.pid",
            "exec-opts": [format!("native.cgroupdriver={}", place::cgroup_manager())],
            "deprecated-key-path": at("docker-key.json"),
        });
        if group::made_by_systemd() {
            // The machine has no modules for what else it would do to the network.
            config["bridge"] = "none".into();
            config["iptables"] = false.into();
        }
        fs::write(at("docker.json"), config.to_string()).expect("write a configuration");
        let call = case.program("dockerd").arg("--config-file").arg(at("docker.json"));
        let call = call.arg("--host").arg(format!("unix://{}", socket.display()));
        let works = || client(case, &socket, &["version"]).run().status.success();
        let daemon = Daemon::start(call, works);
        let registry = image::serve(case);
        client(case, &socket, &["pull", "--quiet", IMAGE]).run().succeeded();
        registry.end();
        Self { case, socket, daemon }
    }

    fn with(&'a self, runtime: Runtime) -> With<'a> {
        With { docker: self, runtime }
    }

    fn end(self) {
        self.daemon.end();
        place::unmount_own(Path::new("/run/docker/netns/default"));
        place::remove_groups("docker", |_| false);
        place::expect_no_state();
    }
}

fn client<'a>(case: &'a Case, socket: &Path, arguments: &[&str]) -> Invocation<'a> {
    // Debian's, where a newer one comes first in the path.
    let debian = Path::new("/usr/bin/docker");
    let call = case.program(if debian.exists() { debian } else { Path::new("docker") });
    let call =
        call.env("DOCKER_CONFIG", case.scratch()).arg("--host").arg(format!("unix://{}", socket.display()));
    call.args(arguments)
}

impl<'a> With<'a> {
    fn prepare(self, arguments: &[&str]) -> Invocation<'a> {
        client(self.docker.case, &self.docker.socket, arguments)
    }

    fn call(self, arguments: &[&str]) -> Finished {
        self.prepare(arguments).run()
    }

    /// Prepares to run what follows the options.
    fn prepare_run(self, arguments: &[&str]) -> Invocation<'a> {
        let runtime = format!("--runtime={}", self.runtime);
        self.prepare(&[&["run", &runtime], arguments].concat())
    }

    /// Runs a script in a container that is removed at its end, with these options.
    fn run(self, options: &[&str], script: &str) -> Finished {
        let image = [IMAGE, "sh", "-c", script];
        self.prepare_run(&[&["--rm", "--network=none"], options, &image].concat()).run()
    }

    /// Runs a script in a container that stays.
    fn start(self, options: &[&str], script: &str) -> Finished {
        let image = [IMAGE, "sh", "-c", script];
        self.prepare_run(&[&["--detach", "--network=none"], options, &image].concat()).run()
    }

    /// Asks for one thing that the daemon knows of a container.
    fn inspect(self, container: &str, format: &str) -> String {
        self.call(&["inspect", "--format", format, container]).stdout.trim_end().to_owned()
    }
}
