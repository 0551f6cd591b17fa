//! `--ulimit`: `nofile=1024:2048`.

use std::str::FromStr;

use serde_json::{Value, json};

/// A resource limit, `setrlimit(2)`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Ulimit {
    name: &'static str,
    soft: u64,
    hard: u64,
}

/// Names as people type them, with those of config.json.
const NAMES: [(&str, &str); 16] = [
    ("as", "RLIMIT_AS"),
    ("core", "RLIMIT_CORE"),
    ("cpu", "RLIMIT_CPU"),
    ("data", "RLIMIT_DATA"),
    ("fsize", "RLIMIT_FSIZE"),
    ("locks", "RLIMIT_LOCKS"),
    ("memlock", "RLIMIT_MEMLOCK"),
    ("msgqueue", "RLIMIT_MSGQUEUE"),
    ("nice", "RLIMIT_NICE"),
    ("nofile", "RLIMIT_NOFILE"),
    ("nproc", "RLIMIT_NPROC"),
    ("rss", "RLIMIT_RSS"),
    ("rtprio", "RLIMIT_RTPRIO"),
    ("rttime", "RLIMIT_RTTIME"),
    ("sigpending", "RLIMIT_SIGPENDING"),
    ("stack", "RLIMIT_STACK"),
];

impl Ulimit {
    /// The limit as config.json has it.
    pub(crate) fn to_json(&self) -> Value {
        json!({ "type": self.name, "soft": self.soft, "hard": self.hard })
    }
}

impl FromStr for Ulimit {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, values) =
            text.split_once('=').ok_or("wanted NAME=SOFT[:HARD], such as nofile=1024:2048")?;
        let Some((_, name)) = NAMES.iter().find(|(short, _)| *short == name.to_lowercase()) else {
            let known: Vec<&str> = NAMES.iter().map(|(short, _)| *short).collect();
            return Err(format!("{name:?} is none of {}", known.join(" ")));
        };
        let (soft, hard) = values.split_once(':').unwrap_or((values, values));
        let (soft, hard) = (bound(soft)?, bound(hard)?);
        if soft > hard {
            return Err("the soft limit is above the hard one".to_owned());
        }
        Ok(Self { name, soft, hard })
    }
}

/// A number; the highest one is the kernel's word for no limit.
fn bound(text: &str) -> Result<u64, String> {
    match text {
        "-1" | "unlimited" => Ok(u64::MAX),
        _ if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) => {
            text.parse().map_err(|_| format!("{text:?} is no number"))
        }
        _ => Err(format!("{text:?} is no number and not unlimited")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ulimits() {
        let limit = |name, soft, hard| Some(Ulimit { name, soft, hard });
        for (text, wanted) in [
            ("nofile=1024:2048", limit("RLIMIT_NOFILE", 1024, 2048)),
            ("NPROC=7", limit("RLIMIT_NPROC", 7, 7)),
            ("core=-1", limit("RLIMIT_CORE", u64::MAX, u64::MAX)),
            ("stack=5:unlimited", limit("RLIMIT_STACK", 5, u64::MAX)),
            ("core=0", limit("RLIMIT_CORE", 0, 0)),
            ("nofile=3:2", None),
            ("nofile", None),
            ("nofile=", None),
            ("nofile=-2", None),
            ("nofile=+2", None),
            ("files=1", None),
            ("nofile=1:2:3", None),
        ] {
            assert_eq!(text.parse::<Ulimit>().ok(), wanted, "{text}");
        }
    }
}
