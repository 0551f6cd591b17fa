//! Roots that are made to lead the runtime astray.

use std::fs;
use std::os::unix::fs::{FileTypeExt, symlink};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use palisade_mount::{Existing, NodeSource, Op, Step, perform};
use rustix::fs::{CWD, Mode, OFlags};
use rustix::io::Errno;
use rustix::mount::MountFlags;

use crate::sandbox::{host, isolated, mount_at, mount_tmpfs, mounted_at, mounts};
use crate::{bind, link, mask, mkdir, mount, node, path, read_only};

/// CVE-2019-16884, CVE-2019-19921, CVE-2023-28642.
#[test]
fn proc_on_a_link_is_refused() {
    isolated("attacks::proc_on_a_link_is_refused", |sandbox| {
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

/// CVE-2019-18837, CVE-2021-30465, CVE-2024-45310: links of the image that lead out of it.
#[test]
fn links_lead_inside() {
    isolated("attacks::links_lead_inside", |sandbox| {
        let source = sandbox.directory.join("source");
        fs::create_dir(&source).unwrap();
        fs::write(source.join("file"), "from the host").unwrap();
        let out = sandbox.directory.join("out");
        fs::create_dir(&out).unwrap();
        symlink("/../../../../etc", sandbox.rootfs.join("absolute")).unwrap();
        symlink("../../../..", sandbox.rootfs.join("relative")).unwrap();
        symlink(&out, sandbox.rootfs.join("host-path")).unwrap();
        symlink("../out", sandbox.rootfs.join("sibling")).unwrap();
        symlink(&out, sandbox.rootfs.join("dev")).unwrap();
        sandbox.open_root();
        sandbox.perform(&bind(&source, "/absolute/deep/er", &["rbind", "ro", "nosuid"]));
        sandbox.perform(&bind(&source.join("file"), "/relative/../new/file", &["bind"]));
        sandbox.perform(&bind(&source, "/sibling/x", &["bind"]));
        sandbox.perform(&bind(&source, "../../../up", &["bind"]));
        sandbox.perform(&mount("tmpfs", "/host-path/x", &[]));
        sandbox.perform(&node("/dev/null", 1, 3, NodeSource::Make));
        sandbox.perform(&link("/x", "/dev/link", Existing::Replace));
        sandbox.perform(&mkdir("/dev/directory"));
        let inside = |name: &str| sandbox.rootfs.join(name);
        for name in ["etc/deep/er/file", "new/file", "out/x/file", "up/file"] {
            assert_eq!(fs::read_to_string(inside(name)).unwrap(), "from the host", "{name}");
        }
        let within = inside(out.to_str().unwrap().trim_start_matches('/'));
        assert_eq!(mount_at(within.join("x")).fstype, "tmpfs");
        assert!(fs::symlink_metadata(within.join("null")).unwrap().file_type().is_char_device());
        assert!(fs::metadata("/etc/deep").is_err());
        assert_eq!(fs::read_dir(&out).unwrap().count(), 0, "something was made on the host");
    });
}

/// A neighbour swaps a directory for a link while mounts are made below it.
#[test]
fn a_target_swapped_during_the_mount() {
    isolated("attacks::a_target_swapped_during_the_mount", |sandbox| {
        let rootfs = sandbox.rootfs.clone();
        let out = sandbox.directory.join("out");
        fs::create_dir_all(out.join("x")).unwrap();
        fs::create_dir(rootfs.join("real")).unwrap();
        symlink(&out, rootfs.join("evil")).unwrap();
        let source = sandbox.directory.join("source");
        fs::create_dir(&source).unwrap();
        sandbox.open_root();
        let done = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let exchange = rustix::fs::RenameFlags::EXCHANGE;
                while !done.load(Ordering::Relaxed) {
                    let (real, evil) = (rootfs.join("real"), rootfs.join("evil"));
                    rustix::fs::renameat_with(CWD, &real, CWD, &evil, exchange).unwrap();
                }
            });
            for round in 0..300 {
                // A new name each time, so that it has to be made as well.
                let op = bind(&source, &format!("/real/{}", round / 2), &["bind"]);
                if let Err(failure) = perform(&op, &mut sandbox.state) {
                    // The swap may be seen half-way: a refusal is as good as a mount inside.
                    let known = [Errno::EXIST, Errno::NOENT, Errno::NOTDIR, Errno::AGAIN, Errno::LOOP];
                    assert!(known.contains(&failure.errno), "{}", op.describe(&failure));
                }
            }
            done.store(true, Ordering::Relaxed);
        });
        let outside = mounts().into_iter().filter(|info| info.target.starts_with(&out)).count();
        assert_eq!(outside, 0, "a mount landed outside of the root");
        let inside = mounts().into_iter().filter(|info| info.target.starts_with(&sandbox.rootfs)).count();
        assert!(inside > 100, "nearly every mount was refused");
        assert_eq!(fs::read_dir(&out).unwrap().count(), 1, "something was made outside of the root");
    });
}

/// CVE-2025-31133, CVE-2025-62161: what masks a path has to be the null device.
#[test]
fn a_false_null_masks_nothing() {
    isolated("attacks::a_false_null_masks_nothing", |sandbox| {
        fs::create_dir(sandbox.rootfs.join("dev")).unwrap();
        let null = sandbox.rootfs.join("dev/null");
        fs::write(sandbox.rootfs.join("secret"), "secret").unwrap();
        fs::write(&null, "readable").unwrap();
        sandbox.open_root();
        let failure = sandbox.refuse(&mask("/secret"));
        assert_eq!((failure.step, failure.errno), (Step::CheckDevice, Errno::NODEV));
        fs::remove_file(&null).unwrap();
        symlink("/secret", &null).unwrap();
        assert_eq!(sandbox.refuse(&mask("/secret")).step, Step::CheckDevice);
        fs::remove_file(&null).unwrap();
        sandbox.perform(&node("/dev/null", 1, 5, NodeSource::Make));
        assert_eq!(sandbox.refuse(&mask("/secret")).step, Step::CheckDevice);
        fs::remove_file(&null).unwrap();
        // None at all: the host's is used, as long as it can be seen.
        sandbox.perform(&mask("/secret"));
        assert_eq!(fs::read(sandbox.rootfs.join("secret")).unwrap(), b"");
        let op = node("/dev/zero", 1, 5, NodeSource::Bind(host(Path::new("/dev/null"))));
        assert_eq!(sandbox.refuse(&op).step, Step::CheckDevice);
    });
}

#[test]
fn without_any_null_inside_nothing_is_masked() {
    isolated("attacks::without_any_null_inside_nothing_is_masked", |sandbox| {
        fs::write(sandbox.rootfs.join("secret"), "secret").unwrap();
        sandbox.open_root();
        sandbox.perform(&Op::PivotRoot);
        assert_eq!(sandbox.refuse(&mask("/secret")).step, Step::CheckDevice);
    });
}

/// CVE-2025-52565: the console's name leads elsewhere.
#[test]
fn a_console_that_is_a_link_is_refused() {
    isolated("attacks::a_console_that_is_a_link_is_refused", |sandbox| {
        fs::create_dir(sandbox.rootfs.join("dev")).unwrap();
        fs::write(sandbox.rootfs.join("victim"), "").unwrap();
        symlink("/victim", sandbox.rootfs.join("dev/console")).unwrap();
        symlink("/dev", sandbox.rootfs.join("alias")).unwrap();
        sandbox.open_root();
        let slave = rustix::fs::open("/dev/null", OFlags::PATH | OFlags::CLOEXEC, Mode::empty()).unwrap();
        sandbox.state.set_console(slave);
        for target in ["/dev/console", "/alias/tty"] {
            let failure = sandbox.refuse(&Op::Console { path: path(target) });
            assert_eq!(failure.errno, Errno::LOOP, "{failure}");
        }
        assert!(mounted_at(&sandbox.rootfs.join("victim")).is_none());
    });
}

/// CVE-2025-52881: what covers procfs swallows what is written to it later.
#[test]
fn procfs_is_not_covered() {
    isolated("attacks::procfs_is_not_covered", |sandbox| {
        let file = sandbox.directory.join("file");
        fs::write(&file, "lxcfs").unwrap();
        let directory = sandbox.directory.join("directory");
        fs::create_dir(&directory).unwrap();
        sandbox.open_root();
        sandbox.perform(&mount("proc", "/proc", &[]));
        for op in [
            bind(&file, "/proc/self/oom_score_adj", &["bind"]),
            bind(&file, "/proc/version", &["bind"]),
            bind(&directory, "/proc/sys", &["bind"]),
            bind(&directory, "/proc", &["bind"]),
        ] {
            let failure = sandbox.refuse(&op);
            assert_eq!((failure.step, failure.errno), (Step::CheckProc, Errno::PERM), "{failure}");
        }
        sandbox.perform(&bind(&file, "/proc/meminfo", &["bind", "ro"]));
        assert_eq!(fs::read_to_string(sandbox.rootfs.join("proc/meminfo")).unwrap(), "lxcfs");
        sandbox.perform(&bind(Path::new("/proc"), "/proc", &["rbind"]));
    });
}

/// Magic links of procfs lead out of any root; they are not followed.
#[test]
fn magic_links_are_refused() {
    isolated("attacks::magic_links_are_refused", |sandbox| {
        symlink("/proc/self/cwd", sandbox.rootfs.join("here")).unwrap();
        sandbox.open_root();
        sandbox.perform(&mount("proc", "/proc", &[]));
        for target in ["/proc/self/root/x", "/proc/thread-self/cwd", "/here/x"] {
            let failure = sandbox.refuse(&mount("tmpfs", target, &[]));
            assert_eq!((failure.step, failure.errno), (Step::OpenAt2, Errno::LOOP), "{target}");
            assert_eq!(sandbox.refuse(&read_only(target)).errno, Errno::LOOP, "{target}");
        }
    });
}

#[test]
fn loops_and_monsters_end() {
    isolated("attacks::loops_and_monsters_end", |sandbox| {
        symlink("b", sandbox.rootfs.join("a")).unwrap();
        symlink("a", sandbox.rootfs.join("b")).unwrap();
        symlink("grow/x", sandbox.rootfs.join("grow")).unwrap();
        sandbox.open_root();
        for (target, errno) in [
            ("/a/x".to_owned(), Errno::LOOP),
            ("/grow".to_owned(), Errno::LOOP),
            (format!("/{}", "x".repeat(256)), Errno::NAMETOOLONG),
            (format!("/{}", "x/".repeat(2100)), Errno::NAMETOOLONG),
            (format!("/{}/x", "x".repeat(256)), Errno::NAMETOOLONG),
        ] {
            let failure = sandbox.refuse(&mount("tmpfs", &target, &[]));
            assert_eq!(failure.errno, errno, "{target}: {failure}");
        }
        sandbox.perform(&mkdir(&"x/".repeat(1000)));
    });
}

/// A deep directory must not take the child's stack down.
#[test]
fn tmpcopyup_has_a_floor() {
    isolated("attacks::tmpcopyup_has_a_floor", |sandbox| {
        fs::create_dir_all(sandbox.rootfs.join("x/".repeat(100))).unwrap();
        sandbox.open_root();
        let failure = sandbox.refuse(&mount("tmpfs", "/x", &["tmpcopyup"]));
        assert_eq!((failure.step, failure.errno), (Step::CheckPath, Errno::LOOP));
        let failure = sandbox.refuse(&mount("tmpfs", "/none/../x", &["tmpcopyup"]));
        assert_eq!(failure.errno, Errno::LOOP);
    });
}

/// `..` above a root that is itself a mount stays in the root.
#[test]
fn nothing_is_above_the_root() {
    isolated("attacks::nothing_is_above_the_root", |sandbox| {
        mount_tmpfs(&sandbox.rootfs, MountFlags::empty());
        sandbox.open_root();
        sandbox.perform(&mkdir("/../../../../palisade-attack"));
        assert!(sandbox.rootfs.join("palisade-attack").is_dir());
        assert!(fs::metadata("/palisade-attack").is_err());
    });
}
