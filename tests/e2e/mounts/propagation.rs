//! Propagation by its effect, from the host into the container and from the container onto the host.

use std::fs;
use std::path::{Path, PathBuf};

use palisade_tests::{Bundle, Container, Privilege, case, skip};
use rustix::mount::{MountFlags, MountPropagationFlags, UnmountFlags, mount, mount_change, unmount};
use serde_json::{Value, json};

use super::with_mount;

/// A mount on the host that is there as long as this is.
struct HostMount(PathBuf);

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
                    let_mount(config);
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

/// Lets the container's programs mount.
fn let_mount(config: &mut Value) {
    for set in ["bounding", "effective", "permitted"] {
        config["process"]["capabilities"][set] = json!(["CAP_SYS_ADMIN"]);
    }
}

/// What is mounted on the host below the container's root, and by the container below its root.
#[test]
fn the_root_hears_of_the_host_as_the_config_says() {
    let case = case!();
    if case.tier().privilege() == Privilege::Ordinary {
        skip!(case, "mounts on the host take root");
    }
    for (word, into_container) in [
        ("", true),
        ("slave", true),
        ("rslave", true),
        ("private", false),
        ("rprivate", false),
        // A peer group of its own: what is mounted in the container reaches those that come after it, not the host.
        ("shared", false),
        ("rshared", false),
        ("unbindable", false),
        ("runbindable", false),
    ] {
        let host = case.scratch().join("host");
        let _shared = HostMount::make(&host, MountPropagationFlags::SHARED);
        let root = host.join("root");
        palisade_tests::bundle::make_rootfs(&root);
        for name in ["in", "out"] {
            fs::create_dir(root.join(name)).expect("create a directory");
        }
        let bundle = Bundle::script(&case, "sleep 1000").with(|config| {
            let_mount(config);
            config["root"]["path"] = json!(root);
            config["linux"]["rootfsPropagation"] = json!(word);
        });
        let container = Container::start(&case, &bundle);
        mount("tmpfs", root.join("in"), "tmpfs", MountFlags::empty(), None).expect("mount a tmpfs");
        let seen = container.shell("grep -c ' /in ' /proc/self/mounts || true");
        assert_eq!(seen == "1", into_container, "{word:?}: a mount of the host in the container");
        container.exec(&["mount", "-t", "tmpfs", "tmpfs", "/out"]).run().succeeded();
        let mounts = fs::read_to_string("/proc/self/mounts").expect("read /proc/self/mounts");
        let out = root.join("out");
        assert!(
            !mounts.contains(&format!(" {} ", out.display())),
            "{word:?}: a mount of the container on the host"
        );
        container.remove();
        unmount(root.join("in"), UnmountFlags::DETACH).expect("unmount a tmpfs");
    }
}

/// What is unbindable cannot be bound once more, and with `r` what is below it neither.
#[test]
fn unbindable_mounts_are_not_bound_in_the_container() {
    let case = case!();
    if case.tier().privilege() == Privilege::Ordinary {
        skip!(case, "mounts on the host take root");
    }
    let host = case.scratch().join("host");
    let _host = HostMount::make(&host, MountPropagationFlags::PRIVATE);
    let _below = HostMount::make(&host.join("below"), MountPropagationFlags::PRIVATE);
    for (option, own, below) in [
        ("private", "bound", "bound"),
        ("unbindable", "refused", "bound"),
        ("runbindable", "refused", "refused"),
    ] {
        let script = "for d in /data /data/below; do mount -o bind $d /tmp 2> /dev/null && echo bound || echo refused; done";
        let mount = json!({ "type": "bind", "source": host, "options": ["rbind", option] });
        let bundle = with_mount(&case, script, mount).with(let_mount);
        assert_eq!(bundle.output(&case), format!("{own}\n{below}"), "{option}");
    }
}

/// `r` reaches the mounts below, and without it they keep what they have.
#[test]
fn propagation_is_of_one_mount_or_of_all() {
    let case = case!();
    if case.tier().privilege() == Privilege::Ordinary {
        skip!(case, "mounts on the host take root");
    }
    let host = case.scratch().join("host");
    let _host = HostMount::make(&host, MountPropagationFlags::SHARED);
    let _below = HostMount::make(&host.join("below"), MountPropagationFlags::SHARED);
    let script = "for d in /data /data/below; do grep \" $d \" /proc/self/mountinfo | grep -oE 'shared|master|unbindable' \
                  | tr '\\n' ' '; echo; done";
    for (options, own, below) in [
        (&["rbind"][..], "master", "master"),
        (&["rbind", "private"], "", "master"),
        (&["rbind", "rprivate"], "", ""),
        (&["rbind", "shared"], "shared master", "master"),
        (&["rbind", "rshared"], "shared master", "shared master"),
        (&["rbind", "rprivate", "slave", "shared"], "shared", ""),
        (&["rbind", "runbindable"], "unbindable", "unbindable"),
    ] {
        let mount = json!({ "type": "bind", "source": host, "options": options });
        let said = with_mount(&case, script, mount).output(&case) + "\n";
        let found: Vec<&str> = said.lines().map(str::trim).chain([""]).take(2).collect();
        assert_eq!(found, [own, below], "{options:?}");
    }
}
