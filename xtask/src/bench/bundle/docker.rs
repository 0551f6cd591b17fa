//! The configuration that dockerd makes for `docker run` without options and without a network.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::runc::namespaces;
use crate::hierarchy::Hierarchy;

/// Docker's default capabilities.
pub(super) const CAPABILITIES: [&str; 14] = [
    "CAP_CHOWN",
    "CAP_DAC_OVERRIDE",
    "CAP_FSETID",
    "CAP_FOWNER",
    "CAP_MKNOD",
    "CAP_NET_RAW",
    "CAP_SETGID",
    "CAP_SETUID",
    "CAP_SETFCAP",
    "CAP_SETPCAP",
    "CAP_NET_BIND_SERVICE",
    "CAP_SYS_CHROOT",
    "CAP_KILL",
    "CAP_AUDIT_WRITE",
];

/// What dockerd writes for each container and mounts into it.
const FILES: [&str; 3] = ["resolv.conf", "hostname", "hosts"];

/// Writes those files into the bundle, and what they are mounted on into the root file system.
pub(super) fn write_files(bundle: &Path, rootfs: &Path) -> Result<()> {
    for name in FILES {
        for path in [bundle.join(name), rootfs.join("etc").join(name)] {
            fs::write(&path, "").with_context(|| format!("write {}", path.display()))?;
        }
    }
    Ok(())
}

pub(super) fn config(
    rootfs: &Path,
    bundle: &Path,
    program: &str,
    hierarchies: &[Hierarchy],
    filter: &Value,
) -> Value {
    json!({
        "ociVersion": "1.0.2-dev",
        "process": {
            "user": { "uid": 0, "gid": 0, "additionalGids": [0, 10] },
            "args": [program],
            "env": [
                "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
                "HOSTNAME=0123456789ab"
            ],
            "cwd": "/",
            "capabilities": {
                "bounding": CAPABILITIES,
                "effective": CAPABILITIES,
                "permitted": CAPABILITIES
            },
            "oomScoreAdj": 0
        },
        "root": { "path": rootfs },
        "hostname": "0123456789ab",
        "mounts": mounts(bundle),
        "linux": {
            "sysctl": {
                "net.ipv4.ip_unprivileged_port_start": "0",
                "net.ipv4.ping_group_range": "0 2147483647"
            },
            "resources": { "devices": devices() },
            "namespaces": namespaces(hierarchies),
            "seccomp": filter,
            "maskedPaths": [
                "/proc/asound", "/proc/acpi", "/proc/kcore", "/proc/keys", "/proc/latency_stats",
                "/proc/timer_list", "/proc/timer_stats", "/proc/sched_debug", "/proc/scsi", "/sys/firmware"
            ],
            "readonlyPaths": ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"]
        }
    })
}

/// All devices are forbidden but to make the nodes, the usual ones and pseudo-terminals.
fn devices() -> Value {
    let node = |kind: &str, major: Option<u32>, minor: Option<u32>, access: &str| {
        let mut rule = json!({ "allow": true, "type": kind, "access": access });
        for (key, number) in [("major", major), ("minor", minor)] {
            if let Some(number) = number {
                rule[key] = number.into();
            }
        }
        rule
    };
    let mut rules = vec![json!({ "allow": false, "access": "rwm" })];
    rules.extend(["c", "b"].map(|kind| node(kind, None, None, "m")));
    let usual = [(1, 3), (1, 5), (1, 7), (1, 8), (1, 9), (5, 0), (5, 1), (5, 2)];
    rules.extend(usual.map(|(major, minor)| node("c", Some(major), Some(minor), "rwm")));
    rules.push(node("c", Some(136), None, "rwm"));
    rules.into()
}

fn mounts(bundle: &Path) -> Value {
    let usual = ["nosuid", "noexec", "nodev"];
    let with = |more: &[&'static str]| [&usual[..], more].concat();
    let mut mounts = vec![
        json!({ "destination": "/proc", "type": "proc", "source": "proc", "options": usual }),
        json!({ "destination": "/dev", "type": "tmpfs", "source": "tmpfs",
                "options": ["nosuid", "strictatime", "mode=755", "size=65536k"] }),
        json!({ "destination": "/dev/pts", "type": "devpts", "source": "devpts",
                "options": ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"] }),
        json!({ "destination": "/sys", "type": "sysfs", "source": "sysfs", "options": with(&["ro"]) }),
        json!({ "destination": "/sys/fs/cgroup", "type": "cgroup", "source": "cgroup",
                "options": with(&["ro"]) }),
        json!({ "destination": "/dev/mqueue", "type": "mqueue", "source": "mqueue", "options": usual }),
        json!({ "destination": "/dev/shm", "type": "tmpfs", "source": "shm",
                "options": with(&["mode=1777", "size=67108864"]) }),
    ];
    mounts.extend(FILES.map(|name| {
        json!({ "destination": format!("/etc/{name}"), "type": "bind", "source": bundle.join(name),
                "options": ["rbind", "rprivate"] })
    }));
    mounts.into()
}
