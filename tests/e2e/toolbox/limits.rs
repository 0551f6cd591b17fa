//! `pal cgroup set` and `get`: limits under any name, and what they do.

use std::path::Path;

use palisade_tests::container::wait_until;
use palisade_tests::{Privilege, case, skip};

use super::ground::{Ground, Mounted, end, on_v2, unified};

#[test]
fn a5_memory_limit_reads_back_in_bytes_and_kills_who_wants_more() {
    let case = case!();
    let Some(ground) = Ground::new(&case, &["memory"]) else { skip!(case, "no cgroup") };
    ground.set(&["memory.limit_in_bytes=40M", "memory.memsw.limit_in_bytes=40M"]).succeeded();
    for name in ["memory.limit_in_bytes", "memory.max", "memory-max"] {
        assert_eq!(ground.get(name), "41943040", "{name}");
    }
    assert_eq!(ground.get("memory-swap-max"), "0");
    let file = if on_v2("memory") { "memory.max" } else { "memory.limit_in_bytes" };
    assert_eq!(ground.read("memory", file), "41943040");
    let hog = |size: &str| format!("dd if=/dev/zero of=/dev/null bs={size} count=1 2> /dev/null; echo $?");
    assert_eq!(ground.script(&hog("8M")).run().succeeded().stdout, "0\n", "what fits is let be");
    assert_eq!(ground.get("memory-oom-kills"), "0");
    assert_eq!(ground.script(&hog("200M")).run().succeeded().stdout, "137\n");
    assert_eq!(ground.get("memory-oom-kills"), "1");
}

#[test]
fn b6_limits_are_set_and_read_under_the_names_of_both_versions() {
    let case = case!();
    let Some(ground) = Ground::new(&case, &["memory", "pids", "cpu", "cpuset"]) else {
        skip!(case, "no cgroup");
    };
    ground
        .set(&["memory.max=1.5G", "memory-low=16M", "pids.max=77", "cpu.max=50000 200000", "cpu.shares=2"])
        .succeeded();
    for (name, value) in [
        ("memory.limit_in_bytes", "1610612736"),
        ("memory-max", "1610612736"),
        ("memory.soft_limit_in_bytes", "16777216"),
        ("memory.low", "16777216"),
        ("pids-max", "77"),
        ("cpu.max", "50000 200000"),
        ("cpu.cfs_quota_us", "50000"),
        ("cpu-period", "200000"),
        ("cpu.weight", "1"),
        ("cpu.shares", "2"),
    ] {
        assert_eq!(ground.get(name), value, "{name}");
    }
    for (typed, weight, shares) in
        [("cpu.shares=262144", "10000", "262144"), ("cpu.weight=100", "100", "1024")]
    {
        ground.set(&[typed]).succeeded();
        assert_eq!((ground.get("cpu.weight").as_str(), ground.get("cpu.shares").as_str()), (weight, shares));
    }
    ground.set(&["memory.limit_in_bytes=-1", "pids.max=max", "cpu.cfs_quota_us=-1"]).succeeded();
    assert_eq!(ground.get("memory-max"), "max");
    assert_eq!(ground.get("pids.max"), "max");
    assert_eq!(ground.get("cpu.max"), "max 200000");
}

#[test]
fn all_values_are_set_or_none() {
    let case = case!();
    let Some(ground) = Ground::new(&case, &["memory", "pids"]) else { skip!(case, "no cgroup") };
    let said = ground.set(&["pids.max=5", "memory.max=64M", "pids-max=nonsense"]).failed(125);
    assert!(said.stderr.contains("nonsense") && said.stderr.lines().count() == 1, "{said}");
    assert_eq!((ground.get("pids.max").as_str(), ground.get("memory-max").as_str()), ("max", "max"));
    let said = ground.set(&["memry.max=5"]).failed(125);
    assert!(said.stderr.contains("did you mean memory.max?"), "{said}");
    let said = ground.pal("get").args([ground.name(), "memory.no_such_file"]).run().failed(125);
    assert!(said.stderr.contains("ENOENT"), "{said}");
}

#[test]
fn a_dry_run_prints_shell_that_works() {
    let case = case!();
    let Some(ground) = Ground::new(&case, &["memory", "cpu"]) else { skip!(case, "no cgroup") };
    let settings = ["memory.max=64M", "memory-swap-max=0", "cpu.shares=512"];
    let said = ground.pal("set").arg(ground.name()).args(settings).arg("--dry-run").run().succeeded();
    assert_eq!(ground.get("memory-max"), "max", "nothing is done");
    case.program("/bin/sh").args(["-e", "-c", &said.stdout]).run().succeeded();
    assert_eq!((ground.get("memory-max"), ground.get("memory-swap-max")), ("67108864".into(), "0".into()));
}

#[test]
fn whoever_may_not_set_a_limit_is_told_why() {
    let case = case!();
    if case.tier().privilege() == Privilege::Root {
        skip!(case, "root may");
    }
    let own = palisade_tests::group::of(i64::from(std::process::id()), "pids");
    let Some(own) = own.filter(|own| own.join("pids.max").exists()) else {
        skip!(case, "nobody has a limit");
    };
    let table = std::fs::read_to_string("/proc/self/cgroup").expect("read /proc/self/cgroup");
    let line = table.lines().find(|line| line.contains(":pids:") || line.starts_with("0::")).expect("a line");
    let path = line.rsplit(':').next().expect("a path");
    // Where the user may, all tests that come are in there: the limit stays what it is.
    let limit = std::fs::read_to_string(own.join("pids.max")).expect("read pids.max");
    let said = case.pal().args(["cgroup", "set", path, &format!("pids.max={}", limit.trim_end())]).run();
    if said.status.success() {
        skip!(case, "{} was given to the user with its limits", own.display());
    }
    assert!(said.stderr.contains("uid") && said.stderr.lines().count() == 1, "{said}");
}

#[test]
fn a9_a_fork_over_the_limit_of_a_group_above_fails() {
    let case = case!();
    let Some(ground) = Ground::new(&case, &["pids"]) else { skip!(case, "no cgroup") };
    let (a, b) = (ground.below("a"), ground.below("b"));
    ground.set(&["pids.max=4"]).succeeded();
    let hold = ground.script_in(&a, "sleep 1000 & exec sleep 1000").spawn();
    wait_until("the first group holds two", || ground.get("pids-current") == "2");
    // The shell, its child, and one too many.
    let said = ground.script_in(&b, "sleep 1000 & echo four; true & echo five").run();
    assert_eq!(said.stdout, "four\n", "{said}");
    assert!(said.stderr.to_lowercase().contains("fork"), "{said}");
    ground.pal("kill").arg(&b).run().succeeded();
    end(hold);
    ground.pal("kill").arg(&a).run().succeeded();
    let said = ground.pal("get").args(["/", "pids.max"]).run().failed(125);
    assert!(said.stderr.contains("root"), "{said}");
}

#[test]
fn a10_a_cpuset_binds_and_is_inherited_on_request() {
    let case = case!();
    let Some(ground) = Ground::new(&case, &["cpuset"]) else { skip!(case, "no cgroup") };
    ground.set(&["cpuset.cpus=0"]).succeeded();
    let said = ground.script("grep Cpus_allowed_list /proc/self/status").run().succeeded();
    assert_eq!(said.stdout, "Cpus_allowed_list:\t0\n");
    let said = ground.set(&["cpuset.cpus=0-nonsense"]).failed(125);
    assert!(said.stderr.contains("is not a list"), "{said}");
    if on_v2("cpuset") {
        let said = ground.set(&["cgroup.clone_children=1"]).failed(125);
        assert!(said.stderr.contains("only cgroup v1 has it"), "{said}");
        return;
    }
    let below = |name: &str| {
        let path = ground.directory("cpuset").join(name);
        std::fs::create_dir(&path).expect("make a group");
        std::fs::read_to_string(path.join("cpuset.cpus")).expect("read cpuset.cpus").trim().to_owned()
    };
    assert_eq!(below("without"), "");
    ground.set(&["cgroup.clone_children=1"]).succeeded();
    assert_eq!(below("with"), "0");
    let said =
        ground.pal("set").arg(format!("{}/with", ground.name())).arg("cpuset.cpus=0-1").run().failed(125);
    assert!(said.stderr.contains("has the CPUs 0 and not 1"), "{said}");
}

#[test]
fn a11_the_class_of_packets_is_copied_when_a_group_is_made() {
    let case = case!();
    if case.tier().privilege() == Privilege::Ordinary {
        skip!(case, "mounting a hierarchy takes root");
    }
    let Some(_mounted) = Mounted::new(&case, "net_cls") else { skip!(case, "the kernel has no net_cls") };
    let Some(ground) = Ground::new(&case, &["net_cls"]) else { skip!(case, "no cgroup") };
    ground.set(&["net_cls.classid=0x2"]).succeeded();
    assert_eq!(ground.get("net_cls.classid"), "2");
    let below = ground.below("child");
    ground.set(&["net_cls.classid=0x3"]).succeeded();
    let said = ground.pal("get").args(["-v", &below, "net-cls-classid"]).run().succeeded();
    assert_eq!((said.stdout.as_str(), ground.get("net_cls.classid").as_str()), ("2\n", "3"));
}

#[test]
fn a12_the_priority_of_packets_is_set_by_interface() {
    let case = case!();
    if case.tier().privilege() == Privilege::Ordinary {
        skip!(case, "mounting a hierarchy takes root");
    }
    let Some(_mounted) = Mounted::new(&case, "net_prio") else { skip!(case, "the kernel has no net_prio") };
    let Some(ground) = Ground::new(&case, &["net_prio"]) else { skip!(case, "no cgroup") };
    ground.set(&["net_prio.ifpriomap=lo 4"]).succeeded();
    assert!(ground.get("net_prio.ifpriomap").lines().any(|line| line == "lo 4"));
    assert!(ground.read("net_prio", "net_prio.ifpriomap").lines().any(|line| line == "lo 4"));
    let said = ground.set(&["net_prio.ifpriomap=no-such-device 4"]).failed(125);
    assert!(said.stderr.contains("there is no such device"), "{said}");
}

#[test]
fn a12_without_the_hierarchy_it_is_said_what_to_use() {
    let case = case!();
    if palisade_tests::group::of(i64::from(std::process::id()), "net_prio").is_some() {
        skip!(case, "it is mounted");
    }
    let said = case.pal().args(["cgroup", "set", "/", "net_prio.ifpriomap=lo 4"]).run().failed(125);
    assert!(said.stderr.contains("pal cgroup net") && said.stderr.lines().count() == 1, "{said}");
}

#[test]
fn a14_a_quota_throttles_and_is_counted() {
    let case = case!();
    let Some(ground) = Ground::new(&case, &["cpu", "cpuacct"]) else { skip!(case, "no cgroup") };
    ground.set(&["cpu.cfs_quota_us=5000", "cpu.cfs_period_us=100000"]).succeeded();
    assert_eq!(
        (ground.get("cpu.max"), ground.get("cpu-throttled-periods")),
        ("5000 100000".into(), "0".into())
    );
    let burner = ground.script("while :; do :; done").spawn();
    wait_until("it is throttled", || ground.get("cpu-throttled-periods") != "0");
    // The kernel adds it when a period ends.
    wait_until("the time without the CPU is counted", || ground.get("cpu-throttled") != "0");
    wait_until("its time is counted", || ground.get("cpuacct.usage") != "0");
    end(burner);
}

#[test]
fn a14_a_throttled_write_is_slower() {
    let case = case!();
    let Some(ground) = Ground::new(&case, &["blkio"]) else { skip!(case, "no cgroup") };
    let device = rustix::fs::stat(case.scratch()).expect("stat").st_dev;
    let (major, minor) = (rustix::fs::major(device), rustix::fs::minor(device));
    if !Path::new(&format!("/sys/dev/block/{major}:{minor}")).exists() {
        skip!(case, "the scratch directory is on no block device");
    }
    // A partition has no throttle of its own.
    if Path::new(&format!("/sys/dev/block/{major}:{minor}/partition")).exists() {
        skip!(case, "the scratch directory is on a partition");
    }
    ground.set(&[&format!("io.max={major}:{minor} wbps=256K")]).succeeded();
    let shown = format!("{major}:{minor} 262144");
    assert_eq!(ground.get("io-write-bps-max"), shown);
    assert_eq!(ground.get("blkio.throttle.write_bps_device"), shown);
    let file = case.scratch().join("file");
    let begun = std::time::Instant::now();
    let script = format!("dd if=/dev/zero of={} bs=256k count=4 oflag=direct 2> /dev/null", file.display());
    ground.script(&script).run().succeeded();
    assert!(begun.elapsed().as_secs_f64() > 2.0, "a megabyte at a quarter of one each second");
}

#[test]
fn a14_perf_event_has_members_and_no_limits() {
    let case = case!();
    if case.tier().privilege() == Privilege::Ordinary || on_v2("pids") {
        skip!(case, "mounting a v1 hierarchy takes root, and a machine that has some");
    }
    let Some(_mounted) = Mounted::new(&case, "perf_event") else { skip!(case, "the kernel has none") };
    let Some(ground) = Ground::new(&case, &["perf_event"]) else { skip!(case, "no cgroup") };
    let said = ground.script("grep perf_event /proc/self/cgroup").run().succeeded();
    assert!(said.stdout.trim_end().ends_with(&format!("perf_event:/{}", ground.name())), "{said}");
    let said = ground.pal("get").args(["-g", "perf_event", ground.name()]).run().succeeded();
    assert_eq!(said.stdout, "");
}

#[test]
fn a15_each_controller_of_v1_inherits_in_its_own_way() {
    let case = case!();
    if on_v2("memory") || on_v2("pids") {
        skip!(case, "v2 groups begin without limits");
    }
    let controllers = ["memory", "pids", "devices", "cpu"];
    let Some(ground) = Ground::new(&case, &controllers) else { skip!(case, "no cgroup") };
    ground.set(&["memory.max=64M", "memory.swappiness=7", "pids.max=9", "cpu.shares=2"]).succeeded();
    ground.pal("devices").args([ground.name(), "deny", "a"]).run().succeeded();
    ground.pal("devices").args([ground.name(), "allow", "c 1:3 rw"]).run().succeeded();
    let below = ground.below("child");
    for (name, inherited) in
        [("memory.max", "max"), ("memory.swappiness", "7"), ("pids.max", "max"), ("cpu.shares", "1024")]
    {
        let said = ground.pal("get").args(["-v", &below, name]).run().succeeded();
        assert_eq!(said.stdout.trim_end(), inherited, "{name}");
    }
    let said = ground.pal("devices").arg(&below).run().succeeded();
    assert_eq!(said.stdout, "deny a *:* rwm\nallow c 1:3 rw\n");
}

#[test]
fn a8_a_denied_device_cannot_be_opened() {
    let case = case!();
    if case.tier().privilege() == Privilege::Ordinary {
        skip!(case, "devices are root's");
    }
    let Some(ground) = Ground::new(&case, &["devices"]) else { skip!(case, "no cgroup") };
    let devices =
        |words: &[&str]| ground.pal("devices").arg(ground.name()).args(words).run().succeeded().stdout;
    let write = || ground.script("echo x > /dev/null && echo open").run();
    assert_eq!(write().stdout, "open\n");
    devices(&["deny", "c 1:3 rwm"]);
    let saved = ground.pal("save").arg(ground.name()).run().succeeded().stdout;
    let admits = saved.starts_with("# v1 does not show which devices are denied");
    assert!(admits || saved.contains("\"deny c 1:3 rwm\""), "{saved}");
    let said = write();
    assert!(said.stderr.contains("Operation not permitted") && said.stdout.is_empty(), "{said}");
    devices(&["allow", "c 1:3 rwm"]);
    assert_eq!(write().stdout, "open\n");
    devices(&["deny", "a"]);
    devices(&["allow", "c 1:5 r", "b 8:* rw"]);
    assert_eq!(devices(&[]), "deny a *:* rwm\nallow c 1:5 r\nallow b 8:* rw\n");
    assert!(write().stderr.contains("Operation not permitted"));
    assert_eq!(ground.script("exec 3< /dev/zero && echo open").run().stdout, "open\n");
    devices(&["reset"]);
    assert_eq!(write().stdout, "open\n");
    for wrong in [&["deny"][..], &["deny", "x 1:3 r"], &["reset", "c 1:3 r"], &["allow", "c 1:3 q"]] {
        ground.pal("devices").arg(ground.name()).args(wrong).run().failed(125);
    }
}

#[test]
fn b3_controllers_are_enabled_from_the_top_and_disabled_from_below() {
    let case = case!();
    let Some(controllers) = unified() else { skip!(case, "the v2 tree has no controller") };
    let Some(ground) = Ground::new(&case, controllers) else { skip!(case, "no cgroup") };
    let below = ground.below("a");
    let all = |verb: &str, group: &str| ground.pal(verb).arg(group).args(controllers).run();
    let control = || ground.read(controllers[0], "cgroup.subtree_control");
    assert!(controllers.iter().all(|one| control().contains(one)), "create enables: {}", control());
    all("enable", &below).succeeded();
    let said = all("disable", ground.name()).failed(125);
    assert!(said.stderr.contains("EBUSY") && said.stderr.contains("/a: `pal cgroup disable"), "{said}");
    all("disable", &below).succeeded();
    all("disable", ground.name()).succeeded();
    assert_eq!(control(), "");
    let said = all("enable", &below).failed(125);
    assert!(said.stderr.contains("ENOENT") && said.stderr.contains("does not pass"), "{said}");
    ground.pal("enable").arg("--parents").arg(&below).args(controllers).run().succeeded();
    assert!(controllers.iter().all(|one| control().contains(one)), "{}", control());
    let said = ground.pal("enable").args([ground.name(), "luck"]).run().failed(125);
    assert!(said.stderr.contains("no such controller"), "{said}");
}

#[test]
fn b4_processes_in_the_way_are_named_and_moved_into_a_leaf() {
    let case = case!();
    let Some(controllers) = unified() else { skip!(case, "the v2 tree has no controller") };
    let Some(ground) = Ground::new(&case, controllers) else { skip!(case, "no cgroup") };
    let sleeper = ground.script("exec sleep 1000").spawn();
    let held = |file: &str| ground.read(controllers[0], file);
    wait_until("it is in the group", || held("cgroup.procs") == sleeper.pid().to_string());
    let name = format!("/proc/{}/comm", sleeper.pid());
    wait_until("it sleeps", || std::fs::read_to_string(&name).is_ok_and(|name| name == "sleep\n"));
    let enable = |words: &[&str]| ground.pal("enable").arg(ground.name()).args(controllers).args(words).run();
    let said = enable(&[]).failed(125);
    let named = format!("it holds {} (sleep)", sleeper.pid());
    assert!(said.stderr.contains(&named) && said.stderr.contains("--make-leaf"), "{said}");
    enable(&["--make-leaf"]).succeeded();
    assert_eq!(held("leaf/cgroup.procs"), sleeper.pid().to_string());
    assert!(controllers.iter().all(|one| held("cgroup.subtree_control").contains(one)));
    end(sleeper);
}

#[test]
fn b8_enabling_a_controller_takes_the_processes_of_all_groups_along() {
    let case = case!();
    let Some(controllers) = unified() else { skip!(case, "the v2 tree has no controller") };
    let Some(ground) = Ground::new(&case, controllers) else { skip!(case, "no cgroup") };
    let groups = [ground.below("a/x"), ground.below("b")];
    let disable = |group: &str| ground.pal("disable").arg(group).args(controllers).run().succeeded();
    disable(&format!("{}/a", ground.name()));
    disable(ground.name());
    let sleepers = groups.each_ref().map(|group| ground.script_in(group, "exec sleep 1000").spawn());
    let held = |group: &str| {
        let below = group.strip_prefix(ground.name()).expect("a group below").trim_start_matches('/');
        ground.read(controllers[0], &format!("{below}/cgroup.procs"))
    };
    for (group, sleeper) in groups.iter().zip(&sleepers) {
        wait_until("it is in its group", || held(group) == sleeper.pid().to_string());
    }
    ground.pal("enable").arg(ground.name()).args(controllers).run().succeeded();
    ground.pal("enable").arg(format!("{}/a", ground.name())).args(controllers).run().succeeded();
    for (group, sleeper) in groups.iter().zip(&sleepers) {
        assert_eq!(held(group), sleeper.pid().to_string(), "none is lost");
    }
    for sleeper in sleepers {
        end(sleeper);
    }
}

#[test]
fn b13_newer_files_are_used_where_they_are() {
    let case = case!();
    let Some(controllers) = unified() else { skip!(case, "the v2 tree has no controller") };
    let Some(ground) = Ground::new(&case, controllers) else { skip!(case, "no cgroup") };
    ground.set(&["cgroup.max.descendants=1"]).succeeded();
    ground.below("a");
    let second = format!("{}/b", ground.name());
    let said = ground.pal("create").args(["-c", &controllers.join(","), &second]).run().failed(125);
    assert!(said.stderr.contains("cgroup.max.descendants"), "{said}");
    if !on_v2("memory") {
        return;
    }
    ground.set(&["memory.oom.group=1", "cgroup.freeze=1"]).succeeded();
    assert_eq!((ground.get("memory-oom-group"), ground.get("freezer.state")), ("1".into(), "FROZEN".into()));
    ground.set(&["freezer.state=THAWED"]).succeeded();
    assert_eq!(ground.read("memory", "cgroup.freeze"), "0");
}

#[test]
fn what_is_saved_is_set_again() {
    let case = case!();
    let Some(ground) = Ground::new(&case, &["memory", "pids", "cpu", "cpuacct"]) else {
        skip!(case, "no cgroup");
    };
    let below = ground.below("below");
    ground.set(&["memory.max=64M", "memory-swap-max=0", "cpu.shares=512"]).succeeded();
    ground.pal("set").args([&below, "pids.max=33", "cpu.max=20000"]).run().succeeded();
    let saved = ground.pal("save").args(["-r", ground.name()]).run().succeeded().stdout;
    for line in ["memory-max = 67108864", "memory-swap-max = 0", "pids-max = 33", "cpu-quota = 20000"] {
        assert!(saved.lines().any(|one| one == line), "{line} is not in {saved}");
    }
    let file = case.scratch().join("saved.toml");
    std::fs::write(&file, &saved).expect("write a file");
    let apply = |words: &[&str]| ground.pal("apply").arg(&file).args(words).run();
    assert_eq!(apply(&[]).succeeded().stdout, "", "all is so already");
    ground.set(&["memory.max=max", "memory-swap-max=max"]).succeeded();
    let said = apply(&["--dry-run"]).succeeded();
    assert!(said.stdout.contains("memory-max") && said.stdout.contains("echo 67108864 > "), "{said}");
    let said = apply(&["--dry-run", "--format", "json"]).succeeded();
    let rows: serde_json::Value = serde_json::from_str(&said.stdout).expect("JSON and nothing else");
    assert_eq!(rows[0]["property"], "memory-max", "{said}");
    assert_eq!((&rows[0]["now"], &rows[0]["new"]), (&"max".into(), &"67108864".into()), "{said}");
    assert_eq!(ground.get("memory-max"), "max", "nothing is done");
    let said = apply(&[]).succeeded();
    assert!(said.stdout.contains("67108864") && !said.stdout.contains("pids-max"), "{said}");
    assert_eq!((ground.get("memory-max"), ground.get("memory-swap-max")), ("67108864".into(), "0".into()));
    let copy = case.id("copy");
    apply(&["--to", &copy]).succeeded();
    let again = ground.pal("save").args(["-r", &copy]).run().succeeded().stdout;
    // The copy may be in the hierarchy of devices, too, of whose rules v1 does not show all.
    let said = |text: &str| {
        text.lines().filter(|line| !line.starts_with('#')).map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(said(&again.replace(&copy, ground.name())), said(&saved));
    ground.pal("rm").args(["-r", &copy]).run().succeeded();
}

/// A cpuset of v1 is narrowed from below, one of v2 in any order; the file has the group above first.
#[test]
fn what_is_narrowed_is_narrowed_from_below() {
    let case = case!();
    let Some(ground) = Ground::new(&case, &["cpuset"]) else { skip!(case, "no cgroup") };
    let allowed = std::fs::read_to_string("/proc/self/status").expect("the own status");
    if !allowed.lines().any(|line| line == "Cpus_allowed_list:\t0-1") {
        skip!(case, "the CPUs are not 0 and 1");
    }
    let below = ground.below("below");
    let groups = [ground.name(), &below];
    let is = |wanted: &str| {
        for group in groups {
            let said = ground.pal("get").args(["-v", group, "cpuset-cpus"]).run().succeeded().stdout;
            assert_eq!(said.trim_end(), wanted, "{group}");
        }
    };
    for group in groups {
        ground.pal("set").args([group, "cpuset-cpus=0-1", "cpuset-mems=0"]).run().succeeded();
    }
    let file = case.scratch().join("narrow.toml");
    let text = |cpus: &str| {
        ["/x", "/x/below"].map(|group| format!("[groups.\"{group}\"]\ncpuset-cpus = \"{cpus}\"\n")).concat()
    };
    let apply = || ground.pal("apply").arg(&file).args(["--to", ground.name()]).run();
    for wanted in ["0", "0-1"] {
        std::fs::write(&file, text(wanted)).expect("write a file");
        let said = apply().succeeded();
        assert_eq!(said.stdout.matches("cpuset-cpus").count(), 2, "{said}");
        is(wanted);
    }
    std::fs::write(&file, text("0") + "cpuset-mems = \"777\"\n").expect("write a file");
    let said = apply().failed(125);
    assert_eq!((said.stdout.as_str(), said.stderr.lines().count()), ("", 1), "{said}");
    assert!(said.stderr.contains("cpuset.mems"), "{said}");
    is("0-1");
}

#[test]
fn what_is_beyond_the_range_is_no_value_on_either_version() {
    let case = case!();
    let Some(ground) = Ground::new(&case, &["cpu", "memory"]) else { skip!(case, "no cgroup") };
    let before = ground.get("cpu-weight");
    for wrong in ["cpu-weight=0", "cpu-weight=10001"] {
        let said = ground.set(&[wrong]).failed(125);
        assert_eq!(said.stderr.lines().count(), 1, "{said}");
        assert!(["1 to 10000", "ERANGE"].iter().any(|word| said.stderr.contains(word)), "{said}");
    }
    assert_eq!(ground.get("cpu-weight"), before);
    ground.set(&["cpu-weight=10000"]).succeeded();
    assert_eq!(ground.get("cpu-weight"), "10000");
    let file = case.scratch().join("wrong.toml");
    std::fs::write(&file, format!("[groups.\"/{}\"]\nmemory-max = true\n", ground.name()))
        .expect("write a file");
    let said = ground.pal("apply").arg(&file).run().failed(125);
    assert!(said.stderr.contains("memory-max: wanted a number"), "{said}");
}

#[test]
fn what_is_no_value_is_refused_with_the_way_to_do_it() {
    let case = case!();
    let Some(ground) = Ground::new(&case, &["pids"]) else { skip!(case, "no cgroup") };
    let said = ground.set(&[&format!("cgroup.procs={}", std::process::id())]).failed(125);
    assert!(said.stderr.contains("it moves processes (pal cgroup attach GROUP PID)"), "{said}");
    assert_eq!(ground.read("pids", "cgroup.procs"), "");
}

#[test]
fn a_file_of_the_other_version_is_applied() {
    let case = case!();
    let Some(ground) = Ground::new(&case, &["memory", "pids", "cpu"]) else { skip!(case, "no cgroup") };
    let file = case.scratch().join("saved.toml");
    let text = "[groups.\"/x\"]\n\"memory.limit_in_bytes\" = \"48M\"\n\"cpu.weight\" = 10000\npids-max = 5\n";
    std::fs::write(&file, text).expect("write a file");
    ground.pal("apply").arg(&file).args(["--to", ground.name()]).run().succeeded();
    assert_eq!(
        (ground.get("memory-max"), ground.get("cpu.shares"), ground.get("pids-max")),
        ("50331648".into(), "262144".into(), "5".into())
    );
    for wrong in ["groups = 3", "[groups.\"/x\"]\nluck = 3\n", "[groups.\"/x\"]\npids-max = [1]\n", "x"] {
        std::fs::write(&file, wrong).expect("write a file");
        let said = ground.pal("apply").arg(&file).args(["--to", ground.name()]).run().failed(125);
        assert_eq!(said.stderr.lines().count(), 1, "{wrong}: {said}");
    }
}
