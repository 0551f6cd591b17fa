//! CPU statistics.

use super::Cpu;
use super::read::Reader;
use crate::{Error, Version};

const NANOSECONDS_PER_MICROSECOND: u64 = 1000;

/// Reads CPU time from where `cpuacct` lives and throttling from where `cpu` does; on v2 that is one file.
pub(super) fn read(account: Option<Reader<'_>>, cpu: Option<Reader<'_>>) -> Result<Option<Cpu>, Error> {
    if account.is_none() && cpu.is_none() {
        return Ok(None);
    }
    let mut stats = Cpu::default();
    match &account {
        Some(reader) if reader.version() == Version::V1 => account_v1(&mut stats, reader)?,
        Some(reader) => stat_v2(&mut stats, reader)?,
        None => {}
    }
    match &cpu {
        Some(reader) if reader.version() == Version::V1 => throttling_v1(&mut stats, reader)?,
        Some(reader) => stat_v2(&mut stats, reader)?,
        None => {}
    }
    Ok(Some(stats))
}

fn account_v1(stats: &mut Cpu, reader: &Reader<'_>) -> Result<(), Error> {
    stats.usage = reader.number("cpuacct.usage")?.unwrap_or(0);
    stats.user = reader.number("cpuacct.usage_user")?.unwrap_or(0);
    stats.system = reader.number("cpuacct.usage_sys")?.unwrap_or(0);
    let per_cpu = reader.text("cpuacct.usage_percpu")?.unwrap_or_default();
    stats.per_cpu = per_cpu.split_whitespace().filter_map(|number| number.parse().ok()).collect();
    let all = reader.text("cpuacct.usage_all")?.unwrap_or_default();
    for (user, system) in all.lines().filter_map(line_of_cpu) {
        stats.per_cpu_user.push(user);
        stats.per_cpu_system.push(system);
    }
    Ok(())
}

/// Parses `0 4711 815`: a CPU, and its time in user mode and in the kernel. The first line names the columns.
fn line_of_cpu(line: &str) -> Option<(u64, u64)> {
    let mut numbers = line.split_whitespace().map(str::parse::<u64>);
    numbers.next()?.ok()?;
    Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
}

fn throttling_v1(stats: &mut Cpu, reader: &Reader<'_>) -> Result<(), Error> {
    let table = reader.table("cpu.stat")?;
    let value = |name: &str| table.get(name).copied().unwrap_or(0);
    stats.periods = value("nr_periods");
    stats.throttled_periods = value("nr_throttled");
    stats.throttled = value("throttled_time");
    Ok(())
}

/// Takes what the file has: without the controller it has times and no periods, on a v1 account neither.
fn stat_v2(stats: &mut Cpu, reader: &Reader<'_>) -> Result<(), Error> {
    for (name, value) in reader.table("cpu.stat")? {
        let nanoseconds = value.saturating_mul(NANOSECONDS_PER_MICROSECOND);
        match name.as_str() {
            "usage_usec" => stats.usage = nanoseconds,
            "user_usec" => stats.user = nanoseconds,
            "system_usec" => stats.system = nanoseconds,
            "nr_periods" => stats.periods = value,
            "nr_throttled" => stats.throttled_periods = value,
            "throttled_usec" => stats.throttled = nanoseconds,
            _ => {}
        }
    }
    Ok(())
}
