//! `process.apparmorProfile` and `process.selinuxLabel`.

use std::fs;

use palisade_tests::{Bundle, Container, Privilege, case, skip};
use serde_json::json;

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
        (
            "selinuxLabel",
            "SELinux",
            "--process-label",
            fs::exists("/sys/fs/selinux/enforce").unwrap_or(false),
        ),
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
