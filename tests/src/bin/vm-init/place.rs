//! The file systems that every Linux system has.

use std::ffi::CStr;
use std::fs;
use std::os::unix::fs::symlink;

use anyhow::{Context, Result};
use rustix::mount::{MountFlags, MountPropagationFlags, mount, mount_change};

/// A file system, where it goes and its options.
type Place = (&'static str, &'static str, MountFlags, Option<&'static CStr>);

const STRICT: MountFlags = MountFlags::NOSUID.union(MountFlags::NODEV).union(MountFlags::NOEXEC);

const PLACES: &[Place] = &[
    ("proc", "/proc", STRICT, None),
    ("sysfs", "/sys", STRICT, None),
    ("devtmpfs", "/dev", MountFlags::NOSUID, Some(c"mode=755")),
    (
        "devpts",
        "/dev/pts",
        MountFlags::NOSUID.union(MountFlags::NOEXEC),
        Some(c"gid=5,mode=620,ptmxmode=666"),
    ),
    ("tmpfs", "/dev/shm", MountFlags::NOSUID.union(MountFlags::NODEV), Some(c"mode=1777")),
    ("mqueue", "/dev/mqueue", STRICT, None),
    ("tmpfs", "/run", MountFlags::NOSUID.union(MountFlags::NODEV), Some(c"mode=755")),
    // Root file systems of containers are below it: what they have of set-id programs and devices has to work.
    ("tmpfs", "/tmp", MountFlags::empty(), Some(c"mode=1777")),
];

/// Mounts them all, shared as a distribution's init leaves them, which is the harder case for a container.
pub(crate) fn mount_all() -> Result<()> {
    for (kind, target, flags, options) in PLACES {
        fs::create_dir_all(target).with_context(|| format!("create {target}"))?;
        mount(*kind, *target, *kind, *flags, *options)
            .with_context(|| format!("mount {kind} on {target}"))?;
    }
    for (link, target) in [("fd", "/proc/self/fd"), ("stdin", "fd/0"), ("stdout", "fd/1"), ("stderr", "fd/2")]
    {
        symlink(target, format!("/dev/{link}")).with_context(|| format!("link /dev/{link}"))?;
    }
    mount_change("/", MountPropagationFlags::SHARED | MountPropagationFlags::REC)
        .context("share all mounts")?;
    // Some pages for the tests of the hugetlb controller.
    fs::write("/proc/sys/vm/nr_hugepages", "8").context("reserve huge pages")
}
