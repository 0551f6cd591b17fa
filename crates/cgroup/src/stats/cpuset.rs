//! CPUs and memory nodes.

use super::Cpuset;
use super::read::Reader;
use crate::{Error, Version};

/// No machine has more; a list that says so is not the kernel's.
const MOST: u16 = 8192;

/// The settings of a v1 cpuset that are numbers; cpusets.rst of the kernel.
const SETTINGS: [&str; 9] = [
    "cpu_exclusive",
    "mem_hardwall",
    "mem_exclusive",
    "memory_migrate",
    "memory_spread_page",
    "memory_spread_slab",
    "memory_pressure",
    "sched_load_balance",
    "sched_relax_domain_level",
];

/// Reads which CPUs and memory nodes the group may use; `None` where the controller is not enabled for it.
pub(super) fn read(reader: &Reader<'_>) -> Result<Option<Cpuset>, Error> {
    let suffix = if reader.version() == Version::V1 { "" } else { ".effective" };
    let Some(cpus) = reader.text(&format!("cpuset.cpus{suffix}"))? else {
        return Ok(None);
    };
    let mems = reader.text(&format!("cpuset.mems{suffix}"))?.unwrap_or_default();
    let mut cpuset = Cpuset { cpus: parse(&cpus), mems: parse(&mems), ..Cpuset::default() };
    if reader.version() == Version::V1 {
        for name in SETTINGS {
            let value = reader.text(&format!("cpuset.{name}"))?;
            if let Some(value) = value.and_then(|text| text.trim().parse().ok()) {
                cpuset.settings.insert(name.to_owned(), value);
            }
        }
    }
    Ok(Some(cpuset))
}

/// Parses a list such as `0-2,5`.
fn parse(list: &str) -> Vec<u16> {
    let number = |text: &str| text.parse::<u16>().ok().filter(|number| *number < MOST);
    let range = |text: &str| match text.split_once('-') {
        Some((first, last)) => Some(number(first)?..=number(last)?),
        None => number(text).map(|one| one..=one),
    };
    list.trim().split(',').filter_map(range).flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_written_out() {
        for (list, numbers) in
            [("0-2,5\n", &[0, 1, 2, 5][..]), ("3\n", &[3]), ("\n", &[]), ("0-1,x,70000", &[0, 1])]
        {
            assert_eq!(parse(list), numbers, "{list:?}");
        }
    }
}
