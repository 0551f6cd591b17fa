use super::*;
use palisade_cgroup::limits::BlockDevice;
use serde_json::json;

#[test]
fn what_is_nothing_is_left_out_where_runc_leaves_it_out() {
    let printed = serde_json::to_value(Statistics::default()).unwrap();
    let entry = json!({ "limit": 0, "failcnt": 0 });
    let expected = json!({
        "cpu": { "usage": { "kernel": 0, "user": 0 }, "throttling": {} },
        "cpuset": {
            "cpu_exclusive": 0, "mem_hardwall": 0, "mem_exclusive": 0, "memory_migrate": 0,
            "memory_spread_page": 0, "memory_spread_slab": 0, "memory_pressure": 0, "sched_load_balance": 0,
            "sched_relax_domain_level": 0
        },
        "memory": {
            "usage": entry, "swap": entry, "kernel": entry, "kernelTCP": entry, "event_count": {}
        },
        "pids": {},
        "blkio": {},
        "hugetlb": {},
        "intel_rdt": {},
        "network_interfaces": null
    });
    assert_eq!(printed, expected);
}

#[test]
fn every_field_has_the_name_that_runc_gives_it() {
    let stall = model::Stall { avg10: 1.5, total: 7, ..model::Stall::default() };
    let pressure = Pressure { some: stall, full: None };
    let mut stats = model::Stats {
        pids: Some(model::Pids { current: 3, limit: Some(Limit::Max), ..model::Pids::default() }),
        ..model::Stats::default()
    };
    stats.cpu = Some(model::Cpu {
        usage: 30,
        user: 20,
        system: 10,
        per_cpu: vec![30],
        per_cpu_user: vec![20],
        per_cpu_system: vec![10],
        periods: 4,
        throttled_periods: 2,
        throttled: 1,
    });
    stats.cpuset = Some(model::Cpuset { cpus: vec![0, 1], mems: vec![0], ..model::Cpuset::default() });
    stats.memory = Some(model::Memory {
        usage: 4096,
        limit: Some(Limit::Max),
        file: 5,
        kernel_tcp: Some(Counter { usage: 6, limit: Some(Limit::Value(64)), ..Counter::default() }),
        events: [("oom_kill".to_owned(), 2), ("low".to_owned(), 0)].into(),
        stat: [("anon".to_owned(), 9)].into(),
        ..model::Memory::default()
    });
    stats.io.insert(
        BlockDevice { major: 8, minor: 0 },
        model::Io { read_bytes: 512, read_operations: 1, ..model::Io::default() },
    );
    let reserved = Counter { usage: 2 << 20, ..Counter::default() };
    let pages = model::Hugetlb { reserved: Some(reserved), failures: 3, ..model::Hugetlb::default() };
    stats.hugetlb.insert("2MB".to_owned(), pages);
    for resource in [Resource::Cpu, Resource::Memory, Resource::Io] {
        stats.pressure.insert(resource, pressure);
    }
    let printed =
        serde_json::to_value(Statistics::new(stats.clone(), Version::V2, IntelRdt::default(), None)).unwrap();
    assert_eq!(
        printed["cpu"]["usage"],
        json!({ "total": 30, "percpu": [30], "percpu_kernel": [10], "percpu_user": [20], "kernel": 10, "user": 20 })
    );
    let throttling = json!({ "periods": 4, "throttledPeriods": 2, "throttledTime": 1 });
    assert_eq!(printed["cpu"]["throttling"], throttling);
    assert_eq!((&printed["cpuset"]["cpus"], &printed["cpuset"]["mems"]), (&json!([0, 1]), &json!([0])));
    let memory = &printed["memory"];
    assert_eq!(memory["usage"], json!({ "limit": u64::MAX, "usage": 4096, "failcnt": 0 }));
    assert_eq!(memory["kernelTCP"], json!({ "limit": 64, "usage": 6, "failcnt": 0 }));
    assert_eq!((&memory["cache"], &memory["raw"]), (&json!(5), &json!({ "anon": 9 })));
    assert_eq!(memory["event_count"], json!({ "oom_kill": 2 }));
    assert_eq!(printed["pids"], json!({ "current": 3 }));
    let read = json!({ "major": 8, "op": "Read", "value": 512 });
    assert_eq!(printed["blkio"]["ioServiceBytesRecursive"][0], read);
    assert_eq!(printed["blkio"]["ioServicedRecursive"][3], json!({ "major": 8, "op": "Total", "value": 1 }));
    assert_eq!(printed["hugetlb"], json!({ "2MB": { "usage": 2 << 20, "failcnt": 3 } }));
    let none = json!({ "avg10": 0.0, "avg60": 0.0, "avg300": 0.0, "total": 0 });
    let some = json!({ "avg10": 1.5, "avg60": 0.0, "avg300": 0.0, "total": 7 });
    for section in ["cpu", "memory", "blkio"] {
        assert_eq!(printed[section]["psi"], json!({ "some": some, "full": none }), "{section}");
    }
    let waiting = model::Waiting { sync_bytes: 500, async_bytes: 12, ..model::Waiting::default() };
    let io = model::Io { read_bytes: 512, waited_for: Some(waiting), ..model::Io::default() };
    stats.io.insert(BlockDevice { major: 8, minor: 0 }, io);
    let printed =
        serde_json::to_value(Statistics::new(stats, Version::V1, IntelRdt::default(), None)).unwrap();
    let rows = printed["blkio"]["ioServiceBytesRecursive"].as_array().unwrap();
    let rows: Vec<_> = rows.iter().map(|row| (row["op"].as_str().unwrap(), row["value"].as_u64())).collect();
    let [read, write] = [("Read", Some(512)), ("Write", None)];
    let waiting = [("Sync", Some(500)), ("Async", Some(12))];
    assert_eq!(rows, [read, write, waiting[0], waiting[1], ("Discard", None), ("Total", Some(512))]);
    assert_eq!(printed["memory"]["usage"]["limit"], json!(NO_LIMIT_V1));
}

#[test]
fn interfaces_are_read_but_for_the_loopback() {
    let text = "Inter-|   Receive                                                |  Transmit\n \
        face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed\n    \
        lo:       9       9    9    9    0     0          0         0        9       9    9    9    0     0       0          0\n  \
        eth0: 100 2 3 4 0 0 0 0 500 6 7 8 0 0 0 0\n";
    let eth0 = Interface {
        name: "eth0".to_owned(),
        rx_bytes: 100,
        rx_packets: 2,
        rx_errors: 3,
        rx_dropped: 4,
        tx_bytes: 500,
        tx_packets: 6,
        tx_errors: 7,
        tx_dropped: 8,
    };
    assert_eq!(interfaces(text), std::slice::from_ref(&eth0));
    let printed = serde_json::to_value(eth0).unwrap();
    let expected = json!({
        "Name": "eth0", "RxBytes": 100, "RxPackets": 2, "RxErrors": 3, "RxDropped": 4,
        "TxBytes": 500, "TxPackets": 6, "TxErrors": 7, "TxDropped": 8
    });
    assert_eq!(printed, expected);
    assert_eq!(interfaces("eth1: 1 2"), []);
}
