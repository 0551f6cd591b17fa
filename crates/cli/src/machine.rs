//! What this machine has, to check limits against.

use palisade_runtime::{Error, Result};

use crate::flags::Bytes;

/// The machine's resources.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Machine {
    /// The CPUs that are online, as numbers.
    pub(crate) cpus: Vec<u32>,
    pub(crate) memory: Bytes,
    /// None where there is no swap.
    pub(crate) swap: Option<Bytes>,
}

impl Machine {
    /// Reads what there is.
    pub(crate) fn read() -> Result<Self> {
        let online = read("/sys/devices/system/cpu/online")?;
        let cpus = parse_list(online.trim())
            .ok_or_else(|| Error::new(format!("/sys/devices/system/cpu/online: {online:?} is no list")))?;
        let meminfo = read("/proc/meminfo")?;
        let memory =
            field(&meminfo, "MemTotal:").ok_or_else(|| Error::new("/proc/meminfo has no MemTotal"))?;
        Ok(Self { cpus, memory, swap: field(&meminfo, "SwapTotal:") })
    }
}

fn read(path: &str) -> Result<String> {
    std::fs::read_to_string(path).map_err(|error| Error::new(format!("read {path}: {error}")))
}

/// Reads a line of `/proc/meminfo`; none where it is missing or 0.
fn field(meminfo: &str, name: &str) -> Option<Bytes> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix(name))?;
    let kilobytes: u64 = line.trim().strip_suffix(" kB")?.trim().parse().ok()?;
    Some(Bytes(kilobytes.checked_mul(1024)?)).filter(|bytes| bytes.0 > 0)
}

/// Reads a list of CPUs as the kernel writes it, `0-3,7`.
pub(crate) fn parse_list(text: &str) -> Option<Vec<u32>> {
    /// More CPUs than the kernel can be built for.
    const MOST: u32 = 8192;
    let mut cpus = Vec::new();
    for part in text.split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        if [first, last].iter().any(|number| !number.bytes().all(|byte| byte.is_ascii_digit())) {
            return None;
        }
        let (first, last): (u32, u32) = (first.parse().ok()?, last.parse().ok()?);
        if first > last || last >= MOST {
            return None;
        }
        cpus.extend(first..=last);
    }
    Some(cpus)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists() {
        assert_eq!(parse_list("0-2,5"), Some(vec![0, 1, 2, 5]));
        for bad in ["", "a", "3-1", "0-", "1,,2", "-1", "0-99999999"] {
            assert_eq!(parse_list(bad), None, "{bad}");
        }
    }

    #[test]
    fn meminfo() {
        let text = "MemTotal:       16 kB\nSwapTotal:        0 kB\n";
        assert_eq!(field(text, "MemTotal:"), Some(Bytes(16384)));
        assert_eq!(field(text, "SwapTotal:"), None);
    }
}
