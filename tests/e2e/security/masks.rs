//! What covers paths and devices.

use std::fs;
use std::os::unix::fs::symlink;

use palisade_tests::{Bundle, case};
use serde_json::json;

/// CVE-2025-31133: what masks a path is not the image's /dev/null.
#[test]
fn masks_are_made_of_the_real_null_device() {
    let case = case!();
    let bundle = Bundle::script(&case, "cat /masked; ls -A /hidden; echo end").with(|config| {
        config["mounts"]
            .as_array_mut()
            .expect("a list")
            .retain(|mount| !mount["destination"].as_str().is_some_and(|path| path.starts_with("/dev")));
        config["linux"]["maskedPaths"] = json!(["/masked", "/hidden", "/absent"]);
    });
    let root = bundle.rootfs();
    fs::write(root.join("masked"), "secret\n").expect("write a file");
    fs::create_dir(root.join("hidden")).expect("create a directory");
    fs::write(root.join("hidden/file"), "secret\n").expect("write a file");
    fs::write(root.join("etc/evil"), "evil\n").expect("write a file");
    symlink("/etc/evil", root.join("dev/null")).expect("link /dev/null elsewhere");
    let said = bundle.run(&case);
    assert!(!said.stdout.contains("evil") && !said.stdout.contains("secret"), "{said}");
    if said.status.success() {
        assert_eq!(said.stdout, "end\n", "{said}");
    }
    assert_eq!(fs::read_to_string(root.join("etc/evil")).expect("read it"), "evil\n");
}
