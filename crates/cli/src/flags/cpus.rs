//! `--cpus`: a share of time on all CPUs.

use std::fmt;
use std::str::FromStr;

/// A number of CPUs, in hundred-thousandths: the quota in microseconds of a period of [`Cpus::PERIOD`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Cpus(pub(crate) u64);

impl Cpus {
    /// The period that the quota is of, in microseconds, the kernel's default.
    pub(crate) const PERIOD: u64 = 100_000;
    /// The least quota that the kernel takes, in microseconds.
    const LEAST: u64 = 1000;
}

impl FromStr for Cpus {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || "wanted a number of CPUs from 0.01 on, such as 0.5 or 2".to_owned();
        let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
        let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        if !digits(whole) || !digits(fraction) || whole.len() > 6 || fraction.len() > 5 {
            return Err(wrong());
        }
        let whole: u64 = if whole.is_empty() { 0 } else { whole.parse().map_err(|_| wrong())? };
        let fraction: u64 = format!("{fraction:0<5}").parse().map_err(|_| wrong())?;
        let quota = whole * Self::PERIOD + fraction;
        if quota < Self::LEAST { Err(wrong()) } else { Ok(Self(quota)) }
    }
}

impl fmt::Display for Cpus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = format!("{}.{:05}", self.0 / Self::PERIOD, self.0 % Self::PERIOD);
        f.write_str(text.trim_end_matches('0').trim_end_matches('.'))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cpus() {
        for (text, quota) in [
            ("0.5", Some(50_000)),
            (".5", Some(50_000)),
            ("2", Some(200_000)),
            ("1.25", Some(125_000)),
            ("0.01", Some(1000)),
            ("0.001", None),
            ("0", None),
            ("", None),
            ("-1", None),
            ("1.000001", None),
            ("half", None),
            ("1e3", None),
        ] {
            assert_eq!(text.parse::<Cpus>().ok(), quota.map(Cpus), "{text}");
        }
        assert_eq!(Cpus(125_000).to_string(), "1.25");
        assert_eq!(Cpus(200_000).to_string(), "2");
    }
}
