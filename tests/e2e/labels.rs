//! `process.apparmorProfile` and `process.selinuxLabel`.

use std::fs;

use palisade_tests::{Bundle, Container, Privilege, case, skip};
use serde_json::json;

fn has_selinux() -> bool {
    fs::exists("/sys/fs/selinux/enforce").unwrap_or(false)
}

fn has_apparmor() -> bool {
    fs::read_to_string("/sys/module/apparmor/parameters/enabled").is_ok_and(|word| word.starts_with('Y'))
}

#[test]
fn a_label_of_a_module_that_is_not_there_is_refused() {
    let case = case!();
    let bundle = Bundle::script(&case, "true");
    let container = Container::start(&case, &bundle.with_script(&case, "sleep 1000"));
    for (field, name, option, is_there) in [
        ("apparmorProfile", "AppArmor", "--apparmor", has_apparmor()),
        ("selinuxLabel", "SELinux", "--process-label", has_selinux()),
    ] {
        if is_there {
            continue;
        }
        let expected = format!("/process/{field}: this kernel runs without {name}: leave it out here");
        let labelled = bundle.variant(&case, |config| config["process"][field] = json!("some:label"));
        let said = labelled.run(&case);
        let line = said.refusal_line().unwrap_or_else(|wrong| panic!("{wrong}: {said}"));
        assert_eq!(line, format!("config.json: {expected}"));
        let call = case.palisade().args(["exec", option, "some:label", container.id(), "true"]);
        assert!(call.run().failed(255).stderr.contains(&expected), "{option}");
    }
    container.remove();
    if !has_selinux() {
        let labelled = bundle.variant(&case, |config| config["linux"]["mountLabel"] = json!("some:label"));
        let expected = "config.json: /linux/mountLabel: this kernel runs without SELinux: leave it out here";
        assert_eq!(labelled.refusal(&case), expected);
    }
}

/// A namespace of AppArmor has a profile of its own without any being loaded, so that a change to it can be seen.
#[test]
fn the_apparmor_profile_holds_for_the_program_and_for_exec() {
    let case = case!();
    if !has_apparmor() {
        skip!(case, "the kernel runs without AppArmor");
    }
    if case.tier().privilege() == Privilege::Ordinary {
        skip!(case, "it takes root to make a namespace of AppArmor");
    }
    let securityfs = case.scratch().join("securityfs");
    fs::create_dir(&securityfs).expect("create a directory");
    case.program("mount").args(["-t", "securityfs", "none"]).arg(&securityfs).run().succeeded();
    let name = case.id("ns");
    let namespace = securityfs.join("apparmor/policy/namespaces").join(&name);
    fs::create_dir(&namespace).expect("make a namespace of AppArmor");
    let profile = format!(":{name}://unconfined");
    let bundle = Bundle::script(&case, "sleep 1000").with(|config| {
        config["process"]["apparmorProfile"] = json!(profile);
    });
    let label = |pid: &str| fs::read_to_string(format!("/proc/{pid}/attr/current")).expect("a label");
    assert!(!label("self").contains(&name));
    for no_new_privileges in [true, false] {
        let bundle = bundle.variant(&case, |config| {
            config["process"]["noNewPrivileges"] = json!(no_new_privileges);
        });
        let container = Container::start(&case, &bundle);
        assert!(
            label(&container.pid().to_string()).contains(&name),
            "{}",
            label(&container.pid().to_string())
        );
        let file = case.scratch().join(case.unused("pid"));
        let call = case.palisade().args(["exec", "--detach", "--pid-file"]).arg(&file);
        call.args([container.id(), "sleep", "1000"]).run().succeeded();
        let pid = fs::read_to_string(file).expect("a number");
        assert!(label(pid.trim()).contains(&name), "exec takes the container's own: {}", label(pid.trim()));
        let plain = case.palisade().args(["exec", "--apparmor", "unconfined", "--detach", "--pid-file"]);
        let file = case.scratch().join(case.unused("pid"));
        plain.arg(&file).args([container.id(), "sleep", "1000"]).run().succeeded();
        let pid = fs::read_to_string(file).expect("a number");
        assert!(!label(pid.trim()).contains(&name), "{}", label(pid.trim()));
        container.remove();
    }
    let unknown =
        bundle.variant(&case, |config| config["process"]["apparmorProfile"] = json!("no-such-profile"));
    let said = unknown.run(&case);
    let line = said.refusal_line().unwrap_or_else(|wrong| panic!("{wrong}: {said}"));
    assert!(
        line.starts_with("/process/apparmorProfile: write exec no-such-profile to /proc/self/attr/"),
        "{line}"
    );
    assert!(line.contains("ENOENT"), "{line}");
    fs::remove_dir(&namespace).expect("remove the namespace of AppArmor");
    case.program("umount").arg(&securityfs).run().succeeded();
}

const CONFINED: &str = "system_u:system_r:confined_t";
const SHARED: &str = "system_u:object_r:shared_t";
const SEALED: &str = "system_u:object_r:sealed_t";

/// What SELinux calls a file that a process sees.
fn file_label(pid: i64, path: &str) -> String {
    let mut value = [0; 100];
    let file = format!("/proc/{pid}/root{path}");
    let length = rustix::fs::getxattr(&file, "security.selinux", &mut value)
        .unwrap_or_else(|error| panic!("getxattr {file}: {error}"));
    String::from_utf8_lossy(&value[..length]).trim_end_matches('\0').to_owned()
}

/// The policy is `tests/selinux.conf`: a confined process may not write to directories that are sealed.
#[test]
fn the_selinux_label_holds_for_the_program_and_for_exec() {
    let case = case!();
    if !has_selinux() {
        skip!(case, "the kernel runs without SELinux");
    }
    let bundle = Bundle::script(&case, "sleep 1000").with(|config| {
        config["process"]["selinuxLabel"] = json!(CONFINED);
    });
    let label = |pid: &str| {
        let text = fs::read_to_string(format!("/proc/{pid}/attr/current")).expect("a label");
        text.trim_end_matches('\0').to_owned()
    };
    for no_new_privileges in [true, false] {
        let bundle = bundle.variant(&case, |config| {
            config["process"]["noNewPrivileges"] = json!(no_new_privileges);
        });
        let container = Container::start(&case, &bundle);
        assert_eq!(label(&container.pid().to_string()), CONFINED);
        assert_eq!(container.shell("cat /proc/self/attr/current").trim_end_matches('\0'), CONFINED);
        let other = case.palisade().args(["exec", "--process-label", "system_u:system_r:system_t"]);
        let said = other.args([container.id(), "cat", "/proc/self/attr/current"]).run().succeeded();
        assert_eq!(said.stdout.trim_end_matches('\0'), "system_u:system_r:system_t");
        container.remove();
    }
    let unknown = bundle.variant(&case, |config| {
        config["process"]["selinuxLabel"] = json!("system_u:system_r:nobody_t");
    });
    let line = unknown.refusal(&case);
    let start = "/process/selinuxLabel: write system_u:system_r:nobody_t to /proc/self/attr/exec";
    assert!(line.starts_with(start) && line.contains("EINVAL"), "{line}");
}

#[test]
fn new_file_systems_have_the_selinux_label_of_mounts() {
    let case = case!();
    if !has_selinux() {
        skip!(case, "the kernel runs without SELinux");
    }
    if case.tier().privilege() == Privilege::Ordinary {
        skip!(case, "the kernel takes labels of mounts from root alone");
    }
    let bundle = Bundle::script(&case, "sleep 1000").with(|config| {
        config["process"]["selinuxLabel"] = json!(CONFINED);
        config["linux"]["mountLabel"] = json!(SHARED);
        let more = [
            json!({ "destination": "/tmp", "type": "tmpfs", "source": "tmpfs", "options": ["tmpcopyup"] }),
            json!({ "destination": "/sys/fs/cgroup", "type": "cgroup", "source": "cgroup" }),
        ];
        config["mounts"].as_array_mut().expect("a list").extend(more);
    });
    let container = Container::start(&case, &bundle);
    let pid = container.pid();
    assert!(std::path::Path::new("/sys/firmware").is_dir(), "what is masked here is a directory");
    for path in ["/dev", "/dev/shm", "/dev/pts", "/dev/mqueue", "/tmp", "/sys/firmware", "/sys/fs/cgroup"] {
        assert_eq!(file_label(pid, path), SHARED, "{path}");
    }
    for path in ["/proc", "/sys", "/bin"] {
        assert_eq!(file_label(pid, path), "system_u:object_r:system_t", "{path}");
    }
    assert_eq!(container.shell(": > /dev/shm/x && echo written"), "written");
    container.remove();
    let sealed = bundle.variant(&case, |config| config["linux"]["mountLabel"] = json!(SEALED));
    let container = Container::start(&case, &sealed);
    let said = container.exec(&["sh", "-c", ": > /dev/shm/x"]).run().failed(1);
    assert!(said.stderr.contains("Permission denied"), "{said}");
    container.remove();
    for kind in ["fscontext", "rootcontext"] {
        let bundle = bundle.variant(&case, |config| {
            config["annotations"]["run.oci.mount_context_type"] = json!(kind);
        });
        let container = Container::start(&case, &bundle);
        let mounts = fs::read_to_string(format!("/proc/{}/mounts", container.pid())).expect("mounts");
        let shm = mounts.lines().find(|line| line.contains(" /dev/shm ")).expect("a mount");
        assert!(shm.contains(&format!("{kind}={SHARED}")), "{shm}");
        container.remove();
    }
    // A default is for file systems that keep labels, which no tmpfs does.
    let default = bundle.variant(&case, |config| {
        config["annotations"]["run.oci.mount_context_type"] = json!("defcontext");
    });
    assert!(default.refusal(&case).starts_with("/mounts/1: tmpfs on /dev: fsconfig create: EINVAL"));
    let unknown = bundle.variant(&case, |config| config["linux"]["mountLabel"] = json!("no:such:label"));
    let line = unknown.refusal(&case);
    assert!(line.starts_with("/mounts/1: tmpfs on /dev: ") && line.contains("EINVAL"), "{line}");
}
