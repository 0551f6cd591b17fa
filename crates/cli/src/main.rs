//! `pal`: containers and their primitives for a person at a terminal.
#![forbid(unsafe_code)]

fn main() {}
