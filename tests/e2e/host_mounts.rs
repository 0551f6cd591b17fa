//! A container without a mount namespace, config-linux.md#namespaces: it inherits the runtime's.

use std::fs;
use std::path::Path;

use palisade_tests::{Bundle, Case, Container, Privilege, case, skip};
use serde_json::json;

use crate::mounts::id_mapped::with_user_namespace;

/// A bundle without a mount namespace, with a file in its root and in a volume that has a mount below it.
fn bundle(case: &Case, script: &str) -> Bundle {
    let volume = case.scratch().join(case.unused("volume"));
    fs::create_dir_all(volume.join("below")).expect("make a volume");
    mount(case, &["-t", "tmpfs", "tmpfs"], &volume.join("below"));
    fs::write(volume.join("below/file"), "of the host").expect("write a file");
    let bundle = Bundle::script(case, script).with(|config| {
        let namespaces = config["linux"]["namespaces"].as_array_mut().expect("a list");
        namespaces.retain(|namespace| namespace["type"] != "mount");
        let volume = json!({ "destination": "/v", "type": "bind", "source": volume, "options": ["rbind"] });
        config["mounts"].as_array_mut().expect("a list").push(volume);
    });
    fs::write(bundle.rootfs().join("mark"), "of the container").expect("write a file");
    bundle
}

fn mount(case: &Case, arguments: &[&str], target: &Path) {
    case.program("mount").args(arguments).arg(target).run().succeeded();
}

/// Demands that a container has left nothing mounted and has taken nothing away, and ends the mount of [`bundle`].
fn expect_as_before(case: &Case, bundle: &Bundle) {
    assert_eq!(mounted(&case.state().display().to_string()), Vec::<String>::new());
    let mark = fs::read_to_string(bundle.rootfs().join("mark"));
    assert_eq!(mark.expect("the root is whole"), "of the container");
    let mounts = bundle.config()["mounts"].as_array().expect("a list");
    let volume = mounts.last().and_then(|mount| mount["source"].as_str()).expect("the volume");
    let below = Path::new(volume).join("below");
    assert_eq!(fs::read_to_string(below.join("file")).expect("it is there still"), "of the host");
    case.program("umount").arg(&below).run().succeeded();
}

/// Where something is mounted whose path has this in it.
fn mounted(part: &str) -> Vec<String> {
    let table = fs::read_to_string("/proc/self/mountinfo").expect("read the mounts");
    let points = table.lines().filter_map(|line| line.split(' ').nth(4));
    points.filter(|point| point.contains(part)).map(str::to_owned).collect()
}

#[test]
fn a_container_without_a_mount_namespace_has_the_callers_and_a_root_of_its_own() {
    let case = case!();
    if case.tier().privilege() == Privilege::Ordinary {
        skip!(case, "an ordinary user may mount in a namespace of his own alone");
    }
    let bundle = bundle(&case, "sleep 1000");
    let container = Container::start(&case, &bundle);
    let look = "cat /mark; echo; cat /v/below/file; echo; ls -d /proc/self/ns; \
                readlink /proc/self/ns/mnt; ls /proc/1/root/mark";
    let own = fs::read_link("/proc/self/ns/mnt").expect("a namespace").display().to_string();
    let wanted = format!("of the container\nof the host\n/proc/self/ns\n{own}\n/proc/1/root/mark");
    assert_eq!(container.shell(look), wanted, "exec is in the same root");
    assert!(!mounted(container.id()).is_empty());
    let in_bundle = mounted(&bundle.rootfs().display().to_string());
    assert_eq!(in_bundle, Vec::<String>::new(), "the bundle is as it was");
    container.remove();
    expect_as_before(&case, &bundle);
}

#[test]
fn a_start_that_fails_takes_its_mounts_away() {
    let case = case!();
    if case.tier().privilege() == Privilege::Ordinary {
        skip!(case, "an ordinary user may mount in a namespace of his own alone");
    }
    let bundle = bundle(&case, "true");
    let missing = bundle.variant(&case, |config| config["process"]["args"] = json!(["/none"]));
    let id = case.unused_id();
    let call = case.palisade().args(["create", "--bundle"]).arg(missing.path()).arg(&id);
    let said = call.run().failed(1).stderr;
    assert!(said.contains("/process/args: exec \"/none\""), "{said}");
    expect_as_before(&case, &bundle);
}

#[test]
fn hooks_of_the_start_are_in_the_containers_root() {
    let case = case!();
    if case.tier().privilege() == Privilege::Ordinary {
        skip!(case, "an ordinary user may mount in a namespace of his own alone");
    }
    let bundle = bundle(&case, "cat /seen").with(|config| {
        let hook = json!({ "path": "/bin/sh", "args": ["sh", "-c", "cat /mark > /seen"] });
        config["hooks"] = json!({ "startContainer": [hook] });
    });
    let finished = bundle.run(&case).succeeded();
    assert_eq!(finished.stdout, "of the container");
    assert!(finished.stderr.contains("/linux/namespaces: without a mount namespace"), "{}", finished.stderr);
    expect_as_before(&case, &bundle);
}

#[test]
fn the_callers_own_mount_namespace_is_not_joined() {
    let case = case!();
    let bundle = Bundle::script(&case, "true").with(|config| {
        for namespace in config["linux"]["namespaces"].as_array_mut().expect("a list") {
            if namespace["type"] == "mount" {
                namespace["path"] = json!("/proc/self/ns/mnt");
            }
        }
    });
    let line = bundle.refusal(&case);
    assert!(line.contains("is the caller's own mount namespace, whose root would be replaced"), "{line}");
}

#[test]
fn a_user_namespace_needs_a_mount_namespace() {
    let case = case!();
    let bundle = Bundle::script(&case, "true").with(|config| {
        if case.tier().privilege() == Privilege::Root {
            with_user_namespace(config, &[[0, 100_000, 65_536]]);
        }
        let namespaces = config["linux"]["namespaces"].as_array_mut().expect("a list");
        namespaces.retain(|namespace| namespace["type"] != "mount");
    });
    let line = bundle.refusal(&case);
    assert!(line.contains("with a user namespace a mount namespace is needed"), "{line}");
}
