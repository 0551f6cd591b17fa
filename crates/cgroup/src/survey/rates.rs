//! What happened between two readings.

use super::Counters;
use std::time::Duration;

/// Holds how fast the counters of a group rose; `None` where a reading lacks one, and where it fell, as another group of
/// the same name has taken the place of the first.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Rates {
    /// CPU time, in percent of one CPU.
    pub cpu: Option<f64>,
    /// Time in which a quota kept tasks from running, in percent; each CPU counts.
    pub throttled: Option<f64>,
    /// Bytes read a second.
    pub read_bytes: Option<f64>,
    /// Bytes written a second.
    pub write_bytes: Option<f64>,
    /// Reads a second.
    pub read_operations: Option<f64>,
    /// Writes a second.
    pub write_operations: Option<f64>,
    /// Time in which some task waited for a CPU, in percent.
    pub cpu_pressure: Option<f64>,
    /// Time in which some task waited for memory, in percent.
    pub memory_pressure: Option<f64>,
    /// Time in which some task waited for I/O, in percent.
    pub io_pressure: Option<f64>,
}

/// How many of its units are a hundredth of a second.
const NANOSECONDS: f64 = 1e7;
const MICROSECONDS: f64 = 1e4;

impl Rates {
    /// Compares two readings of one group that are `elapsed` apart.
    pub fn between(before: &Counters, after: &Counters, elapsed: Duration) -> Self {
        let seconds = elapsed.as_secs_f64();
        let rate = |before: Option<u64>, after: Option<u64>, unit: f64| {
            let risen = after?.checked_sub(before?)?;
            (seconds > 0.0).then(|| to_float(risen) / unit / seconds)
        };
        let (old, new) = (&before.pressure, &after.pressure);
        Self {
            cpu: rate(before.cpu, after.cpu, NANOSECONDS),
            throttled: rate(before.throttled, after.throttled, NANOSECONDS),
            read_bytes: rate(before.read_bytes, after.read_bytes, 1.0),
            write_bytes: rate(before.write_bytes, after.write_bytes, 1.0),
            read_operations: rate(before.read_operations, after.read_operations, 1.0),
            write_operations: rate(before.write_operations, after.write_operations, 1.0),
            cpu_pressure: rate(old.cpu, new.cpu, MICROSECONDS),
            memory_pressure: rate(old.memory, new.memory, MICROSECONDS),
            io_pressure: rate(old.io, new.io, MICROSECONDS),
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "a rate need not be exact to the last of 53 bits")]
fn to_float(number: u64) -> f64 {
    number as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_become_rates() {
        let before = Counters { cpu: Some(1_000_000_000), read_bytes: Some(100), ..Counters::default() };
        let mut after = Counters { cpu: Some(2_000_000_000), read_bytes: Some(4196), ..Counters::default() };
        after.pressure.io = Some(7);
        let rates = Rates::between(&before, &after, Duration::from_secs(2));
        assert_eq!((rates.cpu, rates.read_bytes), (Some(50.0), Some(2048.0)));
        assert_eq!((rates.io_pressure, rates.throttled), (None, None));
    }

    #[test]
    fn a_counter_that_fell_is_another_groups() {
        let before = Counters { cpu: Some(5), ..Counters::default() };
        let after = Counters { cpu: Some(4), ..Counters::default() };
        assert_eq!(Rates::between(&before, &after, Duration::from_secs(1)).cpu, None);
        assert_eq!(Rates::between(&before, &before, Duration::ZERO).cpu, None);
    }
}
