//! What `pal cgroup net` takes: marks, and rules by number or group.

use std::str::FromStr;

use super::GroupName;

/// A mark of packets, decimal or as `0x1f`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Mark(pub(crate) u32);

/// A rule by its number, or all rules of a group; a group whose name is a number is told by its `/`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum RuleName {
    Number(u64),
    Group(GroupName),
}

impl FromStr for Mark {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let number = match text.strip_prefix("0x") {
            Some(digits) => u32::from_str_radix(digits, 16),
            None => text.parse(),
        };
        number.map(Self).map_err(|_| "wanted a number of 32 bits such as 7 or 0x1f".to_owned())
    }
}

impl FromStr for RuleName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.parse() {
            Ok(number) => Ok(Self::Number(number)),
            Err(_) => text.parse().map(Self::Group),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_and_rules() {
        assert_eq!("0x1f".parse(), Ok(Mark(31)));
        assert_eq!("7".parse(), Ok(Mark(7)));
        for bad in ["", "0x", "-1", "4294967296", "0x1ffffffff"] {
            assert!(bad.parse::<Mark>().is_err(), "{bad}");
        }
        assert_eq!("7".parse(), Ok(RuleName::Number(7)));
        assert_eq!("/7".parse(), Ok(RuleName::Group(GroupName::Absolute("/7".into()))));
        assert!("".parse::<RuleName>().is_err());
    }
}
