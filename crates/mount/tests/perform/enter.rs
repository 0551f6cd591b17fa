//! The root in the place of `/`: that it is there, and where it must not be put there.

use std::fs;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};

use palisade_mount::{Op, Propagation, Step};
use rustix::fs::CWD;
use rustix::io::Errno;
use rustix::mount::{
    MountFlags, MountPropagationFlags, MoveMountFlags, OpenTreeFlags, UnmountFlags, mount_change, move_mount,
    open_tree, unmount,
};
use rustix::process::{chroot, fchdir};
use rustix::thread::{
    CapabilitySet, ThreadNameSpaceType, capabilities, move_into_thread_name_spaces, set_capabilities,
};

use crate::container::kernel;
use crate::sandbox::{
    Sandbox, isolated, mount_at, mount_tmpfs, mounted_at, rootless, skipped, unshare_mounts,
};
use crate::{bind, mount};

/// Enters the root and tells whether it is a copy.
fn replace(sandbox: &mut Sandbox) -> bool {
    let before = mount_at(&sandbox.rootfs).id;
    sandbox.perform(&mount("proc", "/proc", &[]));
    sandbox.perform(&Op::ReplaceRoot);
    assert!(fs::metadata(&sandbox.directory).is_err(), "the host is still visible");
    mount_at("/").id != before
}

#[test]
fn the_root_is_a_copy() {
    isolated("enter::the_root_is_a_copy", |sandbox| {
        sandbox.open_root();
        assert_eq!(replace(sandbox), kernel() >= (6, 8));
    });
}

/// The volume and its copy are peers, and one of them is unmounted with all that is on it.
#[test]
fn what_is_mounted_on_a_shared_volume_stays() {
    isolated("enter::what_is_mounted_on_a_shared_volume_stays", |sandbox| {
        let volume = volume(&sandbox.directory);
        sandbox.open_root();
        sandbox.perform(&bind(&volume, "/volume", &["rbind", "rshared"]));
        assert_eq!(replace(sandbox), kernel() >= (6, 8));
        assert!(fs::exists("/volume/below/file").unwrap());
        assert!(mount_at("/volume").propagation.join(" ").starts_with("shared:"));
    });
}

/// Makes a directory with a mount on a mount.
fn volume(directory: &Path) -> PathBuf {
    let volume = directory.join("volume");
    fs::create_dir(&volume).unwrap();
    mount_tmpfs(&volume, MountFlags::empty());
    fs::create_dir(volume.join("below")).unwrap();
    mount_tmpfs(&volume.join("below"), MountFlags::empty());
    fs::write(volume.join("below/file"), "").unwrap();
    volume
}

/// Mounts from a namespace with more rights are locked, which is known only when `/` was to be unmounted.
#[test]
fn a_locked_root_is_pivoted_with_all_its_mounts() {
    let name = "enter::a_locked_root_is_pivoted_with_all_its_mounts";
    let prepare = |directory: &Path| drop(volume(directory));
    rootless(name, prepare, |sandbox| {
        let volume = sandbox.directory.join("volume");
        // setns(2) refuses who shares root and working directory with another thread.
        unshare_mounts();
        sandbox.open_root();
        sandbox.perform(&bind(&volume, "/volume", &["rbind", "rshared"]));
        let is_copy = replace(sandbox);
        // Before, statmount(2) may tell nothing of the bottom in a user namespace.
        assert!(is_copy || kernel() < (6, 12), "what was to be unmounted is pivoted away as a copy");
        assert!(fs::exists("/volume/below/file").unwrap());
        assert!(mount_at("/volume").propagation.join(" ").starts_with("shared:"));
        sandbox.perform(&mount("tmpfs", "/late", &[]));
    });
}

/// Unmounting `/` would take away what covers it alone.
#[test]
fn a_covered_root_is_pivoted() {
    isolated("enter::a_covered_root_is_pivoted", |sandbox| {
        mount_tmpfs(Path::new("/"), MountFlags::empty());
        sandbox.open_root();
        assert!(!replace(sandbox));
    });
}

/// As long as it is not known where `setns(2)` leads, a chroot would be left by it.
#[test]
fn a_chroot_is_not_left() {
    isolated("enter::a_chroot_is_not_left", |sandbox| {
        // A directory of its own: where it is a mount, as /tmp may be, the kernel pivots it.
        let jail = sandbox.directory.join("jail");
        fs::create_dir(&jail).unwrap();
        sandbox.open_root();
        chroot(&jail).unwrap();
        let failure = sandbox.refuse(&Op::ReplaceRoot);
        assert_eq!((failure.step, failure.errno), (Step::PivotRoot, Errno::INVAL));
    });
}

/// There `setns(2)` leads to the bottom, from where a root on a directory of it cannot be unmounted.
#[test]
fn a_chroot_on_a_mount_of_the_bottom_is_pivoted() {
    let name = "enter::a_chroot_on_a_mount_of_the_bottom_is_pivoted";
    isolated(name, |sandbox| {
        let mut place = "/";
        let choose = || {
            // The kernel's own initramfs has it; what is made on the bottom would stay there.
            place = if fs::exists("/root").unwrap() { "/root" } else { "/" };
            place
        };
        if !on_the_bottom(choose) || place == "/" {
            return skipped(name, "the bottom of the mount namespace has no directory /root");
        }
        sandbox.open_root();
        assert!(!replace(sandbox));
    });
}

/// It takes more rights than `pivot_root(2)`, and once `/` is unmounted there is no way back.
#[test]
fn who_may_not_chroot_pivots() {
    isolated("enter::who_may_not_chroot_pivots", |sandbox| {
        sandbox.open_root();
        let mut sets = capabilities(None).unwrap();
        sets.effective.remove(CapabilitySet::SYS_CHROOT);
        set_capabilities(None, sets).unwrap();
        assert!(!replace(sandbox));
    });
}

/// Takes `/` away, does something on the bottom of the namespace, and puts it back where that says; no where nothing is
/// below it.
fn on_the_bottom(place: impl FnOnce() -> &'static str) -> bool {
    let flags = OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::AT_RECURSIVE;
    let tree = open_tree(CWD, "/", flags).unwrap();
    let own = fs::File::open("/proc/thread-self/ns/mnt").unwrap();
    if unmount("/", UnmountFlags::DETACH).is_err() {
        return false;
    }
    move_into_thread_name_spaces(own.as_fd(), ThreadNameSpaceType::MOUNT).unwrap();
    move_mount(&tree, "", CWD, place(), MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH).unwrap();
    fchdir(&tree).unwrap();
    chroot(".").unwrap();
    true
}

/// Unmounting `/` there would unmount that of every other namespace.
#[test]
fn a_bottom_with_peers_is_left_alone() {
    let name = "enter::a_bottom_with_peers_is_left_alone";
    isolated(name, |sandbox| {
        let share = || {
            mount_change("/", MountPropagationFlags::SHARED).unwrap();
            "/"
        };
        if !on_the_bottom(share) {
            return skipped(name, "/ itself is on the bottom of the mount namespace");
        }
        let directory = sandbox.directory.clone();
        let container = std::thread::spawn(move || {
            unshare_mounts();
            let mut sandbox = Sandbox::new(&directory);
            sandbox.perform(&Op::Propagation(Propagation::from_word("rslave").unwrap()));
            sandbox.perform(&Op::OpenRoot(sandbox.root_op()));
            let failure = sandbox.refuse(&Op::ReplaceRoot);
            assert_eq!((failure.step, failure.errno), (Step::PivotRoot, Errno::INVAL));
        });
        container.join().unwrap();
        assert!(mounted_at(Path::new("/")).is_some() && fs::exists("/etc/passwd").unwrap());
    });
}
