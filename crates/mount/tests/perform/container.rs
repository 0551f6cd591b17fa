//! Whole roots: what a container's init does from the first operation to the last.

use std::fs;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::Path;

use palisade_mount::mountinfo::MountInfo;
use palisade_mount::{
    Existing, HostPath, Kind, MoveRoot, NodeSource, Op, OpenRoot, Overlay, Parameter, Propagation, Reach,
    RootSource, Upper,
};
use rustix::fs::makedev;

use crate::sandbox::{Sandbox, host, isolated, mount_at, mounts, skipped};
use crate::{bind, link, mask, mount, node, read_only};

fn default_mounts() -> Vec<Op> {
    vec![
        mount("proc", "/proc", &[]),
        mount("tmpfs", "/dev", &["nosuid", "strictatime", "mode=755", "size=65536k"]),
        mount("devpts", "/dev/pts", &["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"]),
        mount("tmpfs", "/dev/shm", &["nosuid", "noexec", "nodev", "mode=1777", "size=65536k"]),
        mount("mqueue", "/dev/mqueue", &["nosuid", "noexec", "nodev"]),
        mount("sysfs", "/sys", &["nosuid", "noexec", "nodev", "ro"]),
    ]
}

#[test]
fn a_whole_container() {
    isolated("container::a_whole_container", |sandbox| whole_container(sandbox, Op::ReplaceRoot));
}

#[test]
fn a_whole_container_by_pivot_root() {
    let name = "container::a_whole_container_by_pivot_root";
    isolated(name, |sandbox| whole_container(sandbox, Op::PivotRoot));
}

fn whole_container(sandbox: &mut Sandbox, enter: Op) {
    sandbox.open_root();
    let mut ops = default_mounts();
    ops.extend([
        node("/dev/null", 1, 3, NodeSource::Make),
        node("/dev/zero", 1, 5, NodeSource::Bind(HostPath::new("/dev/zero").unwrap())),
        link("/proc/self/fd", "/dev/fd", Existing::Keep),
        link("pts/ptmx", "/dev/ptmx", Existing::Replace),
        mask("/proc/version"),
        mask("/sys/kernel"),
        mask("/sys/fs"),
        mask("/not/there"),
        read_only("/proc/sys"),
        read_only("/not/there"),
        enter,
        Op::RootReadOnly,
    ]);
    for op in &ops {
        sandbox.perform(op);
    }
    assert_eq!(mount_at("/proc").fstype, "proc");
    let dev = mount_at("/dev");
    assert_eq!(dev.options, "rw,nosuid");
    assert!(dev.super_has("size=65536k") && dev.super_has("mode=755"), "{}", dev.super_options);
    assert_eq!(mount_at("/sys").options, "ro,nosuid,nodev,noexec,relatime");
    assert_eq!(mount_at("/dev/shm").options, "rw,nosuid,nodev,noexec,relatime");
    assert_eq!(fs::metadata("/dev/shm").unwrap().mode() & 0o7777, 0o1777);
    assert!(mount_at("/").has("ro"));
    assert!(mount_at("/proc/sys").has("ro"));
    assert_eq!(mount_at("/sys/kernel").fstype, "tmpfs");
    let null = fs::metadata("/dev/null").unwrap();
    assert!(null.file_type().is_char_device());
    assert_eq!((null.mode() & 0o7777, null.rdev()), (0o666, makedev(1, 3)));
    assert_eq!(fs::metadata("/dev/zero").unwrap().rdev(), makedev(1, 5));
    assert_eq!(fs::read("/proc/version").unwrap(), b"");
    for directory in ["/sys/kernel", "/sys/fs"] {
        assert_eq!(fs::read_dir(directory).unwrap().count(), 0);
        assert!(fs::write(Path::new(directory).join("x"), "").is_err());
    }
    assert_eq!(fs::read_link("/dev/fd").unwrap(), Path::new("/proc/self/fd"));
    assert!(fs::write("/proc/sys/kernel/hostname", "x").is_err());
    assert!(fs::write("/x", "x").is_err());
    assert_only_the_root(&sandbox.directory);
}

/// Nothing of the old root is left to be seen.
fn assert_only_the_root(directory: &Path) {
    assert!(fs::metadata(directory).is_err(), "the host is still visible");
    let roots = mounts().iter().filter(|info| info.target == Path::new("/")).count();
    assert_eq!(roots, 1, "{:#?}", mounts());
}

#[test]
fn a_root_moved_over_the_old_one() {
    isolated("container::a_root_moved_over_the_old_one", |sandbox| {
        sandbox.open_root();
        for op in default_mounts() {
            sandbox.perform(&op);
        }
        let cover = vec![HostPath::new("/sys").unwrap(), HostPath::new("/proc").unwrap()];
        sandbox.perform(&Op::MoveRoot(MoveRoot { cover }));
        assert_eq!(mount_at("/proc").fstype, "proc");
        assert!(fs::metadata(&sandbox.directory).is_err());
        assert!(fs::metadata("/../../etc/passwd").is_err());
    });
}

#[test]
fn an_overlay_with_a_private_upper_layer() {
    isolated("container::an_overlay_with_a_private_upper_layer", |sandbox| {
        let lower = sandbox.directory.join("lo:wer");
        let second = sandbox.directory.join("second");
        for (directory, file) in [(&lower, "a"), (&second, "b")] {
            fs::create_dir(directory).unwrap();
            fs::write(directory.join(file), file).unwrap();
        }
        sandbox.perform(&Op::Propagation(Propagation { kind: Kind::Private, reach: Reach::Tree }));
        let upper = Upper::Tmpfs { parameters: vec![Parameter::string("size", "1m").unwrap()] };
        let (lower_path, target) = (host(&lower), host(&sandbox.rootfs));
        let overlay =
            Overlay { lower: vec![lower_path, host(&second)], upper, parameters: Vec::new(), target };
        let root = OpenRoot { source: RootSource::Overlay(overlay), ..sandbox.root_op() };
        sandbox.perform(&Op::OpenRoot(root));
        let source = sandbox.directory.join("lo:wer/a");
        sandbox.perform(&mount("proc", "/proc", &[]));
        sandbox.perform(&bind(&source, "/c", &["bind"]));
        sandbox.perform(&Op::PivotRoot);
        assert_eq!(mount_at("/").fstype, "overlay");
        for (file, content) in [("/a", "a"), ("/b", "b"), ("/c", "a")] {
            assert_eq!(fs::read_to_string(file).unwrap(), content);
        }
        fs::write("/a", "changed").unwrap();
        assert_only_the_root(&sandbox.directory);
    });
}

#[test]
fn an_overlay_of_many_layers() {
    let name = "container::an_overlay_of_many_layers";
    if kernel() < (6, 5) {
        return skipped(name, "layers of more than 255 bytes together need lowerdir+ of Linux 6.5");
    }
    isolated(name, |sandbox| {
        let mut lower = Vec::new();
        for index in 0..12 {
            let layer = sandbox.directory.join(format!("a-layer-with-quite-a-long-name-{index}"));
            fs::create_dir(&layer).unwrap();
            fs::write(layer.join(index.to_string()), "").unwrap();
            lower.push(host(&layer));
        }
        let target = host(&sandbox.rootfs);
        let overlay = Overlay { lower, upper: Upper::None, parameters: Vec::new(), target };
        let root = OpenRoot { source: RootSource::Overlay(overlay), ..sandbox.root_op() };
        sandbox.perform(&Op::OpenRoot(root));
        assert_eq!(fs::read_dir(&sandbox.rootfs).unwrap().count(), 12);
        assert!(fs::write(sandbox.rootfs.join("x"), "").is_err());
    });
}

#[test]
fn a_v1_hierarchy_in_a_container() {
    let name = "container::a_v1_hierarchy_in_a_container";
    let pids = |info: &MountInfo| info.fstype == "cgroup" && info.super_has("pids");
    if !mounts().iter().any(pids) {
        return skipped(name, "no v1 pids hierarchy is mounted here");
    }
    isolated(name, |sandbox| {
        sandbox.open_root();
        sandbox.perform(&mount("tmpfs", "/sys/fs/cgroup", &["mode=755"]));
        sandbox.perform(&mount("cgroup", "/sys/fs/cgroup/pids", &["nosuid", "ro", "pids"]));
        let info = mount_at(sandbox.rootfs.join("sys/fs/cgroup/pids"));
        assert!(info.has("ro") && pids(&info), "{info:?}");
        let host = mounts().into_iter().find(pids);
        assert!(!host.unwrap().super_has("ro"), "the host's hierarchy became read-only");
    });
}

pub(crate) fn kernel() -> (u32, u32) {
    let name = rustix::system::uname();
    let release = name.release().to_string_lossy().into_owned();
    let mut numbers = release.split(|c: char| !c.is_ascii_digit()).map(|number| number.parse().unwrap_or(0));
    (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0))
}
