//! `top --once`: one interval, printed.

use palisade_cgroup::Limit;
use palisade_cgroup::survey::Metrics;
use palisade_runtime::Result;

use super::order::{Order, Shape};
use super::sampler::{Row, Sampler};
use super::{export, openmetrics};
use crate::arguments::cgroup::{SortKey, Top, TopFormat};
use crate::output::{print, print_json};
use crate::spinner::Spinner;
use crate::table;

pub(super) fn print_once(verb: &Top, sampler: &mut Sampler<'_>) -> Result<()> {
    let format = verb.format.unwrap_or(TopFormat::Table);
    sampler.look(Metrics::ALL)?;
    if format != TopFormat::Openmetrics {
        let _spinner = Spinner::begin(format!("what happens in {} s", verb.interval.0.as_secs_f64()));
        std::thread::sleep(verb.interval.0);
        sampler.look(Metrics::ALL)?;
    }
    let rows = chosen(verb, sampler.rows());
    match format {
        TopFormat::Table => {
            let cells: Vec<_> = rows.iter().map(cells).collect();
            print(&table::draw(&HEADER, &cells, table::width()))
        }
        TopFormat::Json => print_json(&rows.iter().map(export::Exported).collect::<Vec<_>>()),
        TopFormat::Csv => print(&export::csv(rows.iter())),
        TopFormat::Openmetrics => print(&openmetrics::text(&rows)),
    }
}

/// Puts the rows in order. The filter leaves out the groups above what it finds, as whole paths are printed.
fn chosen(verb: &Top, rows: &[Row]) -> Vec<Row> {
    let filtered = verb.filter.as_ref().is_some_and(|filter| !filter.is_empty());
    let shape = if verb.sort == SortKey::Name && !filtered { Shape::Tree } else { Shape::Flat };
    let order = Order::new(verb.sort, shape, verb.filter.clone().unwrap_or_default());
    order.of(rows).into_iter().map(|index| rows[index].clone()).collect()
}

const HEADER: [&str; 15] = [
    "GROUP", "CPU%", "THROT%", "MEMORY", "LIMIT", "ANON", "FILE", "KERNEL", "READ/s", "WRITE/s", "TASKS",
    "CPU-W%", "MEM-W%", "IO-W%", "OOM",
];

fn cells(row: &Row) -> Vec<String> {
    let (counters, rates) = (&row.counters, &row.rates);
    let name = row.container.as_ref().unwrap_or(&row.path);
    let mut cells = vec![name.clone(), percent(rates.cpu), percent(rates.throttled), bytes(counters.memory)];
    cells.push(limit(counters.memory_limit, bytes));
    cells.extend([counters.anon, counters.file, counters.kernel].map(bytes));
    cells.extend([rates.read_bytes, rates.write_bytes].map(per_second));
    cells.push(count(counters.tasks));
    cells.extend([rates.cpu_pressure, rates.memory_pressure, rates.io_pressure].map(percent));
    cells.push(count(counters.oom_kills));
    cells
}

/// What is not known.
const UNKNOWN: &str = "-";

pub(super) fn percent(number: Option<f64>) -> String {
    number.map_or_else(|| UNKNOWN.to_owned(), |number| format!("{number:.1}"))
}

pub(super) fn bytes(number: Option<u64>) -> String {
    number.map_or_else(|| UNKNOWN.to_owned(), short)
}

pub(super) fn count(number: Option<u64>) -> String {
    number.map_or_else(|| UNKNOWN.to_owned(), |number| number.to_string())
}

pub(super) fn limit(limit: Option<Limit>, show: fn(Option<u64>) -> String) -> String {
    match limit {
        Some(Limit::Max) => "max".to_owned(),
        Some(Limit::Value(value)) => show(Some(value)),
        None => UNKNOWN.to_owned(),
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "bytes a second fit, and are not negative"
)]
pub(super) fn per_second(rate: Option<f64>) -> String {
    bytes(rate.map(|rate| rate.round() as u64))
}

/// Three digits or four and a unit: a column of sizes is for the eye.
#[expect(clippy::cast_precision_loss, reason = "it is rounded anyway")]
fn short(bytes: u64) -> String {
    const UNITS: [&str; 6] = ["", "K", "M", "G", "T", "P"];
    let mut value = bytes as f64;
    let mut unit = 0;
    while value >= 1000.0 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    let decimals = usize::from(value < 100.0 && unit > 0);
    format!("{value:.decimals$}{}", UNITS[unit])
}
