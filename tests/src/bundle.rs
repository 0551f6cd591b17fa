//! Bundles: a root file system of busybox and a config.json.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use rustix::process::{getgid, getuid};
use serde_json::{Value, json};

use crate::case::Case;
use crate::invocation::Finished;
use crate::tier::Privilege;

/// A directory that an OCI runtime makes a container of.
#[derive(Debug)]
pub struct Bundle {
    directory: PathBuf,
    config: Value,
}

impl Bundle {
    /// Makes a bundle in the scratch directory of `case` whose process is `arguments`.
    ///
    /// Its config is a usual one for the rights that the tier has: all namespaces, the mounts that every program
    /// expects, no limits, and for an ordinary user a map of its own id to root.
    ///
    /// # Panics
    /// When a file cannot be written.
    #[must_use]
    pub fn new(case: &Case, name: &str, arguments: &[&str]) -> Self {
        let directory = case.scratch().join(name);
        let bundle = Self { config: config(case.tier().privilege(), arguments), directory };
        fs::create_dir(&bundle.directory).expect("create the bundle");
        make_rootfs(&bundle.rootfs());
        bundle.write();
        bundle
    }

    /// Makes a bundle whose process is a script for the shell.
    ///
    /// # Panics
    /// When a file cannot be written.
    #[must_use]
    pub fn script(case: &Case, script: &str) -> Self {
        Self::new(case, &case.unused("bundle"), &["sh", "-c", script])
    }

    /// Makes a bundle that differs from this one by a change of the config, and shares its root file system.
    ///
    /// # Panics
    /// When a file cannot be written.
    #[must_use]
    pub fn variant(&self, case: &Case, change: impl FnOnce(&mut Value)) -> Self {
        let directory = case.scratch().join(case.unused("bundle"));
        fs::create_dir(&directory).expect("create the bundle");
        let mut config = self.config.clone();
        config["root"]["path"] = json!(self.rootfs());
        Self { directory, config }.with(change)
    }

    /// Makes a variant whose process is another script.
    ///
    /// # Panics
    /// When a file cannot be written.
    #[must_use]
    pub fn with_script(&self, case: &Case, script: &str) -> Self {
        self.variant(case, |config| config["process"]["args"] = json!(["sh", "-c", script]))
    }

    /// Runs the bundle as a container to its end.
    ///
    /// # Panics
    /// When it takes too long.
    #[must_use]
    pub fn run(&self, case: &Case) -> Finished {
        case.palisade().args(["run", "--bundle"]).arg(self.path()).arg(case.unused_id()).run()
    }

    /// Runs the bundle, demands success and gives what it prints, without the last line's end.
    ///
    /// # Panics
    /// When it fails.
    #[must_use]
    #[track_caller]
    pub fn output(&self, case: &Case) -> String {
        self.run(case).succeeded().stdout.trim_end().to_owned()
    }

    /// Demands that no container can be made of the bundle, with one line about it, and that nothing is left; gives the
    /// line.
    ///
    /// # Panics
    /// When it runs, says more or less than that, or leaves something.
    #[must_use]
    #[track_caller]
    pub fn refusal(&self, case: &Case) -> String {
        self.run(case).refusal(case)
    }

    /// Leaves the container in the host's pid namespace, where nothing dies with the first process. A user cannot mount a
    /// procfs there.
    ///
    /// # Panics
    /// When it cannot be written.
    #[must_use]
    pub fn without_pid_namespace(self) -> Self {
        self.with(|config| {
            let namespaces = config["linux"]["namespaces"].as_array_mut().expect("a list");
            namespaces.retain(|namespace| namespace["type"] != "pid");
            config["mounts"][0] = json!({
                "destination": "/proc", "type": "bind", "source": "/proc", "options": ["rbind", "ro"]
            });
            config["linux"]["maskedPaths"] = json!([]);
            config["linux"]["readonlyPaths"] = json!([]);
        })
    }

    /// Changes the config.
    ///
    /// # Panics
    /// When it cannot be written.
    #[must_use]
    pub fn with(mut self, change: impl FnOnce(&mut Value)) -> Self {
        change(&mut self.config);
        self.write();
        self
    }

    /// The bundle's directory.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.directory
    }

    /// The root file system.
    #[must_use]
    pub fn rootfs(&self) -> PathBuf {
        self.directory.join(self.config["root"]["path"].as_str().unwrap_or("rootfs"))
    }

    /// The config.
    #[must_use]
    pub fn config(&self) -> &Value {
        &self.config
    }

    fn write(&self) {
        let text = serde_json::to_string_pretty(&self.config).expect("a config is JSON");
        fs::write(self.directory.join("config.json"), text).expect("write config.json");
    }
}

/// Puts busybox under all its names into `root`, and the directories that mounts go to.
///
/// # Panics
/// When a file cannot be written.
pub fn make_rootfs(root: &Path) {
    for directory in ["bin", "dev", "etc", "proc", "root", "sys", "tmp"] {
        let path = root.join(directory);
        fs::create_dir_all(&path).unwrap_or_else(|error| panic!("create {}: {error}", path.display()));
    }
    fs::copy(busybox(), root.join("bin/busybox")).expect("copy busybox");
    for name in applets().iter().filter(|name| *name != "busybox") {
        symlink("busybox", root.join("bin").join(name)).expect("link an applet");
    }
    let etc = [("passwd", "root:x:0:0:root:/root:/bin/sh\n"), ("group", "root:x:0:\n")];
    for (name, text) in etc {
        fs::write(root.join("etc").join(name), text).expect("write a file of /etc");
    }
}

/// The static busybox of this machine.
#[must_use]
pub fn busybox() -> PathBuf {
    std::env::var_os("PALISADE_BUSYBOX").map_or_else(|| PathBuf::from("/bin/busybox"), PathBuf::from)
}

fn applets() -> &'static [String] {
    static APPLETS: OnceLock<Vec<String>> = OnceLock::new();
    APPLETS.get_or_init(|| {
        let output = Command::new(busybox()).arg("--list").output().expect("execute busybox --list");
        String::from_utf8(output.stdout).expect("names of applets").lines().map(str::to_owned).collect()
    })
}

fn config(privilege: Privilege, arguments: &[&str]) -> Value {
    let capabilities = ["CAP_AUDIT_WRITE", "CAP_KILL", "CAP_NET_BIND_SERVICE"];
    let mut config = json!({
        "ociVersion": "1.2.0",
        "process": {
            "terminal": false,
            "user": { "uid": 0, "gid": 0 },
            "args": arguments,
            "env": ["PATH=/bin", "HOME=/root"],
            "cwd": "/",
            "capabilities": {
                "bounding": capabilities, "effective": capabilities, "permitted": capabilities
            },
            "noNewPrivileges": true
        },
        "root": { "path": "rootfs", "readonly": false },
        "hostname": "case",
        "mounts": mounts(privilege),
        "linux": {
            "namespaces": [
                { "type": "pid" }, { "type": "network" }, { "type": "ipc" }, { "type": "uts" },
                { "type": "mount" }, { "type": "cgroup" }
            ],
            "maskedPaths": ["/proc/kcore", "/proc/keys", "/proc/timer_list", "/sys/firmware"],
            "readonlyPaths": ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"]
        }
    });
    if privilege == Privilege::Ordinary {
        let linux = &mut config["linux"];
        linux["uidMappings"] = json!([{ "containerID": 0, "hostID": getuid().as_raw(), "size": 1 }]);
        linux["gidMappings"] = json!([{ "containerID": 0, "hostID": getgid().as_raw(), "size": 1 }]);
        if let Some(namespaces) = linux["namespaces"].as_array_mut() {
            namespaces.push(json!({ "type": "user" }));
        }
    }
    config
}

fn mounts(privilege: Privilege) -> Value {
    let terminals: &[&str] = match privilege {
        Privilege::Root => &["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"],
        // The group of terminals has no number in the map of one id.
        Privilege::Ordinary => &["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"],
    };
    let strict = ["nosuid", "noexec", "nodev"];
    json!([
        { "destination": "/proc", "type": "proc", "source": "proc" },
        { "destination": "/dev", "type": "tmpfs", "source": "tmpfs",
          "options": ["nosuid", "strictatime", "mode=755", "size=65536k"] },
        { "destination": "/dev/pts", "type": "devpts", "source": "devpts", "options": terminals },
        { "destination": "/dev/shm", "type": "tmpfs", "source": "shm",
          "options": ["nosuid", "noexec", "nodev", "mode=1777", "size=65536k"] },
        { "destination": "/dev/mqueue", "type": "mqueue", "source": "mqueue", "options": strict },
        { "destination": "/sys", "type": "sysfs", "source": "sysfs",
          "options": ["nosuid", "noexec", "nodev", "ro"] }
    ])
}
