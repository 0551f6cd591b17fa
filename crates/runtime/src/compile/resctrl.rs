//! `linux.intelRdt`.

use std::path::Path;

use palisade_oci::IntelRdt;

use super::Violations;
use crate::id::ContainerId;
use crate::resctrl::{Assignment, Class};

const POINTER: &str = "/linux/intelRdt";
/// What the kernel has in the root beside classes.
const RESERVED: [&str; 5] = ["info", "mon_groups", "mon_data", ".", ".."];

/// Reads where the container stands in the file system that is mounted at `root`.
pub(crate) fn read(
    violations: &mut Violations,
    rdt: &IntelRdt,
    id: &ContainerId,
    root: Option<&Path>,
) -> Option<Assignment> {
    let schemata = read_schemata(violations, rdt);
    let name = match rdt.clos_id.as_str() {
        "" => id.as_str(),
        "/" => "",
        name if name.contains('/') || name.contains('\n') || RESERVED.contains(&name) => {
            violations.add(format!("{POINTER}/closID"), format_args!("{name:?} is no name of a class"));
            return None;
        }
        name => name,
    };
    let Some(root) = root else {
        let message = "no resctrl file system is mounted: mount -t resctrl resctrl /sys/fs/resctrl, where the CPU has it";
        violations.add(POINTER, message);
        return None;
    };
    let directory = if name.is_empty() { root.to_owned() } else { root.join(name) };
    let class = match (rdt.clos_id.is_empty(), schemata.is_empty()) {
        (true, _) => Class::Own,
        (false, true) => Class::Existing,
        (false, false) => Class::Shared,
    };
    // The last two were the words for the same before version 1.3 of the specification.
    let monitors = rdt.enable_monitoring || rdt.enable_cmt || rdt.enable_mbm;
    let monitor = monitors.then(|| directory.join("mon_groups").join(id.as_str()));
    Some(Assignment { directory, class, schemata, monitor })
}

/// Collects the lines in their order: cache, bandwidth, and then whatever else.
fn read_schemata(violations: &mut Violations, rdt: &IntelRdt) -> Vec<String> {
    let named = [("l3CacheSchema", &rdt.l3_cache_schema, "L3"), ("memBwSchema", &rdt.mem_bw_schema, "MB")];
    let mut lines = Vec::new();
    for (field, line, prefix) in named {
        if line.is_empty() {
            continue;
        }
        if !line.starts_with(prefix) {
            let message = format!("{line:?} does not begin with {prefix}:");
            violations.add(format!("{POINTER}/{field}"), message);
        }
        lines.push((field.to_owned(), line.clone()));
    }
    let more = rdt.schemata.iter().enumerate();
    lines.extend(more.map(|(index, line)| (format!("schemata/{index}"), line.clone())));
    for (field, line) in &lines {
        if line.contains('\n') {
            violations.add(format!("{POINTER}/{field}"), "it is more than one line");
        }
    }
    lines.into_iter().map(|(_, line)| line).collect()
}
