//! Sizes: `64M`, `1.5G`.

use std::fmt;
use std::str::FromStr;

/// A number of bytes above 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Bytes(pub(crate) u64);

/// `--memory-swap`: memory and swap together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Swap {
    /// -1: as much as the machine has.
    Unlimited,
    /// 0: as if the flag was not given.
    Default,
    /// So many bytes.
    Total(Bytes),
}

const UNITS: [(char, u64); 4] = [('t', 1 << 40), ('g', 1 << 30), ('m', 1 << 20), ('k', 1 << 10)];

impl FromStr for Bytes {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || "wanted a size above 0 such as 64M, 1.5G or a number of bytes".to_owned();
        let lower = text.to_lowercase();
        let number = lower.strip_suffix("ib").or_else(|| lower.strip_suffix('b')).unwrap_or(&lower);
        let unit = UNITS.iter().find(|(letter, _)| number.ends_with(*letter));
        let (number, factor) = unit.map_or((number, 1), |(letter, factor)| {
            (number.strip_suffix(*letter).unwrap_or(number), *factor)
        });
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        if whole.is_empty() || fraction.len() > 6 || !digits(whole) || !digits(fraction) {
            return Err(wrong());
        }
        let whole: u64 = whole.parse().map_err(|_| wrong())?;
        let millionths: u64 = format!("{fraction:0<6}").parse().map_err(|_| wrong())?;
        let part = u128::from(millionths) * u128::from(factor) / 1_000_000;
        let total = u128::from(whole) * u128::from(factor) + part;
        match u64::try_from(total) {
            // What the kernel counts in is a signed number.
            Ok(total) if total > 0 && i64::try_from(total).is_ok() => Ok(Self(total)),
            _ => Err(wrong()),
        }
    }
}

impl FromStr for Swap {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "-1" => Ok(Self::Unlimited),
            "0" => Ok(Self::Default),
            _ => Ok(Self::Total(text.parse()?)),
        }
    }
}

impl fmt::Display for Bytes {
    /// Prints whole units where that is exact, and one decimal otherwise.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = self.0;
        if let Some((letter, factor)) = UNITS
            .iter()
            .find(|(_, factor)| bytes >= *factor && bytes / *factor < 10_000 && bytes.is_multiple_of(*factor))
        {
            return write!(f, "{}{}", bytes / factor, letter.to_ascii_uppercase());
        }
        match UNITS.iter().find(|(_, factor)| bytes >= *factor) {
            Some((letter, factor)) => {
                let tenths = u128::from(bytes) * 10 / u128::from(*factor);
                write!(f, "{}.{}{}", tenths / 10, tenths % 10, letter.to_ascii_uppercase())
            }
            None => write!(f, "{bytes}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        for (text, wanted) in [
            ("64M", Some(64 << 20)),
            ("64mb", Some(64 << 20)),
            ("64MiB", Some(64 << 20)),
            ("1.5g", Some(3 << 29)),
            ("4096", Some(4096)),
            ("7b", Some(7)),
            ("0.5k", Some(512)),
            ("8T", Some(8 << 40)),
            ("0", None),
            ("-1", None),
            ("", None),
            ("M", None),
            ("64MM", None),
            ("1,5G", None),
            ("6 4", None),
            (".5G", None),
            ("99999999999999999999", None),
            ("9999999T", None),
            ("+5", None),
        ] {
            assert_eq!(text.parse::<Bytes>().ok(), wanted.map(Bytes), "{text}");
        }
    }

    #[test]
    fn sizes_are_shown_short() {
        for (bytes, text) in [
            (64 << 20, "64M"),
            (3 << 29, "1536M"),
            (1000, "1000"),
            (1500, "1.4K"),
            (1 << 30, "1G"),
            (24_684_084 << 10, "23.5G"),
        ] {
            assert_eq!(Bytes(bytes).to_string(), text);
        }
    }

    #[test]
    fn swap() {
        assert_eq!("-1".parse(), Ok(Swap::Unlimited));
        assert_eq!("0".parse(), Ok(Swap::Default));
        assert_eq!("1G".parse(), Ok(Swap::Total(Bytes(1 << 30))));
        assert!("-2".parse::<Swap>().is_err());
    }
}
