//! The root file system leads elsewhere by its links.

use std::fs;
use std::os::unix::fs::symlink;

use palisade_tests::{Bundle, case};
use serde_json::json;

/// CVE-2019-16884, CVE-2019-19921, CVE-2023-27561: /proc of the image leads elsewhere.
#[test]
fn a_root_whose_proc_is_a_link_is_refused_or_harmless() {
    let case = case!();
    for (name, target) in
        [("proc", "/tmp"), ("proc", "../../../.."), ("sys", "/tmp"), ("dev", "/tmp"), ("dev", "../../../..")]
    {
        let bundle = Bundle::script(&case, "stat -f -c %T /proc; echo ran");
        let path = bundle.rootfs().join(name);
        fs::remove_dir(&path).expect("remove a directory of the root");
        symlink(target, &path).expect("link it elsewhere");
        let said = bundle.run(&case);
        if said.status.success() {
            assert_eq!(said.stdout, "proc\nran\n", "{name} -> {target}: {said}");
        } else {
            let line =
                said.refusal_line().unwrap_or_else(|fault| panic!("{name} -> {target}: {fault}: {said}"));
            assert!(
                line.starts_with("/mounts/") && line.contains(&format!("/{name}")),
                "{name} -> {target}: {line}"
            );
        }
        let entries = fs::read_dir(case.scratch()).expect("read").flatten();
        let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
        let known = ["bundle-", "call-", "state"];
        let strange: Vec<String> =
            names.filter(|name| !known.iter().any(|known| name.starts_with(known))).collect();
        assert_eq!(strange, Vec::<String>::new(), "{name} -> {target}: made outside of the root");
        case.expect_nothing_left(&format_args!("{name} -> {target}"));
    }
}

/// CVE-2026-41579, CVE-2026-47766: nodes and links of /dev are made where a link of the image leads.
#[test]
fn nodes_are_not_made_through_links_of_the_image() {
    let case = case!();
    let host = case.scratch().join("host");
    fs::create_dir(&host).expect("create a directory");
    let bundle = Bundle::script(&case, "ls -l /dev/null; echo ran").with(|config| {
        // Without a mount of its own /dev is the image's.
        config["mounts"]
            .as_array_mut()
            .expect("a list")
            .retain(|mount| !mount["destination"].as_str().is_some_and(|path| path.starts_with("/dev")));
    });
    let dev = bundle.rootfs().join("dev");
    for link in [host.display().to_string(), String::from("../../host")] {
        fs::remove_dir_all(&dev).or_else(|_| fs::remove_file(&dev)).expect("remove /dev");
        symlink(&link, &dev).expect("link /dev elsewhere");
        let said = bundle.run(&case);
        assert_eq!(fs::read_dir(&host).expect("read").count(), 0, "{link}: files on the host: {said}");
        if !said.status.success() {
            said.refusal_line().unwrap_or_else(|fault| panic!("{link}: {fault}: {said}"));
        }
    }
    case.expect_nothing_left(&"a /dev that is a link");
}

/// CVE-2019-18837, CVE-2021-30465: links of the image that lead a mount outside.
#[test]
fn mounts_stay_inside_the_root() {
    let case = case!();
    let outside = case.scratch().join("outside");
    fs::create_dir(&outside).expect("create a directory");
    let bundle = Bundle::script(
        &case,
        "grep -c ' /data' /proc/self/mounts; grep inside-tmpfs /proc/self/mounts | cut -d' ' -f2",
    );
    for (link, target) in [
        ("data", outside.display().to_string()),
        ("data", String::from("../../outside")),
        ("data", String::from("/proc/self/root/../../outside")),
    ] {
        let place = bundle.rootfs().join(link);
        fs::remove_file(&place).ok();
        symlink(&target, &place).expect("link it outside");
        let bundle = bundle.variant(&case, |config| {
            let mount = json!({ "destination": "/data/below", "type": "tmpfs", "source": "inside-tmpfs" });
            config["mounts"].as_array_mut().expect("a list").push(mount);
        });
        let said = bundle.run(&case);
        assert_eq!(fs::read_dir(&outside).expect("read").count(), 0, "{target}: made outside: {said}");
        if !said.status.success() {
            let line = said.refusal_line().unwrap_or_else(|fault| panic!("{target}: {fault}: {said}"));
            assert!(line.starts_with("/mounts/6: "), "{target}: {line}");
        }
        case.expect_nothing_left(&target);
    }
}
