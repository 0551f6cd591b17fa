//! Performs operations for real, each test in a mount namespace and a process of its own.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod sandbox;

use std::fs;
use std::os::unix::fs::{FileTypeExt, MetadataExt, symlink};
use std::path::Path;

use palisade_mount::{
    Existing, HostPath, Mkdir, Node, NodeKind, NodeSource, Op, Options, RootPath, Step, Symlink, Text,
};
use rustix::io::Errno;
use sandbox::isolated;

fn mkdir(path: &str) -> Op {
    Op::Mkdir(Mkdir { path: RootPath::new(path).unwrap(), mode: 0o755 })
}

fn node(path: &str, major: u32, minor: u32, source: NodeSource) -> Op {
    let path = RootPath::new(path).unwrap();
    Op::Node(Node { path, kind: NodeKind::Character, major, minor, mode: 0o666, uid: 0, gid: 0, source })
}

fn link(target: &str, path: &str, existing: Existing) -> Op {
    Op::Symlink(Symlink { target: Text::new(target).unwrap(), path: RootPath::new(path).unwrap(), existing })
}

fn mount(fstype: &str, target: &str, options: &[&str]) -> Op {
    let options = Options::parse(options).unwrap();
    Op::from_mount(Some(fstype), Some(fstype), target, &options).unwrap()
}

fn bind(source: &Path, target: &str, options: &[&str]) -> Op {
    let options = Options::parse(options).unwrap();
    Op::from_mount(Some("bind"), source.to_str(), target, &options).unwrap()
}

fn mask(path: &str) -> Op {
    Op::Mask { path: RootPath::new(path).unwrap() }
}

fn read_only(path: &str) -> Op {
    Op::ReadOnly { path: RootPath::new(path).unwrap() }
}

#[test]
fn a_whole_container() {
    isolated("a_whole_container", |sandbox| {
        sandbox.open_root();
        for op in [
            mount("proc", "/proc", &[]),
            mount("tmpfs", "/dev", &["nosuid", "strictatime", "mode=755", "size=65536k"]),
            mount("devpts", "/dev/pts", &["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"]),
            mount("tmpfs", "/dev/shm", &["nosuid", "noexec", "nodev", "mode=1777", "size=65536k"]),
            mount("mqueue", "/dev/mqueue", &["nosuid", "noexec", "nodev"]),
            mount("sysfs", "/sys", &["nosuid", "noexec", "nodev", "ro"]),
            node("/dev/null", 1, 3, NodeSource::Make),
            node("/dev/zero", 1, 5, NodeSource::Bind(HostPath::new("/dev/zero").unwrap())),
            link("/proc/self/fd", "/dev/fd", Existing::Keep),
            link("pts/ptmx", "/dev/ptmx", Existing::Replace),
            mask("/proc/version"),
            mask("/sys/kernel"),
            mask("/sys/fs"),
            mask("/not/there"),
            read_only("/proc/sys"),
            Op::PivotRoot,
            Op::RootReadOnly,
        ] {
            sandbox.perform(&op);
        }
        let proc = sandbox.mount_at("/proc");
        assert_eq!(proc.fstype, "proc");
        let dev = sandbox.mount_at("/dev");
        assert_eq!(dev.options, "rw,nosuid");
        assert!(dev.super_has("size=65536k") && dev.super_has("mode=755"), "{}", dev.super_options);
        assert_eq!(sandbox.mount_at("/sys").options, "ro,nosuid,nodev,noexec,relatime");
        assert_eq!(sandbox.mount_at("/dev/shm").options, "rw,nosuid,nodev,noexec,relatime");
        assert!(sandbox.mount_at("/").has("ro"));
        assert!(sandbox.mount_at("/proc/sys").has("ro"));
        assert_eq!(sandbox.mount_at("/sys/kernel").fstype, "tmpfs");
        assert!(fs::metadata("/dev/null").unwrap().file_type().is_char_device());
        assert_eq!(fs::metadata("/dev/null").unwrap().mode() & 0o7777, 0o666);
        assert_eq!(fs::metadata("/dev/zero").unwrap().rdev(), rustix::fs::makedev(1, 5));
        assert_eq!(fs::read("/proc/version").unwrap(), b"");
        assert_eq!(fs::read_dir("/sys/kernel").unwrap().count(), 0);
        assert_eq!(fs::read_dir("/sys/fs").unwrap().count(), 0);
        assert_eq!(fs::read_link("/dev/fd").unwrap(), Path::new("/proc/self/fd"));
        assert!(fs::write("/proc/sys/kernel/hostname", "x").is_err());
        assert!(fs::write("/x", "x").is_err());
        assert!(fs::metadata(&sandbox.directory).is_err(), "the host is still visible");
        let targets: Vec<_> = sandbox.mounts().into_iter().map(|info| info.target).collect();
        assert!(targets.iter().all(|target| !target.starts_with("/tmp")), "{targets:?}");
    });
}

#[test]
fn proc_on_a_link_is_refused() {
    isolated("proc_on_a_link_is_refused", |sandbox| {
        symlink("/", sandbox.rootfs.join("proc")).unwrap();
        symlink("real", sandbox.rootfs.join("sys")).unwrap();
        sandbox.open_root();
        sandbox.perform(&mkdir("/real"));
        for op in [mount("proc", "/proc", &[]), mount("sysfs", "/sys", &[]), mount("proc", "/sys/x", &[])] {
            let failure = sandbox.refuse(&op);
            assert_eq!((failure.step, failure.errno), (Step::OpenAt2, Errno::LOOP), "{failure}");
            assert!(op.describe(&failure).contains("symbolic link"));
        }
    });
}

#[test]
fn bind_lands_inside() {
    isolated("bind_lands_inside", |sandbox| {
        let source = sandbox.directory.join("source");
        fs::create_dir(&source).unwrap();
        fs::write(source.join("file"), "from the host").unwrap();
        symlink("/../../../../etc", sandbox.rootfs.join("absolute")).unwrap();
        symlink("../../../..", sandbox.rootfs.join("relative")).unwrap();
        sandbox.open_root();
        sandbox.perform(&bind(&source, "/absolute/deep/er", &["rbind", "ro", "nosuid"]));
        sandbox.perform(&bind(&source.join("file"), "/relative/../new/file", &["bind"]));
        let root = sandbox.rootfs.clone();
        assert_eq!(fs::read_to_string(root.join("etc/deep/er/file")).unwrap(), "from the host");
        assert_eq!(fs::read_to_string(root.join("new/file")).unwrap(), "from the host");
        assert!(sandbox.mount_at(root.join("etc/deep/er")).has("ro"));
        assert!(fs::metadata("/etc/deep").is_err());
    });
}
