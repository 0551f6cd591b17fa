//! A root file system that a neighbour changes while it is set up.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread;

use palisade_tests::{Bundle, case};
use rustix::fs::{CWD, RenameFlags, renameat_with};
use serde_json::json;

const ROUNDS: u32 = 100;

/// Exchanges two names until it is told to stop, and gives how often.
fn swap(one: &Path, other: &Path, stop: &AtomicBool) -> u32 {
    let mut swaps = 0;
    while !stop.load(Ordering::Relaxed) {
        renameat_with(CWD, one, CWD, other, RenameFlags::EXCHANGE).expect("exchange two names");
        swaps += 1;
    }
    swaps
}

/// CVE-2019-18837, CVE-2021-30465, CVE-2024-45310, CVE-2025-52881: links swapped in during the mounts.
#[test]
fn a_root_that_is_swapped_for_links_leads_nowhere_else() {
    let case = case!();
    let outside = case.scratch().join("outside");
    fs::create_dir(&outside).expect("create a directory");
    let bundle = Bundle::script(&case, "true").with(|config| {
        let mounts = config["mounts"].as_array_mut().expect("a list");
        mounts.push(json!({ "destination": "/data/tmp/deep", "type": "tmpfs", "source": "swapped" }));
        mounts.push(json!({ "destination": "/data/bound/deep", "type": "bind", "source": "/etc", "options": ["bind", "ro"] }));
    });
    let root = bundle.rootfs();
    fs::create_dir_all(root.join("data")).expect("create a directory");
    symlink(&outside, root.join("elsewhere")).expect("link it outside");
    let (stop, refused) = (AtomicBool::new(false), AtomicU32::new(0));
    let swaps = thread::scope(|scope| {
        let swapper = scope.spawn(|| swap(&root.join("data"), &root.join("elsewhere"), &stop));
        for round in 0..ROUNDS {
            let said = bundle.run(&case);
            if !said.status.success() {
                refused.fetch_add(1, Ordering::Relaxed);
                assert!(!said.stderr.contains("panicked"), "round {round}: {said}");
            }
            let made = fs::read_dir(&outside).expect("read").count();
            if made > 0 {
                stop.store(true, Ordering::Relaxed);
                panic!("round {round}: made outside of the root: {said}");
            }
        }
        stop.store(true, Ordering::Relaxed);
        swapper.join().expect("swap")
    });
    assert!(swaps > ROUNDS, "hardly any swaps");
    case.expect_nothing_left(&format_args!("{ROUNDS} rounds, {} refused", refused.into_inner()));
}
