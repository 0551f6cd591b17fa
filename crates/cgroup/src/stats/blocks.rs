//! Block I/O statistics.

use super::Io;
use super::read::{Reader, keyed};
use crate::limits::BlockDevice;
use crate::{Error, Version};
use std::collections::BTreeMap;

pub(super) fn read(reader: &Reader<'_>) -> Result<BTreeMap<BlockDevice, Io>, Error> {
    let mut devices = BTreeMap::new();
    match reader.version() {
        Version::V1 => {
            for line in first(reader, "io_service_bytes")?.lines() {
                add_v1(&mut devices, line, |io| {
                    let waiting = io.waited_for.get_or_insert_default();
                    let parts = [&mut waiting.sync_bytes, &mut waiting.async_bytes];
                    ([&mut io.read_bytes, &mut io.write_bytes, &mut io.discard_bytes], parts)
                });
            }
            for line in first(reader, "io_serviced")?.lines() {
                add_v1(&mut devices, line, |io| {
                    let waiting = io.waited_for.get_or_insert_default();
                    let parts = [&mut waiting.sync_operations, &mut waiting.async_operations];
                    ([&mut io.read_operations, &mut io.write_operations, &mut io.discard_operations], parts)
                });
            }
        }
        Version::V2 => {
            devices.extend(reader.text("io.stat")?.unwrap_or_default().lines().filter_map(line_v2))
        }
    }
    Ok(devices)
}

/// Reads what the throttle counts, as it sees all I/O; older kernels count no groups below.
fn first(reader: &Reader<'_>, name: &str) -> Result<String, Error> {
    for file in [format!("blkio.throttle.{name}_recursive"), format!("blkio.throttle.{name}")] {
        if let Some(text) = reader.text(&file)? {
            return Ok(text);
        }
    }
    Ok(String::new())
}

/// The fields for reads, writes and discards, and those for what is waited for and not.
type Fields<'a> = ([&'a mut u64; 3], [&'a mut u64; 2]);

/// Adds a line such as `8:0 Read 4096`.
fn add_v1(devices: &mut BTreeMap<BlockDevice, Io>, line: &str, select: impl Fn(&mut Io) -> Fields<'_>) {
    let mut words = line.split_whitespace();
    let (Some(device), Some(kind), Some(number)) =
        (words.next().and_then(device), words.next(), words.next())
    else {
        return;
    };
    let ([reads, writes, discards], [waited, not_waited]) = select(devices.entry(device).or_default());
    let field = match kind {
        "Read" => reads,
        "Write" => writes,
        "Discard" => discards,
        "Sync" => waited,
        "Async" => not_waited,
        // Total is the sum of the first three.
        _ => return,
    };
    *field = number.parse().unwrap_or(0);
}

fn line_v2(line: &str) -> Option<(BlockDevice, Io)> {
    let device = device(line.split_whitespace().next()?)?;
    let value = |key| keyed(line, key).unwrap_or(0);
    let io = Io {
        read_bytes: value("rbytes"),
        write_bytes: value("wbytes"),
        discard_bytes: value("dbytes"),
        read_operations: value("rios"),
        write_operations: value("wios"),
        discard_operations: value("dios"),
        waited_for: None,
    };
    Some((device, io))
}

fn device(text: &str) -> Option<BlockDevice> {
    let (major, minor) = text.split_once(':')?;
    Some(BlockDevice { major: major.parse().ok()?, minor: minor.parse().ok()? })
}
