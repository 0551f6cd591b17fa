//! Statistics, events and errors read from files in a temporary directory, in the forms of both versions; needs no
//! privileges and no cgroups.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use palisade_cgroup::limits::BlockDevice;
use palisade_cgroup::stats::{Counter, Io, Resource, Waiting};
use palisade_cgroup::{
    Controller, ErrorKind, FreezerState, Group, GroupPath, Hierarchy, Home, Layout, Limit, Version,
};
use std::path::Path;
use tempfile::TempDir;

/// Makes a layout with one hierarchy, that has all controllers, and the group `/g` with these files.
fn group(version: Version, files: &[(&str, &str)]) -> (TempDir, Group) {
    let directory = TempDir::new().unwrap();
    let layout = layout(version, directory.path());
    std::fs::create_dir(directory.path().join("g")).unwrap();
    for (name, content) in files {
        std::fs::write(directory.path().join("g").join(name), content).unwrap();
    }
    let group = Group::open(&layout, &GroupPath::new("/g").unwrap()).unwrap();
    (directory, group)
}

fn layout(version: Version, mount: &Path) -> Layout {
    let hierarchy = Hierarchy {
        version,
        mount: mount.to_owned(),
        root: "/".to_owned(),
        controllers: Controller::ALL.to_vec(),
        name: None,
        own: "/".to_owned(),
    };
    let homes = Controller::ALL.into_iter().map(|c| (c, Home::Hierarchy(0))).collect();
    Layout { hierarchies: vec![hierarchy], homes }
}

#[test]
fn memory_of_v1() {
    let (_directory, group) = group(
        Version::V1,
        &[
            ("memory.usage_in_bytes", "4096\n"),
            ("memory.limit_in_bytes", "8192\n"),
            ("memory.memsw.limit_in_bytes", "9223372036854771712\n"),
            ("memory.max_usage_in_bytes", "6000\n"),
            ("memory.failcnt", "3\n"),
            ("memory.stat", "cache 1\nrss 2\ntotal_cache 10\ntotal_rss 20\ntotal_swap 5\nhierarchical_x 1\n"),
            ("memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 2\n"),
            ("memory.memsw.usage_in_bytes", "4101\n"),
            ("memory.memsw.max_usage_in_bytes", "7000\n"),
            ("memory.memsw.failcnt", "1\n"),
            ("memory.kmem.usage_in_bytes", "17\n"),
            ("memory.kmem.limit_in_bytes", "9223372036854771712\n"),
            ("memory.kmem.tcp.usage_in_bytes", "19\n"),
            ("memory.kmem.tcp.limit_in_bytes", "64\n"),
            ("memory.kmem.tcp.failcnt", "5\n"),
        ],
    );
    let memory = group.stats().unwrap().memory.unwrap();
    assert_eq!((memory.usage, memory.limit, memory.peak), (4096, Some(Limit::Value(8192)), Some(6000)));
    assert_eq!((memory.anon, memory.file, memory.swap_usage), (20, 10, Some(5)));
    assert_eq!((memory.swap_limit, memory.failures, memory.oom_kills), (Some(Limit::Max), 3, 2));
    let with_swap = Counter { usage: 4101, limit: Some(Limit::Max), peak: Some(7000), failures: 1 };
    assert_eq!(memory.with_swap, Some(with_swap));
    let kernel = Counter { usage: 17, limit: Some(Limit::Max), ..Counter::default() };
    let tcp = Counter { usage: 19, limit: Some(Limit::Value(64)), failures: 5, ..Counter::default() };
    assert_eq!((memory.kernel_counter, memory.kernel_tcp), (Some(kernel), Some(tcp)));
    assert_eq!(group.oom_count().unwrap(), 2);
}

#[test]
fn memory_of_v2() {
    let (_directory, group) = group(
        Version::V2,
        &[
            ("memory.current", "4096\n"),
            ("memory.max", "max\n"),
            ("memory.swap.max", "0\n"),
            ("memory.swap.current", "3\n"),
            ("memory.stat", "anon 20\nfile 10\nkernel 7\n"),
            ("memory.events", "low 0\nhigh 0\nmax 4\noom 2\noom_kill 1\n"),
        ],
    );
    let memory = group.stats().unwrap().memory.unwrap();
    assert_eq!((memory.usage, memory.limit, memory.peak), (4096, Some(Limit::Max), None));
    assert_eq!((memory.anon, memory.file, memory.kernel), (20, 10, Some(7)));
    assert_eq!((memory.swap_usage, memory.swap_limit), (Some(3), Some(Limit::Value(0))));
    let with_swap = Counter { usage: 4099, limit: Some(Limit::Max), ..Counter::default() };
    assert_eq!((memory.with_swap, memory.kernel_tcp), (Some(with_swap), None));
    assert_eq!(memory.events["max"], 4);
    assert_eq!((memory.failures, memory.oom_kills), (4, 1));
}

#[test]
fn cpu_of_both() {
    let v1 = group(
        Version::V1,
        &[
            ("cpuacct.usage", "3000\n"),
            ("cpuacct.usage_user", "2000\n"),
            ("cpuacct.usage_sys", "1000\n"),
            ("cpuacct.usage_percpu", "1000 2000 \n"),
            ("cpuacct.usage_all", "cpu user system\n0 900 100\n1 1100 900\n"),
            ("cpu.stat", "nr_periods 10\nnr_throttled 4\nthrottled_time 5000\n"),
        ],
    );
    let text = "usage_usec 3\nuser_usec 2\nsystem_usec 1\nnr_periods 10\nnr_throttled 4\nthrottled_usec 5\n";
    let v2 = group(Version::V2, &[("cpu.stat", text)]);
    let mut cpus = [v1, v2].map(|(_directory, group)| group.stats().unwrap().cpu.unwrap());
    assert_eq!(std::mem::take(&mut cpus[0].per_cpu), [1000, 2000]);
    assert_eq!(std::mem::take(&mut cpus[0].per_cpu_user), [900, 1100]);
    assert_eq!(std::mem::take(&mut cpus[0].per_cpu_system), [100, 900]);
    assert_eq!(cpus[0], cpus[1]);
    assert_eq!((cpus[0].usage, cpus[0].throttled, cpus[0].throttled_periods), (3000, 5000, 4));
}

#[test]
fn cpuset_of_both() {
    let v1 = group(
        Version::V1,
        &[("cpuset.cpus", "0-2\n"), ("cpuset.mems", "0\n"), ("cpuset.sched_relax_domain_level", "-1\n")],
    );
    let v2 = group(Version::V2, &[("cpuset.cpus.effective", "0-2\n"), ("cpuset.mems.effective", "0\n")]);
    let mut sets = [v1, v2].map(|(_directory, group)| group.stats().unwrap().cpuset.unwrap());
    assert_eq!(std::mem::take(&mut sets[0].settings)["sched_relax_domain_level"], -1);
    assert_eq!(sets[0], sets[1]);
    assert_eq!((sets[0].cpus.as_slice(), sets[0].mems.as_slice()), (&[0, 1, 2][..], &[0][..]));
}

#[test]
fn io_of_both() {
    let v1 = group(
        Version::V1,
        &[
            (
                "blkio.throttle.io_service_bytes_recursive",
                "8:0 Read 4096\n8:0 Write 512\n8:0 Sync 4100\n8:0 Async 508\n8:0 Total 4608\nTotal 4608\n",
            ),
            ("blkio.throttle.io_serviced", "8:0 Read 2\n8:0 Write 1\n8:0 Sync 3\n"),
        ],
    );
    let v2 = group(
        Version::V2,
        &[("io.stat", "8:0 rbytes=4096 wbytes=512 rios=2 wios=1 dbytes=0 dios=0\n7:1 \n")],
    );
    let device = BlockDevice { major: 8, minor: 0 };
    let io =
        Io { read_bytes: 4096, write_bytes: 512, read_operations: 2, write_operations: 1, ..Io::default() };
    let waiting = Waiting { sync_bytes: 4100, async_bytes: 508, sync_operations: 3, async_operations: 0 };
    for ((_directory, group), waited_for) in [(v1, Some(waiting)), (v2, None)] {
        assert_eq!(group.stats().unwrap().io[&device], Io { waited_for, ..io });
    }
}

#[test]
fn the_rest_of_v2() {
    let (_directory, group) = group(
        Version::V2,
        &[
            ("pids.current", "3\n"),
            ("pids.max", "9\n"),
            ("pids.events", "max 7\n"),
            ("rdma.current", "mlx5_0 hca_handle=2 hca_object=2000\n"),
            ("misc.current", "res_a 3\nres_b 0\n"),
            (
                "memory.pressure",
                "some avg10=1.50 avg60=0.00 avg300=0.00 total=12\nfull avg10=0.50 avg60=0.00 avg300=0.00 total=4\n",
            ),
        ],
    );
    let stats = group.stats().unwrap();
    let pids = stats.pids.unwrap();
    assert_eq!((pids.current, pids.limit, pids.failures), (3, Some(Limit::Value(9)), 7));
    assert_eq!((stats.rdma["mlx5_0"].handles, stats.rdma["mlx5_0"].objects), (2, 2000));
    assert_eq!(stats.misc["res_a"], 3);
    let pressure = stats.pressure[&Resource::Memory];
    assert_eq!((pressure.some.total, pressure.full.unwrap().total), (12, 4));
    assert!(!stats.pressure.contains_key(&Resource::Io));
}

#[test]
fn the_freezer_in_each_state() {
    for (text, state) in [
        ("THAWED", FreezerState::Thawed),
        ("FREEZING", FreezerState::Freezing),
        ("FROZEN", FreezerState::Frozen),
    ] {
        let (_directory, group) = group(Version::V1, &[("freezer.state", text)]);
        assert_eq!(group.freezer_state().unwrap(), state);
    }
    for (own, event, state) in [
        ("0\n", "frozen 0", FreezerState::Thawed),
        ("1\n", "frozen 0", FreezerState::Freezing),
        ("0\n", "frozen 1", FreezerState::Frozen),
    ] {
        let events = format!("populated 1\n{event}\n");
        let (_directory, group) = group(Version::V2, &[("cgroup.freeze", own), ("cgroup.events", &events)]);
        assert_eq!(group.freezer_state().unwrap(), state);
    }
}

#[test]
fn a_missing_file_says_which_group_lacks_the_controller() {
    let (directory, group) = group(Version::V2, &[("cgroup.procs", "")]);
    std::fs::write(directory.path().join("cgroup.controllers"), "cpu io memory\n").unwrap();
    std::fs::write(directory.path().join("cgroup.subtree_control"), "cpu io\n").unwrap();
    let error = group.set(Controller::Memory, "memory.max", "max").unwrap_err();
    let root = directory.path().display();
    let expected = format!(
        "write max to {root}/g/memory.max: ENOENT (/ does not pass memory on: `pal cgroup enable --parents / memory`)"
    );
    assert_eq!(error.to_string(), expected);
    assert_eq!(error.kind(), ErrorKind::NotFound);
}

#[test]
fn file_names_cannot_lead_out_of_the_group() {
    let (_directory, group) = group(Version::V1, &[]);
    for name in ["", "..", "../x", "a/b", "/etc/passwd"] {
        assert!(group.get(Controller::Memory, name).is_err(), "{name:?} was taken");
        assert!(group.set(Controller::Memory, name, "1").is_err(), "{name:?} was taken");
    }
}
