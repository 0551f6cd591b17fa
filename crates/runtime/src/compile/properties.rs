//! Limits as properties of a unit, `systemd.resource-control(5)`.
//!
//! The runtime writes all limits itself, exactly. systemd is told those that it knows, too, because it writes them to
//! the scope's group again whenever it sees fit, with what it believes them to be.

use palisade_cgroup::device::{Access, DeviceKind, DevicePolicy, DeviceRule, Verdict};
use palisade_cgroup::limits::Cpu;
use palisade_cgroup::{Controller, Layout, Limit, Limits, Version, convert};
use palisade_systemd::{Property, Value};

/// Turns accounting on for what the machine has, so that the group has those controllers.
pub(crate) fn accounting(layout: &Layout) -> Vec<Property> {
    let io = match layout.version(Controller::Io) {
        Some(Version::V1) => "BlockIOAccounting",
        _ => "IOAccounting",
    };
    ["MemoryAccounting", "CPUAccounting", io, "TasksAccounting"]
        .map(|name| Property::new(name, Value::Bool(true)))
        .into()
}

/// Says limits as systemd does; those that it does not know are left out.
pub(crate) fn of_limits(limits: &Limits, layout: &Layout) -> Vec<Property> {
    let mut list = Vec::new();
    let mut add = |name: &str, limit: Option<Limit>| {
        list.extend(limit.map(|limit| Property::new(name, number(limit))));
    };
    let memory = &limits.memory;
    if layout.version(Controller::Memory) == Some(Version::V1) {
        add("MemoryLimit", memory.limit);
    } else {
        add("MemoryMax", memory.limit);
        add("MemoryLow", memory.reservation);
        add("MemorySwapMax", convert::swap_alone(memory.limit, memory.swap).ok().flatten());
    }
    add("TasksMax", limits.pids);
    list.extend(of_cpu(&limits.cpu, layout.version(Controller::Cpu)));
    if layout.version(Controller::Cpuset) == Some(Version::V2) {
        let sets = [("AllowedCPUs", &limits.cpuset.cpus), ("AllowedMemoryNodes", &limits.cpuset.mems)];
        list.extend(sets.iter().filter_map(|(name, set)| Some(Property::new(*name, bits(set.as_deref()?)?))));
    }
    if let Some(weight) = limits.io.weight {
        list.push(match layout.version(Controller::Io) {
            Some(Version::V1) => Property::new("BlockIOWeight", Value::U64(u64::from(weight))),
            _ => Property::new("IOWeight", Value::U64(convert::io_weight(weight))),
        });
    }
    for (key, value) in &limits.unified {
        list.extend(of_file(key, value));
    }
    // On v2 the runtime attaches a program of its own, which systemd leaves alone.
    if let (Some(policy), Some(Version::V1)) = (&limits.devices, layout.version(Controller::Devices)) {
        list.extend(of_devices(policy));
    }
    list
}

fn number(limit: Limit) -> Value {
    Value::U64(match limit {
        Limit::Max => u64::MAX,
        Limit::Value(value) => value,
    })
}

fn of_cpu(cpu: &Cpu, version: Option<Version>) -> Vec<Property> {
    let mut list = Vec::new();
    match (version, cpu.shares, cpu.weight) {
        (Some(Version::V1), Some(shares), _) => list.push(Property::new("CPUShares", Value::U64(shares))),
        (Some(Version::V1), None, Some(weight)) => {
            list.push(Property::new("CPUShares", Value::U64(convert::weight_to_shares(weight))));
        }
        (_, shares, weight) => {
            let weight = weight.or(shares.map(convert::shares_to_weight));
            list.extend(weight.map(|weight| Property::new("CPUWeight", Value::U64(weight))));
        }
    }
    list.extend(quota(cpu.quota, cpu.period));
    list
}

/// A quota is told per second of time, and systemd counts in hundredths of a CPU; it is rounded up, because what the
/// runtime writes after it must not be less.
fn quota(quota: Option<Limit>, period: Option<u64>) -> Vec<Property> {
    const SECOND: u64 = 1_000_000;
    const STEP: u64 = SECOND / 100;
    let mut list = Vec::new();
    if let Some(quota) = quota {
        let per_second = match quota {
            Limit::Max => u64::MAX,
            Limit::Value(quota) => {
                let exact = quota.saturating_mul(SECOND) / period.unwrap_or(100_000).max(1);
                exact.checked_next_multiple_of(STEP).unwrap_or(u64::MAX).max(STEP)
            }
        };
        list.push(Property::new("CPUQuotaPerSecUSec", Value::U64(per_second)));
    }
    list.extend(period.map(|period| Property::new("CPUQuotaPeriodUSec", Value::U64(period))));
    list
}

/// Turns `0-2,5` into a bit mask, the lowest CPU in the first byte; none for what is not such a list, of which the
/// kernel tells.
fn bits(list: &str) -> Option<Value> {
    /// More CPUs than any machine has.
    const MOST: usize = 1 << 16;
    let mut mask = Vec::new();
    for range in list.split(',').map(str::trim).filter(|range| !range.is_empty()) {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        let (first, last): (usize, usize) = (first.parse().ok()?, last.parse().ok()?);
        if last >= MOST || first > last {
            return None;
        }
        for bit in first..=last {
            mask.resize(mask.len().max(bit / 8 + 1), 0u8);
            *mask.get_mut(bit / 8)? |= 1 << (bit % 8);
        }
    }
    Some(Value::bytes(&mask))
}

/// A file of v2 that `linux.resources.unified` writes.
fn of_file(key: &str, value: &str) -> Vec<Property> {
    let limit = |name: &str| {
        let limit = match value {
            "max" => Some(Limit::Max),
            digits => digits.parse().ok().map(Limit::Value),
        };
        limit.map(|limit| Property::new(name, number(limit))).into_iter().collect()
    };
    match key {
        "memory.max" => limit("MemoryMax"),
        "memory.high" => limit("MemoryHigh"),
        "memory.low" => limit("MemoryLow"),
        "memory.min" => limit("MemoryMin"),
        "memory.swap.max" => limit("MemorySwapMax"),
        "pids.max" => limit("TasksMax"),
        "cpu.weight" => limit("CPUWeight"),
        "cpu.max" => {
            let mut words = value.split_whitespace();
            let limit = match words.next() {
                Some("max") => Some(Limit::Max),
                word => word.and_then(|digits| digits.parse().ok()).map(Limit::Value),
            };
            quota(limit, words.next().and_then(|digits| digits.parse().ok()))
        }
        "cpuset.cpus" => bits(value).map(|mask| Property::new("AllowedCPUs", mask)).into_iter().collect(),
        "cpuset.mems" => {
            bits(value).map(|mask| Property::new("AllowedMemoryNodes", mask)).into_iter().collect()
        }
        _ => Vec::new(),
    }
}

/// systemd's list allows and never denies, so an allowed device of which a later rule denies something is left out.
fn of_devices(policy: &DevicePolicy) -> Vec<Property> {
    let is_all = |rule: &DeviceRule| {
        rule.kind == DeviceKind::All
            && rule.major.is_none()
            && rule.minor.is_none()
            && rule.access == Access::ALL
    };
    let start = policy.rules.iter().rposition(is_all);
    let verdict = start.and_then(|index| policy.rules.get(index)).map_or(policy.default, |rule| rule.verdict);
    let rest = policy.rules.get(start.map_or(0, |index| index + 1)..).unwrap_or_default();
    let word = |policy: &str| Property::new("DevicePolicy", Value::Text(policy.to_owned()));
    let entries = |entries| Property::new("DeviceAllow", Value::Array("(ss)".to_owned(), entries));
    if verdict == Verdict::Allow {
        return vec![word("auto"), entries(Vec::new())];
    }
    let allowed = rest.iter().enumerate().filter(|(_, rule)| rule.verdict == Verdict::Allow);
    let allowed = allowed.filter(|(index, rule)| {
        let later = rest.get(index + 1..).unwrap_or_default();
        !later.iter().any(|other| other.verdict == Verdict::Deny && overlaps(rule, other))
    });
    vec![word("strict"), entries(allowed.flat_map(|(_, rule)| entries_of(rule)).collect())]
}

fn overlaps(one: &DeviceRule, other: &DeviceRule) -> bool {
    let meet = |a: Option<u32>, b: Option<u32>| a.is_none() || b.is_none() || a == b;
    let kinds = one.kind == other.kind || [one.kind, other.kind].contains(&DeviceKind::All);
    kinds
        && meet(one.major, other.major)
        && meet(one.minor, other.minor)
        && !one.access.intersection(other.access).is_empty()
}

fn entries_of(rule: &DeviceRule) -> Vec<Value> {
    let words: &[&str] = match rule.kind {
        DeviceKind::All => &["char", "block"],
        DeviceKind::Char => &["char"],
        DeviceKind::Block => &["block"],
    };
    let name = |word: &&str| match (rule.major, rule.minor) {
        (Some(major), Some(minor)) => Some(format!("/dev/{word}/{major}:{minor}")),
        (Some(major), None) => Some(format!("{word}-{major}")),
        (None, None) => Some(format!("{word}-*")),
        // There is no word for one minor number of all drivers.
        (None, Some(_)) => None,
    };
    let entry = |name: String| Value::Struct(vec![Value::Text(name), Value::Text(rule.access.to_string())]);
    words.iter().filter_map(name).map(entry).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(list: &[Property]) -> Vec<String> {
        list.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn quotas_are_told_per_second_and_rounded_up() {
        let told = |limit, period| texts(&quota(Some(limit), period));
        assert_eq!(told(Limit::Value(50_000), None), ["CPUQuotaPerSecUSec t 500000"]);
        assert_eq!(
            told(Limit::Value(1_001), Some(50_000)),
            ["CPUQuotaPerSecUSec t 30000", "CPUQuotaPeriodUSec t 50000"]
        );
        assert_eq!(told(Limit::Max, None), ["CPUQuotaPerSecUSec t 18446744073709551615"]);
        assert_eq!(
            told(Limit::Value(u64::MAX), Some(1)),
            ["CPUQuotaPerSecUSec t 18446744073709551615", "CPUQuotaPeriodUSec t 1"]
        );
    }

    #[test]
    fn sets_of_cpus_are_masks() {
        for (list, mask) in
            [("0", "ay 1 1"), ("0-2,5", "ay 1 39"), ("8", "ay 2 0 1"), ("0-15", "ay 2 255 255")]
        {
            assert_eq!(bits(list).map(|value| value.to_string()).as_deref(), Some(mask), "{list}");
        }
        for list in ["x", "3-1", "0-99999999"] {
            assert_eq!(bits(list), None, "{list}");
        }
    }

    #[test]
    fn files_of_v2_are_properties() {
        for (key, value, told) in [
            ("memory.high", "1024", vec!["MemoryHigh t 1024"]),
            ("pids.max", "max", vec!["TasksMax t 18446744073709551615"]),
            ("cpu.max", "10000 20000", vec!["CPUQuotaPerSecUSec t 500000", "CPUQuotaPeriodUSec t 20000"]),
            ("cpuset.cpus", "1", vec!["AllowedCPUs ay 1 2"]),
            ("memory.oom.group", "1", vec![]),
        ] {
            assert_eq!(texts(&of_file(key, value)), told, "{key}");
        }
    }

    #[test]
    fn a_device_that_is_denied_again_is_not_allowed() {
        let rule = |text: &str, verdict| {
            text.parse::<palisade_cgroup::device::DevicePattern>().unwrap().rule(verdict)
        };
        let policy = DevicePolicy {
            default: Verdict::Deny,
            rules: vec![
                rule("c 1:3 rwm", Verdict::Allow),
                rule("a *:* rwm", Verdict::Deny),
                rule("c 1:5 rwm", Verdict::Allow),
                rule("c 5:* rw", Verdict::Allow),
                rule("b *:* m", Verdict::Allow),
                rule("c 5:1 w", Verdict::Deny),
            ],
        };
        assert_eq!(
            texts(&of_devices(&policy)),
            ["DevicePolicy s strict", "DeviceAllow 'a(ss)' 2 /dev/char/1:5 rwm 'block-*' m"]
        );
        let open = DevicePolicy { default: Verdict::Deny, rules: vec![rule("a *:* rwm", Verdict::Allow)] };
        assert_eq!(texts(&of_devices(&open)), ["DevicePolicy s auto", "DeviceAllow 'a(ss)' 0"]);
    }
}
