//! Each tier is what it promises to be, and the look for leaks finds them.

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::Duration;

use palisade_tests::leak::{Leak, Snapshot};
use palisade_tests::{Bundle, Cgroups, Privilege, case, skip};
use rustix::mount::{MountFlags, mount};
use rustix::process::{geteuid, getgroups, getuid};

/// Lists the points and kinds of all mounts of cgroups.
fn hierarchies() -> Vec<(PathBuf, String)> {
    let table = fs::read_to_string("/proc/self/mounts").expect("read /proc/self/mounts");
    let fields = table.lines().map(|line| line.split(' ').collect::<Vec<_>>());
    fields
        .filter(|fields| fields[2].starts_with("cgroup"))
        .map(|fields| (PathBuf::from(fields[1]), fields[2].to_owned()))
        .collect()
}

#[test]
fn the_rights_are_what_the_tier_promises() {
    let case = case!();
    let status = fs::read_to_string("/proc/self/status").expect("read /proc/self/status");
    let effective = status.lines().find_map(|line| line.strip_prefix("CapEff:")).expect("a set").trim();
    match case.tier().privilege() {
        Privilege::Root => assert!(geteuid().is_root()),
        Privilege::Ordinary => {
            assert!(!getuid().is_root() && !geteuid().is_root());
            assert_eq!(u64::from_str_radix(effective, 16), Ok(0), "an ordinary user has no capabilities");
            assert!(getgroups().expect("getgroups").iter().all(|group| group.as_raw() != 0));
        }
    }
}

#[test]
fn an_ordinary_user_has_a_runtime_directory_and_subordinate_ids() {
    let case = case!();
    if case.tier().privilege() == Privilege::Root {
        skip!(case, "root has all ids");
    }
    let runtime = std::env::var_os("XDG_RUNTIME_DIR").expect("XDG_RUNTIME_DIR");
    fs::write(Path::new(&runtime).join(case.id("probe")), "").expect("write to XDG_RUNTIME_DIR");
    fs::remove_file(Path::new(&runtime).join(case.id("probe"))).expect("remove a file there");
    let accounts = fs::read_to_string("/etc/passwd").expect("read /etc/passwd");
    let uid = getuid().as_raw().to_string();
    let name = accounts.lines().find(|line| line.split(':').nth(2) == Some(&uid)).expect("an account");
    let owner = format!("{}:", name.split(':').next().expect("a name"));
    for file in ["/etc/subuid", "/etc/subgid"] {
        let text = fs::read_to_string(file).unwrap_or_else(|error| panic!("read {file}: {error}"));
        assert!(text.lines().any(|line| line.starts_with(&owner)), "{file} has no range for {owner}");
    }
}

#[test]
fn the_cgroups_are_what_the_tier_promises() {
    let case = case!();
    let Some(promised) = case.tier().cgroups() else {
        skip!(case, "a host may have any");
    };
    let kinds: Vec<String> = hierarchies().into_iter().map(|(_, kind)| kind).collect();
    let (v1, v2) = (kinds.iter().any(|kind| kind == "cgroup"), kinds.iter().any(|kind| kind == "cgroup2"));
    match promised {
        Cgroups::V2 => assert!(v2 && !v1, "{kinds:?}"),
        Cgroups::V1 => assert!(v1 && !v2, "{kinds:?}"),
        Cgroups::Hybrid => assert!(v1 && v2, "{kinds:?}"),
    }
    if promised == Cgroups::V2 {
        let own = fs::read_to_string("/proc/self/cgroup").expect("read /proc/self/cgroup");
        let mut group = PathBuf::from(format!("/sys/fs/cgroup{}", own.trim().trim_start_matches("0::")));
        if case.tier().privilege() == Privilege::Ordinary {
            // What is delegated is the group round that of the session.
            group.pop();
        }
        let controllers = fs::read_to_string(group.join("cgroup.controllers")).expect("cgroup.controllers");
        for wanted in ["cpuset", "cpu", "io", "memory", "hugetlb", "pids", "rdma", "misc"] {
            assert!(controllers.split_whitespace().any(|have| have == wanted), "{wanted}: {controllers}");
        }
    }
}

#[test]
fn busybox_runs_from_a_bundle_without_a_library() {
    let case = case!();
    let bundle = Bundle::new(&case, "bundle", &["true"]);
    let said = case.program(bundle.rootfs().join("bin/sh")).args(["-c", "echo $((6 * 7))"]).run();
    assert_eq!(said.succeeded().stdout, "42\n");
}

#[test]
fn a_program_that_runs_too_long_is_ended() {
    let case = case!();
    let slow = || case.program("/bin/sleep").arg("60").limit(Duration::from_millis(300)).run().code();
    let panic = catch_unwind(AssertUnwindSafe(slow)).expect_err("ended by its limit");
    let message = panic.downcast_ref::<String>().expect("a message");
    assert!(message.contains("/bin/sleep 60"), "{message}");
}

#[test]
fn an_orphan_is_found_and_removed() {
    let case = case!();
    let before = Snapshot::take("no-such-mark");
    let script = "setsid sleep 60 & exit 0";
    case.program("/bin/sh").args(["-c", script]).run().succeeded();
    let leaks = before.leaks();
    assert!(matches!(leaks.as_slice(), [Leak::Process { .. }]), "{leaks:?}");
    assert_eq!(before.clean(leaks), Vec::<String>::new());
    assert_eq!(before.leaks(), []);
}

#[test]
fn a_mount_and_a_file_are_found_and_removed() {
    let case = case!();
    if case.tier().privilege() == Privilege::Ordinary {
        skip!(case, "mounting here takes root");
    }
    let before = Snapshot::take(&case.id("leak"));
    let point = case.scratch().join("a point");
    fs::create_dir(&point).expect("create a mount point");
    mount("tmpfs", &point, "tmpfs", MountFlags::empty(), None).expect("mount a tmpfs");
    let file = Path::new("/dev/shm").join(case.id("leak"));
    fs::write(&file, "").expect("write a file");
    let leaks = before.leaks();
    assert!(leaks.iter().any(|leak| matches!(leak, Leak::Mount { point: found, .. } if *found == point)));
    assert!(leaks.contains(&Leak::File(file)), "{leaks:?}");
    assert_eq!(before.clean(leaks), Vec::<String>::new());
    assert_eq!(before.leaks(), []);
}

#[test]
fn cgroups_are_found_and_removed_in_every_hierarchy() {
    let case = case!();
    if case.tier().privilege() == Privilege::Ordinary {
        skip!(case, "groups in every hierarchy take root");
    }
    let before = Snapshot::take("no-such-mark");
    let mut made = Vec::new();
    for (point, _) in hierarchies() {
        let outer = point.join(case.id("group"));
        fs::create_dir(&outer).unwrap_or_else(|error| panic!("create {}: {error}", outer.display()));
        fs::create_dir(outer.join("inner")).expect("create a group below it");
        made.extend([outer.join("inner"), outer]);
    }
    let leaks = before.leaks();
    for group in made {
        assert!(leaks.contains(&Leak::Cgroup(group.clone())), "{} is not in {leaks:?}", group.display());
    }
    assert_eq!(before.clean(leaks), Vec::<String>::new());
    assert_eq!(before.leaks(), []);
}
