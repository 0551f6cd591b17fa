//! The options of `events`.

use std::time::Duration;

use clap::Args;

#[derive(Debug, Args)]
pub(crate) struct Events {
    /// The container's id
    #[arg(value_name = "ID")]
    pub(crate) id: String,
    /// Time between two reports, as 5s or 500ms
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = duration)]
    pub(crate) interval: Duration,
    /// Print what the container uses now and end
    #[arg(long)]
    pub(crate) stats: bool,
}

/// Reads a time as Go's programs do: `1.5s`, `500ms`, `1m30s`.
fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || format!("{text:?} is no time such as 5s, 500ms or 1m30s");
    let mut rest = text;
    let mut sum = Duration::ZERO;
    while !rest.is_empty() {
        let unit_at = rest.find(|character: char| !character.is_ascii_digit() && character != '.');
        let (number, behind) = rest.split_at(unit_at.ok_or_else(wrong)?);
        let unit_end = behind.find(|character: char| character.is_ascii_digit() || character == '.');
        let (unit, left) = behind.split_at(unit_end.unwrap_or(behind.len()));
        let seconds = match unit {
            "ns" => 1e-9,
            "us" | "µs" => 1e-6,
            "ms" => 1e-3,
            "s" => 1.0,
            "m" => 60.0,
            "h" => 3600.0,
            _ => return Err(wrong()),
        };
        let number: f64 = number.parse().map_err(|_| wrong())?;
        let part = Duration::try_from_secs_f64(number * seconds).map_err(|_| wrong())?;
        sum = sum.checked_add(part).ok_or_else(wrong)?;
        rest = left;
    }
    if sum.is_zero() { Err("the time must be more than none".to_owned()) } else { Ok(sum) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_go_writes_them() {
        for (text, milliseconds) in
            [("5s", 5000), ("500ms", 500), ("1m30s", 90_000), ("1.5s", 1500), ("1h", 3_600_000)]
        {
            assert_eq!(duration(text), Ok(Duration::from_millis(milliseconds)), "{text}");
        }
        for text in ["", "0s", "5", "s", "-5s", "5x", "1..5s", "99999999999999999999h", "5s 5s"] {
            assert!(duration(text).is_err(), "{text:?}");
        }
    }
}
