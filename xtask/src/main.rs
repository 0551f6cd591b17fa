//! Builds, tests, benchmarks and tidies Palisade.
#![forbid(unsafe_code)]

use clap::{Parser, Subcommand};

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
    /// Checks the rules of the house that neither the compiler nor clippy checks.
    Tidy,
}

fn main() -> anyhow::Result<()> {
    match Invocation::parse().task {
        Task::Tidy => tidy::run(),
    }
}
