//! Propagation, by its effect: does a mount made on one side show up on the other?

use std::path::Path;
use std::sync::mpsc::channel;

use palisade_mount::{Op, OpenRoot, Parent, Propagation};
use rustix::mount::{MountFlags, MountPropagationFlags, mount_change};

use crate::sandbox::{Sandbox, isolated, mount_at, mount_tmpfs, mounted_at, mounts, unshare_mounts};
use crate::{bind, mount};

fn propagation(word: &str) -> Propagation {
    Propagation::from_word(word).unwrap()
}

/// Which mounts showed up on the other side: below the root and below a volume, inside and outside.
#[derive(Debug, PartialEq, Eq)]
struct Seen {
    root_in: bool,
    root_out: bool,
    volume_in: bool,
    volume_out: bool,
}

const NOTHING: Seen = Seen { root_in: false, root_out: false, volume_in: false, volume_out: false };

/// Starts a container in another mount namespace, mounts on both sides and looks.
fn exchange(directory: &Path, before: &str, parent: Parent, enter: &Op) -> Seen {
    let (ready, is_ready) = channel();
    let (mounted, is_mounted) = channel();
    let (rootfs, volume) = (directory.join("rootfs"), directory.join("volume"));
    let known = mounts();
    let (root_in, volume_in) = std::thread::scope(|scope| {
        let container = scope.spawn(move || {
            unshare_mounts();
            let mut sandbox = Sandbox::new(directory);
            sandbox.perform(&Op::Propagation(propagation(before)));
            let root = OpenRoot { parent, ..sandbox.root_op() };
            sandbox.perform(&Op::OpenRoot(root));
            sandbox.perform(&mount("proc", "/proc", &[]));
            sandbox.perform(&bind(&directory.join("volume"), "/volume", &["rbind"]));
            sandbox.perform(enter);
            sandbox.perform(&mount("tmpfs", "/own", &[]));
            sandbox.perform(&mount("tmpfs", "/volume/own", &[]));
            ready.send(()).unwrap();
            is_mounted.recv().unwrap();
            let seen = |path| mounted_at(Path::new(path)).is_some();
            (seen("/late"), seen("/volume/late"))
        });
        is_ready.recv().unwrap();
        mount_tmpfs(&rootfs.join("late"), MountFlags::empty());
        mount_tmpfs(&volume.join("late"), MountFlags::empty());
        mounted.send(()).unwrap();
        container.join().unwrap()
    });
    let root_out = mounted_at(&rootfs.join("own")).is_some();
    let volume_out = mounted_at(&volume.join("own")).is_some();
    for info in known {
        assert!(mounts().contains(&info), "the container took {} away", info.target.display());
    }
    Seen { root_in, root_out, volume_in, volume_out }
}

/// Makes shared mounts with a root and a volume in them, as systemd makes every mount of a host.
fn share(sandbox: &Sandbox) {
    mount_tmpfs(&sandbox.directory, MountFlags::empty());
    std::fs::create_dir(sandbox.directory.join("volume")).unwrap();
    mount_change(&sandbox.directory, MountPropagationFlags::SHARED).unwrap();
    mount_tmpfs(&sandbox.directory.join("volume"), MountFlags::empty());
    for name in ["rootfs/late", "rootfs/own", "rootfs/proc", "volume/late", "volume/own"] {
        std::fs::create_dir_all(sandbox.directory.join(name)).unwrap();
    }
}

/// runc #5200: `rslave` must not be lost.
#[test]
fn rslave_lets_in() {
    isolated("propagation::rslave_lets_in", |sandbox| {
        for enter in [Op::PivotRoot, Op::ReplaceRoot] {
            share(sandbox);
            let seen = exchange(&sandbox.directory, "rslave", Parent::Keep, &enter);
            assert_eq!(seen, Seen { root_in: true, volume_in: true, ..NOTHING }, "{enter:?}");
        }
    });
}

#[test]
fn rprivate_lets_nothing_through() {
    isolated("propagation::rprivate_lets_nothing_through", |sandbox| {
        for enter in [Op::PivotRoot, Op::ReplaceRoot] {
            share(sandbox);
            assert_eq!(exchange(&sandbox.directory, "rprivate", Parent::Keep, &enter), NOTHING, "{enter:?}");
        }
    });
}

/// The root's own mounts stay in the container even so, and the host stays whole when the old root goes.
#[test]
fn rshared_goes_both_ways() {
    isolated("propagation::rshared_goes_both_ways", |sandbox| {
        for enter in [Op::PivotRoot, Op::ReplaceRoot] {
            share(sandbox);
            let seen = exchange(&sandbox.directory, "rshared", Parent::MakePrivate, &enter);
            assert_eq!(seen, Seen { volume_in: true, volume_out: true, ..NOTHING }, "{enter:?}");
        }
    });
}

/// A mount inside the root's directory that is shared leaks what is mounted below it, unless it is parted.
#[test]
fn a_root_is_parted_with_all_its_mounts() {
    isolated("propagation::a_root_is_parted_with_all_its_mounts", |sandbox| {
        share(sandbox);
        let below = sandbox.rootfs.join("late");
        mount_tmpfs(&below, MountFlags::empty());
        for (parted, leaks) in [(None, true), (Some(propagation("rprivate")), false)] {
            std::thread::scope(|scope| {
                scope.spawn(|| {
                    unshare_mounts();
                    let mut sandbox = Sandbox::new(&sandbox.directory);
                    let root =
                        OpenRoot { parent: Parent::MakePrivate, propagation: parted, ..sandbox.root_op() };
                    sandbox.perform(&Op::OpenRoot(root));
                    sandbox.perform(&mount("tmpfs", "/late/x", &[]));
                });
            });
            let found = mounted_at(&below.join("x")).is_some();
            assert_eq!(found, leaks, "{parted:?}");
            if found {
                rustix::mount::unmount(below.join("x"), rustix::mount::UnmountFlags::DETACH).unwrap();
            }
        }
    });
}

/// `pivot_root(2)` refuses a root whose parent is shared: what `Parent::MakePrivate` is for.
#[test]
fn a_shared_parent_cannot_be_pivoted() {
    isolated("propagation::a_shared_parent_cannot_be_pivoted", |sandbox| {
        share(sandbox);
        let root = Op::OpenRoot(sandbox.root_op());
        sandbox.perform(&Op::Propagation(propagation("rshared")));
        sandbox.perform(&root);
        let failure = sandbox.refuse(&Op::PivotRoot);
        assert_eq!(failure.to_string(), "pivot_root: EINVAL");
    });
}

#[test]
fn the_root_gets_its_own() {
    isolated("propagation::the_root_gets_its_own", |sandbox| {
        sandbox.open_root();
        sandbox.perform(&mount("proc", "/proc", &[]));
        sandbox.perform(&Op::PivotRoot);
        for (word, root, below) in [
            ("rshared", "shared:", "shared:"),
            ("private", "", "shared:"),
            ("runbindable", "unbindable", "unbindable"),
            ("shared", "shared:", "unbindable"),
            ("rprivate", "", ""),
        ] {
            sandbox.perform(&Op::RootPropagation(propagation(word)));
            for (path, expected) in [("/", root), ("/proc", below)] {
                let shown = mount_at(path).propagation.join(" ");
                let fits = shown.starts_with(expected) && shown.is_empty() == expected.is_empty();
                assert!(fits, "{word} on {path}: {shown}");
            }
        }
    });
}

#[test]
fn mounts_get_theirs() {
    isolated("propagation::mounts_get_theirs", |sandbox| {
        sandbox.open_root();
        for (target, words, expected) in [
            ("/a", &["shared"][..], "shared:"),
            ("/b", &["rprivate"], ""),
            ("/c", &["unbindable"], "unbindable"),
            ("/d", &["shared", "slave", "shared"], "shared:"),
        ] {
            sandbox.perform(&mount("tmpfs", target, words));
            let shown = mount_at(sandbox.rootfs.join(&target[1..])).propagation.join(" ");
            assert!(shown.starts_with(expected) && (shown.is_empty() == expected.is_empty()), "{shown}");
        }
        let failure = sandbox.refuse(&bind(&sandbox.rootfs.join("c"), "/e", &["bind"]));
        assert_eq!(failure.to_string(), "open_tree: EINVAL");
    });
}
