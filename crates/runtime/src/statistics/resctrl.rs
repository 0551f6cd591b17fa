//! What a container has of cache and memory bandwidth, and how much of it it uses.

use std::fs;
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::resctrl::Assignment;

/// Part of the cache and of memory bandwidth; empty for a container without a class of service.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct IntelRdt {
    #[serde(skip_serializing_if = "Option::is_none")]
    l3_cache_info: Option<Cache>,
    #[serde(skip_serializing_if = "String::is_empty")]
    l3_cache_schema_root: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    l3_cache_schema: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    mem_bw_info: Option<Bandwidth>,
    #[serde(skip_serializing_if = "String::is_empty")]
    mem_bw_schema_root: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    mem_bw_schema: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    mbm_stats: Option<Vec<Traffic>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cmt_stats: Option<Vec<Occupancy>>,
}

/// What the L3 cache can be parted into.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
struct Cache {
    #[serde(skip_serializing_if = "String::is_empty")]
    cbm_mask: String,
    #[serde(skip_serializing_if = "is_zero")]
    min_cbm_bits: u64,
    #[serde(skip_serializing_if = "is_zero")]
    num_closids: u64,
}

/// What memory bandwidth can be parted into.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
struct Bandwidth {
    #[serde(skip_serializing_if = "is_zero")]
    bandwidth_gran: u64,
    #[serde(skip_serializing_if = "is_zero")]
    delay_linear: u64,
    #[serde(skip_serializing_if = "is_zero")]
    min_bandwidth: u64,
    #[serde(skip_serializing_if = "is_zero")]
    num_closids: u64,
}

/// Bytes between one L3 cache and memory.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
struct Traffic {
    mbm_total_bytes: u64,
    mbm_local_bytes: u64,
}

/// Bytes in one L3 cache.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
struct Occupancy {
    llc_occupancy: u64,
}

impl IntelRdt {
    /// Reads what there is: a CPU has any part of it.
    pub(crate) fn read(root: &Path, place: &Assignment) -> Self {
        let (l3, bandwidth) = (root.join("info/L3"), root.join("info/MB"));
        let (of_root, of_class) = (root.join("schemata"), place.directory.join("schemata"));
        let counted = place.monitor.as_ref().unwrap_or(&place.directory).join("mon_data");
        let domains = domains(&counted);
        let has = |file: &str| domains.iter().any(|domain| domain.join(file).exists());
        let traffic = |domain: &PathBuf| Traffic {
            mbm_total_bytes: number(domain, "mbm_total_bytes"),
            mbm_local_bytes: number(domain, "mbm_local_bytes"),
        };
        let occupancy = |domain: &PathBuf| Occupancy { llc_occupancy: number(domain, "llc_occupancy") };
        Self {
            l3_cache_info: l3.is_dir().then(|| Cache {
                cbm_mask: text(&l3, "cbm_mask"),
                min_cbm_bits: number(&l3, "min_cbm_bits"),
                num_closids: number(&l3, "num_closids"),
            }),
            l3_cache_schema_root: line(&of_root, "L3"),
            l3_cache_schema: line(&of_class, "L3"),
            mem_bw_info: bandwidth.is_dir().then(|| Bandwidth {
                bandwidth_gran: number(&bandwidth, "bandwidth_gran"),
                delay_linear: number(&bandwidth, "delay_linear"),
                min_bandwidth: number(&bandwidth, "min_bandwidth"),
                num_closids: number(&bandwidth, "num_closids"),
            }),
            mem_bw_schema_root: line(&of_root, "MB"),
            mem_bw_schema: line(&of_class, "MB"),
            mbm_stats: (has("mbm_total_bytes") || has("mbm_local_bytes"))
                .then(|| domains.iter().map(traffic).collect()),
            cmt_stats: has("llc_occupancy").then(|| domains.iter().map(occupancy).collect()),
        }
    }
}

/// Lists the L3 caches that are counted, in their order.
fn domains(counted: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(counted).into_iter().flatten().flatten();
    let is_l3 = |entry: &fs::DirEntry| entry.file_name().to_string_lossy().starts_with("mon_L3_");
    let mut domains: Vec<PathBuf> = entries.filter(is_l3).map(|entry| entry.path()).collect();
    domains.sort();
    domains
}

/// Finds the line of a resource in a `schemata`.
fn line(schemata: &Path, resource: &str) -> String {
    let text = fs::read_to_string(schemata).unwrap_or_default();
    text.lines().map(str::trim).find(|line| line.starts_with(resource)).unwrap_or_default().to_owned()
}

fn text(directory: &Path, file: &str) -> String {
    fs::read_to_string(directory.join(file)).unwrap_or_default().trim_end().to_owned()
}

/// Reads a number; the kernel says in words that it cannot count for the moment.
fn number(directory: &Path, file: &str) -> u64 {
    text(directory, file).parse().unwrap_or(0)
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resctrl::Class;
    use serde_json::json;

    fn write(root: &Path, file: &str, text: &str) {
        let path = root.join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    #[test]
    fn every_field_has_the_name_that_runc_gives_it() {
        let root = tempfile::tempdir().unwrap();
        let files = [
            ("info/L3/cbm_mask", "fffff\n"),
            ("info/L3/min_cbm_bits", "1\n"),
            ("info/L3/num_closids", "16\n"),
            ("info/MB/bandwidth_gran", "10\n"),
            ("info/MB/delay_linear", "1\n"),
            ("info/MB/min_bandwidth", "10\n"),
            ("info/MB/num_closids", "8\n"),
            ("schemata", "    L3:0=fffff;1=fffff\n    MB:0=100;1=100\n"),
            ("class/schemata", "    L3:0=f;1=f\n    MB:0=20;1=20\n"),
            ("class/mon_data/mon_L3_00/llc_occupancy", "7\n"),
            ("class/mon_groups/id/mon_data/mon_L3_00/llc_occupancy", "4096\n"),
            ("class/mon_groups/id/mon_data/mon_L3_00/mbm_total_bytes", "300\n"),
            ("class/mon_groups/id/mon_data/mon_L3_00/mbm_local_bytes", "200\n"),
            ("class/mon_groups/id/mon_data/mon_L3_01/llc_occupancy", "Unavailable\n"),
            ("class/mon_groups/id/mon_data/mon_L3_01/mbm_total_bytes", "5\n"),
        ];
        for (file, text) in files {
            write(root.path(), file, text);
        }
        let directory = root.path().join("class");
        let monitor = Some(directory.join("mon_groups/id"));
        let place = Assignment { directory, class: Class::Existing, schemata: Vec::new(), monitor };
        let printed = serde_json::to_value(IntelRdt::read(root.path(), &place)).unwrap();
        let expected = json!({
            "l3_cache_info": { "cbm_mask": "fffff", "min_cbm_bits": 1, "num_closids": 16 },
            "l3_cache_schema_root": "L3:0=fffff;1=fffff", "l3_cache_schema": "L3:0=f;1=f",
            "mem_bw_info": { "bandwidth_gran": 10, "delay_linear": 1, "min_bandwidth": 10, "num_closids": 8 },
            "mem_bw_schema_root": "MB:0=100;1=100", "mem_bw_schema": "MB:0=20;1=20",
            "mbm_stats": [
                { "mbm_total_bytes": 300, "mbm_local_bytes": 200 }, { "mbm_total_bytes": 5, "mbm_local_bytes": 0 }
            ],
            "cmt_stats": [{ "llc_occupancy": 4096 }, { "llc_occupancy": 0 }]
        });
        assert_eq!(printed, expected);
        let alone = Assignment { monitor: None, ..place };
        let printed = serde_json::to_value(IntelRdt::read(root.path(), &alone)).unwrap();
        assert_eq!(printed["cmt_stats"], json!([{ "llc_occupancy": 7 }]), "the whole class's");
        assert!(printed.get("mbm_stats").is_none(), "nothing counts it");
    }
}
