//! Mounts, devices and protected paths by their effect in the container.

mod cgroup;
mod devices;
pub(crate) mod id_mapped;
mod links;
mod options;
mod propagation;
mod protected;

use std::fs;
use std::os::unix::fs::PermissionsExt;

use palisade_tests::{Bundle, Case, case};
use serde_json::{Value, json};

/// Makes a bundle with one more mount, on /data.
fn with_mount(case: &Case, script: &str, mount: Value) -> Bundle {
    Bundle::script(case, script).with(|config| {
        let mut mount = mount;
        mount["destination"] = json!("/data");
        config["mounts"].as_array_mut().expect("a list").push(mount);
    })
}

/// Demands that one more mount, of /tmp, is refused at a place in it and for a cause.
fn expect_refusal(case: &Case, mut mount: Value, place: &str, cause: &str) {
    mount["source"] = json!("/tmp");
    let said = with_mount(case, "true", mount.clone()).refusal(case);
    assert!(said.contains(&format!("/mounts/6{place}: ")) && said.contains(cause), "{mount}: {said}");
}

/// Makes a directory on the host with a file in it.
fn shared(case: &Case) -> std::path::PathBuf {
    let path = case.scratch().join(case.unused("shared"));
    fs::create_dir(&path).expect("create a directory");
    fs::write(path.join("file"), "from the host\n").expect("write a file");
    path
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

#[test]
fn a_read_only_root_takes_no_file() {
    let case = case!();
    let script = "(: > /new) 2>&1 | sed 's/.*: //'; (: > /tmp/new) 2> /dev/null || echo no; : > /dev/shm/new && echo shm";
    let bundle = Bundle::script(&case, script).with(|config| config["root"]["readonly"] = json!(true));
    assert_eq!(bundle.output(&case), "Read-only file system\nno\nshm");
    assert!(!bundle.rootfs().join("new").exists());
}
