//! Which devices a group may use: an ordered list of rules of which the later ones win.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// Holds what is true before the first rule, and the rules in their order.
///
/// Each bit of access is decided on its own by the last rule that covers the device and the bit; see
/// config-linux.md of the OCI runtime specification, "Allowed Device List".
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DevicePolicy {
    /// What holds where no rule does. runc and so most callers mean [`Verdict::Deny`].
    pub default: Verdict,
    /// The rules.
    pub rules: Vec<DeviceRule>,
}

/// Allows or denies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// Access is given.
    Allow,
    /// Access is refused with EPERM.
    Deny,
}

/// Names the kind of a device node, or all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DeviceKind {
    /// Block and character devices.
    All,
    /// Block devices.
    Block,
    /// Character devices.
    Char,
}

/// Allows or denies some access to some devices.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceRule {
    /// Whether the access is given.
    pub verdict: Verdict,
    /// The kind of device.
    pub kind: DeviceKind,
    /// The major number; `None` is all.
    pub major: Option<u32>,
    /// The minor number; `None` is all.
    pub minor: Option<u32>,
    /// What is allowed or denied.
    pub access: Access,
}

/// Holds a set of ways to use a device: make its node, read, write.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Access(u8);

/// Says why a text is not a device rule or access.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidRule(String);

impl Access {
    /// Makes a device node (`m`). The bits are those of `BPF_DEVCG_ACC_*` in linux/bpf.h.
    pub const MKNOD: Self = Self(1);
    /// Opens for reading (`r`).
    pub const READ: Self = Self(2);
    /// Opens for writing (`w`).
    pub const WRITE: Self = Self(4);
    /// All three.
    pub const ALL: Self = Self(7);

    /// Returns the bits as the kernel numbers them.
    pub fn bits(self) -> u8 {
        self.0
    }

    /// Returns the access that is in either.
    #[must_use]
    pub fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Returns the access that is here and not in `other`.
    #[must_use]
    pub fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// Returns the access that is in both.
    #[must_use]
    pub fn intersection(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Tells whether there is no access at all.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }
}

impl DeviceRule {
    /// Tells whether the rule decides everything, so that no rule before it matters.
    pub(crate) fn covers_all(&self) -> bool {
        self.kind == DeviceKind::All
            && self.major.is_none()
            && self.minor.is_none()
            && self.access == Access::ALL
    }
}

impl FromStr for Access {
    type Err = InvalidRule;

    fn from_str(text: &str) -> Result<Self, InvalidRule> {
        text.chars().try_fold(Self(0), |access, letter| match letter {
            'r' => Ok(access.union(Self::READ)),
            'w' => Ok(access.union(Self::WRITE)),
            'm' => Ok(access.union(Self::MKNOD)),
            other => Err(InvalidRule(format!("device access {text:?}: {other:?} is none of r, w, m"))),
        })
    }
}

impl TryFrom<String> for Access {
    type Error = InvalidRule;

    fn try_from(text: String) -> Result<Self, InvalidRule> {
        text.parse()
    }
}

impl From<Access> for String {
    fn from(access: Access) -> Self {
        access.to_string()
    }
}

impl FromStr for DevicePattern {
    type Err = InvalidRule;

    /// Reads what v1 calls a device: `c 1:3 rwm`, `b *:* m`, `a`.
    fn from_str(text: &str) -> Result<Self, InvalidRule> {
        let invalid = || InvalidRule(format!("device {text:?}: not of the form \"c 1:3 rwm\""));
        let mut words = text.split_whitespace();
        let kind = match words.next() {
            Some("a") => DeviceKind::All,
            Some("b") => DeviceKind::Block,
            Some("c") => DeviceKind::Char,
            _ => return Err(invalid()),
        };
        let (numbers, access) = (words.next(), words.next());
        if words.next().is_some() || (numbers.is_none() && kind != DeviceKind::All) {
            return Err(invalid());
        }
        let (major, minor) = numbers.unwrap_or("*:*").split_once(':').ok_or_else(invalid)?;
        let number = |text: &str| match text {
            "*" => Ok(None),
            digits => digits.parse().map(Some).map_err(|_| invalid()),
        };
        let access = access.map_or(Ok(Access::ALL), str::parse)?;
        Ok(Self { kind, major: number(major)?, minor: number(minor)?, access })
    }
}

/// Holds devices and the access to them, without a verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DevicePattern {
    /// The kind of device.
    pub kind: DeviceKind,
    /// The major number; `None` is all.
    pub major: Option<u32>,
    /// The minor number; `None` is all.
    pub minor: Option<u32>,
    /// The access.
    pub access: Access,
}

impl DevicePattern {
    /// Makes a rule of the pattern.
    pub fn rule(self, verdict: Verdict) -> DeviceRule {
        DeviceRule { verdict, kind: self.kind, major: self.major, minor: self.minor, access: self.access }
    }
}

impl From<DeviceRule> for DevicePattern {
    fn from(rule: DeviceRule) -> Self {
        Self { kind: rule.kind, major: rule.major, minor: rule.minor, access: rule.access }
    }
}

impl fmt::Display for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (bit, letter) in [(Self::READ, "r"), (Self::WRITE, "w"), (Self::MKNOD, "m")] {
            if !self.intersection(bit).is_empty() {
                f.write_str(letter)?;
            }
        }
        Ok(())
    }
}

impl fmt::Display for DevicePattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.kind {
            DeviceKind::All => 'a',
            DeviceKind::Block => 'b',
            DeviceKind::Char => 'c',
        };
        let number = |number: Option<u32>| number.map_or_else(|| "*".to_owned(), |n| n.to_string());
        write!(f, "{kind} {}:{} {}", number(self.major), number(self.minor), self.access)
    }
}

impl fmt::Display for DeviceRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verb = if self.verdict == Verdict::Allow { "allow" } else { "deny" };
        write!(f, "{verb} {}", DevicePattern::from(*self))
    }
}

impl fmt::Display for InvalidRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for InvalidRule {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_are_read_and_written() {
        for text in ["c 1:3 rwm", "b *:* m", "c 5:* rw", "a *:* rwm"] {
            assert_eq!(text.parse::<DevicePattern>().unwrap().to_string(), text);
        }
        assert_eq!("a".parse::<DevicePattern>().unwrap().to_string(), "a *:* rwm");
    }

    #[test]
    fn broken_patterns_are_refused() {
        for text in ["", "x 1:3 r", "c", "c 1 r", "c 1:3 rx", "c 1:3 r w", "c -1:3 r", "c 1:4294967296 r"] {
            assert!(text.parse::<DevicePattern>().is_err(), "{text:?} was taken");
        }
    }
}
