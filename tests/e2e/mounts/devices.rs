//! Devices that the configuration lists.

use std::fs;
use std::os::unix::fs::symlink;

use palisade_tests::{Bundle, Case, Privilege, case, skip};
use serde_json::{Value, json};

fn with_devices(case: &Case, script: &str, devices: Value) -> Bundle {
    Bundle::script(case, script).with(|config| config["linux"]["devices"] = devices)
}

#[test]
fn nodes_have_what_is_asked_for() {
    let case = case!();
    if case.tier().privilege() == Privilege::Ordinary {
        skip!(case, "a user's container makes no nodes");
    }
    let script = "stat -c '%n %F %t:%T %a %u:%g' /dev/u /dev/b /dev/p /dev/null /elsewhere/full";
    let devices = json!([
        { "path": "/dev/u", "type": "u", "major": 1, "minor": 5, "fileMode": 0o600, "uid": 1, "gid": 2 },
        { "path": "/dev/b", "type": "b", "major": 7, "minor": 200, "fileMode": 0o640 },
        { "path": "/dev/p", "type": "p", "fileMode": 0o622, "uid": 3 },
        { "path": "/dev/null", "type": "c", "major": 1, "minor": 3, "fileMode": 0o600, "gid": 9 },
        { "path": "/elsewhere/full", "type": "c", "major": 1, "minor": 7 },
    ]);
    assert_eq!(
        with_devices(&case, script, devices).output(&case),
        "/dev/u character special file 1:5 600 1:2\n/dev/b block special file 7:c8 640 0:0\n\
         /dev/p fifo 0:0 622 3:0\n/dev/null character special file 1:3 600 0:9\n\
         /elsewhere/full character special file 1:7 666 0:0"
    );
}

/// A FIFO can be made in a user namespace, a device not: the host's is bound.
#[test]
fn a_user_gets_the_nodes_of_the_host() {
    let case = case!();
    let script = "stat -c '%F %t:%T' /dev/fuller /dev/p; echo x > /dev/full; (echo y > /dev/p &); cat /dev/p";
    let fuller = json!({ "path": "/dev/fuller", "type": "c", "major": 1, "minor": 7 });
    let own = json!([{ "path": "/dev/full", "type": "c", "major": 1, "minor": 7 }, { "path": "/dev/p", "type": "p" }]);
    if case.tier().privilege() == Privilege::Ordinary {
        let said = with_devices(&case, "true", json!([fuller])).refusal(&case);
        assert!(said.contains("/linux/devices/0: device /dev/fuller: ") && said.contains("ENOENT"), "{said}");
        let script = script.replace("/dev/fuller", "/dev/full");
        let said = with_devices(&case, &script, own).run(&case);
        assert_eq!(said.succeeded().stdout, "character special file 1:7\nfifo 0:0\ny\n");
        return;
    }
    let mut devices = own;
    devices.as_array_mut().expect("a list").push(fuller);
    let said = with_devices(&case, script, devices).run(&case).succeeded();
    assert_eq!(said.stdout, "character special file 1:7\nfifo 0:0\ny\n");
    assert!(said.stderr.contains("No space left on device"), "{said}");
}

/// The mode and owner of a node of the host are not the container's to set.
#[test]
fn a_bound_node_keeps_its_mode_with_a_warning() {
    let case = case!();
    let device =
        json!([{ "path": "/dev/full", "type": "c", "major": 1, "minor": 7, "fileMode": 0o600, "gid": 0 }]);
    let bundle = with_devices(&case, "stat -c %a /dev/full", device).with(|config| {
        if case.tier().privilege() == Privilege::Root {
            let namespaces = config["linux"]["namespaces"].as_array_mut().expect("a list");
            namespaces.push(json!({ "type": "user" }));
            for map in ["uidMappings", "gidMappings"] {
                config["linux"][map] = json!([{ "containerID": 0, "hostID": 0, "size": 65536 }]);
            }
        }
    });
    let said = bundle.run(&case).succeeded();
    assert_eq!(said.stdout, "666\n", "{said}");
    assert!(
        said.stderr.contains("warning: /linux/devices/0: fileMode, gid: left as the host's node has it"),
        "{said}"
    );
}

#[test]
fn a_file_that_is_not_the_device_is_an_error() {
    let case = case!();
    for (kind, wanted) in [("file", "c"), ("directory", "c"), ("fifo", "c"), ("file", "p")] {
        let mut device = json!({ "path": "/node", "type": wanted });
        if wanted == "c" {
            device["major"] = json!(1);
            device["minor"] = json!(3);
        }
        let bundle = with_devices(&case, "true", json!([device]));
        let place = bundle.rootfs().join("node");
        match kind {
            "file" => fs::write(&place, "content").expect("write a file"),
            "directory" => fs::create_dir(&place).expect("create a directory"),
            _ => rustix::fs::mkfifoat(rustix::fs::CWD, &place, rustix::fs::Mode::RUSR).expect("make a FIFO"),
        }
        let said = bundle.refusal(&case);
        assert!(said.contains("/linux/devices/0: device /node: "), "{kind}: {said}");
        if kind == "file" {
            assert_eq!(fs::read(&place).expect("the file"), b"content", "it stays as it is");
        }
    }
}

/// CVE-2026-41579: an image whose /dev is a link has its nodes and links made below its root, or not at all.
#[test]
fn a_dev_that_is_a_link_leads_to_no_place_of_the_host() {
    let case = case!();
    let outside = case.scratch().join("outside");
    fs::create_dir(&outside).expect("create a directory");
    for name in ["fd", "null", "ptmx"] {
        fs::write(outside.join(name), "of the host").expect("write a file");
    }
    let bundle = Bundle::script(&case, "ls -d /dev/null").with(|config| {
        let mounts = config["mounts"].as_array_mut().expect("a list");
        mounts.retain(|mount| !mount["destination"].as_str().is_some_and(|path| path.starts_with("/dev")));
    });
    let root = bundle.rootfs();
    fs::remove_dir(root.join("dev")).expect("remove /dev");
    symlink(&outside, root.join("dev")).expect("make a link");
    let _outcome = bundle.run(&case);
    for name in ["fd", "null", "ptmx"] {
        let content = fs::read_to_string(outside.join(name)).expect("the file of the host");
        assert_eq!(content, "of the host");
    }
    assert_eq!(fs::read_dir(&outside).expect("a directory").count(), 3, "nothing is made outside");
}

#[test]
fn devices_that_make_no_sense_are_refused() {
    let case = case!();
    for (device, place, cause) in [
        (json!({ "path": "dev/x", "type": "c", "major": 1, "minor": 3 }), "/path", "is not an absolute path"),
        (json!({ "path": "/dev/x", "type": "a", "major": 1, "minor": 3 }), "/type", "a node is b, c, u or p"),
        (json!({ "path": "/dev/x", "type": "c", "minor": 3 }), "/major", "required, but missing"),
        (json!({ "path": "/dev/x", "type": "b", "major": 1 }), "/minor", "required, but missing"),
        (json!({ "path": "/dev/x", "type": "c", "major": -1, "minor": 3 }), "", "is no device number"),
        (json!({ "path": "/dev/x", "type": "x", "major": 1, "minor": 3 }), "/type", ""),
    ] {
        let said = with_devices(&case, "true", json!([device])).refusal(&case);
        assert!(
            said.contains(&format!("/linux/devices/0{place}: ")) && said.contains(cause),
            "{device}: {said}"
        );
    }
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
}
