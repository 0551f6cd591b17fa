//! `process` of config.json: what the container's program is and what it finds.

use std::fs;

use palisade_tests::{Bundle, Privilege, case, skip};
use serde_json::{Value, json};

#[test]
fn arguments_and_environment_arrive_as_they_are() {
    let case = case!();
    let script = r#"printf '%s|' "$@"; echo; env"#;
    let bundle = Bundle::new(&case, "bundle", &["sh", "-c", script, "x", "", "two words", "ü\n*", "-n"])
        .with(|config| config["process"]["env"] = json!(["PATH=/bin", "EMPTY=", "A=1=2", "SPACE= x "]));
    let said = bundle.output(&case);
    let (arguments, environment) = said.split_once("-n|\n").expect("the last argument");
    assert_eq!(arguments, "|two words|ü\n*|");
    let mut environment: Vec<&str> = environment.lines().collect();
    environment.sort_unstable();
    // The home directory is that of the user in the container's own /etc/passwd.
    let expected = ["A=1=2", "EMPTY=", "HOME=/root", "PATH=/bin", "PWD=/", "SHLVL=1", "SPACE= x "];
    assert_eq!(environment, expected);
}

#[test]
fn a_size_without_a_terminal_means_nothing() {
    let case = case!();
    let bundle = Bundle::script(&case, "test -t 0 || echo none").with(|config| {
        config["process"]["consoleSize"] = json!({ "height": 70000, "width": 70000 });
    });
    assert_eq!(bundle.output(&case), "none");
}

#[test]
fn a_program_is_found_as_execvp_would() {
    let case = case!();
    let bundle = Bundle::script(&case, "true");
    std::fs::create_dir(bundle.rootfs().join("own")).expect("create a directory");
    std::os::unix::fs::symlink("../bin/busybox", bundle.rootfs().join("own/echo")).expect("link a program");
    for (path, program, said) in [
        ("PATH=/none:/own:/bin", "echo", Some("found")),
        ("PATH=/bin", "/own/echo", Some("found")),
        ("OTHER=x", "echo", Some("found")),
        ("PATH=/none", "echo", None),
        ("PATH=/own:/bin", "own/nothing", None),
    ] {
        let bundle = bundle.variant(&case, |config| {
            config["process"]["args"] = json!([program, "found"]);
            config["process"]["env"] = json!([path]);
        });
        match said {
            Some(said) => assert_eq!(bundle.output(&case), said, "{path} {program}"),
            None => {
                let line = bundle.refusal(&case);
                assert!(line.starts_with(&format!("/process/args: exec {program:?}: ENOENT")), "{line}");
            }
        }
    }
}

#[test]
fn the_working_directory_is_made_when_it_is_missing() {
    let case = case!();
    let bundle = Bundle::script(&case, "pwd; stat -c '%a %u %g' .");
    let cases = [
        ("/", "/"),
        ("/root", "/root"),
        ("/made/by//the/runtime", "/made/by/the/runtime"),
        ("/made/on/../the/way", "/made/the/way"),
        // The root's parent is the root.
        ("/../../made/of/dots", "/made/of/dots"),
    ];
    for ((cwd, directory), read_only) in cases.into_iter().flat_map(|case| [(case, false), (case, true)]) {
        let bundle = bundle.variant(&case, |config| {
            config["process"]["cwd"] = json!(cwd);
            config["root"]["readonly"] = json!(read_only);
        });
        let said = bundle.output(&case);
        let (entered, status) = said.split_once('\n').expect("two lines");
        assert_eq!(entered, directory, "{cwd}");
        if directory.starts_with("/made") {
            assert_eq!(status, "755 0 0", "{cwd}");
            fs::remove_dir_all(bundle.rootfs().join("made")).expect("remove what was made");
        }
    }
}

#[test]
fn user_groups_and_umask_are_set() {
    let case = case!();
    if case.tier().privilege() == Privilege::Ordinary {
        skip!(case, "its id map has one user");
    }
    let bundle =
        Bundle::script(&case, "grep -E '^(Uid|Gid|Groups):' /proc/self/status; umask").with(|config| {
            config["process"]["user"] =
                json!({ "uid": 1001, "gid": 1002, "umask": 0o027, "additionalGids": [7, 70000] });
        });
    let said = bundle.output(&case);
    let fields: Vec<Vec<&str>> = said.lines().map(|line| line.split_whitespace().collect()).collect();
    let expected: [&[&str]; 4] = [
        &["Uid:", "1001", "1001", "1001", "1001"],
        &["Gid:", "1002", "1002", "1002", "1002"],
        &["Groups:", "7", "70000"],
        &["0027"],
    ];
    assert_eq!(fields, expected);
    let plain = bundle.variant(&case, |config| config["process"]["user"] = json!({ "uid": 0, "gid": 0 }));
    let said = plain.output(&case);
    assert!(
        said.contains("Groups:\t \n") || said.contains("Groups:\t\n"),
        "no group of the caller: {said:?}"
    );
    assert!(said.ends_with("0022"), "the usual mask: {said:?}");
}

#[test]
fn the_callers_groups_stay_when_an_annotation_says_so() {
    let case = case!();
    let setpriv = std::path::Path::new("/usr/bin/setpriv");
    if case.tier().privilege() == Privilege::Ordinary || !setpriv.exists() {
        skip!(case, "it takes root and setpriv(1) to have other groups");
    }
    let bundle = Bundle::script(&case, "grep ^Groups: /proc/self/status | tr -d '\t'; sleep 1000");
    for (annotations, kept) in [(json!({}), false), (json!({ "run.oci.keep_original_groups": "1" }), true)] {
        let bundle = bundle.variant(&case, |config| {
            config["annotations"] = annotations;
            config["process"]["user"] = json!({ "uid": 1001, "gid": 1002, "additionalGids": [7] });
        });
        let id = case.unused_id();
        let call = |verb: &[&str]| {
            let call = case.program(setpriv).args(["--groups", "4711,4712"]).arg(case.palisade_path());
            call.arg("--root").arg(case.state()).args(verb)
        };
        call(&["run", "--detach", "--bundle"]).arg(bundle.path()).arg(&id).run().succeeded();
        let container = palisade_tests::Container::named(&case, &id);
        let groups = |line: &str| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>().join(" ");
        let wanted = if kept { "Groups: 4711 4712" } else { "Groups: 7" };
        assert_eq!(groups(&container.shell("grep ^Groups: /proc/1/status")), wanted);
        let said = call(&["exec"]).arg(&id).args(["grep", "^Groups:", "/proc/self/status"]).run().succeeded();
        assert_eq!(groups(&said.stdout), wanted, "exec");
        container.remove();
    }
}

#[test]
fn a_home_directory_comes_from_the_containers_users() {
    let case = case!();
    if case.tier().privilege() == Privilege::Ordinary {
        skip!(case, "its id map has one user");
    }
    let bundle = Bundle::script(&case, "echo $HOME");
    let users = "root:x:0:0::/root:/bin/sh\n12:x:99:99::/wrong:\nweb:x:12:12::/srv/web:/bin/sh\n";
    std::fs::write(bundle.rootfs().join("etc/passwd"), users).expect("write /etc/passwd");
    for (uid, home) in [(0, "/root"), (12, "/srv/web"), (13, "/")] {
        let bundle = bundle.variant(&case, |config| {
            config["process"]["user"] = json!({ "uid": uid, "gid": uid });
            config["process"]["env"] = json!(["PATH=/bin"]);
        });
        assert_eq!(bundle.output(&case), home, "user {uid}");
    }
}

/// Runs a container that prints its capability sets.
fn capabilities(case: &palisade_tests::Case, user: u32, sets: Value) -> Vec<(String, u64)> {
    let bundle = Bundle::script(case, "grep ^Cap /proc/self/status").with(|config| {
        config["process"]["user"] = json!({ "uid": user, "gid": user });
        config["process"]["capabilities"] = sets;
    });
    let said = bundle.output(case);
    let sets = said.lines().map(|line| line.split_once(":\t").expect("a set"));
    sets.map(|(name, mask)| (name.to_owned(), u64::from_str_radix(mask, 16).expect("a mask"))).collect()
}

#[test]
fn the_five_capability_sets_are_what_the_config_says() {
    let case = case!();
    let (chown, kill, bind) = (1 << 0, 1 << 5, 1 << 10);
    // Bit by bit different sets: a mix-up of two cannot pass.
    let sets = json!({
        "bounding": ["CAP_CHOWN", "CAP_KILL", "CAP_NET_BIND_SERVICE"],
        "permitted": ["CAP_CHOWN", "CAP_KILL"],
        "effective": ["CAP_CHOWN", "CAP_KILL"],
        "inheritable": ["CAP_KILL"],
        "ambient": ["CAP_KILL"]
    });
    let named = |inheritable, permitted, effective, bounding, ambient| {
        [
            ("CapInh", inheritable),
            ("CapPrm", permitted),
            ("CapEff", effective),
            ("CapBnd", bounding),
            ("CapAmb", ambient),
        ]
        .map(|(name, mask)| (name.to_owned(), mask))
    };
    if case.tier().privilege() == Privilege::Root {
        // A user other than 0 keeps by the exec what is ambient, and nothing else.
        let expected = named(kill, kill, kill, chown | kill | bind, kill);
        assert_eq!(capabilities(&case, 1001, sets.clone()), expected);
    }
    // User 0 keeps what is permitted, as new privileges are forbidden.
    assert_eq!(
        capabilities(&case, 0, sets),
        named(kill, chown | kill, chown | kill, chown | kill | bind, kill)
    );
    assert_eq!(capabilities(&case, 0, json!({ "bounding": [] })), named(0, 0, 0, 0, 0));
    assert_eq!(capabilities(&case, 0, Value::Null), named(0, 0, 0, 0, 0));
}

#[test]
fn resource_limits_are_set() {
    let case = case!();
    let bundle = Bundle::script(&case, "cat /proc/self/limits").with(|config| {
        config["process"]["rlimits"] = json!([
            { "type": "RLIMIT_NOFILE", "soft": 100, "hard": 200 },
            { "type": "RLIMIT_CORE", "soft": 0, "hard": 0 },
            { "type": "RLIMIT_FSIZE", "soft": 4096, "hard": 18_446_744_073_709_551_615u64 },
            { "type": "RLIMIT_CPU", "soft": 60, "hard": 61 },
            { "type": "RLIMIT_DATA", "soft": 1_000_000_000, "hard": 2_000_000_000 },
            { "type": "RLIMIT_STACK", "soft": 1_048_576, "hard": 2_097_152 },
            { "type": "RLIMIT_RSS", "soft": 1_000_001, "hard": 1_000_002 },
            { "type": "RLIMIT_NPROC", "soft": 1000, "hard": 1001 },
            { "type": "RLIMIT_MEMLOCK", "soft": 4096, "hard": 8192 },
            { "type": "RLIMIT_AS", "soft": 1_500_000_000, "hard": 1_600_000_000 },
            { "type": "RLIMIT_LOCKS", "soft": 11, "hard": 12 },
            { "type": "RLIMIT_SIGPENDING", "soft": 13, "hard": 14 },
            { "type": "RLIMIT_MSGQUEUE", "soft": 15, "hard": 16 },
            { "type": "RLIMIT_NICE", "soft": 0, "hard": 0 },
            { "type": "RLIMIT_RTPRIO", "soft": 0, "hard": 0 },
            { "type": "RLIMIT_RTTIME", "soft": 1000, "hard": 2000 },
        ]);
    });
    let said = bundle.output(&case);
    for (name, values) in [
        ("Max open files", "100 200"),
        ("Max core file size", "0 0"),
        ("Max file size", "4096 unlimited"),
        ("Max cpu time", "60 61"),
        ("Max data size", "1000000000 2000000000"),
        ("Max stack size", "1048576 2097152"),
        ("Max resident set", "1000001 1000002"),
        ("Max processes", "1000 1001"),
        ("Max locked memory", "4096 8192"),
        ("Max address space", "1500000000 1600000000"),
        ("Max file locks", "11 12"),
        ("Max pending signals", "13 14"),
        ("Max msgqueue size", "15 16"),
        ("Max nice priority", "0 0"),
        ("Max realtime priority", "0 0"),
        ("Max realtime timeout", "1000 2000"),
    ] {
        let line =
            said.lines().find(|line| line.starts_with(name)).unwrap_or_else(|| panic!("{name}: {said}"));
        let found: Vec<&str> = line[name.len()..].split_whitespace().take(2).collect();
        assert_eq!(found.join(" "), values, "{name}");
    }
}

#[test]
fn new_privileges_are_forbidden_when_asked() {
    let case = case!();
    let bundle = Bundle::script(&case, "grep NoNewPrivs: /proc/self/status");
    for (wanted, said) in [(json!(true), 1), (json!(false), 0), (Value::Null, 0)] {
        let bundle = bundle.variant(&case, |config| config["process"]["noNewPrivileges"] = wanted);
        assert_eq!(bundle.output(&case), format!("NoNewPrivs:\t{said}"));
    }
}

#[test]
fn the_oom_score_is_adjusted() {
    let case = case!();
    let bundle = Bundle::script(&case, "cat /proc/self/oom_score_adj");
    let own: i32 = std::fs::read_to_string("/proc/self/oom_score_adj")
        .ok()
        .and_then(|text| text.trim().parse().ok())
        .expect("the score of this process");
    assert_eq!(bundle.output(&case), own.to_string(), "left alone");
    let score = |value: i32| bundle.variant(&case, |config| config["process"]["oomScoreAdj"] = json!(value));
    assert_eq!(score(750).output(&case), "750");
    if holds(CAP_SYS_RESOURCE) {
        assert_eq!(score(-900).output(&case), "-900");
    } else {
        let line = score(-900).refusal(&case);
        assert!(line.starts_with("/process/oomScoreAdj: write -900 to /proc/"), "{line}");
        assert!(
            line.contains("EACCES") && line.ends_with("(lowering the score needs CAP_SYS_RESOURCE)"),
            "{line}"
        );
    }
}

const CAP_SYS_RESOURCE: u64 = 1 << 24;

/// Tells whether this process holds a capability; root of a machine may be without some.
fn holds(capability: u64) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").expect("read /proc/self/status");
    let mask = status.lines().find_map(|line| line.strip_prefix("CapEff:")).expect("a set").trim();
    u64::from_str_radix(mask, 16).expect("a mask") & capability != 0
}
