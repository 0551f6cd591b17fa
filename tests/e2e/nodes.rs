//! Device nodes that are there before the runtime would make them.

use std::os::unix::fs::MetadataExt;

use palisade_tests::{Bundle, Privilege, case, skip};
use rustix::fs::{CWD, FileType, Mode, makedev, mknodat};
use serde_json::json;

#[test]
fn a_bound_node_of_the_host_keeps_its_owner() {
    let case = case!();
    if case.tier().privilege() != Privilege::Root {
        skip!(case, "only root makes a node");
    }
    let node = case.scratch().join("null");
    mknodat(CWD, &node, FileType::CharacterDevice, Mode::from_raw_mode(0o666), makedev(1, 3)).expect("mknod");
    std::os::unix::fs::chown(&node, Some(5), Some(6)).expect("chown");
    let bundle = Bundle::script(&case, "stat -c '%u %g' /dev/null; cat /dev/null").with(|config| {
        let mounts = config["mounts"].as_array_mut().expect("a list");
        mounts
            .push(json!({ "destination": "/dev/null", "type": "bind", "source": node, "options": ["bind"] }));
    });
    assert_eq!(bundle.output(&case), "5 6");
    let found = node.metadata().expect("stat");
    assert_eq!((found.uid(), found.gid()), (5, 6));
}
