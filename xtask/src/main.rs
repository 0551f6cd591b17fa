//! Builds, tests, benchmarks and tidies Palisade.
#![forbid(unsafe_code)]

use std::process::ExitCode;

use clap::{Parser, Subcommand};

mod account;
mod artifact;
mod bench;
mod child;
mod fuzz;
mod hierarchy;
mod interrupt;
mod lanes;
mod linkage;
mod man;
mod need;
mod privilege;
mod tally;
mod test;
mod tidy;
mod tier;
mod vm;
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
    /// Runs the tests, tier by tier
    Test(test::Arguments),
    /// Starts the virtual machine of the tests by hand
    #[command(subcommand)]
    Vm(vm::Errands),
    /// Measures Palisade beside other runtimes and a program that does the least possible
    #[command(subcommand)]
    Bench(bench::Measure),
    /// Writes the man pages and the shells' completions of both programs
    Man(man::Arguments),
    /// Feeds every reader of text that others write with nonsense
    Fuzz(fuzz::Arguments),
    /// Checks the rules of the house that neither the compiler nor clippy checks
    Tidy,
}

fn main() -> ExitCode {
    let result = match Invocation::parse().task {
        Task::Test(arguments) => test::run(&arguments),
        Task::Vm(errand) => vm::run(&errand),
        Task::Bench(measure) => bench::run(&measure).map(|()| ExitCode::SUCCESS),
        Task::Man(arguments) => man::run(&arguments).map(|()| ExitCode::SUCCESS),
        Task::Fuzz(request) => fuzz::run(&request).map(|()| ExitCode::SUCCESS),
        Task::Tidy => tidy::run().map(|()| ExitCode::SUCCESS),
    };
    result.unwrap_or_else(|error| {
        eprintln!("xtask: {error:#}");
        ExitCode::FAILURE
    })
}
