//! `linux.intelRdt`, with a directory in place of the file system: none of the machines has such a CPU.

use std::fs;
use std::path::{Path, PathBuf};

use palisade_tests::{Bundle, Case, Container, Privilege, case, group, skip};
use serde_json::{Value, json};

/// A tree with the kernel's files, which `palisade` finds in its table of mounts.
struct Tree<'a> {
    case: &'a Case,
    root: PathBuf,
    table: PathBuf,
}

impl<'a> Tree<'a> {
    fn make(case: &'a Case) -> Self {
        let root = case.scratch().join("resctrl");
        let tree = Self { case, table: case.scratch().join("mounts"), root };
        for (file, text) in [
            ("schemata", "    L3:0=fffff\n    MB:0=100\n"),
            ("info/L3/cbm_mask", "fffff\n"),
            ("info/L3/num_closids", "16\n"),
            ("info/MB/min_bandwidth", "10\n"),
            ("class/schemata", "    L3:0=f\n    MB:0=50\n"),
            ("class/mon_data/mon_L3_00/llc_occupancy", "4096\n"),
            ("class/mon_data/mon_L3_00/mbm_total_bytes", "9\n"),
        ] {
            let path = tree.root.join(file);
            fs::create_dir_all(path.parent().expect("a directory")).expect("create a directory");
            fs::write(path, text).expect("write a file");
        }
        let table = fs::read_to_string("/proc/self/mounts").expect("the table of mounts");
        let line = format!("resctrl {} resctrl rw 0 0\n", tree.root.display());
        fs::write(&tree.table, table + &line).expect("write a table of mounts");
        tree
    }

    /// Calls `palisade` with the tree in its table of mounts, in a mount namespace of its own.
    fn palisade(&self, arguments: &[&str]) -> palisade_tests::invocation::Finished {
        let script = "mount --bind \"$0\" /proc/$$/mounts && exec \"$@\"";
        let call = self.case.program(palisade_tests::bundle::busybox());
        let call = call.args(["unshare", "-m", "/bin/busybox", "sh", "-c", script]).arg(&self.table);
        call.arg(self.case.palisade_path()).arg("--root").arg(self.case.state()).args(arguments).run()
    }

    fn read(&self, file: &str) -> String {
        fs::read_to_string(self.root.join(file)).expect("a file of the tree")
    }
}

fn path(path: &Path) -> &str {
    path.to_str().expect("a path")
}

#[test]
fn a_container_is_in_its_class_of_service() {
    let case = case!();
    if case.tier().privilege() == Privilege::Ordinary {
        skip!(case, "a table of mounts can be changed by root alone");
    }
    let tree = Tree::make(&case);
    let bundle = Bundle::script(&case, "sleep 1000").with(|config| {
        config["linux"]["intelRdt"] =
            json!({ "closID": "class", "l3CacheSchema": "L3:0=f", "memBwSchema": "MB:0=50" });
    });
    let id = case.unused_id();
    tree.palisade(&["run", "--detach", "--bundle", path(bundle.path()), &id]).succeeded();
    let container = Container::named(&case, &id);
    assert_eq!(tree.read("class/tasks"), format!("{}\n", container.pid()));
    assert_eq!(tree.read("class/schemata"), "    L3:0=f\n    MB:0=50\n", "what is shared is left as it is");

    let file = case.scratch().join("pid");
    tree.palisade(&["exec", "--detach", "--pid-file", path(&file), &id, "sleep", "1000"]).succeeded();
    let pid = fs::read_to_string(&file).expect("a number");
    assert_eq!(tree.read("class/tasks"), format!("{pid}\n"));

    let said = tree.palisade(&["events", "--stats", &id]).succeeded();
    let said: Value = serde_json::from_str(&said.stdout).expect("JSON");
    let expected = json!({
        "l3_cache_info": { "cbm_mask": "fffff", "num_closids": 16 },
        "l3_cache_schema_root": "L3:0=fffff", "l3_cache_schema": "L3:0=f",
        "mem_bw_info": { "min_bandwidth": 10 },
        "mem_bw_schema_root": "MB:0=100", "mem_bw_schema": "MB:0=50",
        "mbm_stats": [{ "mbm_total_bytes": 9, "mbm_local_bytes": 0 }], "cmt_stats": [{ "llc_occupancy": 4096 }]
    });
    assert_eq!(said["data"]["intel_rdt"], expected);
    container.remove();
}

#[test]
fn shares_are_changed_together_with_limits_or_not_at_all() {
    let case = case!();
    if case.tier().privilege() == Privilege::Ordinary {
        skip!(case, "a table of mounts can be changed by root alone");
    }
    let tree = Tree::make(&case);
    let bundle = Bundle::script(&case, "sleep 1000").with(|config| {
        config["linux"]["intelRdt"] = json!({ "closID": "class" });
        config["linux"]["resources"]["pids"] = json!({ "limit": 20 });
    });
    let id = case.unused_id();
    tree.palisade(&["run", "--detach", "--bundle", path(bundle.path()), &id]).succeeded();
    let container = Container::named(&case, &id);
    let pids = || group::read(container.pid(), "pids", "pids.max").expect("the pids controller");
    let update = |options: &[&str]| tree.palisade(&[&["update", &id], options].concat());
    let both = ["--l3-cache-schema", "L3:0=3", "--mem-bw-schema", "MB:0=20", "--pids-limit", "30"];
    update(&both).succeeded();
    // A kernel would keep a line for each resource; this is what was written to it.
    assert_eq!((tree.read("class/schemata").as_str(), pids().as_str()), ("L3:0=3\nMB:0=20\n", "30"));
    update(&["--mem-bw-schema", "MB:0=40"]).succeeded();
    assert_eq!(tree.read("class/schemata"), "MB:0=40\n");
    let said = update(&["--mem-bw-schema", "MB:0=10", "--pids-limit", "9999999"]).failed(1);
    assert!(said.stderr.contains("/pids/limit"), "{said}");
    assert_eq!((tree.read("class/schemata").as_str(), pids().as_str()), ("MB:0=40\n", "30"));
    let said = update(&["--l3-cache-schema", "MB:0=1", "--pids-limit", "40"]).failed(1);
    assert!(
        said.stderr.contains("/linux/intelRdt/l3CacheSchema: \"MB:0=1\" does not begin with L3:"),
        "{said}"
    );
    assert_eq!(pids(), "30");
    let said = container.verb("update").args(["--l3-cache-schema", "L3:0=1"]).run().failed(1);
    assert!(said.stderr.contains("no resctrl file system is mounted"), "{said}");
    container.remove();
    let plain = Container::start(&case, &Bundle::script(&case, "sleep 1000"));
    let said = tree.palisade(&["update", plain.id(), "--l3-cache-schema", "L3:0=1"]).failed(1);
    assert!(said.stderr.contains("has no class of service"), "{said}");
    plain.remove();
}
