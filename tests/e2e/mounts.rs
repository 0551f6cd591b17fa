//! Mounts by their effect: options, binds, propagation, devices, masks, the root itself.

mod id_mapped;
mod options;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use palisade_tests::{Bundle, Case, Container, Privilege, case, skip};
use rustix::mount::{MountFlags, MountPropagationFlags, UnmountFlags, mount, mount_change, unmount};
use serde_json::{Value, json};

/// Makes a bundle with one more mount, on /data.
fn with_mount(case: &Case, script: &str, mount: Value) -> Bundle {
    Bundle::script(case, script).with(|config| {
        let mut mount = mount;
        mount["destination"] = json!("/data");
        config["mounts"].as_array_mut().expect("a list").push(mount);
    })
}

/// Makes a directory on the host with a file and a program in it.
fn shared(case: &Case) -> std::path::PathBuf {
    let path = case.scratch().join(case.unused("shared"));
    fs::create_dir(&path).expect("create a directory");
    fs::write(path.join("file"), "from the host\n").expect("write a file");
    fs::copy(palisade_tests::bundle::busybox(), path.join("busybox")).expect("copy a program");
    path
}

#[test]
fn options_of_a_bind_have_their_effect() {
    let case = case!();
    let source = shared(&case);
    let tried = "(echo x > /data/new) 2> /dev/null && echo writes; /data/busybox true 2> /dev/null && echo executes; \
                 grep ' /data ' /proc/self/mounts | cut -d' ' -f4 | tr , '\\n' | grep -E '^(nosuid|nodev|noexec|ro|rw|noatime|nodiratime|relatime|nosymfollow)$' | sort | tr '\\n' ' '";
    for (options, effects, listed) in [
        (&["bind"][..], "writes executes", "rw"),
        (&["bind", "ro"], "executes", "ro"),
        (&["rbind", "noexec"], "writes", "noexec rw"),
        (&["rbind", "nosuid", "nodev", "noexec", "ro"], "", "nodev noexec nosuid ro"),
        (&["bind", "ro", "rw", "exec", "suid", "dev"], "writes executes", "rw"),
        (&["rbind", "rro"], "executes", "ro"),
        (&["bind", "noatime"], "writes executes", "noatime rw"),
        (&["bind", "nosymfollow"], "writes executes", "nosymfollow rw"),
    ] {
        if options.contains(&"noatime") && case.tier().privilege() == Privilege::Ordinary {
            // The kernel locks how a mount of the host's user notes access times.
            continue;
        }
        let bundle =
            with_mount(&case, tried, json!({ "type": "bind", "source": source, "options": options }));
        let said = bundle.output(&case);
        let (said, words) = said.rsplit_once('\n').unwrap_or(("", &said));
        assert_eq!(said.replace('\n', " "), effects, "{options:?}");
        let words: Vec<&str> = words.split_whitespace().collect();
        for word in listed.split_whitespace() {
            assert!(words.contains(&word), "{options:?}: {words:?}");
        }
    }
}

#[test]
fn binds_of_files_make_their_place() {
    let case = case!();
    let source = shared(&case);
    let bundle = Bundle::script(&case, "cat /etc/new/name; cat /etc/passwd").with(|config| {
        let mounts = config["mounts"].as_array_mut().expect("a list");
        let file = source.join("file");
        for target in ["/etc/new/name", "/etc/passwd"] {
            mounts.push(
                json!({ "destination": target, "type": "bind", "source": file, "options": ["bind", "ro"] }),
            );
        }
    });
    assert_eq!(bundle.output(&case), "from the host\nfrom the host");
    let own = fs::read_to_string(bundle.rootfs().join("etc/passwd")).expect("the file below");
    assert!(own.starts_with("root:"), "the file below is as it was: {own}");
}

#[test]
fn a_relative_source_is_of_the_bundle_and_a_target_stays_inside() {
    let case = case!();
    let bundle = Bundle::script(&case, "cat /data/file").with(|config| {
        let mount = json!({ "destination": "/tmp/../../../data", "type": "bind", "source": "mine", "options": ["bind"] });
        config["mounts"].as_array_mut().expect("a list").push(mount);
    });
    fs::create_dir(bundle.path().join("mine")).expect("create a directory");
    fs::write(bundle.path().join("mine/file"), "of the bundle\n").expect("write a file");
    assert_eq!(bundle.output(&case), "of the bundle");
    assert!(bundle.rootfs().join("data").is_dir(), "the place is made below the root");
}

#[test]
fn a_tmpfs_has_its_size_and_mode_and_may_begin_with_what_is_below() {
    let case = case!();
    let script = "stat -c %a /data; dd if=/dev/zero of=/data/big bs=1M count=4 2>&1; ls /data";
    let options = ["size=1m", "mode=1750", "nosuid"];
    let bundle = with_mount(&case, script, json!({ "type": "tmpfs", "source": "tmpfs", "options": options }));
    let said = bundle.output(&case);
    assert!(said.starts_with("1750\n") && said.contains("No space left on device"), "{said}");
    let data = bundle.rootfs().join("data");
    fs::write(data.join("below"), "kept\n").expect("write a file");
    fs::set_permissions(data.join("below"), fs::Permissions::from_mode(0o640)).expect("chmod");
    for (more, listed) in [(None, ""), (Some("tmpcopyup"), "below 640 kept")] {
        let bundle = bundle.variant(&case, |config| {
            config["process"]["args"] = json!([
                "sh",
                "-c",
                "cd /data; for f in *; do [ -e $f ] && echo $f $(stat -c %a $f) $(cat $f); done; true"
            ]);
            let options: Vec<&str> = ["mode=755"].into_iter().chain(more).collect();
            config["mounts"][6]["options"] = json!(options);
        });
        assert_eq!(bundle.output(&case), listed, "{more:?}");
    }
}

/// A mount on the host that is there as long as this is.
struct HostMount(std::path::PathBuf);

impl HostMount {
    fn make(path: &Path, propagation: MountPropagationFlags) -> Self {
        fs::create_dir_all(path).expect("create a mount point");
        mount("tmpfs", path, "tmpfs", MountFlags::empty(), None).expect("mount a tmpfs");
        mount_change(path, propagation).expect("set the propagation");
        Self(path.to_owned())
    }
}

impl Drop for HostMount {
    fn drop(&mut self) {
        unmount(&self.0, UnmountFlags::DETACH).expect("unmount a tmpfs");
    }
}

/// runc #5200: a word that is accepted and does nothing.
#[test]
fn propagation_is_what_the_option_says_in_both_directions() {
    let case = case!();
    if case.tier().privilege() == Privilege::Ordinary {
        skip!(case, "mounts on the host take root");
    }
    for (option, into_container, onto_host) in [
        // As the kernel makes a bind of a shared mount in a namespace that is the slave of the host's.
        (None, true, false),
        (Some("rprivate"), false, false),
        (Some("private"), false, false),
        (Some("rslave"), true, false),
        (Some("slave"), true, false),
        (Some("rshared"), true, true),
        (Some("shared"), true, true),
    ] {
        let host = case.scratch().join("host");
        let shared = HostMount::make(&host, MountPropagationFlags::SHARED);
        for name in ["in", "out"] {
            fs::create_dir(host.join(name)).expect("create a directory");
        }
        let options: Vec<&str> = ["rbind"].into_iter().chain(option).collect();
        let bundle =
            with_mount(&case, "sleep 1000", json!({ "type": "bind", "source": host, "options": options }))
                .with(|config| {
                    for set in ["bounding", "effective", "permitted"] {
                        config["process"]["capabilities"][set] = json!(["CAP_SYS_ADMIN"]);
                    }
                    // A shared mount below needs a root whose own propagation lets it through.
                    if option.is_some_and(|option| option.ends_with("shared")) {
                        config["linux"]["rootfsPropagation"] = json!("rshared");
                    } else if option.is_some_and(|option| option.ends_with("slave")) {
                        config["linux"]["rootfsPropagation"] = json!("rslave");
                    }
                });
        let container = Container::start(&case, &bundle);
        mount("tmpfs", host.join("in"), "tmpfs", MountFlags::empty(), None).expect("mount a tmpfs");
        let seen = container.shell("grep -c ' /data/in ' /proc/self/mounts || true");
        assert_eq!(seen == "1", into_container, "{option:?}: a mount of the host in the container");
        container.exec(&["mount", "-t", "tmpfs", "tmpfs", "/data/out"]).run().succeeded();
        let mounts = fs::read_to_string("/proc/self/mounts").expect("read /proc/self/mounts");
        let seen = mounts.contains(&format!(" {} ", host.join("out").display()));
        assert_eq!(seen, onto_host, "{option:?}: a mount of the container on the host");
        container.remove();
        if seen {
            unmount(host.join("out"), UnmountFlags::DETACH).expect("unmount a tmpfs");
        }
        unmount(host.join("in"), UnmountFlags::DETACH).expect("unmount a tmpfs");
        drop(shared);
    }
}

#[test]
fn mounts_of_the_container_do_not_reach_a_shared_host() {
    let case = case!();
    if case.tier().privilege() == Privilege::Ordinary {
        skip!(case, "mounts on the host take root");
    }
    let host = case.scratch().join("host");
    let _shared = HostMount::make(&host, MountPropagationFlags::SHARED | MountPropagationFlags::REC);
    let before = fs::read_to_string("/proc/self/mountinfo").expect("read mountinfo");
    let bundle = Bundle::script(&case, "sleep 1000");
    let root = host.join("root");
    palisade_tests::bundle::make_rootfs(&root);
    let bundle = bundle.with(|config| config["root"]["path"] = json!(root));
    let container = Container::start(&case, &bundle);
    let now = fs::read_to_string("/proc/self/mountinfo").expect("read mountinfo");
    container.remove();
    assert_eq!(now, before);
}

#[test]
fn the_propagation_of_the_root_is_what_the_config_says() {
    let case = case!();
    let script = "grep ' / / \\| / rw\\| / ro' /proc/self/mountinfo | head -1";
    let bundle = Bundle::script(&case, script);
    for (word, has, has_not) in [
        ("private", "", "shared:"),
        ("rprivate", "", "shared:"),
        ("shared", "shared:", "master:"),
        ("rshared", "shared:", "unbindable"),
        ("unbindable", "unbindable", "shared:"),
        ("runbindable", "unbindable", "shared:"),
    ] {
        let bundle = bundle.variant(&case, |config| config["linux"]["rootfsPropagation"] = json!(word));
        let said = bundle.output(&case);
        assert!(said.contains(has) && !said.contains(has_not) && !said.is_empty(), "{word}: {said}");
    }
}

#[test]
fn a_read_only_root_takes_no_file() {
    let case = case!();
    let script = "(: > /new) 2>&1 | sed 's/.*: //'; (: > /tmp/new) 2> /dev/null || echo no; : > /dev/shm/new && echo shm";
    let bundle = Bundle::script(&case, script).with(|config| config["root"]["readonly"] = json!(true));
    assert_eq!(bundle.output(&case), "Read-only file system\nno\nshm");
    assert!(!bundle.rootfs().join("new").exists());
}

#[test]
fn masked_paths_are_empty_and_read_only_paths_take_no_write() {
    let case = case!();
    let script = "cat /etc/secret; ls -A /etc/hidden; echo ---; (echo x > /etc/fixed/file) 2>&1 | sed 's/.*: //'; \
                  cat /etc/fixed/file; (echo 1 > /proc/sys/net/ipv4/ip_forward) 2>&1 | sed 's/.*: //'; wc -c < /proc/keys";
    let bundle = Bundle::script(&case, script).with(|config| {
        config["linux"]["maskedPaths"] = json!(["/etc/secret", "/etc/hidden", "/proc/keys", "/etc/absent"]);
        config["linux"]["readonlyPaths"] = json!(["/etc/fixed", "/proc/sys", "/etc/absent"]);
    });
    let etc = bundle.rootfs().join("etc");
    for directory in ["hidden", "fixed"] {
        fs::create_dir(etc.join(directory)).expect("create a directory");
    }
    for file in ["secret", "hidden/file", "fixed/file"] {
        fs::write(etc.join(file), "content\n").expect("write a file");
    }
    let said = bundle.output(&case);
    assert_eq!(said, "---\nRead-only file system\ncontent\nRead-only file system\n0");
}

#[test]
fn devices_are_nodes_with_their_numbers() {
    let case = case!();
    let script = "for d in null zero full random urandom tty; do stat -c '%n %F %t:%T %a' /dev/$d; done; \
                  for l in fd stdin stdout stderr ptmx; do echo $l $(readlink /dev/$l); done; head -c 3 /dev/zero | od -An -tx1";
    let said = Bundle::script(&case, script).output(&case);
    let mut expected = String::new();
    for (name, minor) in [
        ("null", "1:3"),
        ("zero", "1:5"),
        ("full", "1:7"),
        ("random", "1:8"),
        ("urandom", "1:9"),
        ("tty", "5:0"),
    ] {
        expected += &format!("/dev/{name} character special file {minor} 666\n");
    }
    expected += "fd /proc/self/fd\nstdin /proc/self/fd/0\nstdout /proc/self/fd/1\nstderr /proc/self/fd/2\nptmx pts/ptmx\n 00 00 00";
    assert_eq!(said, expected);
    if case.tier().privilege() == Privilege::Ordinary {
        return;
    }
    let listed = Bundle::script(&case, "stat -c '%n %F %t:%T %a %u:%g' /dev/mine /dev/pipe /dev/deep/null").with(|config| {
        config["linux"]["devices"] = json!([
            { "path": "/dev/mine", "type": "c", "major": 1, "minor": 5, "fileMode": 0o640, "uid": 7, "gid": 8 },
            { "path": "/dev/pipe", "type": "p", "fileMode": 0o600 },
            { "path": "/dev/deep/null", "type": "c", "major": 1, "minor": 3 },
        ]);
    });
    let said = listed.output(&case);
    assert_eq!(
        said,
        "/dev/mine character special file 1:5 640 7:8\n/dev/pipe fifo 0:0 600 0:0\n/dev/deep/null character special file 1:3 666 0:0"
    );
}

#[test]
fn a_cgroup_mount_shows_the_containers_own_groups() {
    let case = case!();
    let bundle = Bundle::script(
        &case,
        "ls /sys/fs/cgroup | tr '\\n' ' '; cat /proc/self/cgroup | cut -d: -f3 | sort -u",
    )
    .with(|config| {
        let mount = json!({ "destination": "/sys/fs/cgroup", "type": "cgroup", "source": "cgroup",
                            "options": ["nosuid", "noexec", "nodev", "relatime", "ro"] });
        config["mounts"].as_array_mut().expect("a list").push(mount);
    });
    if !palisade_tests::group::can_make() {
        skip!(case, "no cgroup");
    }
    let said = bundle.output(&case);
    let (names, own) = said.rsplit_once(' ').map_or(("", said.as_str()), |(names, own)| (names, own));
    assert_eq!(own, "/", "the namespace hides where the group is: {said}");
    let expected = if palisade_tests::group::has_unified("memory") { "memory.max" } else { "memory" };
    assert!(names.split(' ').any(|name| name == expected), "{names}");
}
