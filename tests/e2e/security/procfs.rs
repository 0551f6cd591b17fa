//! Writes to /proc that the image tries to take for itself.

use std::fs;

use palisade_tests::{Bundle, case};
use serde_json::json;

/// CVE-2019-16884, CVE-2025-52881, CVE-2025-62596: a volume in the place of /proc, with files of the names that are
/// written to.
#[test]
fn a_proc_that_is_a_volume_gets_no_write() {
    let case = case!();
    let volume = case.scratch().join("volume");
    let files = ["sys/net/ipv4/ip_forward", "self/attr/exec", "self/oom_score_adj"];
    for file in files {
        let path = volume.join(file);
        fs::create_dir_all(path.parent().expect("a directory")).expect("create a directory");
        fs::write(path, "mine\n").expect("write a file");
    }
    for kind in ["bind", "tmpfs"] {
        let bundle = Bundle::script(&case, "true").with(|config| {
            config["linux"]["sysctl"] = json!({ "net.ipv4.ip_forward": "1" });
            config["mounts"][0] = json!({
                "destination": "/proc", "type": kind, "source": volume,
                "options": if kind == "bind" { vec!["bind"] } else { vec![] }
            });
        });
        let said = bundle.run(&case);
        if !said.status.success() {
            said.refusal_line().unwrap_or_else(|fault| panic!("{kind}: {fault}: {said}"));
        }
        for file in files {
            assert_eq!(fs::read_to_string(volume.join(file)).expect("read"), "mine\n", "{kind}: {file}");
        }
        case.expect_nothing_left(&kind);
    }
    // Where /proc is what it should be, the parameter is set and the image's own file is not.
    let bundle = Bundle::script(&case, "cat /proc/sys/net/ipv4/ip_forward")
        .with(|config| config["linux"]["sysctl"] = json!({ "net.ipv4.ip_forward": "1" }));
    let path = bundle.rootfs().join("proc/sys/net/ipv4");
    fs::create_dir_all(&path).expect("create a directory");
    fs::write(path.join("ip_forward"), "mine\n").expect("write a file");
    assert_eq!(bundle.output(&case), "1");
    assert_eq!(fs::read_to_string(path.join("ip_forward")).expect("read"), "mine\n");
}
