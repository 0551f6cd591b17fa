//! Memory statistics.

use super::Memory;
use super::read::Reader;
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
        stat,
    }))
}

fn v2(reader: &Reader<'_>) -> Result<Option<Memory>, Error> {
    let Some(usage) = reader.number("memory.current")? else {
        return Ok(None);
    };
    let stat = reader.table("memory.stat")?;
    let events = reader.table("memory.events")?;
    Ok(Some(Memory {
        usage,
        limit: reader.limit("memory.max")?,
        peak: reader.number("memory.peak")?,
        anon: value(&stat, "anon"),
        file: value(&stat, "file"),
        kernel: stat.get("kernel").copied(),
        inactive_file: value(&stat, "inactive_file"),
        swap_usage: reader.number("memory.swap.current")?,
        swap_limit: reader.limit("memory.swap.max")?,
        failures: value(&events, "max"),
        swap_failures: value(&reader.table("memory.swap.events")?, "fail"),
        oom_kills: value(&events, "oom_kill"),
        stat,
    }))
}

fn value(table: &BTreeMap<String, u64>, name: &str) -> u64 {
    table.get(name).copied().unwrap_or(0)
}

/// Takes the memory limit off one on memory and swap together.
fn difference(both: Option<Limit>, memory: Option<Limit>) -> Option<Limit> {
    match (both?, memory?) {
        (Limit::Value(both), Limit::Value(memory)) => Some(Limit::Value(both.saturating_sub(memory))),
        (both, _) => Some(both),
    }
}
