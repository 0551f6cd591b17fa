//! Why the kernel does not take a list of CPUs or memory nodes.

use crate::{Place, Version};
use rustix::io::Errno;
use std::collections::BTreeSet;

/// Explains a refused write to `cpuset.cpus` or `cpuset.mems`.
pub(super) fn explain(place: &Place, name: &str, value: &str, errno: Errno) -> Option<String> {
    let Some(wanted) = parse(value) else {
        return Some(format!("{value:?} is not a list such as 0-2,5"));
    };
    let what = if name == "cpuset.cpus" { "CPUs" } else { "memory nodes" };
    match errno {
        Errno::INVAL | Errno::ACCESS | Errno::RANGE | Errno::NXIO => {
            let above = place.above().pop()?;
            let file = match above.version {
                Version::V1 => name.to_owned(),
                Version::V2 => format!("{name}.effective"),
            };
            let given = parse(&above.read_raw(&file).ok()?)?;
            let missing: BTreeSet<u32> = wanted.difference(&given).copied().collect();
            let whose = match above.path.is_root() {
                true => "this machine".to_owned(),
                false => format!("the group above, {},", above.path),
            };
            (!missing.is_empty())
                .then(|| format!("{whose} has the {what} {} and not {}", shown(&given), shown(&missing)))
        }
        Errno::BUSY => {
            let below = place.tree().unwrap_or_default();
            let user = below.iter().skip(1).find(|group| {
                let used = group.read_raw(name).ok().and_then(|text| parse(&text)).unwrap_or_default();
                !used.is_subset(&wanted)
            });
            user.map(|group| format!("the group {} below still uses others of the {what}", group.path))
        }
        Errno::NOSPC => Some(format!("the group holds processes, which need {what}")),
        _ => None,
    }
}

/// Reads a list as cpuset(7) has it; none where it is no list.
fn parse(text: &str) -> Option<BTreeSet<u32>> {
    const MOST: u32 = 1 << 16;
    let mut set = BTreeSet::new();
    for part in text.trim().split(',').filter(|part| !part.is_empty()) {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last): (u32, u32) = (first.trim().parse().ok()?, last.trim().parse().ok()?);
        if last > MOST {
            return None;
        }
        set.extend(first..=last);
    }
    Some(set)
}

/// Writes a set as a list of numbers and ranges.
fn shown(set: &BTreeSet<u32>) -> String {
    let mut ranges: Vec<(u32, u32)> = Vec::new();
    for number in set {
        match ranges.last_mut() {
            Some((_, last)) if *last + 1 == *number => *last = *number,
            _ => ranges.push((*number, *number)),
        }
    }
    let range = |(first, last): &(u32, u32)| match first == last {
        true => first.to_string(),
        false => format!("{first}-{last}"),
    };
    ranges.iter().map(range).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_read_and_written() {
        for (text, list) in [("0-2,5", "0-2,5"), ("1,0", "0-1"), ("", ""), ("3", "3"), ("7-7,9", "7,9")] {
            assert_eq!(shown(&parse(text).unwrap()), list, "{text}");
        }
        for text in ["a", "0-", "-1", "0-99999999", "0:1"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
