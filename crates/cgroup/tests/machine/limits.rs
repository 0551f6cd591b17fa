//! What limits do to those that they are for.

use super::*;

#[test]
fn limits_read_back() {
    let Some(layout) = layout("limits") else { return };
    if !has(&layout, "limits", Controller::Memory) || !has(&layout, "limits", Controller::Cpu) {
        return;
    }
    let mut limits = Limits { pids: Some(Limit::Value(7)), ..Limits::default() };
    limits.memory.limit = Some(Limit::Value(64 << 20));
    limits.memory.swap = Some(Limit::Value(64 << 20));
    limits.cpu = Cpu {
        shares: Some(1024),
        quota: Some(Limit::Value(50_000)),
        period: Some(100_000),
        burst: Some(10_000),
        ..Cpu::default()
    };
    limits.cpuset.cpus = Some("0".to_owned());
    let guard = make(&layout, "limits", &limits);
    let v1 = |controller| layout.hierarchy(controller).unwrap().version == Version::V1;
    let get = |controller, file: &str| guard.0.get(controller, file).unwrap().trim().to_owned();
    let memory = if v1(Controller::Memory) { "memory.limit_in_bytes" } else { "memory.max" };
    assert_eq!(get(Controller::Memory, memory), "67108864");
    if v1(Controller::Cpu) {
        assert_eq!(get(Controller::Cpu, "cpu.cfs_quota_us"), "50000");
        assert_eq!(get(Controller::Cpu, "cpu.cfs_burst_us"), "10000");
    } else {
        assert_eq!(get(Controller::Cpu, "cpu.max"), "50000 100000");
        assert_eq!(get(Controller::Cpu, "cpu.weight"), "100");
    }
    assert_eq!(get(Controller::Cpuset, "cpuset.cpus"), "0");
    assert_eq!(get(Controller::Pids, "pids.max"), "7");

    let mut update = Limits::default();
    update.cpu.period = Some(200_000);
    guard.0.apply(&layout, &update).unwrap();
    if !v1(Controller::Cpu) {
        assert_eq!(get(Controller::Cpu, "cpu.max"), "50000 200000", "the quota stays");
    }

    // Both up and down, so that neither order of the two memory files will do for both.
    for size in [256 << 20, 16 << 20] {
        let mut update = Limits::default();
        update.memory.limit = Some(Limit::Value(size));
        update.memory.swap = Some(Limit::Value(size));
        guard.0.apply(&layout, &update).unwrap();
        assert_eq!(get(Controller::Memory, memory), size.to_string());
    }
    assert_eq!(get(Controller::Pids, "pids.max"), "7", "an update leaves what it does not name");

    let mut update = Limits { pids: Some(Limit::Value(1 << 40)), ..Limits::default() };
    update.memory.limit = Some(Limit::Value(128 << 20));
    update.memory.swap = Some(Limit::Value(128 << 20));
    update.memory.reservation = Some(Limit::Value(1 << 20));
    update.cpuset.cpus = Some("1".to_owned());
    let reservation = if v1(Controller::Memory) { "memory.soft_limit_in_bytes" } else { "memory.low" };
    let before = get(Controller::Memory, reservation);
    let error = guard.0.apply(&layout, &update).unwrap_err();
    assert_eq!(error.knob(), Some(Knob::Pids), "{error}");
    assert_eq!(get(Controller::Memory, memory), (16 << 20).to_string(), "an update is whole or not at all");
    assert_eq!(
        (get(Controller::Memory, reservation), get(Controller::Cpuset, "cpuset.cpus")),
        (before, "0".to_owned())
    );
}

#[test]
fn a_fork_bomb_stays_in_its_group() {
    let Some(layout) = layout("bomb") else { return };
    if !has(&layout, "bomb", Controller::Pids) {
        return;
    }
    let guard = make(&layout, "bomb", &Limits { pids: Some(Limit::Value(4)), ..Limits::default() });
    let text = Shell::enter(&guard.0).run("for i in 1 2 3 4 5 6; do sleep 0.2 & done; wait; echo end\n");
    assert!(!text.contains("end"), "the shell could start six processes: {text}");
}

#[test]
fn denied_devices_are_denied_on_either_version() {
    let Some(layout) = layout("devices") else { return };
    if !has(&layout, "devices", Controller::Devices) {
        return;
    }
    let rule = |verdict, text: &str| text.parse::<DevicePattern>().unwrap().rule(verdict);
    let rules = vec![
        rule(Verdict::Allow, "c 1:5 rwm"),
        rule(Verdict::Allow, "c 1:3 rw"),
        rule(Verdict::Deny, "c 1:3 w"),
    ];
    let limits =
        Limits { devices: Some(DevicePolicy { default: Verdict::Deny, rules }), ..Limits::default() };
    for layout in [layout.clone(), devices_on_v2(&layout)] {
        let guard = make(&layout, "devices", &limits);
        let script = "cat /dev/null && echo read; head -c1 /dev/zero >/dev/zero && echo zero\n\
                      (echo x > /dev/null) || echo denied; (cat /dev/full) || echo full\n";
        assert_eq!(Shell::enter(&guard.0).run(script), "read\nzero\ndenied\nfull\n");
        let all = DevicePolicy { default: Verdict::Allow, rules: Vec::new() };
        guard.0.apply(&layout, &Limits { devices: Some(all), ..Limits::default() }).unwrap();
        assert_eq!(Shell::enter(&guard.0).run("echo x > /dev/null && echo wrote\n"), "wrote\n");
    }
}

/// Says of a hybrid machine that devices are decided on in the v2 tree, where that is possible too.
fn devices_on_v2(layout: &Layout) -> Layout {
    let mut layout = layout.clone();
    if let Some(index) = layout.hierarchies.iter().position(|h| h.version == Version::V2) {
        layout.homes.insert(Controller::Devices, Home::Hierarchy(index));
    }
    layout
}

#[test]
fn a_memory_hog_is_killed_and_told_of() {
    let Some(layout) = layout("hog") else { return };
    if !has(&layout, "hog", Controller::Memory) {
        return;
    }
    let mut limits = Limits::default();
    limits.memory.limit = Some(Limit::Value(16 << 20));
    limits.memory.swap = Some(Limit::Value(16 << 20));
    let guard = make(&layout, "hog", &limits);
    let mut watch = guard.0.watch(&[Notice::Oom]).unwrap();
    let text = Shell::enter(&guard.0).run("exec tail /dev/zero\n");
    assert_eq!(text, "");
    let told = watch.next(Some(Duration::from_secs(30))).unwrap();
    let Some(Event::Oom { killed }) = told.map(|told| told.event) else {
        panic!("nothing was told of the kill");
    };
    assert!(killed >= 1);
    assert!(guard.0.oom_count().unwrap() >= 1);
    let stats = guard.0.stats().unwrap().memory.unwrap();
    assert_eq!(stats.limit, Some(Limit::Value(16 << 20)));
    assert!(stats.oom_kills >= 1, "{stats:?}");
}

#[test]
fn a_burner_gets_its_quota_and_is_counted() {
    let Some(layout) = layout("burner") else { return };
    if !has(&layout, "burner", Controller::Cpu) {
        return;
    }
    let mut limits = Limits { pids: Some(Limit::Value(50)), ..Limits::default() };
    limits.cpu.quota = Some(Limit::Value(20_000));
    limits.cpu.period = Some(100_000);
    let guard = make(&layout, "burner", &limits);
    let burner = Shell(Command::new("sh").arg("-c").arg("while :; do :; done").spawn().unwrap());
    guard.0.attach(burner.pid()).unwrap();
    std::thread::sleep(Duration::from_millis(600));
    let stats = guard.0.stats().unwrap();
    let cpu = stats.cpu.unwrap();
    assert!(cpu.throttled_periods >= 2 && cpu.throttled > 0, "{cpu:?}");
    assert!((40_000_000..400_000_000).contains(&cpu.usage), "a fifth of 0.6 s was due: {cpu:?}");
    let pids = stats.pids.unwrap();
    assert_eq!((pids.current, pids.limit), (1, Some(Limit::Value(50))));
}

#[test]
fn the_smaller_limits_read_back() {
    let Some(layout) = layout("small") else { return };
    let version = |controller| layout.hierarchy(controller).map(|hierarchy| hierarchy.version);
    let mut limits = Limits::default();
    // On a hybrid machine a controller in the v2 tree would stay enabled at its root.
    let huge = version(Controller::Hugetlb).filter(|v| *v == Version::V1 || layout.is_pure_v2());
    if huge.is_some() {
        let two = Hugetlb { limit: Some(Limit::Value(4 << 20)), reserved: Some(Limit::Value(4 << 20)) };
        limits.hugetlb.insert("2MB".to_owned(), two);
    }
    if version(Controller::NetCls).is_some() {
        limits.net_cls = Some(0x10_0001);
        limits.net_prio.insert("lo".to_owned(), 4);
    }
    if layout.is_pure_v2() {
        limits.unified.insert("memory.high".to_owned(), "8388608".to_owned());
        limits.unified.insert("cgroup.max.descendants".to_owned(), "3".to_owned());
    }
    limits.memory.reservation = Some(Limit::Value(4 << 20));
    limits.cpu.idle = Some(true);
    let guard = make(&layout, "small", &limits);
    let check = |controller, file: &str, value: &str| {
        let text = guard.0.get(controller, file).unwrap();
        assert!(text.lines().any(|line| line == value), "{file}: {text}");
    };
    match huge {
        Some(Version::V1) => check(Controller::Hugetlb, "hugetlb.2MB.limit_in_bytes", "4194304"),
        Some(Version::V2) => check(Controller::Hugetlb, "hugetlb.2MB.rsvd.max", "4194304"),
        None => eprintln!("SKIP small: no hugetlb controller that could be tried"),
    }
    if version(Controller::NetCls).is_some() {
        check(Controller::NetCls, "net_cls.classid", "1048577");
        check(Controller::NetPrio, "net_prio.ifpriomap", "lo 4");
    }
    if layout.is_pure_v2() {
        check(Controller::Memory, "memory.high", "8388608");
        check(Controller::Memory, "cgroup.max.descendants", "3");
    }
    check(Controller::Cpu, "cpu.idle", "1");
    if huge.is_some() {
        assert!(guard.0.stats().unwrap().hugetlb.contains_key("2MB"));
    }
}
