//! Spans of time: `500ms`, `2s`, `1.5h`.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// A span of time above 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Span(pub(crate) Duration);

/// The longest units last, as one of them ends like another.
const UNITS: [(&str, u64); 5] =
    [("us", 1), ("ms", 1000), ("s", 1_000_000), ("m", 60_000_000), ("h", 3_600_000_000)];

impl FromStr for Span {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || "wanted a time above 0 such as 500ms, 2s, 1.5m or 1h".to_owned();
        let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.').ok_or_else(wrong)?;
        let (number, unit) = text.split_at(digits);
        let (_, factor) = UNITS.iter().find(|(name, _)| *name == unit).ok_or_else(wrong)?;
        let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
        if fraction.len() > 6 || fraction.is_empty() || fraction.contains('.') {
            return Err(wrong());
        }
        let whole: u64 = whole.parse().map_err(|_| wrong())?;
        let millionths: u64 = format!("{fraction:0<6}").parse().map_err(|_| wrong())?;
        let part = millionths.checked_mul(*factor).map(|part| part / 1_000_000);
        let total = whole.checked_mul(*factor).zip(part).and_then(|(whole, part)| whole.checked_add(part));
        match total {
            Some(total) if total > 0 => Ok(Self(Duration::from_micros(total))),
            _ => Err(wrong()),
        }
    }
}

impl fmt::Display for Span {
    /// Prints a whole number of the largest unit that allows it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let micros = self.0.as_micros();
        let fits = |factor: u64| micros > 0 && micros.is_multiple_of(u128::from(factor));
        let (name, factor) = UNITS.iter().rev().find(|(_, factor)| fits(*factor)).unwrap_or(&UNITS[0]);
        write!(f, "{}{name}", micros / u128::from(*factor))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans() {
        for (text, wanted) in [
            ("500ms", Some(500_000)),
            ("2s", Some(2_000_000)),
            ("1.5m", Some(90_000_000)),
            ("1h", Some(3_600_000_000)),
            ("7us", Some(7)),
            ("0s", None),
            ("s", None),
            ("1.s", None),
            ("1.1.1s", None),
            ("-1s", None),
            ("5", None),
            ("5 s", None),
            ("99999999999999999999h", None),
            ("18446744073709551h", None),
        ] {
            assert_eq!(text.parse::<Span>().ok(), wanted.map(|us| Span(Duration::from_micros(us))), "{text}");
        }
    }

    #[test]
    fn spans_are_shown_short() {
        for text in ["500ms", "2s", "90s", "7us", "1h"] {
            let span: Span = text.parse().unwrap();
            assert_eq!(span.to_string(), text);
        }
    }
}
