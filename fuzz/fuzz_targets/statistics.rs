//! The files of a cgroup. One text stands for all of them, in a directory that plays the hierarchy.
#![no_main]

use std::fs;
use std::path::PathBuf;
use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use palisade_cgroup::{Controller, Group, GroupPath, Hierarchy, Home, Layout, Version};

/// Two groups whose files are all links to one.
struct Stage {
    text: PathBuf,
    groups: Vec<Group>,
}

/// The files that either version's statistics are read from.
const FILES: &[&str] = &[
    "memory.usage_in_bytes",
    "memory.limit_in_bytes",
    "memory.memsw.limit_in_bytes",
    "memory.stat",
    "memory.oom_control",
    "memory.current",
    "memory.max",
    "memory.swap.current",
    "memory.swap.max",
    "memory.events",
    "memory.peak",
    "cpuacct.usage",
    "cpuacct.usage_percpu",
    "cpuacct.usage_all",
    "cpuacct.stat",
    "cpu.stat",
    "cpuset.cpus",
    "cpuset.mems",
    "cpuset.cpus.effective",
    "cpuset.mems.effective",
    "pids.current",
    "pids.max",
    "io.stat",
    "blkio.throttle.io_service_bytes",
    "blkio.throttle.io_serviced",
    "blkio.throttle.io_service_bytes_recursive",
    "blkio.throttle.io_serviced_recursive",
    "hugetlb.2MB.current",
    "hugetlb.2MB.max",
    "hugetlb.2MB.events",
    "hugetlb.2MB.usage_in_bytes",
    "rdma.current",
    "rdma.max",
    "misc.current",
    "cpu.pressure",
    "memory.pressure",
    "io.pressure",
    "cgroup.events",
    "cgroup.procs",
    "cgroup.threads",
    "tasks",
    "freezer.state",
    "cgroup.freeze",
];

static STAGE: LazyLock<Stage> = LazyLock::new(|| {
    // `cargo xtask fuzz` removes it.
    let root = std::env::temp_dir().join(format!("palisade-fuzz-{}", std::process::id()));
    let directory = root.join("g");
    fs::create_dir_all(&directory).expect("make a directory");
    let text = root.join("text");
    fs::write(&text, "").expect("write a file");
    for file in FILES {
        std::os::unix::fs::symlink(&text, directory.join(file)).expect("link a file");
    }
    let groups = [Version::V1, Version::V2].map(|version| {
        let hierarchy = Hierarchy {
            version,
            mount: root.clone(),
            root: "/".to_owned(),
            controllers: Controller::ALL.to_vec(),
            name: None,
            own: "/".to_owned(),
        };
        let homes = Controller::ALL.into_iter().map(|c| (c, Home::Hierarchy(0))).collect();
        let layout = Layout { hierarchies: vec![hierarchy], homes };
        Group::open(&layout, &GroupPath::new("/g").expect("a path")).expect("a group")
    });
    Stage { text, groups: groups.into() }
});

fuzz_target!(|bytes: &[u8]| {
    fs::write(&STAGE.text, bytes).expect("write a file");
    for group in &STAGE.groups {
        // An error is an answer too.
        let _answers = (group.stats(), group.oom_count());
    }
});
