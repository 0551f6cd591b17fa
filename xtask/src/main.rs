//! Builds, tests, benchmarks and tidies Palisade.
#![forbid(unsafe_code)]

use clap::{Parser, Subcommand};

mod bench;
mod tidy;
mod workspace;

/// Builds, tests, benchmarks and tidies Palisade.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", disable_help_subcommand = true)]
struct Invocation {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Measures Palisade beside other runtimes and a program that does the least possible.
    #[command(subcommand)]
    Bench(bench::Measure),
    /// Checks the rules of the house that neither the compiler nor clippy checks.
    Tidy,
}

fn main() -> anyhow::Result<()> {
    match Invocation::parse().task {
        Task::Bench(measure) => bench::run(&measure),
        Task::Tidy => tidy::run(),
    }
}
