//! The options of `update`.

use std::path::PathBuf;

use clap::Args;

#[derive(Debug, Args)]
pub(crate) struct Update {
    /// The container's id
    #[arg(value_name = "ID")]
    pub(crate) id: String,
    /// File with a `resources` section of config.json, - for standard input; other options change what it says
    #[arg(short, long, value_name = "FILE")]
    pub(crate) resources: Option<PathBuf>,
    /// Weight of block I/O, 10 to 1000
    #[arg(long, value_name = "WEIGHT")]
    pub(crate) blkio_weight: Option<u16>,
    /// Length of a period of the CPU quota, in microseconds
    #[arg(long, value_name = "TIME")]
    pub(crate) cpu_period: Option<u64>,
    /// CPU time a period, in microseconds; -1 is no limit
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    pub(crate) cpu_quota: Option<i64>,
    /// CPU time that may be saved up for later periods, in microseconds
    #[arg(long, value_name = "TIME")]
    pub(crate) cpu_burst: Option<u64>,
    /// CPU weight beside others, 2 to 262144
    #[arg(long, value_name = "SHARES")]
    pub(crate) cpu_share: Option<u64>,
    /// Length of a real-time period, in microseconds
    #[arg(long, value_name = "TIME")]
    pub(crate) cpu_rt_period: Option<u64>,
    /// CPU time of real-time processes a real-time period, in microseconds
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    pub(crate) cpu_rt_runtime: Option<i64>,
    /// CPUs, as 0-3,7
    #[arg(long, value_name = "LIST")]
    pub(crate) cpuset_cpus: Option<String>,
    /// Memory nodes, as 0-3,7
    #[arg(long, value_name = "LIST")]
    pub(crate) cpuset_mems: Option<String>,
    /// 1 to run only when nothing else would, 0 for the usual
    #[arg(long, value_name = "0|1", allow_hyphen_values = true)]
    pub(crate) cpu_idle: Option<i64>,
    /// Memory, in bytes or as 512m; -1 is no limit
    #[arg(long, value_name = "SIZE", value_parser = size, allow_hyphen_values = true)]
    pub(crate) memory: Option<i64>,
    /// Memory that is left to the container when memory is short
    #[arg(long, value_name = "SIZE", value_parser = size, allow_hyphen_values = true)]
    pub(crate) memory_reservation: Option<i64>,
    /// Memory and swap together; -1 is no limit
    #[arg(long, value_name = "SIZE", value_parser = size, allow_hyphen_values = true)]
    pub(crate) memory_swap: Option<i64>,
    /// Memory of the kernel's own; cgroup v1 before Linux 5.16, left out with a warning after it
    #[arg(long, value_name = "SIZE", value_parser = size, allow_hyphen_values = true)]
    pub(crate) kernel_memory: Option<i64>,
    /// TCP buffers; cgroup v1
    #[arg(long, value_name = "SIZE", value_parser = size, allow_hyphen_values = true)]
    pub(crate) kernel_memory_tcp: Option<i64>,
    /// Number of processes; -1 is no limit
    #[arg(long, value_name = "N", allow_hyphen_values = true)]
    pub(crate) pids_limit: Option<i64>,
    /// Part of the L3 cache for the container's class of service (Intel RDT)
    #[arg(long, value_name = "SCHEMA")]
    pub(crate) l3_cache_schema: Option<String>,
    /// Memory bandwidth for the container's class of service (Intel RDT)
    #[arg(long, value_name = "SCHEMA")]
    pub(crate) mem_bw_schema: Option<String>,
}

/// Reads a number of bytes as Docker writes it: `1073741824`, `512m`, `1.5 GiB`; -1 for no limit.
fn size(text: &str) -> std::result::Result<i64, String> {
    if text == "-1" {
        return Ok(-1);
    }
    let wrong = || format!("{text:?} is no size: bytes, or a number with b, k, m, g, t or p; -1 is no limit");
    let digits = text.trim_end_matches(|character: char| character.is_ascii_alphabetic());
    let unit = text.get(digits.len()..).unwrap_or_default().to_ascii_lowercase();
    let shift = match unit.as_str() {
        "" | "b" => 0,
        "k" | "kb" | "kib" => 10,
        "m" | "mb" | "mib" => 20,
        "g" | "gb" | "gib" => 30,
        "t" | "tb" | "tib" => 40,
        "p" | "pb" | "pib" => 50,
        _ => return Err(wrong()),
    };
    let number = digits.strip_suffix(' ').unwrap_or(digits);
    let (whole, part) = number.split_once('.').unwrap_or((number, "0"));
    let only_digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !only_digits(whole) || !only_digits(part) || part.len() > 9 {
        return Err(wrong());
    }
    let scale = 10i128.pow(u32::try_from(part.len()).map_err(|_| wrong())?);
    let parse = |text: &str| text.parse::<i128>().map_err(|_| wrong());
    let scaled = parse(whole)?.checked_mul(scale).and_then(|whole| whole.checked_add(parse(part).ok()?));
    let bytes = scaled.and_then(|scaled| scaled.checked_mul(1 << shift)).ok_or_else(wrong)? / scale;
    i64::try_from(bytes).map_err(|_| wrong())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_as_docker_writes_them() {
        for (text, bytes) in [
            ("0", 0),
            ("-1", -1),
            ("1048576", 1 << 20),
            ("32b", 32),
            ("1k", 1024),
            ("1.5M", 3 << 19),
            ("2 GiB", 2 << 30),
            ("3tb", 3 << 40),
        ] {
            assert_eq!(size(text), Ok(bytes), "{text}");
        }
        for text in ["", "-2", "m", "1x", "1.m", ".5m", "1 2m", "0x10", "1e3", "99999999999p"] {
            assert!(size(text).is_err(), "{text:?}");
        }
    }
}
