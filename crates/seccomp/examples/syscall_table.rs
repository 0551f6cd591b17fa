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

/// The directories of the headers, in the order of the columns.
const ARCHES: [&str; 5] = ["x86_64", "x86", "x32", "aarch64", "arm"];

/// Calls that are younger than the headers (Linux 6.18, 6.19 and 7.0).
const LATER: [(&str, [Option<u32>; 5]); 3] = [
    ("uprobe", [Some(336), None, None, None, None]),
    ("listns", [Some(470); 5]),
    ("rseq_slice_yield", [Some(471); 5]),
];

const PROLOGUE: &str = r#"//! The system calls and their numbers. Made by `examples/syscall_table.rs`; do not edit.

/// The architectures that the table has, in the order of a row's numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Column {
    X86_64,
    X86,
    X32,
    Aarch64,
    Arm,
}

/// One system call. The name is stored in place, padded with zeros, so that the table has no pointer
/// that a position-independent program must relocate when it starts.
pub(crate) struct Row {
    pub(crate) name: [u8; NAME_LENGTH],
    pub(crate) numbers: [u32; 5],
}

/// The longest name.
pub(crate) const NAME_LENGTH: usize = 28;

/// Stands for "this architecture has no such call".
pub(crate) const ABSENT: u32 = u32::MAX;

const NO: u32 = ABSENT;

const fn row(name: &str, x86_64: u32, x86: u32, x32: u32, aarch64: u32, arm: u32) -> Row {
    let mut padded = [0; NAME_LENGTH];
    let bytes = name.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        padded[at] = bytes[at];
        at += 1;
    }
    Row {
        name: padded,
        numbers: [x86_64, x86, x32, aarch64, arm],
    }
}

/// All calls, sorted by name. The numbers of x32 are without its bit.
pub(crate) static ROWS: &[Row] = &["#;

fn main() -> Result<(), Box<dyn Error>> {
    let headers = std::env::args().nth(1).ok_or("no directory given")?;
    let mut rows: BTreeMap<String, [Option<u32>; 5]> = BTreeMap::new();
    for (column, arch) in ARCHES.iter().enumerate() {
        let text = std::fs::read_to_string(Path::new(&headers).join(arch).join("general.rs"))?;
        for (name, number) in text.lines().filter_map(constant) {
            let number = if *arch == "x32" { number & !0x4000_0000 } else { number };
            rows.entry(name.to_owned()).or_default()[column] = Some(number);
        }
    }
    rows.extend(LATER.map(|(name, numbers)| (name.to_owned(), numbers)));
    println!("{PROLOGUE}");
    for (name, numbers) in rows {
        let numbers = numbers.map(|number| number.map_or("NO".to_owned(), |n| n.to_string()));
        println!("    row(\"{name}\", {}),", numbers.join(", "));
    }
    println!("];");
    Ok(())
}

/// Reads `pub const __NR_name: u32 = 1;`; upper-case names are not system calls.
fn constant(line: &str) -> Option<(&str, u32)> {
    let rest = line.strip_prefix("pub const __")?;
    let rest = rest.strip_prefix("ARM_").unwrap_or(rest);
    let (name, number) = rest.strip_prefix("NR_")?.split_once(": u32 = ")?;
    let is_call = !name.bytes().any(|byte| byte.is_ascii_uppercase());
    let number = number.strip_suffix(';')?.parse().ok()?;
    is_call.then_some((name, number))
}
