//! Prints how long a profile takes to compile, how long its program is, and what calls cost:
//! `cargo run --release -p palisade-seccomp --example compile_time [FILE]`, where FILE is a profile as JSON and without
//! it that of `pal run` is taken; with `listing` after that also the program.
#![forbid(unsafe_code)]

use std::collections::BTreeSet;
use std::error::Error;
use std::time::{Duration, Instant};

use palisade_seccomp::{Profile, SyscallData, compile, default_profile};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1).peekable();
    let file = arguments.next_if(|word| word != "listing");
    let first = Instant::now();
    let profile: Profile = match file {
        Some(file) => serde_json::from_slice(&std::fs::read(file)?)?,
        None => default_profile(&BTreeSet::new(), (6, 0)),
    };
    let made = first.elapsed();
    let filter = compile(&profile)?;
    println!("first: profile {made:?}, with filter {:?}", first.elapsed());
    println!("filter again: {:?} (median of 1000)", median(|| compile(&profile).map(drop))?);
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
    if arguments.next().is_some() {
        print!("{filter}");
    }
    Ok(())
}

fn median<E>(mut work: impl FnMut() -> Result<(), E>) -> Result<Duration, E> {
    let mut times = Vec::new();
    for _ in 0..1000 {
        let start = Instant::now();
        work()?;
        times.push(start.elapsed());
    }
    times.sort_unstable();
    Ok(times[500])
}
