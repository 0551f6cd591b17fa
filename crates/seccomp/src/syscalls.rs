//! Names of system calls to their numbers.

use crate::rules::PRIVATE_CALLS;
use crate::table::{ABSENT, Column, NAME_LENGTH, PRIVATE, ROWS, Row};

impl Row {
    /// Returns the number that the call has on an architecture, if it has one there.
    pub(crate) fn number(&self, column: Column) -> Option<u32> {
        let number = self.numbers[column as usize];
        if number == ABSENT {
            return None;
        }
        Some(match column {
            Column::Arm if number >= PRIVATE => PRIVATE_CALLS + u32::from(number - PRIVATE),
            Column::Mips => 4000 + u32::from(number),
            Column::Mips64 => 5000 + u32::from(number),
            _ => u32::from(number),
        })
    }
}

/// Finds a system call by its name.
pub(crate) fn find(name: &str) -> Option<&'static Row> {
    if name.len() > NAME_LENGTH || name.as_bytes().contains(&0) {
        return None;
    }
    let mut key = [0; NAME_LENGTH];
    key[..name.len()].copy_from_slice(name.as_bytes());
    let at = ROWS.binary_search_by(|row| row.name.cmp(&key)).ok()?;
    Some(&ROWS[at])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted_and_its_names_are_unique() {
        assert!(ROWS.windows(2).all(|pair| pair[0].name < pair[1].name));
    }

    #[test]
    fn well_known_numbers() {
        for (name, column, number) in [
            ("read", Column::X86_64, Some(0)),
            ("read", Column::X86, Some(3)),
            ("read", Column::X32, Some(0)),
            ("read", Column::Aarch64, Some(63)),
            ("read", Column::Arm, Some(3)),
            ("open", Column::Aarch64, None),
            ("ioctl", Column::X32, Some(514)),
            ("clone3", Column::Arm, Some(435)),
            ("socketcall", Column::X86_64, None),
            ("socketcall", Column::X86, Some(102)),
            ("set_tls", Column::Arm, Some(0xf0005)),
            ("read", Column::Riscv64, Some(63)),
            ("read", Column::S390x, Some(3)),
            ("read", Column::Mips, Some(4003)),
            ("read", Column::Mips64, Some(5000)),
            ("listns", Column::Loongarch64, Some(470)),
            ("sched_rr_get_interval_time64", Column::X86, Some(423)),
        ] {
            let row = find(name).unwrap_or_else(|| panic!("{name} is in the table"));
            assert_eq!(row.number(column), number, "{name}");
        }
    }

    #[test]
    fn unknown_names_are_not_found() {
        for name in ["", "reads", "read\0", "sched_rr_get_interval_time64_of_day"] {
            assert!(find(name).is_none(), "{name:?}");
        }
    }
}
