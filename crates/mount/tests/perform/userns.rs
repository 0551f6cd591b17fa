//! The same operations as root of a user namespace.

use std::fs;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::Path;

use palisade_mount::{NodeSource, Op, Step};
use rustix::io::Errno;
use rustix::mount::MountFlags;

use crate::sandbox::{host, mount_at, mount_tmpfs, rootless};
use crate::{bind, mask, mount, node, read_only};

#[test]
fn a_container_of_an_ordinary_user() {
    rootless(
        "userns::a_container_of_an_ordinary_user",
        |_| {},
        |sandbox| {
            sandbox.open_root();
            for op in [
                mount("proc", "/proc", &["nosuid"]),
                mount("tmpfs", "/dev", &["nosuid", "mode=755"]),
                mount("devpts", "/dev/pts", &["newinstance", "ptmxmode=0666"]),
                mount("mqueue", "/dev/mqueue", &[]),
                mount("sysfs", "/sys", &["ro"]),
                node("/dev/null", 1, 3, NodeSource::MakeOrBind(host(Path::new("/dev/null")))),
                node("/dev/zero", 1, 5, NodeSource::Bind(host(Path::new("/dev/zero")))),
                mask("/proc/version"),
                mask("/sys/kernel"),
                read_only("/proc/sys"),
                Op::PivotRoot,
                Op::RootReadOnly,
            ] {
                sandbox.perform(&op);
            }
            assert!(fs::metadata("/dev/null").unwrap().file_type().is_char_device());
            fs::write("/dev/null", "x").unwrap();
            assert_eq!(fs::read("/proc/version").unwrap(), b"");
            assert!(mount_at("/").has("ro") && mount_at("/proc/sys").has("ro"));
            assert!(fs::metadata(&sandbox.directory).is_err());
        },
    );
}

#[test]
fn what_cannot_be_made_is_said() {
    rootless(
        "userns::what_cannot_be_made_is_said",
        |_| {},
        |sandbox| {
            sandbox.open_root();
            let op = node("/null", 1, 3, NodeSource::Make);
            let failure = sandbox.refuse(&op);
            assert_eq!((failure.step, failure.errno), (Step::MknodAt, Errno::PERM));
            assert!(op.describe(&failure).contains("CAP_MKNOD"));
            let op = mount("ext4", "/x", &[]);
            let failure = sandbox.refuse(&op);
            assert!(matches!(failure.errno, Errno::PERM | Errno::NODEV | Errno::INVAL), "{failure}");
        },
    );
}

fn lock(directory: &Path) {
    let source = directory.join("locked");
    fs::create_dir(&source).unwrap();
    mount_tmpfs(&source, MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOATIME);
    fs::create_dir(source.join("below")).unwrap();
    mount_tmpfs(&source.join("below"), MountFlags::empty());
    let read_only = directory.join("read-only");
    fs::create_dir(&read_only).unwrap();
    mount_tmpfs(&read_only, MountFlags::RDONLY);
}

/// A more privileged namespace's flags stay, and who asks for something else is told.
#[test]
fn locked_flags_stay() {
    rootless("userns::locked_flags_stay", lock, |sandbox| {
        sandbox.open_root();
        let locked = sandbox.directory.join("locked");
        for (index, (words, options)) in [
            (&["rbind"][..], "rw,nosuid,nodev,noatime"),
            (&["rbind", "nosuid", "noexec", "ro"], "ro,nosuid,nodev,noexec,noatime"),
            (&["rbind", "noatime", "rw", "exec"], "rw,nosuid,nodev,noatime"),
        ]
        .into_iter()
        .enumerate()
        {
            sandbox.perform(&bind(&locked, &format!("/{index}"), words));
            assert_eq!(mount_at(sandbox.rootfs.join(index.to_string())).options, options, "{words:?}");
        }
        let read_only = sandbox.directory.join("read-only");
        for (source, word) in [
            (&read_only, "rw"),
            (&read_only, "rrw"),
            (&locked, "suid"),
            (&locked, "rdev"),
            (&locked, "strictatime"),
            (&locked, "nodiratime"),
            (&locked, "rnoatime"),
        ] {
            let op = bind(source, "/x", &["rbind", word]);
            let failure = sandbox.refuse(&op);
            assert_eq!((failure.step, failure.errno), (Step::MountSetattr, Errno::PERM), "{word}");
            assert!(op.describe(&failure).contains("leave out the option"));
        }
        // Without its locked submounts a tree cannot be had: they may cover something.
        let op = bind(&locked, "/y", &["bind"]);
        let failure = sandbox.refuse(&op);
        assert_eq!((failure.step, failure.errno), (Step::OpenTree, Errno::INVAL));
        assert!(op.describe(&failure).contains("rbind"));
        assert!(fs::metadata(locked.join("below")).unwrap().is_dir());
        assert_eq!(fs::metadata(&sandbox.rootfs).unwrap().uid(), 0);
    });
}
