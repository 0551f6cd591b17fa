//! Masked and read-only paths at their edges.

use std::fs;
use std::os::unix::fs::symlink;

use palisade_tests::{Bundle, case};
use serde_json::json;

#[test]
fn paths_that_lead_nowhere_need_no_protection() {
    let case = case!();
    let bundle = Bundle::script(&case, "echo fine").with(|config| {
        let paths = json!(["/absent", "/absent/below", "/etc/passwd/below", "/etc/dangling"]);
        config["linux"]["maskedPaths"] = paths.clone();
        config["linux"]["readonlyPaths"] = paths;
    });
    symlink("/nowhere", bundle.rootfs().join("etc/dangling")).expect("make a link");
    assert_eq!(bundle.output(&case), "fine");
    assert!(!bundle.rootfs().join("absent").exists(), "nothing is made for it");
}

/// A link is protected where it leads to, below the container's root.
#[test]
fn what_a_link_leads_to_is_protected() {
    let case = case!();
    let script = "cat /etc/secret /etc/link; (echo x > /etc/fixed/file) 2>&1 | sed 's/.*: //'; cat /etc/fixed/file; \
                  ls /etc/hidden; readlink /etc/link";
    let bundle = Bundle::script(&case, script).with(|config| {
        config["linux"]["maskedPaths"] = json!(["/etc/link", "/etc/to-hidden"]);
        config["linux"]["readonlyPaths"] = json!(["/etc/to-fixed/../fixed/"]);
    });
    let etc = bundle.rootfs().join("etc");
    for (link, target) in [("link", "/../../etc/secret"), ("to-hidden", "hidden"), ("to-fixed", "fixed")] {
        symlink(target, etc.join(link)).expect("make a link");
    }
    for directory in ["hidden", "fixed"] {
        fs::create_dir(etc.join(directory)).expect("create a directory");
    }
    for file in ["secret", "hidden/file", "fixed/file"] {
        fs::write(etc.join(file), "content\n").expect("write a file");
    }
    assert_eq!(bundle.output(&case), "Read-only file system\ncontent\n/../../etc/secret");
}

/// What a read-only path holds of mounts is read-only, too, and keeps what else its mounts forbid.
#[test]
fn mounts_below_a_read_only_path_are_read_only() {
    let case = case!();
    let script = "for f in /fixed/x /fixed/below/x /fixed/below/deeper/x; do (: > $f) 2>&1 | sed 's/.*: //'; done; \
                  grep ' /fixed/below ' /proc/self/mounts | tail -1 | cut -d' ' -f4 | sed 's/,seclabel//' | cut -d, -f1-3";
    let bundle = Bundle::script(&case, script).with(|config| {
        for (target, options) in [
            ("/fixed", json!([])),
            ("/fixed/below", json!(["nosuid", "nodev"])),
            ("/fixed/below/deeper", json!([])),
        ] {
            let mount =
                json!({ "destination": target, "type": "tmpfs", "source": "tmpfs", "options": options });
            config["mounts"].as_array_mut().expect("a list").push(mount);
        }
        config["linux"]["readonlyPaths"] = json!(["/fixed"]);
    });
    let said = bundle.output(&case);
    let refused = "Read-only file system\n".repeat(3);
    assert_eq!(said, refused + "ro,nosuid,nodev");
}

/// A mask is not to be seen through, taken off by a path of another form, or written to.
#[test]
fn a_masked_directory_is_empty_and_a_masked_file_takes_no_content() {
    let case = case!();
    let script = "ls -A /etc/hidden | wc -l; mkdir /etc/hidden/x 2>&1 | sed 's/.*: //'; cat /etc/hidden/../hidden/file 2>&1 | sed 's/.*: //'; \
                  echo x > /etc/secret; cat /etc/secret; stat -c %F /etc/secret; stat -c %a /etc/hidden";
    let bundle = Bundle::script(&case, script).with(|config| {
        config["linux"]["maskedPaths"] = json!(["/etc/hidden", "/etc/hidden", "//etc/./secret"]);
    });
    let etc = bundle.rootfs().join("etc");
    fs::create_dir(etc.join("hidden")).expect("create a directory");
    for file in ["secret", "hidden/file"] {
        fs::write(etc.join(file), "content\n").expect("write a file");
    }
    let said = bundle.output(&case);
    assert_eq!(said, "0\nRead-only file system\nNo such file or directory\ncharacter special file\n555");
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
