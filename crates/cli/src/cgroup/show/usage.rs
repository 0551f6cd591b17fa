//! What a group uses, and what it may.

use palisade_cgroup::Limit;

use super::Shown;
use crate::flags::Bytes;

/// Makes the rows: resource, used, limit, the most ever, how often the limit refused.
pub(super) fn rows(shown: &Shown) -> Vec<Vec<String>> {
    let none = || "-".to_owned();
    let count = |number: u64| number.to_string();
    let mut rows = Vec::new();
    let usage = &shown.usage;
    if let Some(memory) = &usage.memory {
        let most = memory.peak.map_or_else(none, bytes);
        let refused = count(memory.failures);
        rows.push(vec!["memory".to_owned(), bytes(memory.usage), limit(memory.limit, bytes), most, refused]);
        if let Some(swap) = memory.swap_usage {
            let refused = count(memory.swap_failures);
            rows.push(vec!["swap".to_owned(), bytes(swap), limit(memory.swap_limit, bytes), none(), refused]);
        }
    }
    if let Some(pids) = &usage.pids {
        let most = pids.peak.map_or_else(none, count);
        rows.push(vec![
            "pids".to_owned(),
            count(pids.current),
            limit(pids.limit, count),
            most,
            count(pids.failures),
        ]);
    }
    if let Some(cpu) = &usage.cpu {
        let refused = format!("{} periods", cpu.throttled_periods);
        rows.push(vec!["cpu".to_owned(), seconds(cpu.usage), quota(shown), none(), refused]);
    }
    if let Some(weight) = file(shown, &["cpu.weight", "cpu.shares"]) {
        rows.push(vec!["cpu weight".to_owned(), none(), weight, none(), none()]);
    }
    if let Some(cpuset) = &usage.cpuset {
        rows.push(vec!["cpus".to_owned(), none(), list(&cpuset.cpus), none(), none()]);
        rows.push(vec!["memory nodes".to_owned(), none(), list(&cpuset.mems), none(), none()]);
    }
    for (size, huge) in usage.hugetlb.iter().filter(|(_, huge)| huge.usage > 0) {
        let most = huge.peak.map_or_else(none, bytes);
        rows.push(vec![format!("huge {size}"), bytes(huge.usage), none(), most, count(huge.failures)]);
    }
    for (device, io) in &usage.io {
        let used = format!("{} read, {} written", bytes(io.read_bytes), bytes(io.write_bytes));
        rows.push(vec![format!("io {}:{}", device.major, device.minor), used, none(), none(), none()]);
    }
    rows
}

fn limit(limit: Option<Limit>, show: impl Fn(u64) -> String) -> String {
    match limit {
        None => "-".to_owned(),
        Some(Limit::Max) => "max".to_owned(),
        Some(Limit::Value(value)) => show(value),
    }
}

fn bytes(number: u64) -> String {
    Bytes(number).to_string()
}

/// Shows nanoseconds.
fn seconds(nanoseconds: u64) -> String {
    let milliseconds = nanoseconds / 1_000_000;
    format!("{}.{:03} s", milliseconds / 1000, milliseconds % 1000)
}

fn list(numbers: &[u16]) -> String {
    let words: Vec<String> = numbers.iter().map(u16::to_string).collect();
    words.join(",")
}

/// Shows the quota of CPU time as the kernel does, microseconds of a period.
fn quota(shown: &Shown) -> String {
    let v1 = || {
        let quota = file(shown, &["cpu.cfs_quota_us"])?;
        let period = file(shown, &["cpu.cfs_period_us"])?;
        Some(if quota.starts_with('-') { "max".to_owned() } else { format!("{quota} of {period} us") })
    };
    let v2 = || {
        let text = file(shown, &["cpu.max"])?;
        let (quota, period) = text.split_once(' ')?;
        Some(if quota == "max" { "max".to_owned() } else { format!("{quota} of {period} us") })
    };
    v1().or_else(v2).unwrap_or_else(|| "-".to_owned())
}

fn file(shown: &Shown, names: &[&str]) -> Option<String> {
    let files = shown.hierarchies.iter().flat_map(|row| &row.files);
    files.filter(|(name, _)| names.contains(&name.as_str())).map(|(_, value)| value.clone()).next()
}
