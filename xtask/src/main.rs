//! Builds, tests, benchmarks and tidies Palisade.
#![forbid(unsafe_code)]

fn main() {}
