//! Prints `src/table.rs` from the kernel headers that the crate `linux-raw-sys` carries:
//!
//! ```sh
//! cargo run -p palisade-seccomp --example syscall_table -- \
//!     ~/.cargo/registry/src/*/linux-raw-sys-*/src > table.rs && rustfmt table.rs
//! ```
#![forbid(unsafe_code)]

use std::collections::BTreeMap;
use std::error::Error;
use std::path::Path;

/// The directories of the headers, in the order of the columns, and where the numbers of each begin.
const ARCHES: [(&str, u32); 13] = [
    ("x86_64", 0),
    ("x86", 0),
    ("x32", 0x4000_0000),
    ("aarch64", 0),
    ("arm", 0),
    ("riscv64", 0),
    ("loongarch64", 0),
    ("powerpc", 0),
    ("powerpc64", 0),
    ("s390x", 0),
    ("mips", 4000),
    ("mips64", 5000),
    ("m68k", 0),
];

/// Calls that are younger than the headers (Linux 6.18, 6.19 and 7.0), with the numbers that all have in common.
const LATER: [(&str, u32); 2] = [("listns", 470), ("rseq_slice_yield", 471)];

/// Where ARM's private numbers begin, and where they do in the table, whose numbers have 16 bits.
const PRIVATE: u32 = 0xf_0000;
const PRIVATE_IN_TABLE: u32 = 0xf000;

const PROLOGUE: &str = r#"//! The system calls and their numbers. Made by `examples/syscall_table.rs`; do not edit.

/// The architectures that the table has, in the order of a row's numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Column {
    X86_64,
    X86,
    X32,
    Aarch64,
    Arm,
    Riscv64,
    Loongarch64,
    Ppc,
    Ppc64,
    S390x,
    Mips,
    Mips64,
    M68k,
}

/// One system call. The name is stored in place, padded with zeros, so that the table has no pointer
/// that a position-independent program must relocate when it starts.
pub(crate) struct Row {
    pub(crate) name: [u8; NAME_LENGTH],
    pub(crate) numbers: [u16; COLUMNS],
}

/// How many architectures there are.
pub(crate) const COLUMNS: usize = 13;

/// The longest name.
pub(crate) const NAME_LENGTH: usize = 28;

/// Stands for "this architecture has no such call".
pub(crate) const ABSENT: u16 = u16::MAX;

/// Where ARM's private calls begin in the table; their numbers begin at 0xf0000.
pub(crate) const PRIVATE: u16 = 0xf000;

const NO: u16 = ABSENT;

const fn row(name: &str, numbers: [u16; COLUMNS]) -> Row {
    let mut padded = [0; NAME_LENGTH];
    let bytes = name.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        padded[at] = bytes[at];
        at += 1;
    }
    Row { name: padded, numbers }
}

/// All calls, sorted by name. The numbers of x32 are without its bit, those of MIPS without what all of them add.
pub(crate) static ROWS: &[Row] = &["#;

fn main() -> Result<(), Box<dyn Error>> {
    let headers = std::env::args().nth(1).ok_or("no directory given")?;
    let mut rows: BTreeMap<String, [Option<u32>; ARCHES.len()]> = BTreeMap::new();
    for (column, (arch, base)) in ARCHES.iter().enumerate() {
        let text = std::fs::read_to_string(Path::new(&headers).join(arch).join("general.rs"))?;
        for (name, number) in text.lines().filter_map(constant) {
            let number = if number >= PRIVATE && *base == 0 {
                number - PRIVATE + PRIVATE_IN_TABLE
            } else {
                number.checked_sub(*base).ok_or_else(|| format!("{arch}: {name} is {number}"))?
            };
            rows.entry(name.to_owned()).or_default()[column] = Some(number);
        }
    }
    rows.extend(LATER.map(|(name, number)| (name.to_owned(), [Some(number); ARCHES.len()])));
    rows.entry("uprobe".to_owned()).or_default()[0] = Some(336);
    println!("{PROLOGUE}");
    for (name, numbers) in rows {
        let numbers = numbers.map(|number| number.map_or("NO".to_owned(), |n| n.to_string()));
        println!("    row(\"{name}\", [{}]),", numbers.join(", "));
    }
    println!("];");
    Ok(())
}

/// Reads `pub const __NR_name: u32 = 1;`; upper-case names are not system calls.
fn constant(line: &str) -> Option<(&str, u32)> {
    let rest = line.strip_prefix("pub const __")?;
    let rest = rest.strip_prefix("ARM_").unwrap_or(rest);
    let (name, number) = rest.strip_prefix("NR_")?.split_once(": u32 = ")?;
    let is_gap = ["reserved", "unused"].iter().any(|word| name.starts_with(word));
    let is_call = !is_gap && !name.bytes().any(|byte| byte.is_ascii_uppercase());
    let number = number.strip_suffix(';')?.parse().ok()?;
    is_call.then_some((name, number))
}
