//! Podman, as root and as an ordinary user.

mod inside;
mod life;
mod pods;
mod user;

use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use palisade_tests::Case;
use palisade_tests::invocation::{Finished, Invocation};
use rustix::process::{Resource, getrlimit};

use crate::daemon::Daemon;
use crate::image::{self, IMAGE};
use crate::place::{self, User};
use crate::steps::Runtime;

/// The runtime that Debian's podman takes.
const DEFAULT: &str = "crun";

/// Podman with configuration, images and state of its own.
#[derive(Debug)]
struct Podman<'a> {
    case: &'a Case,
    directory: PathBuf,
    /// For what is gone after a reboot; podman wants a short path.
    run: PathBuf,
    user: Option<&'static User>,
}

/// Podman with one of the runtimes.
#[derive(Clone, Copy, Debug)]
struct With<'a> {
    podman: &'a Podman<'a>,
    runtime: Runtime,
}

impl<'a> Podman<'a> {
    /// Prepares it for root, with the image.
    fn new(case: &'a Case) -> Self {
        Self::prepare(case, None)
    }

    /// Prepares it for an ordinary user.
    fn of_user(case: &'a Case, user: &'static User) -> Self {
        Self::prepare(case, Some(user))
    }

    fn prepare(case: &'a Case, user: Option<&'static User>) -> Self {
        let directory = case.scratch().join("podman");
        let run = user.map_or(Path::new("/run"), |user| user.runtime.as_path()).join(case.id("podman"));
        for directory in [&directory, &run] {
            fs::create_dir(directory).expect("create a directory");
            user.inspect(|user| place::give(directory, user));
        }
        if user.is_none() {
            place::mount_private(&directory.join("graph"));
        }
        let podman = Self { case, directory, run, user };
        podman.configure();
        let registry = image::serve(case);
        podman.call("crun", &["pull", "--quiet", "--tls-verify=false", IMAGE]).run().succeeded();
        Daemon::end(registry);
        podman
    }

    fn configure(&self) {
        let at = |name: &str| self.directory.join(name).display().to_string();
        let run = |name: &str| self.run.join(name).display().to_string();
        let limit = |resource| getrlimit(resource).maximum.map_or(-1, u64::cast_signed);
        let (files, processes) = (limit(Resource::Nofile), limit(Resource::Nproc).clamp(-1, 30_000));
        let containers = format!(
            "[containers]\ndefault_ulimits = [\"nofile={files}:{files}\", \"nproc={processes}:{processes}\"]\n\
             [engine]\ncgroup_manager = {:?}\nevents_logger = \"file\"\ntmp_dir = {:?}\n\
             [network]\nnetwork_backend = \"netavark\"\nnetwork_config_dir = {:?}\n",
            place::cgroup_manager(),
            run("tmp"),
            at("networks")
        );
        let mut storage = format!(
            "[storage]\ndriver = \"overlay\"\ngraphroot = {:?}\nrunroot = {:?}\n\
             [storage.options.overlay]\nskip_mount_home = \"true\"\n",
            at("graph"),
            run("run")
        );
        if let Some(user) = place::user().filter(|_| self.user.is_none()) {
            storage += &format!("[storage.options]\nroot-auto-userns-user = {:?}\n", user.name);
        }
        for (name, text) in [("containers.conf", containers), ("storage.conf", storage)] {
            fs::write(self.directory.join(name), text).expect("write a configuration");
        }
        fs::write(self.directory.join("registries.conf"), "").expect("write a configuration");
    }

    /// Prepares a call with a runtime, by name or path.
    fn call(&self, runtime: impl AsRef<std::ffi::OsStr>, arguments: &[&str]) -> Invocation<'a> {
        let at = |name: &str| self.directory.join(name);
        let mut settings = vec![
            ("CONTAINERS_CONF", at("containers.conf")),
            ("CONTAINERS_STORAGE_CONF", at("storage.conf")),
            ("CONTAINERS_REGISTRIES_CONF", at("registries.conf")),
            ("HOME", self.directory.clone()),
        ];
        let call = match self.user {
            None => self.case.program("env"),
            Some(user) => {
                settings.push(("XDG_RUNTIME_DIR", user.runtime.clone()));
                let ids = [format!("--reuid={}", user.uid), format!("--regid={}", user.gid)];
                self.case.program("setpriv").args(ids).args(["--clear-groups", "--inh-caps=-all", "env"])
            }
        };
        let settings = settings.iter().map(|(name, value)| format!("{name}={}", value.display()));
        let call = call.args(settings).arg("podman").arg("--runtime").arg(runtime);
        call.directory(&self.directory).args(arguments)
    }

    fn with(&'a self, runtime: Runtime) -> With<'a> {
        With { podman: self, runtime }
    }

    /// Removes what podman itself leaves, with each runtime; what is in there and not of podman makes this fail.
    fn end(self) {
        if self.user.is_some() {
            // A process of podman's own keeps the user's namespaces.
            self.call(DEFAULT, &["system", "migrate"]).run().succeeded();
        }
        place::unmount_own(Path::new("/run/netns"));
        place::unmount_own(&self.directory.join("graph"));
        fs::remove_dir_all(&self.run).expect("remove what podman keeps until the next boot");
        // It forgets the groups of pods where the hierarchy has no controller, named after nothing but the pod, and keeps
        // that of its monitors.
        place::remove_groups("libpod_parent", |name| name.len() == 64 || name == "conmon");
        place::expect_no_state();
    }
}

impl<'a> With<'a> {
    /// Prepares a call.
    fn prepare(self, arguments: &[&str]) -> Invocation<'a> {
        match self.runtime {
            Runtime::Default(name) => self.podman.call(name, arguments),
            Runtime::Palisade => self.podman.call(self.podman.case.palisade_path(), arguments),
        }
    }

    /// Calls podman. Its `rm` may meet its own clean-up process, which unmounts at the same time, and is then called
    /// once more.
    fn call(self, arguments: &[&str]) -> Finished {
        let said = self.prepare(arguments).run();
        match arguments.first() {
            Some(&"rm") if said.stderr.contains("device or resource busy") => {
                thread::sleep(Duration::from_secs(1));
                self.prepare(arguments).run()
            }
            _ => said,
        }
    }

    /// Runs a script in a container that is removed at its end, with these options.
    fn run(self, options: &[&str], script: &str) -> Finished {
        let image = [IMAGE, "sh", "-c", script];
        self.call(&[&["run", "--rm", "--network=none"], options, &image].concat())
    }

    /// Runs a script in a container that stays.
    fn start(self, options: &[&str], script: &str) -> Finished {
        let image = [IMAGE, "sh", "-c", script];
        self.call(&[&["run", "--detach", "--network=none"], options, &image].concat())
    }

    /// Asks for one thing that podman knows of a container.
    fn inspect(self, container: &str, format: &str) -> String {
        self.call(&["inspect", "--format", format, container]).stdout.trim_end().to_owned()
    }
}
