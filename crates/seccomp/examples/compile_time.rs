//! Prints how long the default profile takes to compile, how long its program is, and what calls cost:
//! `cargo run --release -p palisade-seccomp --example compile_time`; with `listing` also the program.
#![forbid(unsafe_code)]

use std::collections::BTreeSet;
use std::time::Instant;

use palisade_seccomp::{SyscallData, compile, default_profile};

fn main() -> Result<(), palisade_seccomp::Error> {
    let first = Instant::now();
    let profile = default_profile(&BTreeSet::new(), (6, 0));
    let made = first.elapsed();
    let filter = compile(&profile)?;
    println!("first: profile {made:?}, with filter {:?}", first.elapsed());
    let mut times = Vec::new();
    for _ in 0..1000 {
        let start = Instant::now();
        compile(&profile)?;
        times.push(start.elapsed());
    }
    times.sort_unstable();
    println!("filter again: {:?} (median of 1000)", times[500]);
    println!("{} instructions", filter.instructions.len());
    let costs: Vec<usize> = (0..470)
        .map(|number| filter.cost(&SyscallData { number, arch: 0xc000_003e, ..SyscallData::default() }))
        .collect();
    let total: usize = costs.iter().sum();
    println!(
        "{} instructions a call on average on x86-64, {} at most",
        total / costs.len(),
        costs.iter().max().unwrap_or(&0)
    );
    if std::env::args().nth(1).is_some_and(|word| word == "listing") {
        print!("{filter}");
    }
    Ok(())
}
