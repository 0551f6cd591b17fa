//! Rows in the text format of OpenMetrics 1.0, which Prometheus reads.

use std::fmt::Write;

use palisade_cgroup::Limit;

use super::sampler::Row;

/// Metrics of one name; the names are promised.
struct Family {
    name: &'static str,
    kind: Kind,
    unit: Option<&'static str>,
    help: &'static str,
    /// A label of this family's own.
    label: Option<(&'static str, &'static str)>,
    value: fn(&Row) -> Option<f64>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// It only rises.
    Counter,
    Gauge,
}

const NANOSECONDS: f64 = 1e9;
const MICROSECONDS: f64 = 1e6;

const fn family(
    name: &'static str,
    kind: Kind,
    unit: &'static str,
    help: &'static str,
    value: fn(&Row) -> Option<f64>,
) -> Family {
    let unit = if unit.is_empty() { None } else { Some(unit) };
    Family { name, kind, unit, help, label: None, value }
}

const fn pressure(resource: &'static str, value: fn(&Row) -> Option<f64>) -> Family {
    let help = "Time in which some task waited for a resource";
    let family = family("cgroup_pressure_seconds", Kind::Counter, "seconds", help, value);
    Family { label: Some(("resource", resource)), ..family }
}

use Kind::{Counter, Gauge};

const FAMILIES: [Family; 18] = [
    family("cgroup_cpu_seconds", Counter, "seconds", "CPU time", |row| over(row.counters.cpu, NANOSECONDS)),
    family(
        "cgroup_throttled_seconds",
        Counter,
        "seconds",
        "Time in which a quota kept tasks from running",
        |row| over(row.counters.throttled, NANOSECONDS),
    ),
    family("cgroup_memory_bytes", Gauge, "bytes", "Memory that is charged", |row| {
        over(row.counters.memory, 1.0)
    }),
    family("cgroup_memory_limit_bytes", Gauge, "bytes", "The limit on memory", |row| {
        limit(row.counters.memory_limit)
    }),
    family("cgroup_anon_bytes", Gauge, "bytes", "Anonymous memory", |row| over(row.counters.anon, 1.0)),
    family("cgroup_file_bytes", Gauge, "bytes", "Page cache", |row| over(row.counters.file, 1.0)),
    family("cgroup_kernel_bytes", Gauge, "bytes", "Memory of the kernel's own", |row| {
        over(row.counters.kernel, 1.0)
    }),
    family("cgroup_swap_bytes", Gauge, "bytes", "Swap", |row| over(row.counters.swap, 1.0)),
    family("cgroup_oom_kills", Counter, "", "Tasks that were killed as memory ran out", |row| {
        over(row.counters.oom_kills, 1.0)
    }),
    family("cgroup_read_bytes", Counter, "bytes", "Bytes read from block devices", |row| {
        over(row.counters.read_bytes, 1.0)
    }),
    family("cgroup_written_bytes", Counter, "bytes", "Bytes written to block devices", |row| {
        over(row.counters.write_bytes, 1.0)
    }),
    family("cgroup_reads", Counter, "", "Reads from block devices", |row| {
        over(row.counters.read_operations, 1.0)
    }),
    family("cgroup_writes", Counter, "", "Writes to block devices", |row| {
        over(row.counters.write_operations, 1.0)
    }),
    family("cgroup_tasks", Gauge, "", "Processes and threads", |row| over(row.counters.tasks, 1.0)),
    family("cgroup_tasks_limit", Gauge, "", "The limit on processes and threads", |row| {
        limit(row.counters.tasks_limit)
    }),
    pressure("cpu", |row| over(row.counters.pressure.cpu, MICROSECONDS)),
    pressure("memory", |row| over(row.counters.pressure.memory, MICROSECONDS)),
    pressure("io", |row| over(row.counters.pressure.io, MICROSECONDS)),
];

/// Writes the counters of all rows; what a group does not have is left out, and so is a limit that is none.
pub(super) fn text(rows: &[Row]) -> String {
    let mut text = String::new();
    let mut described = "";
    for family in FAMILIES {
        if described != family.name {
            describe(&mut text, &family);
            described = family.name;
        }
        let suffix = if family.kind == Counter { "_total" } else { "" };
        for row in rows {
            let Some(value) = (family.value)(row) else { continue };
            let labels = labels(row, family.label);
            // Writing to a string cannot fail.
            let _written = writeln!(text, "{}{suffix}{{{labels}}} {value}", family.name);
        }
    }
    text.push_str("# EOF\n");
    text
}

fn describe(text: &mut String, family: &Family) {
    let kind = if family.kind == Counter { "counter" } else { "gauge" };
    let _written = writeln!(text, "# TYPE {} {kind}", family.name);
    if let Some(unit) = family.unit {
        let _written = writeln!(text, "# UNIT {} {unit}", family.name);
    }
    let _written = writeln!(text, "# HELP {} {}", family.name, family.help);
}

fn labels(row: &Row, own: Option<(&str, &str)>) -> String {
    let mut labels = format!("group=\"{}\"", escaped(&row.path));
    if let Some(container) = &row.container {
        let _written = write!(labels, ",container=\"{}\"", escaped(container));
    }
    if let Some((name, value)) = own {
        let _written = write!(labels, ",{name}=\"{value}\"");
    }
    labels
}

fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[expect(clippy::cast_precision_loss, reason = "the format has floating numbers")]
fn over(count: Option<u64>, unit: f64) -> Option<f64> {
    count.map(|count| count as f64 / unit)
}

fn limit(limit: Option<Limit>) -> Option<f64> {
    match limit {
        Some(Limit::Value(value)) => over(Some(value), 1.0),
        Some(Limit::Max) | None => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_are_told_once_each_and_the_end_is_marked() {
        let mut row = Row { path: "/a\"\\".to_owned(), container: Some("web".to_owned()), ..Row::default() };
        row.counters.cpu = Some(1_500_000_000);
        row.counters.memory_limit = Some(Limit::Max);
        row.counters.pressure.io = Some(250_000);
        let text = text(&[row]);
        assert!(
            text.starts_with("# TYPE cgroup_cpu_seconds counter\n# UNIT cgroup_cpu_seconds seconds\n# HELP ")
        );
        assert!(
            text.contains("\ncgroup_cpu_seconds_total{group=\"/a\\\"\\\\\",container=\"web\"} 1.5\n"),
            "{text}"
        );
        let stalled =
            "\ncgroup_pressure_seconds_total{group=\"/a\\\"\\\\\",container=\"web\",resource=\"io\"} 0.25\n";
        assert!(text.contains(stalled), "{text}");
        assert!(!text.contains("cgroup_memory_limit_bytes{"), "{text}");
        assert_eq!(text.matches("# TYPE cgroup_pressure_seconds ").count(), 1);
        assert!(text.ends_with("\n# EOF\n"));
    }

    #[test]
    fn names_end_in_their_units() {
        for family in FAMILIES {
            assert!(family.unit.is_none_or(|unit| family.name.ends_with(unit)), "{}", family.name);
            assert!(!family.name.ends_with("_total"), "{}", family.name);
        }
    }
}
