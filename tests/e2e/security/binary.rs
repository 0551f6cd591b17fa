//! The runtime's own program, reached from inside a container.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use palisade_tests::container::wait_until;
use palisade_tests::{Bundle, Container, Privilege, case, skip};
use serde_json::json;

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

/// Looks at every process that it can see for as long as it is there: what it executes, what it has mapped, which
/// directories it has open and which capabilities it holds. It has what it takes to look: CAP_SYS_PTRACE, and no user
/// namespace in between.
const INTRUDER: &str = r#"
capabilities() { held=gone; while read -r key value; do case $key in CapEff:) held=$value; return;; esac; done < $1/status; }
capabilities /proc/self
own=$held
echo watching
while [ ! -e /tmp/stop ]; do
  for process in /proc/[0-9]*; do
    [ $process/exe -ef /binary ] && echo "executes the runtime: $process"
    capabilities $process
    case $held in $own|0000000000000000|gone) ;; *) echo "holds $held: $process";; esac
    for open in $process/fd/*; do [ -d $open ] && echo "has a directory open: $open"; done
    while read -r line; do case $line in */palisade) echo "has mapped $line";; esac; done < $process/maps
  done 2> /dev/null
done
echo seen all
"#;

/// CVE-2019-5736, CVE-2016-9962: a process that joins, or waits for `start`, traced by one of the container's.
#[test]
fn whoever_may_trace_finds_nothing_of_the_host_in_what_joins() {
    let case = case!();
    if case.tier().privilege() == Privilege::Ordinary {
        skip!(case, "in a user namespace of its own nobody can trace what the host owns");
    }
    let bundle = Bundle::script(&case, "sleep 1000").with(|config| {
        let held = json!(["CAP_SYS_PTRACE", "CAP_KILL"]);
        for set in ["bounding", "effective", "permitted"] {
            config["process"]["capabilities"][set] = held.clone();
        }
        let binary = json!({
            "destination": "/binary", "type": "bind", "source": case.palisade_path(), "options": ["bind", "ro"]
        });
        config["mounts"].as_array_mut().expect("a list").push(binary);
    });
    let container = Container::create(&case, &bundle);
    let intruder = container.exec(&["sh", "-c", INTRUDER]).spawn();
    wait_until("the intruder watches", || intruder.stdout().contains("watching\n"));
    for _ in 0..50 {
        container.exec(&["true"]).run().succeeded();
    }
    container.does("start");
    for _ in 0..50 {
        container.exec(&["true"]).run().succeeded();
    }
    fs::write(bundle.rootfs().join("tmp/stop"), "").expect("write a file");
    let said = intruder.wait().succeeded();
    assert_eq!(said.stdout, "watching\nseen all\n", "{said}");
    container.remove();
}
