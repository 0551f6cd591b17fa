//! Single operations and what they leave in the file system.

use std::fs;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt, chown, symlink};
use std::path::Path;

use palisade_mount::{CopyUp, Existing, Node, NodeKind, NodeSource, Op, Options, Step, detached_procfs};
use rustix::fs::{CWD, Mode, OFlags, makedev};
use rustix::io::Errno;
use rustix::mount::MountFlags;
use rustix::pty::{OpenptFlags, grantpt, openpt, unlockpt};

use crate::sandbox::{isolated, mount_at, mount_tmpfs, mounts};
use crate::{bind, link, mkdir, mount, node, path};

#[test]
fn attributes_of_binds() {
    isolated("content::attributes_of_binds", |sandbox| {
        let source = sandbox.directory.join("source");
        fs::create_dir(&source).unwrap();
        mount_tmpfs(&source, MountFlags::NODEV | MountFlags::NOATIME);
        fs::create_dir(source.join("below")).unwrap();
        mount_tmpfs(&source.join("below"), MountFlags::empty());
        sandbox.open_root();
        for (index, (words, own, below)) in [
            (&["rbind"][..], "rw,nodev,noatime", Some("rw,relatime")),
            (&["bind"], "rw,nodev,noatime", None),
            (&["rbind", "ro"], "ro,nodev,noatime", Some("rw,relatime")),
            (&["rbind", "rro"], "ro,nodev,noatime", Some("ro,relatime")),
            (&["rbind", "rro", "rw", "dev"], "rw,noatime", Some("ro,relatime")),
            (
                &["rbind", "nosuid", "rnoexec", "relatime"],
                "rw,nosuid,nodev,noexec,relatime",
                Some("rw,noexec,relatime"),
            ),
            (&["bind", "nosymfollow", "strictatime", "nodiratime"], "rw,nodev,nodiratime,nosymfollow", None),
        ]
        .into_iter()
        .enumerate()
        {
            let target = format!("/target{index}");
            sandbox.perform(&bind(&source, &target, words));
            let shown = sandbox.rootfs.join(&target[1..]);
            assert_eq!(mount_at(&shown).options, own, "{words:?}");
            let under = crate::sandbox::mounted_at(&shown.join("below"));
            assert_eq!(under.map(|info| info.options).as_deref(), below, "{words:?}");
        }
        assert_eq!(mount_at(&source).options, "rw,nodev,noatime", "the source changed");
    });
}

#[test]
fn binds_make_their_targets() {
    isolated("content::binds_make_their_targets", |sandbox| {
        let source = sandbox.directory.join("source");
        fs::write(&source, "content").unwrap();
        let fifo = sandbox.directory.join("fifo");
        rustix::fs::mkfifoat(CWD, &fifo, Mode::RUSR).unwrap();
        fs::create_dir(sandbox.rootfs.join("etc")).unwrap();
        symlink("../run/resolve/stub.conf", sandbox.rootfs.join("etc/resolv.conf")).unwrap();
        symlink("/var/lib/log", sandbox.rootfs.join("log")).unwrap();
        sandbox.open_root();
        for (from, target, lands) in [
            (&source, "/a/b/file", "a/b/file"),
            (&source, "/etc/resolv.conf", "run/resolve/stub.conf"),
            (&source, "/log/x", "var/lib/log/x"),
            (&source, "relative/./file", "relative/file"),
            (&source, "/a//b/../c/", "a/c"),
            (&fifo, "/fifo", "fifo"),
        ] {
            sandbox.perform(&bind(from, target, &["bind"]));
            mount_at(sandbox.rootfs.join(lands));
        }
        assert_eq!(fs::read_to_string(sandbox.rootfs.join("var/lib/log/x")).unwrap(), "content");
        assert!(fs::metadata(sandbox.rootfs.join("fifo")).unwrap().file_type().is_fifo());
        let failure = sandbox.refuse(&bind(&source, "/a", &["bind"]));
        assert_eq!((failure.step, failure.errno), (Step::MoveMount, Errno::INVAL));
        let missing = sandbox.directory.join("missing");
        let failure = sandbox.refuse(&bind(&missing, "/x", &["bind"]));
        assert_eq!((failure.step, failure.errno), (Step::OpenTree, Errno::NOENT));
        assert!(fs::symlink_metadata(sandbox.rootfs.join("x")).is_err());
    });
}

#[test]
fn a_tmpfs_keeps_the_mode_it_covers() {
    isolated("content::a_tmpfs_keeps_the_mode_it_covers", |sandbox| {
        let tmp = sandbox.rootfs.join("tmp");
        fs::create_dir(&tmp).unwrap();
        fs::set_permissions(&tmp, fs::Permissions::from_mode(0o1751)).unwrap();
        sandbox.open_root();
        sandbox.perform(&mount("tmpfs", "/tmp", &[]));
        assert_eq!(fs::metadata(&tmp).unwrap().mode() & 0o7777, 0o1751);
        sandbox.perform(&mount("tmpfs", "/tmp", &["mode=700"]));
        assert_eq!(fs::metadata(&tmp).unwrap().mode() & 0o7777, 0o700);
    });
}

#[test]
fn tmpcopyup_copies() {
    isolated("content::tmpcopyup_copies", |sandbox| {
        let from = sandbox.rootfs.join("data");
        fs::create_dir_all(from.join("deep/er")).unwrap();
        let big = vec![7_u8; 300_000];
        fs::write(from.join("deep/er/big"), &big).unwrap();
        fs::write(from.join("set-id"), "x").unwrap();
        chown(from.join("set-id"), Some(12), Some(34)).unwrap();
        fs::set_permissions(from.join("set-id"), fs::Permissions::from_mode(0o4750)).unwrap();
        fs::set_permissions(from.join("deep"), fs::Permissions::from_mode(0o500)).unwrap();
        symlink("/dangling", from.join("link")).unwrap();
        rustix::fs::mkfifoat(CWD, from.join("fifo"), Mode::RUSR).unwrap();
        let times = fs::metadata(from.join("set-id")).unwrap();
        for index in 0..200 {
            fs::write(from.join(format!("many-{index:0>60}")), "").unwrap();
        }
        sandbox.open_root();
        sandbox.perform(&mount("tmpfs", "/data", &["tmpcopyup", "ro", "nosuid"]));
        let info = mount_at(&from);
        assert_eq!((info.fstype.as_str(), info.options.as_str()), ("tmpfs", "ro,nosuid,relatime"));
        assert_eq!(fs::read(from.join("deep/er/big")).unwrap(), big);
        let copy = fs::metadata(from.join("set-id")).unwrap();
        assert_eq!((copy.uid(), copy.gid(), copy.mode() & 0o7777), (12, 34, 0o4750));
        assert_eq!((copy.mtime(), copy.mtime_nsec()), (times.mtime(), times.mtime_nsec()));
        assert_ne!(copy.dev(), times.dev());
        assert_eq!(fs::metadata(from.join("deep")).unwrap().mode() & 0o7777, 0o500);
        assert_eq!(fs::read_link(from.join("link")).unwrap(), Path::new("/dangling"));
        assert!(fs::metadata(from.join("fifo")).unwrap().file_type().is_fifo());
        assert_eq!(fs::read_dir(&from).unwrap().count(), 204);
        assert!(fs::write(from.join("x"), "").is_err());
        assert_eq!(Options::parse(["tmpcopyup"]).unwrap().copy_up, CopyUp::Yes);
    });
}

#[test]
fn the_kernel_explains_itself() {
    isolated("content::the_kernel_explains_itself", |sandbox| {
        sandbox.open_root();
        let op = mount("tmpfs", "/x", &["size=a-lot"]);
        let failure = sandbox.refuse(&op);
        let line = op.describe(&failure);
        assert!(line.starts_with("tmpfs on /x: fsconfig: EINVAL: "), "{line}");
        assert!(line.contains("size"), "{line}");
        let failure = sandbox.refuse(&mount("no-such-fs", "/x", &[]));
        assert_eq!((failure.step, failure.errno), (Step::FsOpen, Errno::NODEV));
        let op = mount("tmpfs", "/x", &["no_such_option"]);
        let failure = sandbox.refuse(&op);
        assert!(failure.message().contains("no_such_option"), "{failure}");
    });
}

#[test]
fn remounts() {
    isolated("content::remounts", |sandbox| {
        sandbox.open_root();
        sandbox.perform(&mount("tmpfs", "/x", &["size=1m", "noatime"]));
        let at = sandbox.rootfs.join("x");
        let remount =
            |words: &[&str]| Op::from_mount(None, None, "/x", &Options::parse(words).unwrap()).unwrap();
        sandbox.perform(&remount(&["remount", "bind", "ro", "nosuid"]));
        assert_eq!(mount_at(&at).options, "ro,nosuid,noatime");
        assert!(!mount_at(&at).super_has("ro"));
        sandbox.perform(&remount(&["remount", "size=2m", "rw"]));
        assert_eq!(mount_at(&at).options, "rw,nosuid,noatime");
        assert!(mount_at(&at).super_has("size=2048k"));
        sandbox.perform(&remount(&["remount", "ro"]));
        assert!(mount_at(&at).super_has("ro"));
        sandbox.perform(&mkdir("/plain"));
        let plain = Op::from_mount(None, None, "/plain", &Options::parse(["remount", "bind", "ro"]).unwrap());
        let failure = sandbox.refuse(&plain.unwrap());
        assert_eq!((failure.step, failure.errno), (Step::MountSetattr, Errno::INVAL));
    });
}

#[test]
fn nodes() {
    isolated("content::nodes", |sandbox| {
        rustix::process::umask(Mode::from_raw_mode(0o077));
        sandbox.open_root();
        let make = |target: &str, kind, uid| {
            let (path, source) = (path(target), NodeSource::Make);
            Op::Node(Node { path, kind, major: 7, minor: 200, mode: 0o642, uid, gid: 9, source })
        };
        for (target, kind, uid) in [
            ("/dev/block", NodeKind::Block, 0),
            ("/dev/deep/er/char", NodeKind::Character, 12),
            ("/dev/fifo", NodeKind::Fifo, 3),
        ] {
            let op = make(target, kind, uid);
            sandbox.perform(&op);
            let stat = fs::symlink_metadata(sandbox.rootfs.join(&target[1..])).unwrap();
            assert_eq!((stat.mode() & 0o7777, stat.uid(), stat.gid()), (0o642, uid, 9), "{target}");
            if kind != NodeKind::Fifo {
                assert_eq!(stat.rdev(), makedev(7, 200));
            }
            // Once more is fine: images bring nodes along.
            sandbox.perform(&op);
        }
        assert_eq!(fs::metadata(sandbox.rootfs.join("dev/deep")).unwrap().mode() & 0o7777, 0o755);
        let failure = sandbox.refuse(&make("/dev/block", NodeKind::Character, 0));
        assert_eq!((failure.step, failure.errno), (Step::CheckDevice, Errno::NODEV));
        for target in ["/dev/..", "/", "", "/dev/."] {
            let failure = sandbox.refuse(&make(target, NodeKind::Fifo, 0));
            assert_eq!((failure.step, failure.errno), (Step::CheckPath, Errno::INVAL), "{target}");
        }
    });
}

#[test]
fn links() {
    isolated("content::links", |sandbox| {
        fs::write(sandbox.rootfs.join("taken"), "").unwrap();
        sandbox.open_root();
        for _ in 0..2 {
            sandbox.perform(&link("/proc/self/fd/0", "/dev/stdin", Existing::Keep));
        }
        assert_eq!(fs::read_link(sandbox.rootfs.join("dev/stdin")).unwrap(), Path::new("/proc/self/fd/0"));
        let failure = sandbox.refuse(&link("/other", "/dev/stdin", Existing::Keep));
        assert_eq!((failure.step, failure.errno), (Step::SymlinkAt, Errno::EXIST));
        sandbox.perform(&link("/other", "/taken", Existing::Replace));
        assert_eq!(fs::read_link(sandbox.rootfs.join("taken")).unwrap(), Path::new("/other"));
        let failure = sandbox.refuse(&link("/other", "/dev", Existing::Replace));
        assert_eq!((failure.step, failure.errno), (Step::UnlinkAt, Errno::ISDIR));
    });
}

#[test]
fn the_console_is_the_slave() {
    isolated("content::the_console_is_the_slave", |sandbox| {
        sandbox.open_root();
        let console = Op::Console { path: path("/dev/console") };
        let failure = sandbox.refuse(&console);
        assert_eq!(failure.step, Step::CheckOrder);
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&master).unwrap();
        unlockpt(&master).unwrap();
        let name = rustix::pty::ptsname(&master, Vec::new()).unwrap();
        let slave = rustix::fs::open(&name, OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC, Mode::empty());
        let number = rustix::fs::fstat(slave.as_ref().unwrap()).unwrap().st_rdev;
        sandbox.state.set_console(slave.unwrap());
        sandbox.perform(&console);
        assert_eq!(fs::metadata(sandbox.rootfs.join("dev/console")).unwrap().rdev(), number);
    });
}

#[test]
fn order_matters() {
    isolated("content::order_matters", |sandbox| {
        for op in
            [mount("tmpfs", "/x", &[]), node("/x", 1, 3, NodeSource::Make), Op::PivotRoot, Op::RootReadOnly]
        {
            assert_eq!(sandbox.refuse(&op).step, Step::CheckOrder);
        }
        sandbox.open_root();
        sandbox.perform(&Op::PivotRoot);
        let failure = sandbox.refuse(&bind(Path::new("/"), "/x", &["bind"]));
        assert_eq!((failure.step, failure.errno), (Step::CheckOrder, Errno::XDEV));
        assert_eq!(sandbox.refuse(&Op::PivotRoot).step, Step::CheckOrder);
        sandbox.perform(&mount("tmpfs", "/x", &[]));
    });
}

#[test]
fn a_detached_procfs_is_real_and_out_of_reach() {
    isolated("content::a_detached_procfs_is_real_and_out_of_reach", |sandbox| {
        let before = mounts().len();
        let proc = detached_procfs().unwrap();
        assert_eq!(rustix::fs::fstatfs(&proc).unwrap().f_type, rustix::fs::PROC_SUPER_MAGIC);
        assert_eq!(mounts().len(), before);
        let flags = OFlags::WRONLY | OFlags::CLOEXEC;
        let file = rustix::fs::openat(&proc, "thread-self/comm", flags, Mode::empty()).unwrap();
        assert_eq!(rustix::io::write(&file, b"palisade").unwrap(), 8);
        assert_eq!(fs::read_to_string("/proc/thread-self/comm").unwrap(), "palisade\n");
        sandbox.open_root();
    });
}
