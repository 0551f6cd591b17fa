//! How scarce a resource has to get: `memory`, `cpu:low`, `io:some:150ms/1s`.

use std::str::FromStr;

use super::span::Span;

/// `--pressure`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PressureFlag {
    pub(crate) resource: ResourceWord,
    pub(crate) degree: Degree,
}

/// A resource that processes wait for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ResourceWord {
    Cpu,
    Memory,
    Io,
}

/// How scarce it has to get.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Degree {
    Low,
    Medium,
    Critical,
    /// Some process waits so long in such a window.
    Some(Span, Span),
    /// All processes do at once.
    Full(Span, Span),
}

impl FromStr for PressureFlag {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || {
            "wanted cpu, memory or io, and with a colon low, medium, critical, some:STALL/WINDOW or \
             full:STALL/WINDOW such as some:150ms/1s"
                .to_owned()
        };
        let (resource, degree) = text.split_once(':').unwrap_or((text, "medium"));
        let resource = match resource {
            "cpu" => ResourceWord::Cpu,
            "memory" => ResourceWord::Memory,
            "io" => ResourceWord::Io,
            _ => return Err(wrong()),
        };
        let window = |text: &str| {
            let (stall, window) = text.split_once('/').ok_or_else(wrong)?;
            Ok::<_, String>((stall.parse()?, window.parse()?))
        };
        let degree = match degree.split_once(':').unwrap_or((degree, "")) {
            ("low", "") => Degree::Low,
            ("medium", "") => Degree::Medium,
            ("critical", "") => Degree::Critical,
            ("some", spans) => window(spans).map(|(stall, window)| Degree::Some(stall, window))?,
            ("full", spans) => window(spans).map(|(stall, window)| Degree::Full(stall, window))?,
            _ => return Err(wrong()),
        };
        Ok(Self { resource, degree })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pressures() {
        let span = |text: &str| text.parse::<Span>().unwrap();
        for (text, resource, degree) in [
            ("memory", ResourceWord::Memory, Degree::Medium),
            ("cpu:low", ResourceWord::Cpu, Degree::Low),
            ("io:some:150ms/1s", ResourceWord::Io, Degree::Some(span("150ms"), span("1s"))),
            ("memory:full:1s/10s", ResourceWord::Memory, Degree::Full(span("1s"), span("10s"))),
        ] {
            assert_eq!(text.parse(), Ok(PressureFlag { resource, degree }));
        }
        for bad in ["", "disk", "memory:", "memory:high", "cpu:some", "cpu:some:1s", "cpu:low:1s/2s"] {
            assert!(bad.parse::<PressureFlag>().is_err(), "{bad}");
        }
    }
}
