use std::fmt;
use std::str::FromStr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

const SECONDS_A_DAY: u64 = 86_400;

/// A moment since 1970, in UTC and with nanoseconds, written as RFC 3339: `2026-11-22T04:31:39.599783515Z`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Timestamp {
    since_1970: Duration,
}

impl Timestamp {
    /// Takes the clock's time; a clock before 1970 gives 1970.
    #[must_use]
    pub fn now() -> Self {
        Self::from(SystemTime::now())
    }

    /// Returns the moment for computing with.
    #[must_use]
    pub fn to_system_time(self) -> SystemTime {
        UNIX_EPOCH + self.since_1970
    }
}

impl From<SystemTime> for Timestamp {
    fn from(time: SystemTime) -> Self {
        Self { since_1970: time.duration_since(UNIX_EPOCH).unwrap_or_default() }
    }
}

impl fmt::Display for Timestamp {
    /// Leaves out zeros at the end of the fraction, as runc does.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.since_1970.as_secs();
        let (year, month, day) = date(seconds / SECONDS_A_DAY);
        let second = seconds % SECONDS_A_DAY;
        write!(f, "{year:04}-{month:02}-{day:02}T")?;
        write!(f, "{:02}:{:02}:{:02}", second / 3600, second / 60 % 60, second % 60)?;
        match self.since_1970.subsec_nanos() {
            0 => f.write_str("Z"),
            nanoseconds => write!(f, ".{}Z", format!("{nanoseconds:09}").trim_end_matches('0')),
        }
    }
}

impl FromStr for Timestamp {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        read(text).ok_or_else(|| format!("wanted a time as 2026-01-31T12:00:00Z, found \"{text}\""))
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// Turns days since 1970 into year, month and day of the Gregorian calendar, counting years of 366 or 365 days from
/// the last start of a 400-year cycle.
fn date(days: u64) -> (u64, u64, u64) {
    const DAYS_IN_400_YEARS: u64 = 146_097;
    let mut year = 1970 + days / DAYS_IN_400_YEARS * 400;
    let mut rest = days % DAYS_IN_400_YEARS;
    while rest >= days_in_year(year) {
        rest -= days_in_year(year);
        year += 1;
    }
    let mut month = 1;
    while rest >= days_in_month(year, month) {
        rest -= days_in_month(year, month);
        month += 1;
    }
    (year, month, rest + 1)
}

const fn is_leap(year: u64) -> bool {
    year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
}

const fn days_in_year(year: u64) -> u64 {
    if is_leap(year) { 366 } else { 365 }
}

const fn days_in_month(year: u64, month: u64) -> u64 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

fn read(text: &str) -> Option<Timestamp> {
    let (date, time) = text.strip_suffix('Z')?.split_once('T')?;
    let (clock, fraction) = time.split_once('.').unwrap_or((time, "0"));
    let [year, month, day] = numbers::<3>(date, '-')?;
    let [hour, minute, second] = numbers::<3>(clock, ':')?;
    let month_is_one = (1970..=9999).contains(&year) && (1..=12).contains(&month);
    if !month_is_one || !(1..=days_in_month(year, month)).contains(&day) {
        return None;
    }
    if hour > 23 || minute > 59 || second > 59 || !is_digits(fraction) || fraction.len() > 9 {
        return None;
    }
    let days = (1970..year).map(days_in_year).sum::<u64>()
        + (1..month).map(|month| days_in_month(year, month)).sum::<u64>()
        + day
        - 1;
    let nanoseconds = format!("{fraction:0<9}").parse().ok()?;
    let seconds = days * SECONDS_A_DAY + hour * 3600 + minute * 60 + second;
    Some(Timestamp { since_1970: Duration::new(seconds, nanoseconds) })
}

fn numbers<const COUNT: usize>(text: &str, separator: char) -> Option<[u64; COUNT]> {
    let parts: Vec<u64> = text
        .split(separator)
        .map(|part| is_digits(part).then(|| part.parse().ok())?)
        .collect::<Option<_>>()?;
    parts.try_into().ok()
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_and_reads() {
        for (seconds, nanoseconds, text) in [
            (0, 0, "1970-01-01T00:00:00Z"),
            (951_782_400, 0, "2000-02-29T00:00:00Z"),
            (1_709_251_199, 500_000_000, "2024-02-29T23:59:59.5Z"),
            (1_795_321_899, 599_783_515, "2026-11-22T04:31:39.599783515Z"),
            (4_107_542_400, 1, "2100-03-01T00:00:00.000000001Z"),
            (253_402_300_799, 0, "9999-12-31T23:59:59Z"),
        ] {
            let timestamp = Timestamp { since_1970: Duration::new(seconds, nanoseconds) };
            assert_eq!(timestamp.to_string(), text);
            assert_eq!(text.parse(), Ok(timestamp));
            assert_eq!(Timestamp::from(timestamp.to_system_time()), timestamp);
        }
    }

    #[test]
    fn refuses_what_is_no_time() {
        for text in [
            "",
            "2026-11-22",
            "2026-11-22T04:31:39",
            "2026-13-01T00:00:00Z",
            "2025-02-29T00:00:00Z",
            "2026-11-22T24:00:00Z",
            "2026-11-22T00:00:00.Z",
            "2026-11-22T00:00:00.1234567890Z",
            "2026-11-22T00:00:+1Z",
            "1969-12-31T23:59:59Z",
            "2026-00-01T00:00:00Z",
        ] {
            assert!(text.parse::<Timestamp>().is_err(), "{text}");
        }
    }
}
