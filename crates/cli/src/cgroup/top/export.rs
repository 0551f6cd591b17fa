//! Rows as JSON and as CSV, of one list of fields.

use palisade_cgroup::Limit;
use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};
use serde_json::Value;

use super::sampler::Row;

/// A name and what it stands for.
type Field = (&'static str, fn(&Row) -> Value);

/// The names of the fields are promised.
const FIELDS: [Field; 25] = [
    ("group", |row| row.path.clone().into()),
    ("container", |row| row.container.clone().into()),
    ("cpuPercent", |row| rounded(row.rates.cpu)),
    ("cpuSeconds", |row| seconds(row.counters.cpu, 1e9)),
    ("throttledPercent", |row| rounded(row.rates.throttled)),
    ("throttledSeconds", |row| seconds(row.counters.throttled, 1e9)),
    ("memory", |row| row.counters.memory.into()),
    ("memoryLimit", |row| limit(row.counters.memory_limit)),
    ("anon", |row| row.counters.anon.into()),
    ("file", |row| row.counters.file.into()),
    ("kernel", |row| row.counters.kernel.into()),
    ("swap", |row| row.counters.swap.into()),
    ("oomKills", |row| row.counters.oom_kills.into()),
    ("readPerSecond", |row| rounded(row.rates.read_bytes)),
    ("writtenPerSecond", |row| rounded(row.rates.write_bytes)),
    ("read", |row| row.counters.read_bytes.into()),
    ("written", |row| row.counters.write_bytes.into()),
    ("readsPerSecond", |row| rounded(row.rates.read_operations)),
    ("writesPerSecond", |row| rounded(row.rates.write_operations)),
    ("tasks", |row| row.counters.tasks.into()),
    ("tasksLimit", |row| limit(row.counters.tasks_limit)),
    ("cpuPressure", |row| rounded(row.rates.cpu_pressure)),
    ("memoryPressure", |row| rounded(row.rates.memory_pressure)),
    ("ioPressure", |row| rounded(row.rates.io_pressure)),
    ("frozen", |row| row.counters.frozen.into()),
];

/// A row as it is printed for a program.
#[derive(Debug, Clone, Copy)]
pub(super) struct Exported<'a>(pub(super) &'a Row);

impl Serialize for Exported<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(FIELDS.len()))?;
        for (name, value) in FIELDS {
            map.serialize_entry(name, &value(self.0))?;
        }
        map.end()
    }
}

/// Writes rows as RFC 4180 has it, with a header; what is not known is empty.
pub(super) fn csv<'a>(rows: impl Iterator<Item = &'a Row>) -> String {
    let mut text = FIELDS.map(|(name, _)| name).join(",");
    text.push_str("\r\n");
    for row in rows {
        text.push_str(&FIELDS.map(|(_, value)| cell(&value(row))).join(","));
        text.push_str("\r\n");
    }
    text
}

fn cell(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) if text.contains([',', '"', '\r', '\n']) => {
            format!("\"{}\"", text.replace('"', "\"\""))
        }
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// No limit is as good as none that is known: both are null.
fn limit(limit: Option<Limit>) -> Value {
    match limit {
        Some(Limit::Value(value)) => value.into(),
        Some(Limit::Max) | None => Value::Null,
    }
}

fn rounded(number: Option<f64>) -> Value {
    number.map(|number| (number * 100.0).round() / 100.0).into()
}

#[expect(clippy::cast_precision_loss, reason = "seconds need not be exact to the last of 53 bits")]
fn seconds(count: Option<u64>, per_second: f64) -> Value {
    count.map(|count| count as f64 / per_second).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn csv_quotes_what_it_must() {
        let mut row = Row { path: "/a,\"b\"".to_owned(), ..Row::default() };
        row.counters.tasks = Some(3);
        let text = csv(std::iter::once(&row));
        let lines: Vec<&str> = text.split("\r\n").collect();
        assert!(lines[0].starts_with("group,container,cpuPercent,"), "{text}");
        assert!(lines[1].starts_with("\"/a,\"\"b\"\"\",,"), "{text}");
        assert_eq!(lines[0].split(',').count() + 1, lines[1].split(',').count());
    }

    #[test]
    fn json_has_all_fields() {
        let mut row = Row { path: "/a".to_owned(), ..Row::default() };
        row.counters.memory_limit = Some(Limit::Value(7));
        row.rates.cpu = Some(12.3456);
        let value = serde_json::to_value(Exported(&row)).unwrap();
        assert_eq!(value["memoryLimit"], 7);
        assert_eq!(value["cpuPercent"], 12.35);
        assert_eq!(value["frozen"], Value::Null);
        assert_eq!(value.as_object().unwrap().len(), FIELDS.len());
    }
}
