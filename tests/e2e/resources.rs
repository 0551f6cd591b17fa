//! `linux.resources`: what the files of the group say, and what a container feels of it.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use palisade_tests::container::wait_until;
use palisade_tests::{Bundle, Case, Container, Privilege, case, group, skip};
use serde_json::{Value, json};

/// A section of resources, its controller, and the file and value that it leads to on v1 and on v2.
type Row = (Value, &'static str, (&'static str, &'static str), (&'static str, &'static str));

fn simple_rows() -> Vec<Row> {
    vec![
        (json!({ "pids": { "limit": 77 } }), "pids", ("pids.max", "77"), ("pids.max", "77")),
        (json!({ "pids": { "limit": -1 } }), "pids", ("pids.max", "max"), ("pids.max", "max")),
        (
            json!({ "memory": { "limit": 41_943_040 } }),
            "memory",
            ("memory.limit_in_bytes", "41943040"),
            ("memory.max", "41943040"),
        ),
        (
            json!({ "memory": { "reservation": 20_971_520 } }),
            "memory",
            ("memory.soft_limit_in_bytes", "20971520"),
            ("memory.low", "20971520"),
        ),
        (json!({ "cpu": { "shares": 512 } }), "cpu", ("cpu.shares", "512"), ("cpu.weight", "*")),
        (
            json!({ "cpu": { "quota": 20_000, "period": 50_000 } }),
            "cpu",
            ("cpu.cfs_quota_us", "20000"),
            ("cpu.max", "20000 50000"),
        ),
    ]
}

fn other_rows() -> Vec<Row> {
    vec![
        (
            json!({ "cpu": { "period": 50_000 } }),
            "cpu",
            ("cpu.cfs_period_us", "50000"),
            ("cpu.max", "max 50000"),
        ),
        (json!({ "cpu": { "idle": 1 } }), "cpu", ("cpu.idle", "1"), ("cpu.idle", "1")),
        (json!({ "cpu": { "cpus": "0" } }), "cpuset", ("cpuset.cpus", "0"), ("cpuset.cpus", "0")),
        (json!({ "cpu": { "mems": "0" } }), "cpuset", ("cpuset.mems", "0"), ("cpuset.mems", "0")),
        (
            json!({ "hugepageLimits": [{ "pageSize": "2MB", "limit": 4_194_304 }] }),
            "hugetlb",
            ("hugetlb.2MB.limit_in_bytes", "4194304"),
            ("hugetlb.2MB.max", "4194304"),
        ),
        // Reservations are limited where the kernel counts them.
        (
            json!({ "hugepageLimits": [{ "pageSize": "2MB", "limit": 4_194_304 }] }),
            "hugetlb",
            ("hugetlb.2MB.rsvd.limit_in_bytes", "4194304"),
            ("hugetlb.2MB.rsvd.max", "4194304"),
        ),
        (
            json!({ "cpu": { "quota": 20_000, "period": 50_000, "burst": 7_000 } }),
            "cpu",
            ("cpu.cfs_burst_us", "7000"),
            ("cpu.max.burst", "7000"),
        ),
        (
            json!({ "memory": { "swappiness": 13 } }),
            "memory",
            ("memory.swappiness", "13"),
            ("memory.swappiness", "none"),
        ),
        (
            json!({ "memory": { "kernelTCP": 8_388_608 } }),
            "memory",
            ("memory.kmem.tcp.limit_in_bytes", "8388608"),
            ("memory.kmem.tcp.limit_in_bytes", "none"),
        ),
        (
            json!({ "memory": { "useHierarchy": true } }),
            "memory",
            ("memory.use_hierarchy", "1"),
            ("memory.current", "*"),
        ),
        (
            json!({ "memory": { "limit": 41_943_040, "swap": 83_886_080 } }),
            "memory",
            ("memory.memsw.limit_in_bytes", "83886080"),
            ("memory.swap.max", "41943040"),
        ),
    ]
}

#[test]
fn resources_are_written_to_their_files() {
    let case = case!();
    if !group::can_make() {
        skip!(case, "no cgroup");
    }
    let bundle = Bundle::script(&case, "sleep 1000");
    for (resources, controller, v1, v2) in simple_rows().into_iter().chain(other_rows()) {
        let bundle = bundle.variant(&case, |config| config["linux"]["resources"] = resources.clone());
        let id = case.unused_id();
        let said = case.palisade().args(["run", "--detach", "--bundle"]).arg(bundle.path()).arg(&id).run();
        if !said.status.success() {
            // What a machine has no file for has to be refused by name, and a machine may be without it.
            let line = said.refusal(&case);
            assert!(line.contains("/linux/resources"), "{line}");
            assert!(
                !has_file(controller, if group::has_unified(controller) { v2.0 } else { v1.0 }),
                "{line}"
            );
            continue;
        }
        let container = Container::named(&case, &id);
        let (file, value) = if group::has_unified(controller) { v2 } else { v1 };
        let found = group::read(container.pid(), controller, file).expect("the controller has a home");
        container.remove();
        if value == "*" && controller == "cpu" {
            let weight: u64 = found.parse().expect("a weight");
            assert!((2..100).contains(&weight), "512 of 1024 shares is below the usual weight: {weight}");
        } else if value != "*" {
            assert_eq!(found, value, "{resources} in {file}");
        }
    }
}

/// Tells whether some group of this machine has a file of a controller.
fn has_file(controller: &str, file: &str) -> bool {
    let own = group::of(i64::from(std::process::id()), controller);
    own.is_some_and(|own| {
        let below = fs::read_dir(&own).into_iter().flatten().flatten().map(|entry| entry.path().join(file));
        own.join(file).exists() || below.into_iter().any(|path| path.exists())
    })
}

/// A disk made of a file, for as long as this is there.
struct Disk<'a> {
    case: &'a Case,
    node: PathBuf,
}

impl<'a> Disk<'a> {
    const SIZE: usize = 2 << 20;

    /// Makes one; none where the kernel has no loop devices.
    fn make(case: &'a Case) -> Option<Self> {
        let file = case.scratch().join("disk");
        fs::write(&file, vec![7; Self::SIZE]).expect("write the disk's file");
        let busybox = || case.program(palisade_tests::bundle::busybox()).arg("losetup");
        let free = busybox().arg("-f").run();
        if !free.status.success() {
            return None;
        }
        let node = PathBuf::from(free.stdout.trim_end());
        busybox().arg(&node).arg(&file).run().succeeded();
        Some(Self { case, node })
    }

    fn name(&self) -> &str {
        self.node.file_name().and_then(|name| name.to_str()).expect("a name")
    }

    /// Major and minor number.
    fn numbers(&self) -> (u32, u32) {
        device_numbers(Path::new(&format!("/sys/block/{}/dev", self.name())))
    }

    /// The file by which the disk's scheduler is chosen.
    fn scheduler(&self) -> PathBuf {
        PathBuf::from(format!("/sys/block/{}/queue/scheduler", self.name()))
    }
}

impl Drop for Disk<'_> {
    fn drop(&mut self) {
        let busybox = self.case.program(palisade_tests::bundle::busybox());
        busybox.args(["losetup", "-d"]).arg(&self.node).run().succeeded();
    }
}

/// Reads major and minor number of a device from its file `dev` in /sys.
fn device_numbers(file: &Path) -> (u32, u32) {
    let text = fs::read_to_string(file).expect("a device");
    let (major, minor) = text.trim_end().split_once(':').expect("two numbers");
    (major.parse().expect("a number"), minor.parse().expect("a number"))
}

/// The lines of a file that begin with a device's numbers, without these.
fn of_device(text: &str, (major, minor): (u32, u32)) -> Vec<&str> {
    let prefix = format!("{major}:{minor} ");
    text.lines().filter_map(|line| line.strip_prefix(&prefix)).collect()
}

#[test]
fn reads_and_writes_of_a_disk_are_throttled() {
    let case = case!();
    if case.tier().privilege() == Privilege::Ordinary {
        skip!(case, "an ordinary user has no disk to give");
    }
    let Some(disk) = Disk::make(&case) else { skip!(case, "the kernel has no loop devices") };
    let numbers @ (major, minor) = disk.numbers();
    let rate = |rate: u64| json!([{ "major": major, "minor": minor, "rate": rate }]);
    let limited = |script: &str, resources: Value| {
        Bundle::script(&case, script).with(|config| {
            config["linux"]["devices"] =
                json!([{ "path": "/dev/disk", "type": "b", "major": major, "minor": minor }]);
            config["linux"]["resources"] = json!({
                "devices": [{ "allow": true, "type": "b", "major": major, "minor": minor, "access": "rw" }],
                "blockIO": resources
            });
        })
    };
    let copy = "count=8 bs=65536 2> /dev/null";
    let (read, write) = (
        format!("dd if=/dev/disk of=/dev/null iflag=direct {copy}"),
        format!("dd if=/dev/zero of=/dev/disk oflag=direct {copy}"),
    );
    for (script, name, slow) in [
        (&read, "throttleReadBpsDevice", 256 << 10),
        (&read, "throttleReadIOPSDevice", 4),
        (&write, "throttleWriteBpsDevice", 256 << 10),
        (&write, "throttleWriteIOPSDevice", 4),
    ] {
        let bundle = limited(script, json!({ name: rate(slow) }));
        let call = case.palisade().args(["run", "--bundle"]).arg(bundle.path()).arg(case.unused_id());
        let begin = Instant::now();
        // The kernel may make more operations of one.
        call.limit(Duration::from_secs(300)).run().succeeded();
        // Half a megabyte takes two seconds, but for what may be done at once in the first moment.
        assert!(begin.elapsed() > Duration::from_secs(1), "{name}: {:?}", begin.elapsed());
    }
    let all = json!({
        "throttleReadBpsDevice": rate(1_048_576), "throttleWriteBpsDevice": rate(2_097_152),
        "throttleReadIOPSDevice": rate(77), "throttleWriteIOPSDevice": rate(99),
    });
    let container = Container::start(&case, &limited("sleep 1000", all));
    let file = |name: &str| group::read(container.pid(), group_name(), name).expect("a controller");
    if group::has_unified("io") {
        assert_eq!(of_device(&file("io.max"), numbers), ["rbps=1048576 wbps=2097152 riops=77 wiops=99"]);
    } else {
        for (kind, value) in
            [("read_bps", "1048576"), ("write_bps", "2097152"), ("read_iops", "77"), ("write_iops", "99")]
        {
            assert_eq!(
                of_device(&file(&format!("blkio.throttle.{kind}_device")), numbers),
                [value],
                "{kind}"
            );
        }
    }
    container.exec(&["sh", "-c", &read]).run().succeeded();
    let said = container.verb("events").arg("--stats").run().succeeded();
    let stats: Value = serde_json::from_str(&said.stdout).expect("JSON");
    for (table, least) in [("ioServiceBytesRecursive", 1 << 19), ("ioServicedRecursive", 8)] {
        let rows = stats["data"]["blkio"][table].as_array().expect("a list");
        let own = rows
            .iter()
            .filter(|row| row["major"] == major && row["minor"].as_u64().unwrap_or(0) == u64::from(minor));
        let rows: Vec<(&str, u64)> = own
            .map(|row| (row["op"].as_str().expect("a word"), row["value"].as_u64().unwrap_or(0)))
            .collect();
        let value = |op: &str| rows.iter().find(|row| row.0 == op).map(|row| row.1);
        assert!(value("Read") >= Some(least) && value("Total") >= value("Read"), "{table}: {rows:?}");
        let is_v1 = !group::has_unified("io");
        assert_eq!((value("Sync").is_some(), value("Async").is_some()), (is_v1, is_v1), "{table}: {rows:?}");
    }
    container.remove();
}

/// The name of the controller of disks.
fn group_name() -> &'static str {
    if group::has_unified("io") { "io" } else { "blkio" }
}

#[test]
fn weights_are_of_the_group_and_of_a_disk() {
    let case = case!();
    if case.tier().privilege() == Privilege::Ordinary {
        skip!(case, "an ordinary user has no disk to give");
    }
    let Some(disk) = Disk::make(&case) else { skip!(case, "the kernel has no loop devices") };
    let Some(weigher) = Weigher::find(&case, &disk) else { skip!(case, "no scheduler with weights") };
    let numbers @ (major, minor) = disk.numbers();
    let bundle = Bundle::script(&case, "sleep 1000").with(|config| {
        config["linux"]["resources"]["blockIO"] = json!({
            "weight": 200, "weightDevice": [{ "major": major, "minor": minor, "weight": 700 }]
        });
    });
    let container = Container::start(&case, &bundle);
    let file = |name: &str| group::read(container.pid(), group_name(), name).expect("a controller");
    if group::has_unified("io") {
        let text = file("io.bfq.weight");
        assert!(text.starts_with("default 200"), "{text}");
        assert_eq!(of_device(&text, numbers), ["700"]);
    } else {
        assert_eq!(file("blkio.bfq.weight").lines().next(), Some("200"));
        assert_eq!(of_device(&file("blkio.bfq.weight_device"), numbers), ["700"]);
    }
    container.remove();
    let leaf = bundle.variant(&case, |config| {
        config["linux"]["resources"]["blockIO"] = json!({ "leafWeight": 100 });
    });
    // No kernel since 5.0 has it.
    let line = leaf.refusal(&case);
    assert!(line.contains("/linux/resources/blockIO/leafWeight"), "{line}");
    drop(weigher);
}

/// The scheduler that knows weights, at work on a disk.
struct Weigher<'a> {
    case: &'a Case,
    scheduler: PathBuf,
    before: String,
    module: bool,
}

impl<'a> Weigher<'a> {
    /// A module that the virtual machine has and does not load by itself.
    const MODULE: &'static str = "/palisade/spare/bfq.ko";

    fn find(case: &'a Case, disk: &Disk<'_>) -> Option<Self> {
        let module = Path::new(Self::MODULE).exists();
        if module {
            case.program("/bin/insmod").arg(Self::MODULE).run().succeeded();
        }
        let scheduler = disk.scheduler();
        let text = fs::read_to_string(&scheduler).expect("a scheduler");
        let chosen = text.split_whitespace().find_map(|word| word.strip_prefix('[')?.strip_suffix(']'));
        let before = chosen.unwrap_or("none").to_owned();
        let this = Self { case, scheduler, before, module };
        fs::write(&this.scheduler, "bfq").ok().map(|()| this)
    }
}

impl Drop for Weigher<'_> {
    fn drop(&mut self) {
        fs::write(&self.scheduler, &self.before).expect("choose the scheduler of before");
        if self.module {
            self.case.program("/bin/rmmod").arg("bfq").run().succeeded();
        }
    }
}

/// The weights of the kernel's own cost model, which holds for disks where somebody has switched it on.
#[test]
fn weights_go_to_the_cost_model_where_no_scheduler_has_them() {
    let case = case!();
    if case.tier().privilege() == Privilege::Ordinary {
        skip!(case, "an ordinary user has no disk to give");
    }
    let model = Path::new("/sys/fs/cgroup/io.cost.qos");
    if !model.exists() {
        skip!(case, "the kernel has no cost model, or its cgroups are v1");
    }
    let Some(disk) = Disk::make(&case) else { skip!(case, "the kernel has no loop devices") };
    let numbers @ (major, minor) = disk.numbers();
    fs::write(model, format!("{major}:{minor} enable=1")).expect("switch the cost model on");
    let bundle = Bundle::script(&case, "sleep 1000").with(|config| {
        config["linux"]["resources"]["blockIO"] = json!({
            "weight": 1000, "weightDevice": [{ "major": major, "minor": minor, "weight": 10 }]
        });
    });
    let container = Container::start(&case, &bundle);
    let text = group::read(container.pid(), "io", "io.weight").expect("the io controller");
    container.remove();
    fs::write(model, format!("{major}:{minor} enable=0")).expect("switch the cost model off");
    assert!(text.starts_with("default 10000"), "10 to 1000 become 1 to 10000: {text}");
    assert_eq!(of_device(&text, numbers), ["1"]);
}

#[test]
fn a_container_whose_oom_killer_is_off_waits_for_memory() {
    let case = case!();
    if !group::can_make() {
        skip!(case, "no cgroup");
    }
    if group::has_unified("memory") {
        skip!(case, "v2 cannot switch the OOM killer off, which another test says");
    }
    let limit = 32 << 20;
    // A system call that cannot have more memory fails; only a process that touches memory itself waits.
    let script =
        "awk 'BEGIN { x = \"x\"; while (length(x) < 60000000) x = x x }'; echo $? > /said; sleep 1000";
    let bundle = Bundle::script(&case, script).with(|config| {
        config["linux"]["resources"] =
            json!({ "memory": { "limit": limit, "swap": limit, "disableOOMKiller": true } });
    });
    let container = Container::start(&case, &bundle);
    let control = || group::read(container.pid(), "memory", "memory.oom_control").expect("memory");
    wait_until("it is out of memory", || control().contains("under_oom 1"));
    assert!(control().contains("oom_kill_disable 1") && control().contains("oom_kill 0"), "{}", control());
    container.verb("update").args(["--memory", "256m", "--memory-swap", "256m"]).run().succeeded();
    let said = bundle.rootfs().join("said");
    wait_until("it goes on", || fs::read_to_string(&said).is_ok_and(|text| text == "0\n"));
    assert!(control().contains("oom_kill 0"), "{}", control());
    container.remove();
}

#[test]
fn realtime_is_given_by_the_share_of_it() {
    let case = case!();
    if case.tier().privilege() == Privilege::Ordinary {
        skip!(case, "realtime takes root");
    }
    let own = group::of(i64::from(std::process::id()), "cpu").expect("a cpu controller");
    if !own.join("cpu.rt_runtime_us").exists() {
        skip!(case, "groups of this kernel have no share of realtime");
    }
    let script = "awk '{ print $40, $41 }' /proc/self/stat";
    let bundle = Bundle::script(&case, script).with(|config| {
        config["process"]["scheduler"] = json!({ "policy": "SCHED_RR", "priority": 3 });
        config["linux"]["resources"]["cpu"] = json!({ "realtimePeriod": 900_000, "realtimeRuntime": 20_000 });
    });
    assert_eq!(bundle.output(&case), "3 2");
    let none = bundle.variant(&case, |config| config["linux"]["resources"] = json!({}));
    let line = none.refusal(&case);
    assert!(line.starts_with("/process/scheduler: ") && line.contains("EPERM"), "{line}");
    let waiting = bundle.with_script(&case, "sleep 1000");
    let container = Container::start(&case, &waiting);
    let file = |name: &str| group::read(container.pid(), "cpu", name).expect("a cpu controller");
    assert_eq!((file("cpu.rt_period_us"), file("cpu.rt_runtime_us")), ("900000".into(), "20000".into()));
    container.remove();
    let much = bundle.variant(&case, |config| {
        config["linux"]["resources"]["cpu"] =
            json!({ "realtimePeriod": 1_000_000, "realtimeRuntime": 1_000_000 });
    });
    let line = much.refusal(&case);
    assert!(line.contains("/linux/resources/cpu/realtimeRuntime"), "{line}");
}

#[test]
fn packets_have_a_class_and_a_priority() {
    let case = case!();
    if case.tier().privilege() == Privilege::Ordinary {
        skip!(case, "groups of v1 take root");
    }
    if group::of(i64::from(std::process::id()), "net_cls").is_none() {
        skip!(case, "no net_cls and net_prio controllers are mounted");
    }
    let bundle = Bundle::script(&case, "sleep 1000").with(|config| {
        config["linux"]["resources"]["network"] =
            json!({ "classID": 0x0010_0001, "priorities": [{ "name": "lo", "priority": 6 }] });
    });
    let container = Container::start(&case, &bundle);
    assert_eq!(group::read(container.pid(), "net_cls", "net_cls.classid").as_deref(), Some("1048577"));
    let map = group::read(container.pid(), "net_prio", "net_prio.ifpriomap").expect("net_prio");
    assert!(map.lines().any(|line| line == "lo 6"), "{map}");
    container.remove();
    let unknown = bundle.variant(&case, |config| {
        config["linux"]["resources"]["network"] =
            json!({ "priorities": [{ "name": "nosuch0", "priority": 6 }] });
    });
    let line = unknown.refusal(&case);
    assert!(line.contains("/linux/resources/network/priorities") && line.contains("nosuch0"), "{line}");
}

/// A limit for a device that is not there: what the kernel says of it shows where the limit goes.
#[test]
fn limits_of_rdma_devices_go_to_the_kernel() {
    let case = case!();
    if !group::can_make() {
        skip!(case, "no cgroup");
    }
    let bundle = Bundle::script(&case, "true").with(|config| {
        config["linux"]["resources"]["rdma"] = json!({ "mlx9_9": { "hcaHandles": 3, "hcaObjects": 10_000 } });
    });
    let line = bundle.refusal(&case);
    assert!(line.contains("/linux/resources/rdma"), "{line}");
    if group::of(i64::from(std::process::id()), "rdma").is_some() {
        assert!(
            line.contains("write mlx9_9 hca_handle=3 hca_object=10000 to ") && line.contains("ENODEV"),
            "{line}"
        );
    } else {
        assert!(line.starts_with("config.json: ") && line.contains("rdma controller"), "{line}");
    }
}

/// A device for RDMA that is made of a network card which leads nowhere.
struct Rdma<'a> {
    case: &'a Case,
    card: String,
    name: String,
}

impl<'a> Rdma<'a> {
    fn make(case: &'a Case) -> Self {
        let this = Self { case, card: case.unused("card"), name: case.unused("rxe") };
        case.program("/bin/ip").args(["link", "add", &this.card, "type", "dummy"]).run().succeeded();
        let make = ["link", "add", &this.name, "type", "rxe", "netdev", &this.card];
        case.program("/bin/rdma").args(make).run().succeeded();
        this
    }

    /// Major and minor number of the file by which programs reach it.
    fn numbers(&self) -> (u32, u32) {
        let class = fs::read_dir("/sys/class/infiniband_verbs").expect("read the class").flatten();
        let is_own = |path: &PathBuf| {
            fs::read_to_string(path.join("ibdev")).is_ok_and(|name| name.trim_end() == self.name)
        };
        let own = class.map(|entry| entry.path()).find(is_own).expect("the device has a file");
        device_numbers(&own.join("dev"))
    }
}

impl Drop for Rdma<'_> {
    fn drop(&mut self) {
        self.case.program("/bin/rdma").args(["link", "delete", &self.name]).run().succeeded();
        self.case.program("/bin/ip").args(["link", "delete", &self.card]).run().succeeded();
    }
}

/// A program that asks a device for a context holds a handle of it.
#[test]
fn handles_of_an_rdma_device_are_limited() {
    let case = case!();
    if case.tier().privilege() == Privilege::Ordinary {
        skip!(case, "an ordinary user makes no device");
    }
    if !Path::new("/sys/module/rdma_rxe").exists() {
        skip!(case, "the kernel has not loaded rdma_rxe, which makes such a device");
    }
    let device = Rdma::make(&case);
    let (major, minor) = device.numbers();
    let bundle = Bundle::script(&case, "sleep 1000").with(|config| {
        config["linux"]["devices"] =
            json!([{ "path": "/dev/uverbs", "type": "c", "major": major, "minor": minor }]);
    });
    // struct ib_uverbs_cmd_hdr and struct ib_uverbs_get_context of rdma/ib_user_verbs.h. The answer goes to the last page
    // of the stack, whose place is known where nothing is placed at random.
    let request = [0u32, 4 | 2 << 16, 0xffff_e800, 0x7fff].map(u32::to_le_bytes).concat();
    fs::write(bundle.rootfs().join("request"), request).expect("write the request");
    let limited = |handles: u32, answer: &str| {
        let bundle = bundle.variant(&case, |config| {
            config["linux"]["resources"] = json!({
                "devices": [{ "allow": true, "type": "c", "major": major, "minor": minor, "access": "rw" }],
                "rdma": { &device.name: { "hcaHandles": handles, "hcaObjects": 10_000 } },
            });
        });
        let container = Container::start(&case, &bundle);
        let said = container.shell("linux64 -R dd if=/request of=/dev/uverbs bs=16 2>&1; true");
        assert!(said.contains(answer), "{handles}: {said}");
        let limits = group::read(container.pid(), "rdma", "rdma.max").expect("the rdma controller");
        let line = format!("{} hca_handle={handles} hca_object=10000", device.name);
        assert!(limits.lines().any(|limit| limit.trim_end() == line), "{limits}");
        container
    };
    let containers = [limited(1, "1+0 records out"), limited(0, "Resource temporarily unavailable")];
    // A kernel that forgets a device after a group which had a limit of it (6.1) writes to what the group's memory was.
    drop(device);
    containers.into_iter().for_each(Container::remove);
}
