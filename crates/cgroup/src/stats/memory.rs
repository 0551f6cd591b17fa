//! Memory statistics.

use super::read::Reader;
use super::{Counter, Memory};
use crate::{Error, Limit, Version};
use std::collections::BTreeMap;

/// Reads memory use; `None` where the group has no such file, as the root of the v2 tree.
pub(super) fn read(reader: &Reader<'_>) -> Result<Option<Memory>, Error> {
    match reader.version() {
        Version::V1 => v1(reader),
        Version::V2 => v2(reader),
    }
}

/// Reads how many tasks the OOM killer ended in this group.
pub(super) fn oom_kills(reader: &Reader<'_>) -> Result<u64, Error> {
    let file = match reader.version() {
        Version::V1 => "memory.oom_control",
        Version::V2 => "memory.events",
    };
    Ok(value(&reader.table(file)?, "oom_kill"))
}

fn v1(reader: &Reader<'_>) -> Result<Option<Memory>, Error> {
    let Some(usage) = reader.number("memory.usage_in_bytes")? else {
        return Ok(None);
    };
    let stat = reader.table("memory.stat")?;
    let limit = reader.limit("memory.limit_in_bytes")?;
    Ok(Some(Memory {
        usage,
        limit,
        peak: reader.number("memory.max_usage_in_bytes")?,
        anon: value(&stat, "total_rss"),
        file: value(&stat, "total_cache"),
        kernel: reader.number("memory.kmem.usage_in_bytes")?,
        inactive_file: value(&stat, "total_inactive_file"),
        swap_usage: stat.get("total_swap").copied(),
        swap_limit: difference(reader.limit("memory.memsw.limit_in_bytes")?, limit),
        failures: reader.number("memory.failcnt")?.unwrap_or(0),
        swap_failures: reader.number("memory.memsw.failcnt")?.unwrap_or(0),
        oom_kills: oom_kills(reader)?,
        with_swap: counter(reader, "memory.memsw")?,
        kernel_counter: counter(reader, "memory.kmem")?,
        kernel_tcp: counter(reader, "memory.kmem.tcp")?,
        events: BTreeMap::new(),
        stat,
    }))
}

fn v2(reader: &Reader<'_>) -> Result<Option<Memory>, Error> {
    let Some(usage) = reader.number("memory.current")? else {
        return Ok(None);
    };
    let stat = reader.table("memory.stat")?;
    let events = reader.table("memory.events")?;
    let (limit, swap_limit) = (reader.limit("memory.max")?, reader.limit("memory.swap.max")?);
    let swap_usage = reader.number("memory.swap.current")?;
    let swap_failures = value(&reader.table("memory.swap.events")?, "fail");
    Ok(Some(Memory {
        usage,
        limit,
        peak: reader.number("memory.peak")?,
        anon: value(&stat, "anon"),
        file: value(&stat, "file"),
        kernel: stat.get("kernel").copied(),
        inactive_file: value(&stat, "inactive_file"),
        swap_usage,
        swap_limit,
        failures: value(&events, "max"),
        swap_failures,
        oom_kills: value(&events, "oom_kill"),
        with_swap: swap_usage.map(|swap| Counter {
            usage: usage.saturating_add(swap),
            limit: sum(limit, swap_limit),
            peak: None,
            failures: swap_failures,
        }),
        kernel_counter: None,
        kernel_tcp: None,
        events,
        stat,
    }))
}

/// Reads a counter of v1, whose files have names of one form.
fn counter(reader: &Reader<'_>, name: &str) -> Result<Option<Counter>, Error> {
    let Some(usage) = reader.number(&format!("{name}.usage_in_bytes"))? else {
        return Ok(None);
    };
    Ok(Some(Counter {
        usage,
        limit: reader.limit(&format!("{name}.limit_in_bytes"))?,
        peak: reader.number(&format!("{name}.max_usage_in_bytes"))?,
        failures: reader.number(&format!("{name}.failcnt"))?.unwrap_or(0),
    }))
}

fn value(table: &BTreeMap<String, u64>, name: &str) -> u64 {
    table.get(name).copied().unwrap_or(0)
}

/// Puts the limits on memory and on swap together.
fn sum(memory: Option<Limit>, swap: Option<Limit>) -> Option<Limit> {
    match (memory?, swap?) {
        (Limit::Value(memory), Limit::Value(swap)) => Some(Limit::Value(memory.saturating_add(swap))),
        _ => Some(Limit::Max),
    }
}

/// Takes the memory limit off one on memory and swap together.
fn difference(both: Option<Limit>, memory: Option<Limit>) -> Option<Limit> {
    match (both?, memory?) {
        (Limit::Value(both), Limit::Value(memory)) => Some(Limit::Value(both.saturating_sub(memory))),
        (both, _) => Some(both),
    }
}
