use super::*;
use std::collections::BTreeSet;

fn amounts(slot: &Slot, text: &str) -> Vec<String> {
    let show = |entry: Entry| match entry.key {
        Some(key) => format!("{key} {}", entry.amount),
        None => entry.amount.to_string(),
    };
    slot.read(text).unwrap().into_iter().map(show).collect()
}

#[test]
fn each_name_is_there_once_and_is_found() {
    let names: BTreeSet<&str> = TABLE.iter().map(|property| property.name).collect();
    assert_eq!(names.len(), TABLE.len());
    for property in TABLE {
        let name = property.name.replace('*', "2MB");
        let key = Key::find(&name).unwrap();
        assert!(key.properties.iter().any(|found| found.name == property.name), "{name}: {key:?}");
        assert_eq!(key.star.is_some(), property.name.contains('*'), "{name}");
        for version in [Version::V1, Version::V2] {
            for slot in property.side(version).slots() {
                let file = slot.file.replace('*', "1GB");
                let key = Key::find(&file).unwrap();
                assert!(key.properties.iter().any(|found| found.name == property.name), "{file}: {key:?}");
                assert_eq!(key.slot(property, version).map(|slot| key.fill(slot.file)), Some(file));
            }
        }
    }
}

#[test]
fn whoever_has_a_property_is_told_what_else_there_is() {
    for property in TABLE {
        let absent = [property.v1, property.v2].iter().filter(|side| side.slots().is_empty()).count();
        assert!(absent < 2, "{}", property.name);
        if let Side::Absent(why) = property.v1 {
            assert!(!why.is_empty(), "{}", property.name);
        }
    }
}

#[test]
fn names_are_taken_in_every_spelling() {
    let table = [
        ("memory.limit_in_bytes", "memory-max", Dialect::File(Version::V1)),
        ("memory.max", "memory-max", Dialect::File(Version::V2)),
        ("memory-max", "memory-max", Dialect::Neutral),
        ("memory_max", "memory-max", Dialect::Neutral),
        ("cpu.shares", "cpu-weight", Dialect::File(Version::V1)),
        ("cpu-shares", "cpu-weight", Dialect::File(Version::V1)),
        ("pids.max", "pids-max", Dialect::Both),
        ("cpuset.effective_cpus", "cpuset-cpus-effective", Dialect::File(Version::V1)),
        ("cpuset.cpus.effective", "cpuset-cpus-effective", Dialect::File(Version::V2)),
        ("freezer.state", "cgroup-freeze", Dialect::File(Version::V1)),
        ("cgroup.freeze", "cgroup-freeze", Dialect::File(Version::V2)),
        ("hugetlb.2MB.limit_in_bytes", "hugetlb-*-max", Dialect::File(Version::V1)),
        ("hugetlb-2MB-max", "hugetlb-*-max", Dialect::Neutral),
        ("net_cls.classid", "net-cls-classid", Dialect::File(Version::V1)),
        ("cpu-max", "cpu-quota", Dialect::File(Version::V2)),
    ];
    for (typed, property, dialect) in table {
        let key = Key::find(typed).unwrap();
        assert_eq!((key.properties[0].name, key.dialect), (property, dialect), "{typed}");
    }
    let all = Key::find("io.max").unwrap();
    assert_eq!(all.properties.len(), 4);
    assert_eq!(Key::find("memory.brand_new").unwrap().raw, Some(Controller::Memory));
}

#[test]
fn an_unknown_name_is_told_with_the_nearest() {
    for (typed, nearest) in [
        ("memory-mx", Some("memory-max")),
        ("memry.limit_in_bytes", Some("memory.limit_in_bytes")),
        ("pid.max", Some("pids.max")),
        ("luck", None),
        ("../x", None),
        ("", None),
    ] {
        assert_eq!(name::nearest(typed).as_deref(), nearest, "{typed}");
        assert!(Key::find(typed).is_err(), "{typed}");
    }
}

/// What a v1 file shows, the v2 file and what it shows, both for the same property; both ways.
#[test]
fn values_are_the_same_in_both_versions() {
    let table: &[(&str, &str, &str, &str)] = &[
        ("memory-max", "41943040", "41943040", "41943040"),
        ("memory-max", "9223372036854771712", "max", "max"),
        ("memory-low", "1048576", "1048576", "1048576"),
        ("memory-current", "4096", "4096", "4096"),
        ("memory-peak", "8192", "8192", "8192"),
        ("memory-failures", "7", "low 0\nhigh 1\nmax 7\noom 2\noom_kill 3\n", "7"),
        (
            "memory-oom-kills",
            "oom_kill_disable 0\nunder_oom 0\noom_kill 3\n",
            "max 7\noom 2\noom_kill 3\n",
            "3",
        ),
        ("cpu-weight", "1024", "100", "100"),
        ("cpu-weight", "2", "1", "1"),
        ("cpu-weight", "262144", "10000", "10000"),
        ("cpu-quota", "-1", "max 100000", "max"),
        ("cpu-quota", "50000", "50000 100000", "50000"),
        ("cpu-period", "100000", "50000 100000", "100000"),
        ("cpu-burst", "1000", "1000", "1000"),
        ("cpu-idle", "1", "1", "1"),
        ("cpu-usage", "3000000", "usage_usec 3000\nuser_usec 1000\nsystem_usec 2000\n", "3000"),
        ("cpu-user", "1000000", "usage_usec 3000\nuser_usec 1000\nsystem_usec 2000\n", "1000"),
        ("cpu-throttled", "nr_periods 5\nnr_throttled 2\nthrottled_time 9000\n", "throttled_usec 9\n", "9"),
        ("cpu-throttled-periods", "nr_periods 5\nnr_throttled 2\n", "nr_throttled 2\n", "2"),
        ("cpuset-cpus", "0-1", "0-1", "0-1"),
        ("cpuset-mems-effective", "0", "0", "0"),
        ("pids-max", "max", "max", "max"),
        ("pids-max", "100", "100", "100"),
        ("pids-current", "3", "3", "3"),
        ("io-weight", "10", "default 10\n8:0 500\n", "1"),
        ("io-device-weight", "8:0 500", "default 100\n8:0 500\n", "8:0 4950"),
        ("io-read-bps-max", "8:0 1048576", "8:0 rbps=1048576 wbps=max riops=max wiops=max", "8:0 1048576"),
        ("io-write-iops-max", "8:0 77", "8:0 rbps=max wbps=max riops=max wiops=77", "8:0 77"),
        ("hugetlb-*-max", "2097152", "2097152", "2097152"),
        ("hugetlb-*-failures", "4", "max 4\n", "4"),
        ("rdma-max", "mlx4_0 hca_handle=2", "mlx4_0 hca_handle=2", "mlx4_0 hca_handle=2"),
        ("misc-max", "sev 5", "sev 5", "sev 5"),
        ("cgroup-freeze", "FROZEN", "1", "1"),
        ("cgroup-freeze", "THAWED", "0", "0"),
    ];
    for (name, v1, v2, neutral) in table {
        let property = TABLE.iter().find(|property| property.name == *name).unwrap();
        let (old, new) = (&property.v1.slots()[0], &property.v2.slots()[0]);
        assert_eq!(amounts(old, v1).join(" "), *neutral, "{name} on v1");
        assert_eq!(amounts(new, v2).join(" "), *neutral, "{name} on v2");
        let from_new = old.show(&new.read(v2).unwrap()).unwrap().join("\n");
        assert_eq!(old.read(&from_new).unwrap(), new.read(v2).unwrap(), "{name}: v2 {v2} is v1 {from_new}");
        let from_old = new.show(&old.read(v1).unwrap()).unwrap().join("\n");
        if !matches!(new.place, Place::Word(_)) {
            assert_eq!(
                new.read(&from_old).unwrap(),
                old.read(v1).unwrap(),
                "{name}: v1 {v1} is v2 {from_old}"
            );
        }
    }
}

#[test]
fn iocost_has_the_weight_itself() {
    let property = TABLE.iter().find(|property| property.name == "io-weight").unwrap();
    let slot = property.v2.slots().iter().find(|slot| slot.file == "io.weight").unwrap();
    assert_eq!(amounts(slot, "default 250\n8:0 100\n"), ["250"]);
    assert_eq!(amounts(slot, "250"), ["250"]);
    assert_eq!(amounts(slot, "8:0 250"), [""; 0]);
}
