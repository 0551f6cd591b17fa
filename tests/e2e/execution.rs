//! What a program is executed with beside its rights: session keyring, `linux.personality`, `linux.memoryPolicy`.

use std::fs;

use palisade_tests::{Bundle, Container, case, skip};
use serde_json::{Value, json};

/// The keyrings that the container's process can see and that are somebody's session, by their names.
const SESSIONS: &str = "awk '$8 == \"keyring\" && $9 ~ /^_ses/ { print $9 }' /proc/keys";

fn bundle(case: &palisade_tests::Case, script: &str) -> Bundle {
    Bundle::script(case, script).with(|config| {
        let masked = config["linux"]["maskedPaths"].as_array_mut().expect("a list");
        masked.retain(|path| path != "/proc/keys");
    })
}

#[test]
fn the_session_keyring_is_named_after_the_container_and_shared_with_exec() {
    let case = case!();
    if !fs::exists("/proc/keys").expect("look into /proc") {
        skip!(case, "the kernel has no keys");
    }
    let container = Container::start(&case, &bundle(&case, "sleep 1000"));
    let name = format!("_ses.{}:", container.id());
    let serials = |output: String| -> Vec<String> {
        let own = output.lines().filter(|line| line.contains(&name));
        own.filter_map(|line| line.split(' ').next()).map(str::to_owned).collect()
    };
    assert!(container.shell(SESSIONS).contains(&name), "{}", container.shell(SESSIONS));
    let first = serials(container.shell("cat /proc/keys"));
    let second = serials(container.shell("cat /proc/keys"));
    assert_eq!(first.len(), 1, "one keyring for all processes");
    assert_eq!(first, second);
    container.remove();
}

/// The kernel has to look for a name, and nobody in the container could ask for it.
#[test]
fn the_session_keyring_has_no_name_where_the_filter_lets_nobody_use_it() {
    let case = case!();
    if !fs::exists("/proc/keys").expect("look into /proc") {
        skip!(case, "the kernel has no keys");
    }
    let bundle = bundle(&case, "sleep 1000").with(|config| {
        let calls = ["add_key", "keyctl", "request_key"];
        config["linux"]["seccomp"] = json!({
            "defaultAction": "SCMP_ACT_ALLOW",
            "syscalls": [{ "names": calls, "action": "SCMP_ACT_ERRNO" }],
        });
    });
    let container = Container::start(&case, &bundle);
    let keys = container.shell("cat /proc/keys");
    assert!(keys.contains("_ses: "), "it has one all the same: {keys}");
    assert!(!keys.contains(&format!("_ses.{}", container.id())), "{keys}");
    container.remove();
}

#[test]
fn the_callers_keyring_stays_when_asked_for() {
    let case = case!();
    if !fs::exists("/proc/keys").expect("look into /proc") {
        skip!(case, "the kernel has no keys");
    }
    let id = case.unused_id();
    let bundle = bundle(&case, "cat /proc/keys");
    let call = case.palisade().args(["run", "--no-new-keyring", "--detach", "--bundle"]).arg(bundle.path());
    call.arg(&id).run().succeeded();
    let container = Container::named(&case, &id);
    container.await_status("stopped");
    container.remove();
    let waiting = bundle.with_script(&case, "sleep 1000");
    let call = case.palisade().args(["create", "--no-new-keyring", "--bundle"]).arg(waiting.path());
    let container = Container::named(&case, &case.unused_id());
    call.arg(container.id()).run().succeeded();
    container.does("start");
    let keys = container.shell("cat /proc/keys");
    assert!(
        !keys.contains(&format!("_ses.{}", container.id())),
        "neither for the program nor for exec: {keys}"
    );
    container.remove();
}

#[test]
fn the_execution_domain_is_set() {
    let case = case!();
    let machine = |domain: Value| {
        let bundle = Bundle::script(&case, "uname -m; echo; sleep 1000").with(|config| {
            config["linux"]["personality"] = domain;
        });
        let container = Container::start(&case, &bundle);
        let said = container.shell("uname -m; cat /proc/1/personality");
        container.remove();
        said
    };
    assert_eq!(machine(json!({ "domain": "LINUX32" })), "i686\n00000008");
    assert_eq!(machine(json!({ "domain": "LINUX" })), "x86_64\n00000000");
}

#[test]
fn the_memory_policy_is_set() {
    let case = case!();
    if !fs::exists("/proc/self/numa_maps").expect("look into /proc") {
        skip!(case, "the kernel has no NUMA policies");
    }
    // The policy of the first mapping of the program, which has none of its own.
    let bundle = Bundle::script(&case, "head -n 1 /proc/self/numa_maps | cut -d ' ' -f 2");
    for (policy, said) in [
        (json!({ "mode": "MPOL_DEFAULT" }), "default"),
        (json!({ "mode": "MPOL_BIND", "nodes": "0" }), "bind:0"),
        (json!({ "mode": "MPOL_BIND", "nodes": "0", "flags": ["MPOL_F_STATIC_NODES"] }), "bind=static:0"),
        (
            json!({ "mode": "MPOL_INTERLEAVE", "nodes": "0", "flags": ["MPOL_F_RELATIVE_NODES"] }),
            "interleave=relative:0",
        ),
        (json!({ "mode": "MPOL_PREFERRED", "nodes": "0" }), "prefer:0"),
        (json!({ "mode": "MPOL_PREFERRED" }), "local"),
        (json!({ "mode": "MPOL_LOCAL" }), "local"),
        (json!({ "mode": "MPOL_PREFERRED_MANY", "nodes": "0" }), "prefer (many):0"),
    ] {
        let bundle = bundle.variant(&case, |config| {
            config["linux"]["memoryPolicy"] = policy.clone();
            if policy["mode"] == "MPOL_PREFERRED_MANY" {
                let script = "head -n 1 /proc/self/numa_maps | cut -d ' ' -f 2,3";
                config["process"]["args"] = json!(["sh", "-c", script]);
            }
        });
        assert_eq!(bundle.output(&case), said, "{policy}");
    }
    let line = bundle
        .variant(&case, |config| {
            config["linux"]["memoryPolicy"] = json!({ "mode": "MPOL_BIND", "nodes": "63" });
        })
        .refusal(&case);
    assert!(line.starts_with("/linux/memoryPolicy: set memory policy bind of nodes 63: EINVAL"), "{line}");
    let policy = json!({ "mode": "MPOL_INTERLEAVE", "nodes": "0" });
    let shared = bundle.with_script(&case, "sleep 1000").with(|config| {
        config["linux"]["memoryPolicy"] = policy;
    });
    let container = Container::start(&case, &shared);
    assert_eq!(container.shell("head -n 1 /proc/self/numa_maps | cut -d ' ' -f 2"), "interleave:0", "exec");
    container.remove();
}

#[test]
fn what_the_caller_ignores_is_neither_ignored_inside_nor_by_the_runtime() {
    let case = case!();
    let bundle = Bundle::script(&case, "grep ^SigIgn: /proc/self/status; exit 5");
    let script = "trap '' HUP INT QUIT TERM CHLD USR1; exec \"$@\"";
    let ignoring = |words: &[&str]| {
        let call = case.program(palisade_tests::bundle::busybox()).args(["sh", "-c", script, "sh"]);
        call.arg(case.palisade_path()).arg("--root").arg(case.state()).args(words).run()
    };
    let path = bundle.path().display().to_string();
    let said = ignoring(&["run", "--bundle", &path, &case.unused_id()]);
    assert_eq!((said.code(), said.stdout.as_str()), (5, "SigIgn:\t0000000000000000\n"), "{said}");
    let container = Container::start(&case, &Bundle::script(&case, "sleep 1000"));
    let said = ignoring(&["exec", container.id(), "sh", "-c", "grep ^SigIgn: /proc/self/status; exit 6"]);
    assert_eq!((said.code(), said.stdout.as_str()), (6, "SigIgn:\t0000000000000000\n"), "{said}");
    container.remove();
}
