//! What the kernel tells in /proc and in cgroup files. Mount points in mountinfo have names that anybody may have chosen.
#![no_main]

use libfuzzer_sys::fuzz_target;
use palisade_cgroup::{Controller, GroupPath, Layout};

fuzz_target!(|bytes: &[u8]| {
    if let Ok(mounts) = palisade_mount::mountinfo::parse(bytes) {
        for mount in mounts {
            let _peers = (mount.peer_group(), mount.master(), mount.has("ro"), mount.super_has("rw"));
        }
    }
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    // The four texts of a machine, one after the other.
    let mut texts = text.split('\x0c');
    let mut next = || texts.next().unwrap_or_default();
    let layout = Layout::parse(next(), next(), next(), next());
    let _place = (layout.anchor(), layout.is_pure_v2());
    for controller in Controller::ALL {
        if let Some(hierarchy) = layout.hierarchy(controller) {
            let _group = hierarchy.own_path();
        }
    }
    if let Ok(path) = GroupPath::new(text) {
        assert!(!path.relative().split('/').any(|part| part == ".."), "{path:?}");
        assert!(!path.relative().starts_with('/'), "{path:?}");
        let _above = (path.parent(), path.join("below"));
    }
});
