//! Attacks on other runtimes that have to fail here.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};

use palisade_tests::{Bundle, Container, case};
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

/// CVE-2019-5736: the runtime's own binary, reached as the image that runs.
#[test]
fn the_hosts_binary_cannot_be_written_through_the_running_image() {
    let case = case!();
    let binary = case.palisade_path();
    let before = fs::read(&binary).expect("read the binary");
    let bundle = Bundle::script(&case, "sleep 1000");
    let script = bundle.rootfs().join("bin/script");
    fs::write(&script, "#!/proc/self/exe\n").expect("write a script");
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).expect("chmod");
    for program in ["/proc/self/exe", "script"] {
        let bundle =
            bundle.variant(&case, |config| config["process"]["args"] = json!([program, "--version"]));
        let said = bundle.run(&case);
        assert_ne!(said.code(), 0, "{program}: {said}");
        assert!(!said.stdout.contains("palisade"), "{program}: the runtime runs inside: {said}");
    }
    // While a created container waits, its first process is a copy of the runtime.
    let container = Container::create(&case, &bundle);
    let said = container
        .exec(&["sh", "-c", "echo x >> /proc/1/exe; cat /proc/1/exe | head -c 4 | od -c; true"])
        .run();
    assert!(!said.stdout.contains("E   L   F"), "the runtime's binary can be read: {said}");
    container.does("start");
    for _ in 0..20 {
        // Each exec is a moment at which the joining process is the runtime.
        container
            .exec(&["sh", "-c", "for p in /proc/[0-9]*; do echo x >> $p/exe; done 2> /dev/null; true"])
            .run()
            .succeeded();
    }
    container.remove();
    assert!(fs::read(&binary).expect("read the binary") == before, "the binary was changed");
}

/// CVE-2024-21626, CVE-2016-9962: a descriptor of the host in the container.
#[test]
fn no_descriptor_of_the_host_is_in_the_container() {
    let case = case!();
    let list = "for fd in /proc/self/fd/*; do readlink $fd; done; true";
    let bundle = Bundle::script(&case, list);
    let leaked = |said: &str| {
        let links = said.lines().filter(|link| !link.starts_with("pipe:") && !link.starts_with("/proc/"));
        // The three files of the call.
        let files = links.filter(|link| !link.contains("/call-"));
        files.map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(leaked(&bundle.output(&case)), Vec::<String>::new());
    let sleeping = bundle.with_script(&case, "sleep 1000");
    let container = Container::create(&case, &sleeping);
    assert_eq!(leaked(&container.shell(list)), Vec::<String>::new());
    container.does("start");
    assert_eq!(leaked(&container.shell(list)), Vec::<String>::new());
    container.remove();
    for number in 3..12 {
        for cwd in [format!("/proc/self/fd/{number}"), format!("/proc/self/fd/{number}/../../..")] {
            let bundle = bundle.variant(&case, |config| {
                config["process"]["cwd"] = json!(cwd);
                config["process"]["args"] = json!(["sh", "-c", "pwd; ls /proc/self/cwd/"]);
            });
            let said = bundle.run(&case);
            if said.status.success() {
                // It is a descriptor of the container's own root, which the program cannot keep.
                assert_eq!(said.stdout, "/\nbin\ndev\netc\nproc\nroot\nsys\ntmp\n", "{cwd}: {said}");
            } else {
                let line = said.refusal(&case);
                assert!(line.contains("/process/cwd: "), "{cwd}: {line}");
            }
        }
    }
}

/// CVE-2022-29162: inheritable capabilities that nobody asked for.
#[test]
fn inheritable_and_ambient_sets_are_empty_by_themselves() {
    let case = case!();
    let bundle = Bundle::script(&case, "grep -E 'Cap(Inh|Amb)' /proc/self/status; sleep 1000");
    let show = "grep -E 'Cap(Inh|Amb)' /proc/1/status";
    let container = Container::start(&case, &bundle);
    let empty = "CapInh:\t0000000000000000\nCapAmb:\t0000000000000000";
    assert_eq!(container.shell(show), empty);
    assert_eq!(container.shell(&show.replace('1', "self")), empty);
    container.remove();
}

/// CVE-2016-3697: a user named by a number.
#[test]
fn a_user_named_as_a_number_is_not_looked_up() {
    let case = case!();
    let bundle = Bundle::script(&case, "id -u; echo $HOME").with(|config| {
        config["process"]["env"] = json!(["PATH=/bin"]);
    });
    fs::write(
        bundle.rootfs().join("etc/passwd"),
        "0:x:1000:1000::/wrong:/bin/sh\nroot:x:0:0::/root:/bin/sh\n",
    )
    .expect("write /etc/passwd");
    assert_eq!(bundle.output(&case), "0\n/root");
}

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

/// The state of a container is its owner's alone.
#[test]
fn state_is_not_for_others() {
    let case = case!();
    let container = Container::start(&case, &Bundle::script(&case, "sleep 1000"));
    let directory = case.state().join(container.id());
    assert_eq!(fs::metadata(&directory).expect("the state").mode() & 0o777, 0o700);
    for entry in fs::read_dir(&directory).expect("read the state").flatten() {
        let mode = entry.metadata().expect("a file").mode() & 0o777;
        assert_eq!(mode & 0o077, 0, "{}: {mode:o}", entry.path().display());
    }
    container.remove();
}
