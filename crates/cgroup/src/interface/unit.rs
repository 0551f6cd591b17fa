//! Values as each version writes them, and what they amount to.

use crate::convert::{self, WEIGHT};
use std::fmt;

/// What a value amounts to, in v2's units.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Amount {
    /// A number.
    Number(u64),
    /// No limit.
    Max,
    /// A text that is the same in both versions.
    Text(String),
}

/// How a version writes an amount.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// A text as it is.
    Text,
    /// A number, or `max`.
    Number,
    /// A number, or -1 for no limit.
    NumberV1,
    /// Bytes, or `max`.
    Bytes,
    /// Bytes, or -1 for no limit, which is shown as the largest number of whole pages.
    BytesV1,
    /// As [`Unit::BytesV1`], of memory and swap together: this file has the part that is memory.
    BytesWithMemory(&'static str),
    /// CPU shares.
    Shares,
    /// A block I/O weight of 10 to 1000, where v2 has 1 to 10000.
    IoWeightV1,
    /// A number each second; 0 is no limit.
    RateV1,
    /// Bytes each second; 0 is no limit.
    ByteRateV1,
    /// Nanoseconds, where v2 has microseconds.
    Nanoseconds,
    /// Hundredths of a second, where v2 has microseconds.
    Ticks,
    /// `FROZEN` or `THAWED`, where v2 has 1 or 0.
    FreezerWord,
    /// A class of packets, which may be written in hexadecimal.
    Class,
}

/// v1 has no word for no limit and shows the largest number of whole pages; no machine has half of that.
const UNLIMITED: u64 = 1 << 62;
/// What the kernel shows as ticks is in this unit on every machine: `USER_HZ`.
const MICROSECONDS_PER_TICK: u64 = 10_000;
const NANOSECONDS_PER_MICROSECOND: u64 = 1000;

impl Unit {
    /// Reads a value that was typed or that the kernel shows; `None` for what is no value of this unit.
    pub fn read(self, text: &str) -> Option<Amount> {
        let text = text.trim();
        let number = || text.parse::<u64>().ok();
        Some(match self {
            Self::Text => Amount::Text(text.to_owned()),
            _ if matches!(text, "max" | "-1") && self.has_max() => Amount::Max,
            Self::Number | Self::NumberV1 => Amount::Number(number()?),
            // Some kernels show hugetlb's on v2 as v1 does.
            Self::Bytes | Self::BytesV1 | Self::BytesWithMemory(_) => match size(text)? {
                UNLIMITED.. => Amount::Max,
                bytes => Amount::Number(bytes),
            },
            Self::Shares => Amount::Number(convert::shares_to_weight(number()?)),
            Self::IoWeightV1 => Amount::Number(convert::io_weight(text.parse().ok()?)),
            Self::RateV1 | Self::ByteRateV1 => match size(text).filter(|_| self.is_size()).or_else(number)? {
                0 => Amount::Max,
                rate => Amount::Number(rate),
            },
            Self::Nanoseconds => Amount::Number(number()? / NANOSECONDS_PER_MICROSECOND),
            Self::Ticks => Amount::Number(number()?.saturating_mul(MICROSECONDS_PER_TICK)),
            Self::FreezerWord => Amount::Number(match text {
                "FROZEN" | "FREEZING" => 1,
                "THAWED" => 0,
                _ => return None,
            }),
            Self::Class => Amount::Number(match text.strip_prefix("0x") {
                Some(digits) => u64::from_str_radix(digits, 16).ok()?,
                None => number()?,
            }),
        })
    }

    /// Writes an amount as the kernel takes it; `None` for one that this unit has no way to say.
    pub fn write(self, amount: &Amount) -> Option<String> {
        Some(match (self, amount) {
            (_, Amount::Text(text)) => text.clone(),
            (Self::NumberV1 | Self::BytesV1 | Self::BytesWithMemory(_), Amount::Max) => "-1".to_owned(),
            (Self::RateV1 | Self::ByteRateV1, Amount::Max) => "0".to_owned(),
            (Self::Number | Self::Bytes | Self::Text, Amount::Max) => "max".to_owned(),
            (_, Amount::Max) => return None,
            // The kernel refuses others on v2; v1 would take whatever comes nearest.
            (Self::Shares | Self::IoWeightV1, Amount::Number(weight)) if !WEIGHT.contains(weight) => {
                return None;
            }
            (Self::Shares, Amount::Number(weight)) => convert::weight_to_shares(*weight).to_string(),
            (Self::IoWeightV1, Amount::Number(weight)) => convert::io_weight_v1(*weight).to_string(),
            (Self::Nanoseconds, Amount::Number(n)) => {
                n.saturating_mul(NANOSECONDS_PER_MICROSECOND).to_string()
            }
            (Self::Ticks, Amount::Number(n)) => (n / MICROSECONDS_PER_TICK).to_string(),
            (Self::FreezerWord, Amount::Number(0)) => "THAWED".to_owned(),
            (Self::FreezerWord, Amount::Number(_)) => "FROZEN".to_owned(),
            (_, Amount::Number(number)) => number.to_string(),
        })
    }

    /// Says what amounts it can write, where these are not all that can be typed.
    pub fn writable(self) -> Option<&'static str> {
        matches!(self, Self::Shares | Self::IoWeightV1).then_some("a weight of 1 to 10000")
    }

    /// Shows an amount as the kernel would: v1 shows no limit on bytes otherwise than it is written.
    pub fn show(self, amount: &Amount) -> Option<String> {
        match (self, amount) {
            (Self::BytesV1 | Self::BytesWithMemory(_), Amount::Max) => Some(most_bytes().to_string()),
            _ => self.write(amount),
        }
    }

    /// Tells whether values of this unit may be typed as sizes, `1.5G`.
    pub fn is_size(self) -> bool {
        matches!(self, Self::Bytes | Self::BytesV1 | Self::BytesWithMemory(_) | Self::ByteRateV1)
    }

    /// Returns the unit of v2 in which [`Amount`]s of this unit are typed and shown under a neutral name.
    #[must_use]
    pub fn neutral(self) -> Self {
        match self {
            Self::Text | Self::Class => self,
            unit if unit.is_size() => Self::Bytes,
            _ => Self::Number,
        }
    }

    /// Says what is wanted in place of a value that cannot be read.
    pub fn wanted(self) -> &'static str {
        match self {
            Self::Text => "a text",
            Self::ByteRateV1 => "a size such as 1M, or max",
            unit if unit.is_size() => "a size such as 40M or 1.5G, or max",
            Self::Shares => "CPU shares of 2 to 262144",
            Self::IoWeightV1 => "a weight of 10 to 1000",
            Self::FreezerWord => "FROZEN or THAWED",
            Self::Class => "a class such as 0x100001",
            _ => "a number, or max where there may be no limit",
        }
    }

    fn has_max(self) -> bool {
        matches!(self, Self::Number | Self::NumberV1 | Self::RateV1) || self.is_size()
    }
}

/// Returns what v1 shows for no limit.
fn most_bytes() -> u64 {
    let page = u64::try_from(rustix::param::page_size()).unwrap_or(4096);
    i64::MAX.unsigned_abs() / page * page
}

/// Reads a number of bytes: `4096`, `40M`, `1.5G`, with binary units as the kernel has them.
pub fn size(text: &str) -> Option<u64> {
    const UNITS: [(char, u32); 6] = [('k', 10), ('m', 20), ('g', 30), ('t', 40), ('p', 50), ('e', 60)];
    let lower = text.trim().to_ascii_lowercase();
    let number = lower.strip_suffix("ib").or_else(|| lower.strip_suffix('b')).unwrap_or(&lower);
    let unit = UNITS.iter().find(|(letter, _)| number.ends_with(*letter));
    let (number, shift) =
        unit.map_or((number, 0), |(letter, shift)| (number.strip_suffix(*letter).unwrap_or(number), *shift));
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !digits(whole) || !digits(fraction) || fraction.len() > 6 {
        return None;
    }
    let whole: u128 = whole.parse().ok()?;
    let millionths: u128 = format!("{fraction:0<6}").parse().ok()?;
    let bytes = whole.checked_mul(1 << shift)?.checked_add((millionths << shift) / 1_000_000)?;
    u64::try_from(bytes).ok()
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => number.fmt(f),
            Self::Max => f.write_str("max"),
            Self::Text(text) => f.write_str(text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_read_and_written() {
        use Amount::{Max, Number};
        let table: &[(Unit, &str, Option<Amount>, &str)] = &[
            (Unit::Bytes, "40M", Some(Number(41_943_040)), "41943040"),
            (Unit::Bytes, "1.5G", Some(Number(3 << 29)), "1610612736"),
            (Unit::Bytes, "max", Some(Max), "max"),
            (Unit::BytesV1, "-1", Some(Max), "-1"),
            (Unit::BytesV1, "max", Some(Max), "-1"),
            (Unit::BytesV1, "9223372036854771712", Some(Max), "-1"),
            (Unit::NumberV1, "-1", Some(Max), "-1"),
            (Unit::Number, "-1", Some(Max), "max"),
            (Unit::Shares, "1024", Some(Number(100)), "1024"),
            (Unit::Shares, "2", Some(Number(1)), "2"),
            (Unit::Shares, "262144", Some(Number(10_000)), "262144"),
            (Unit::IoWeightV1, "10", Some(Number(1)), "10"),
            (Unit::IoWeightV1, "500", Some(Number(4950)), "500"),
            (Unit::IoWeightV1, "1000", Some(Number(10_000)), "1000"),
            (Unit::ByteRateV1, "1M", Some(Number(1 << 20)), "1048576"),
            (Unit::ByteRateV1, "0", Some(Max), "0"),
            (Unit::RateV1, "0", Some(Max), "0"),
            (Unit::Nanoseconds, "1500", Some(Number(1)), "1000"),
            (Unit::Ticks, "7", Some(Number(70_000)), "7"),
            (Unit::FreezerWord, "FROZEN", Some(Number(1)), "FROZEN"),
            (Unit::FreezerWord, "THAWED", Some(Number(0)), "THAWED"),
            (Unit::Class, "0x100001", Some(Number(0x0010_0001)), "1048577"),
            (Unit::Number, "4M", None, ""),
            (Unit::Bytes, "", None, ""),
            (Unit::Bytes, "M", None, ""),
            (Unit::Bytes, "-2", None, ""),
            (Unit::Bytes, "99999999999999999999", None, ""),
            (Unit::Shares, "max", None, ""),
            (Unit::FreezerWord, "1", None, ""),
        ];
        for (unit, text, amount, written) in table {
            assert_eq!(&unit.read(text), amount, "{unit:?} {text}");
            if let Some(amount) = amount {
                assert_eq!(unit.write(amount).as_deref(), Some(*written), "{unit:?} {text}");
            }
        }
        assert_eq!(Unit::BytesV1.show(&Max).unwrap(), most_bytes().to_string());
    }
}
