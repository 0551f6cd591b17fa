//! Layouts from captured texts, and the recipes that follow from them; needs no privileges.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use palisade_cgroup::device::{DevicePattern, DevicePolicy, Verdict};
use palisade_cgroup::limits::{BlockDevice, DeviceWeight, Hugetlb, OomKiller, Rate, Rdma, Throttle};
use palisade_cgroup::{Controller, GroupPath, Home, Knob, Layout, Limit, Limits, Recipe, Version};
use std::path::Path;

macro_rules! layout {
    ($name:literal, $controllers:literal) => {
        Layout::parse(
            include_str!(concat!("texts/", $name, ".mountinfo")),
            include_str!(concat!("texts/", $name, ".cgroups")),
            include_str!(concat!("texts/", $name, ".own")),
            $controllers,
        )
    };
}

fn hybrid() -> Layout {
    layout!("hybrid", "hugetlb\n")
}

fn pure_v2() -> Layout {
    layout!("v2", "cpuset cpu io memory hugetlb pids rdma misc\n")
}

fn recipe(layout: &Layout, path: &str, limits: &Limits) -> Recipe {
    Recipe::new(layout, &GroupPath::new(path).unwrap(), limits).unwrap()
}

/// Returns what a recipe writes, without the directories.
fn writes(layout: &Layout, limits: &Limits) -> String {
    let all = recipe(layout, "/a", limits).to_string();
    let lines = all.lines().filter(|line| !line.starts_with("mkdir") && !line.contains("subtree_control"));
    lines.map(|line| line.replace("/sys/fs/cgroup/", "") + "\n").collect()
}

fn refusals(layout: &Layout, limits: &Limits) -> Vec<Knob> {
    let refused = Recipe::new(layout, &GroupPath::new("/a").unwrap(), limits).unwrap_err();
    refused.iter().map(|refusal| refusal.knob).collect()
}

#[test]
fn a_hybrid_machine_is_a_mixed_map() {
    let layout = hybrid();
    assert_eq!(layout.hierarchies.len(), 10);
    assert_eq!(layout.anchor(), Path::new("/sys/fs/cgroup"));
    let mount = |controller| layout.hierarchy(controller).unwrap().mount.to_str().unwrap();
    assert_eq!(mount(Controller::Io), "/sys/fs/cgroup/blkio");
    assert_eq!(mount(Controller::Hugetlb), "/sys/fs/cgroup/unified");
    assert_eq!(layout.home(Controller::NetCls), Home::NotMounted);
    assert_eq!(layout.home(Controller::Rdma), Home::Absent);
    assert_eq!(mount(Controller::PerfEvent), "/sys/fs/cgroup/unified", "every v2 group can be monitored");
    assert_eq!(layout.hierarchy(Controller::Memory).unwrap().own, "/session/7");
    let systemd = layout.hierarchies.iter().find(|h| h.name.as_deref() == Some("systemd")).unwrap();
    assert_eq!((systemd.own.as_str(), systemd.controllers.len()), ("/", 0));
}

#[test]
fn co_mounted_controllers_share_a_hierarchy() {
    let layout = layout!("systemd", "");
    let cpu = layout.hierarchy(Controller::Cpu).unwrap();
    assert_eq!(cpu.controllers, [Controller::Cpu, Controller::Cpuacct]);
    assert_eq!(cpu.own, "/user.slice", "the order of /proc/self/cgroup is another");
    assert_eq!(layout.home(Controller::NetCls), layout.home(Controller::NetPrio));
    assert_eq!(layout.home(Controller::Io), Home::NotMounted);
    assert_eq!(layout.home(Controller::Rdma), Home::Disabled);
    let freezer = layout.hierarchy(Controller::Freezer).unwrap();
    assert_eq!(freezer.version, Version::V2, "where v1 has no freezer, v2 groups have their own");
}

#[test]
fn pure_v2_is_one_tree() {
    let layout = pure_v2();
    assert!(layout.is_pure_v2());
    let memory = layout.hierarchy(Controller::Memory).unwrap();
    assert_eq!((memory.version, memory.mount.as_path()), (Version::V2, Path::new("/sys/fs/cgroup")));
    assert_eq!(layout.home(Controller::Devices), layout.home(Controller::Memory));
    assert_eq!(layout.home(Controller::NetCls), Home::NotMounted);
    let own = memory.own_path().unwrap();
    assert_eq!(own.parent().unwrap().as_str(), "/user.slice/user-1000.slice/user@1000.service/app.slice");
}

#[test]
fn in_a_container_the_first_writable_mount_is_taken() {
    let layout = layout!("nested", "");
    let memory = layout.hierarchy(Controller::Memory).unwrap();
    assert_eq!((memory.mount.as_path(), memory.root.as_str()), (Path::new("/mnt/rw memory"), "/docker/4f1c"));
    assert_eq!(memory.own_path().unwrap().as_str(), "/inner");
    let pids = layout.hierarchy(Controller::Pids).unwrap();
    assert_eq!(pids.mount, Path::new("/sys/fs/cgroup/pids"), "read-only is better than none");
    assert_eq!(pids.own_path(), None, "/docker/4f1cd is not below /docker/4f1c");
    assert_eq!(layout.anchor(), Path::new("/"));
    let recipe = recipe(&layout, "/x", &Limits::default());
    assert_eq!(recipe.to_string(), "mkdir -p /sys/fs/cgroup/pids/x\nmkdir -p '/mnt/rw memory/x'\n");
}

#[test]
fn layouts_survive_being_written_down() {
    for layout in [hybrid(), pure_v2(), layout!("nested", "")] {
        let text = serde_json::to_string(&layout).unwrap();
        assert_eq!(serde_json::from_str::<Layout>(&text).unwrap(), layout);
    }
}

#[test]
fn no_limits_on_a_hybrid_machine() {
    let text = recipe(&hybrid(), "/pods/web", &Limits::default()).to_string();
    let expected = "\
mkdir -p /sys/fs/cgroup/cpu/pods/web
mkdir -p /sys/fs/cgroup/cpuacct/pods/web
mkdir -p /sys/fs/cgroup/cpuset/pods/web
mkdir -p /sys/fs/cgroup/memory/pods/web
mkdir -p /sys/fs/cgroup/devices/pods/web
mkdir -p /sys/fs/cgroup/freezer/pods/web
mkdir -p /sys/fs/cgroup/blkio/pods/web
mkdir -p /sys/fs/cgroup/pids/pods/web
mkdir -p /sys/fs/cgroup/systemd/pods/web
mkdir -p /sys/fs/cgroup/unified/pods/web
cat /sys/fs/cgroup/cpuset/pods/web/../cpuset.cpus > /sys/fs/cgroup/cpuset/pods/web/cpuset.cpus
cat /sys/fs/cgroup/cpuset/pods/web/../cpuset.mems > /sys/fs/cgroup/cpuset/pods/web/cpuset.mems
";
    assert_eq!(text, expected);
}

#[test]
fn no_limits_on_pure_v2_enable_everything() {
    let text = recipe(&pure_v2(), "/pods/web", &Limits::default()).to_string();
    let expected = "\
mkdir -p /sys/fs/cgroup/pods/web
echo +cpuset +cpu +io +memory +hugetlb +pids +rdma +misc > /sys/fs/cgroup/cgroup.subtree_control
echo +cpuset +cpu +io +memory +hugetlb +pids +rdma +misc > /sys/fs/cgroup/pods/cgroup.subtree_control
";
    assert_eq!(text, expected);
}

#[test]
fn memory_in_both_versions() {
    let mut limits = Limits::default();
    limits.memory.limit = Some(Limit::Value(64 << 20));
    limits.memory.swap = Some(Limit::Value(96 << 20));
    limits.memory.reservation = Some(Limit::Value(32 << 20));
    let v2 =
        "echo 33554432 > a/memory.swap.max\necho 67108864 > a/memory.max\necho 33554432 > a/memory.low\n";
    assert_eq!(writes(&pure_v2(), &limits), v2);
    limits.memory.swappiness = Some(10);
    limits.memory.oom_killer = Some(OomKiller::Off);
    let v1 = "\
cat cpuset/a/../cpuset.cpus > cpuset/a/cpuset.cpus
cat cpuset/a/../cpuset.mems > cpuset/a/cpuset.mems
echo 67108864 > memory/a/memory.limit_in_bytes
echo 100663296 > memory/a/memory.memsw.limit_in_bytes
echo 33554432 > memory/a/memory.soft_limit_in_bytes
echo 10 > memory/a/memory.swappiness
echo 1 > memory/a/memory.oom_control
";
    assert_eq!(writes(&hybrid(), &limits), v1);
    assert_eq!(refusals(&pure_v2(), &limits), [Knob::MemorySwappiness, Knob::MemoryOomKiller]);
}

#[test]
fn no_memory_limit_means_no_swap_limit() {
    let mut limits = Limits::default();
    limits.memory.limit = Some(Limit::Max);
    let v2 = "[ ! -e a/memory.swap.max ] || echo max > a/memory.swap.max\necho max > a/memory.max\n";
    assert_eq!(writes(&pure_v2(), &limits), v2);
    assert!(writes(&hybrid(), &limits).ends_with("echo -1 > memory/a/memory.limit_in_bytes\n"));
}

#[test]
fn cpu_in_both_versions() {
    let mut limits = Limits::default();
    limits.cpu.shares = Some(1024);
    limits.cpu.quota = Some(Limit::Value(50_000));
    limits.cpu.period = Some(100_000);
    limits.cpu.burst = Some(20_000);
    limits.cpuset.cpus = Some("0-1".to_owned());
    let v2 = "\
echo 100 > a/cpu.weight
echo '50000 100000' > a/cpu.max
echo 20000 > a/cpu.max.burst
echo 0-1 > a/cpuset.cpus
";
    assert_eq!(writes(&pure_v2(), &limits), v2);
    let v1 = "\
cat cpuset/a/../cpuset.cpus > cpuset/a/cpuset.cpus
echo 0-1 > cpuset/a/cpuset.cpus
cat cpuset/a/../cpuset.mems > cpuset/a/cpuset.mems
echo 1024 > cpu/a/cpu.shares
echo 100000 > cpu/a/cpu.cfs_period_us
echo 50000 > cpu/a/cpu.cfs_quota_us
echo 20000 > cpu/a/cpu.cfs_burst_us
";
    assert_eq!(writes(&hybrid(), &limits), v1);
    limits.cpu.realtime_runtime = Some(1000);
    assert_eq!(refusals(&pure_v2(), &limits), [Knob::CpuRealtimeRuntime]);
}

#[test]
fn a_period_alone_keeps_the_quota() {
    let mut limits = Limits::default();
    limits.cpu.period = Some(50_000);
    assert_eq!(writes(&pure_v2(), &limits), "echo $(cut -d' ' -f1 a/cpu.max) 50000 > a/cpu.max\n");
}

#[test]
fn io_in_both_versions() {
    let (a, b) = (BlockDevice { major: 8, minor: 0 }, BlockDevice { major: 8, minor: 16 });
    let mut limits = Limits::default();
    limits.io.weight = Some(100);
    limits.io.device_weights = vec![DeviceWeight { device: b, weight: Some(500), leaf_weight: None }];
    let throttle = |device, rate, limit| Throttle { device, rate, limit };
    limits.io.throttles = vec![
        throttle(a, Rate::ReadBytes, Limit::Value(1 << 20)),
        throttle(b, Rate::WriteOperations, Limit::Value(10)),
        throttle(a, Rate::WriteBytes, Limit::Max),
    ];
    let v2 = "\
echo 100 > a/io.bfq.weight || echo 910 > a/io.weight
echo '8:16 500' > a/io.bfq.weight || echo '8:16 4950' > a/io.weight
echo '8:0 rbps=1048576 wbps=max' > a/io.max
echo '8:16 wiops=10' > a/io.max
";
    assert_eq!(writes(&pure_v2(), &limits), v2);
    let v1 = "\
cat cpuset/a/../cpuset.cpus > cpuset/a/cpuset.cpus
cat cpuset/a/../cpuset.mems > cpuset/a/cpuset.mems
echo 100 > blkio/a/blkio.weight || echo 100 > blkio/a/blkio.bfq.weight
echo '8:16 500' > blkio/a/blkio.weight_device || echo '8:16 500' > blkio/a/blkio.bfq.weight_device
echo '8:0 1048576' > blkio/a/blkio.throttle.read_bps_device
echo '8:16 10' > blkio/a/blkio.throttle.write_iops_device
echo '8:0 0' > blkio/a/blkio.throttle.write_bps_device
";
    assert_eq!(writes(&hybrid(), &limits), v1);
    limits.io.leaf_weight = Some(9);
    limits.io.throttles[0].limit = Limit::Value(0);
    assert_eq!(refusals(&hybrid(), &limits), [Knob::IoLeafWeight, Knob::IoThrottle]);
}

#[test]
fn the_smaller_controllers() {
    let mut limits = Limits { pids: Some(Limit::Max), ..Limits::default() };
    let huge = Hugetlb { limit: Some(Limit::Value(2 << 20)), reserved: Some(Limit::Max) };
    limits.hugetlb.insert("2MB".to_owned(), huge);
    limits
        .rdma
        .insert("mlx5_0".to_owned(), Rdma { handles: Some(Limit::Value(3)), objects: Some(Limit::Max) });
    limits.misc.insert("sev".to_owned(), Limit::Value(4));
    limits.unified.insert("memory.high".to_owned(), "1048576".to_owned());
    limits.unified.insert("io.max".to_owned(), "8:0 rbps=1\n8:16 wbps=2\n".to_owned());
    let v2 = "\
echo max > a/pids.max
echo 2097152 > a/hugetlb.2MB.max
[ ! -e a/hugetlb.2MB.rsvd.max ] || echo max > a/hugetlb.2MB.rsvd.max
echo 'mlx5_0 hca_handle=3 hca_object=max' > a/rdma.max
echo 'sev 4' > a/misc.max
echo '8:0 rbps=1' > a/io.max
echo '8:16 wbps=2' > a/io.max
echo 1048576 > a/memory.high
";
    assert_eq!(writes(&pure_v2(), &limits), v2);
    let refused = [Knob::Rdma, Knob::Misc, Knob::Unified, Knob::Unified];
    assert_eq!(refusals(&hybrid(), &limits), refused, "on this machine only hugetlb is in the v2 tree");
}

#[test]
fn a_hybrid_machine_enables_only_what_is_needed() {
    let mut limits = Limits::default();
    limits.hugetlb.insert("2MB".to_owned(), Hugetlb { limit: Some(Limit::Value(0)), reserved: None });
    let text = recipe(&hybrid(), "/a", &limits).to_string();
    assert!(text.contains("echo +hugetlb > /sys/fs/cgroup/unified/cgroup.subtree_control\n"), "{text}");
    assert!(text.ends_with("echo 0 > /sys/fs/cgroup/unified/a/hugetlb.2MB.max\n"), "{text}");
}

#[test]
fn net_cls_needs_its_v1_hierarchy() {
    let mut limits = Limits { net_cls: Some(0x10_0001), ..Limits::default() };
    limits.net_prio.insert("lo".to_owned(), 4);
    let systemd = writes(&layout!("systemd", ""), &limits);
    assert!(systemd.contains("echo 1048577 > net_cls,net_prio/a/net_cls.classid\n"), "{systemd}");
    assert!(systemd.contains("echo 'lo 4' > net_cls,net_prio/a/net_prio.ifpriomap\n"), "{systemd}");
    assert_eq!(refusals(&pure_v2(), &limits), [Knob::NetCls, Knob::NetPrio]);
    assert_eq!(refusals(&hybrid(), &limits), [Knob::NetCls, Knob::NetPrio]);
}

#[test]
fn devices_are_writes_or_a_program() {
    let rule = |verdict, text: &str| text.parse::<DevicePattern>().unwrap().rule(verdict);
    let rules =
        vec![rule(Verdict::Deny, "a"), rule(Verdict::Allow, "c 1:3 rwm"), rule(Verdict::Allow, "b *:* m")];
    let devices = Some(DevicePolicy { default: Verdict::Deny, rules });
    let mut limits = Limits { devices, ..Limits::default() };
    let v1 = writes(&hybrid(), &limits);
    let tail = "\
echo a > devices/a/devices.deny
echo 'c 1:3 rwm' > devices/a/devices.allow
echo 'b *:* m' > devices/a/devices.allow
";
    assert!(v1.ends_with(tail), "{v1}");
    let v2 = writes(&pure_v2(), &limits);
    assert_eq!(v2, "# device program on a/.: default deny; deny a *:* rwm; allow c 1:3 rwm; allow b *:* m\n");

    let rules = vec![rule(Verdict::Allow, "c 1:* rwm"), rule(Verdict::Deny, "c 1:3 w")];
    limits.devices = Some(DevicePolicy { default: Verdict::Deny, rules });
    assert_eq!(refusals(&hybrid(), &limits), [Knob::Devices]);
    assert!(Recipe::new(&pure_v2(), &GroupPath::root(), &limits).is_ok());
    limits.devices =
        Some(DevicePolicy { default: Verdict::Deny, rules: vec![rule(Verdict::Allow, "c 4096:0 r")] });
    assert_eq!(refusals(&pure_v2(), &limits), [Knob::Devices]);
}

#[test]
fn values_out_of_range_are_all_named() {
    let mut limits = Limits::default();
    limits.memory.limit = Some(Limit::Value(100));
    limits.memory.swap = Some(Limit::Value(99));
    limits.memory.swappiness = Some(101);
    limits.cpu.weight = Some(0);
    limits.cpu.period = Some(999);
    limits.cpu.quota = Some(Limit::Value(1000));
    limits.cpu.burst = Some(1001);
    limits.io.weight = Some(9);
    limits.cpuset.cpus = Some("all".to_owned());
    limits.hugetlb.insert("2M/..".to_owned(), Hugetlb::default());
    limits.unified.insert("../memory.max".to_owned(), "1".to_owned());
    let expected = [
        Knob::MemorySwap,
        Knob::MemorySwappiness,
        Knob::CpuWeight,
        Knob::CpuPeriod,
        Knob::CpuBurst,
        Knob::IoWeight,
        Knob::CpusetCpus,
        Knob::Hugetlb,
        Knob::Unified,
    ];
    assert_eq!(refusals(&hybrid(), &limits), expected);
    let refused = Recipe::new(&hybrid(), &GroupPath::root(), &limits).unwrap_err();
    assert_eq!(refused[3].to_string(), "cpu.period: 999 is not in 1000 to 1000000");
}

#[test]
fn raw_files_that_are_no_limits_are_refused() {
    for file in
        ["cgroup.procs", "cgroup.kill", "cgroup.subtree_control", "memory", "memory.max/x", "net_cls.classid"]
    {
        let mut limits = Limits::default();
        limits.unified.insert(file.to_owned(), "1".to_owned());
        assert_eq!(refusals(&pure_v2(), &limits), [Knob::Unified], "{file}");
    }
    let mut limits = Limits::default();
    limits.unified.insert("cgroup.max.depth".to_owned(), "1".to_owned());
    assert!(Recipe::new(&pure_v2(), &GroupPath::root(), &limits).is_ok());
}

#[test]
fn a_user_of_the_v2_tree_does_without_the_others() {
    let mut limits = Limits { pids: Some(Limit::Value(9)), ..Limits::default() };
    limits.hugetlb.insert("2MB".to_owned(), Hugetlb { limit: Some(Limit::Value(0)), reserved: None });
    let text = recipe(&hybrid(), "/a", &limits).without_optional(Version::V1).to_string();
    let expected = "\
mkdir -p /sys/fs/cgroup/pids/a
mkdir -p /sys/fs/cgroup/unified/a
echo +hugetlb > /sys/fs/cgroup/unified/cgroup.subtree_control
echo 9 > /sys/fs/cgroup/pids/a/pids.max
echo 0 > /sys/fs/cgroup/unified/a/hugetlb.2MB.max
";
    assert_eq!(text, expected, "a limit that is asked for stays, and is then refused by the kernel");
}
