//! Times between two looks: `1`, `0.5`.

use std::str::FromStr;
use std::time::Duration;

/// A time between a tenth of a second and an hour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Interval(pub(crate) Duration);

impl FromStr for Interval {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let plain = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
        let seconds = if plain { text.parse::<f64>().ok() } else { None };
        match seconds {
            Some(seconds) if (0.1..=3600.0).contains(&seconds) => Ok(Self(Duration::from_secs_f64(seconds))),
            _ => Err("wanted seconds from 0.1 to 3600, such as 1 or 0.5".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals() {
        for (text, wanted) in
            [("1", Some(1000)), ("0.5", Some(500)), (".1", Some(100)), ("3600", Some(3_600_000))]
        {
            assert_eq!(
                text.parse::<Interval>().ok(),
                wanted.map(|ms| Interval(Duration::from_millis(ms))),
                "{text}"
            );
        }
        for bad in ["", "0", "0.05", "-1", "1e3", "inf", "NaN", "3601", "1s", "1,5"] {
            assert!(bad.parse::<Interval>().is_err(), "{bad:?}");
        }
    }
}
