//! The root file system and the two configurations that every subject is given.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::hierarchy::{Hierarchy, Version};

/// Two bundles that share a root file system of static programs; removed when dropped.
#[derive(Debug)]
pub(crate) struct Bundles {
    directory: TempDir,
}

impl Bundles {
    /// Writes the bundles into a new directory in `parent`, which holds the built `guest`.
    pub(crate) fn make(parent: &Path, hierarchies: &[Hierarchy]) -> Result<Self> {
        let directory = TempDir::with_prefix_in("bundles-", parent)
            .with_context(|| format!("make a directory in {}", parent.display()))?;
        let bundles = Self { directory };
        let rootfs = bundles.rootfs();
        for name in ["bin", "dev", "proc", "sys"] {
            let path = rootfs.join(name);
            fs::create_dir_all(&path).with_context(|| format!("mkdir {}", path.display()))?;
        }
        for name in ["true", "pause"] {
            let program = rootfs.join("bin").join(name);
            fs::copy(parent.join("guest"), &program)
                .with_context(|| format!("write {}", program.display()))?;
            let bundle = bundles.directory.path().join(name);
            fs::create_dir(&bundle).with_context(|| format!("mkdir {}", bundle.display()))?;
            let config = config(&rootfs, &format!("/bin/{name}"), hierarchies);
            let file = bundle.join("config.json");
            fs::write(&file, config.to_string()).with_context(|| format!("write {}", file.display()))?;
        }
        Ok(bundles)
    }

    /// The root file system of both.
    pub(crate) fn rootfs(&self) -> PathBuf {
        self.directory.path().join("rootfs")
    }

    /// The bundle whose process succeeds at once.
    pub(crate) fn of_true(&self) -> PathBuf {
        self.directory.path().join("true")
    }

    /// The bundle whose process sleeps until it is killed.
    pub(crate) fn of_pause(&self) -> PathBuf {
        self.directory.path().join("pause")
    }
}

/// The configuration that `runc spec` writes, with the program, and without the terminal.
fn config(rootfs: &Path, program: &str, hierarchies: &[Hierarchy]) -> Value {
    let capabilities = ["CAP_AUDIT_WRITE", "CAP_KILL", "CAP_NET_BIND_SERVICE"];
    json!({
        "ociVersion": "1.0.2",
        "process": {
            "terminal": false,
            "user": { "uid": 0, "gid": 0 },
            "args": [program],
            "env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "TERM=xterm"],
            "cwd": "/",
            "capabilities": {
                "bounding": capabilities,
                "effective": capabilities,
                "permitted": capabilities,
                "ambient": capabilities
            },
            "rlimits": [{ "type": "RLIMIT_NOFILE", "hard": 1024, "soft": 1024 }],
            "noNewPrivileges": true
        },
        "root": { "path": rootfs, "readonly": true },
        "hostname": "runc",
        "mounts": mounts(),
        "linux": {
            "resources": { "devices": [{ "allow": false, "access": "rwm" }] },
            "namespaces": namespaces(hierarchies),
            "maskedPaths": [
                "/proc/acpi", "/proc/asound", "/proc/kcore", "/proc/keys", "/proc/latency_stats",
                "/proc/timer_list", "/proc/timer_stats", "/proc/sched_debug", "/sys/firmware", "/proc/scsi"
            ],
            "readonlyPaths": ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"]
        }
    })
}

/// runc adds the cgroup namespace where there is no v1 hierarchy.
fn namespaces(hierarchies: &[Hierarchy]) -> Value {
    let mut kinds = vec!["pid", "network", "ipc", "uts", "mount"];
    if !hierarchies.iter().any(|hierarchy| hierarchy.version == Version::V1) {
        kinds.push("cgroup");
    }
    kinds.into_iter().map(|kind| json!({ "type": kind })).collect()
}

fn mounts() -> Value {
    json!([
        { "destination": "/proc", "type": "proc", "source": "proc" },
        { "destination": "/dev", "type": "tmpfs", "source": "tmpfs",
          "options": ["nosuid", "strictatime", "mode=755", "size=65536k"] },
        { "destination": "/dev/pts", "type": "devpts", "source": "devpts",
          "options": ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"] },
        { "destination": "/dev/shm", "type": "tmpfs", "source": "shm",
          "options": ["nosuid", "noexec", "nodev", "mode=1777", "size=65536k"] },
        { "destination": "/dev/mqueue", "type": "mqueue", "source": "mqueue",
          "options": ["nosuid", "noexec", "nodev"] },
        { "destination": "/sys", "type": "sysfs", "source": "sysfs",
          "options": ["nosuid", "noexec", "nodev", "ro"] },
        { "destination": "/sys/fs/cgroup", "type": "cgroup", "source": "cgroup",
          "options": ["nosuid", "noexec", "nodev", "relatime", "ro"] }
    ])
}
