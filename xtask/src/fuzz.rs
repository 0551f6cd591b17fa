//! `cargo xtask fuzz`: every reader of text that others write, fed with nonsense for a while.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::Args;
use tempfile::TempDir;

use crate::child::stream;
use crate::interrupt::Interrupt;
use crate::lanes;
use crate::workspace::{Workspace, cargo};

/// What `cargo xtask fuzz` is told.
#[derive(Args)]
pub(crate) struct Arguments {
    /// How long each target runs
    #[arg(long, default_value_t = 60, value_name = "N")]
    seconds: u32,
    /// How many run at a time
    #[arg(long, default_value_t = 2, value_name = "N")]
    jobs: usize,
    /// Adds what was found to reach new code to the corpus in the repository, in as few files as do so
    #[arg(long)]
    keep: bool,
    /// Runs these targets alone; without any, all
    targets: Vec<String>,
}

/// What makes the compiler count the branches that were taken. All of it is stable, unlike the sanitizers, which
/// code without `unsafe` has little need of.
const COVERAGE: &str = "--cfg fuzzing -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
     -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
     -Cllvm-args=-sanitizer-coverage-trace-compares -Cdebug-assertions -Coverflow-checks -Ccodegen-units=1";

/// How long a target may take beyond its time: it reads its corpus first.
const SPARE: Duration = Duration::from_secs(60);

/// Builds the targets and runs each; an error when one found something.
pub(crate) fn run(request: &Arguments) -> Result<()> {
    let workspace = Workspace::load()?;
    let interrupt = Interrupt::watch()?;
    let targets = Targets::of(&workspace)?;
    if let Some(unknown) = request.targets.iter().find(|name| !targets.names.contains(name)) {
        bail!("{unknown} is none of {}", targets.names.join(", "));
    }
    let wanted = if request.targets.is_empty() { &targets.names } else { &request.targets };
    targets.build()?;
    interrupt.check()?;
    let run = |name: &String| {
        let line = targets.run(name, request.seconds, &interrupt)?;
        if request.keep {
            targets.keep(name)?;
        }
        Ok(line)
    };
    let outcomes: Vec<Result<String>> = lanes::run(request.jobs, wanted.iter().collect(), run);
    let mut found = 0;
    for outcome in outcomes {
        match outcome {
            Ok(line) => println!("{line}"),
            Err(error) => {
                found += 1;
                eprintln!("{error:#}");
            }
        }
    }
    interrupt.check()?;
    match found {
        0 => Ok(()),
        found => bail!("{found} targets found something; each is a unit test once it is mended"),
    }
}

/// The programs that are fed, in a workspace of their own.
pub(crate) struct Targets {
    workspace: PathBuf,
    /// Those of their files.
    pub(crate) names: Vec<String>,
}

impl Targets {
    /// Looks which there are.
    pub(crate) fn of(workspace: &Workspace) -> Result<Self> {
        let workspace = workspace.root().join("fuzz");
        let directory = workspace.join("fuzz_targets");
        let entries = fs::read_dir(&directory).with_context(|| format!("read {}", directory.display()))?;
        let mut names: Vec<String> = entries
            .flatten()
            .filter_map(|entry| entry.file_name().to_str()?.strip_suffix(".rs").map(str::to_owned))
            .collect();
        names.sort();
        Ok(Self { workspace, names })
    }

    /// Builds all of them.
    pub(crate) fn build(&self) -> Result<()> {
        let status = Command::new(cargo())
            .args(["build", "--release", "--locked", "--bins", "--target", "x86_64-unknown-linux-gnu"])
            .arg("--manifest-path")
            .arg(self.workspace.join("Cargo.toml"))
            .arg("--target-dir")
            .arg(self.workspace.join("target"))
            // Takes the place of the flags of the workspace: the runtime of the fuzzer is not linked statically.
            .env("RUSTFLAGS", COVERAGE)
            .stdin(Stdio::null())
            .status()
            .context("execute cargo")?;
        if !status.success() {
            bail!("cargo build of the fuzz targets: {status} (they need a C++ compiler)");
        }
        Ok(())
    }

    /// Feeds the target `name` for some seconds, beginning with its corpus, and gives a line on what came of it.
    pub(crate) fn run(&self, name: &str, seconds: u32, interrupt: &Interrupt) -> Result<String> {
        let work = self.work(name);
        let finds = self.workspace.join("target/finds");
        for directory in [&work, &finds] {
            fs::create_dir_all(directory).with_context(|| format!("create {}", directory.display()))?;
        }
        // For files that a target writes anew at each run.
        let memory =
            TempDir::with_prefix_in("palisade-fuzz-", "/dev/shm").context("make a directory in /dev/shm")?;
        let mut command = Command::new(self.program(name));
        command.env("TMPDIR", memory.path());
        command.arg(format!("-max_total_time={seconds}"));
        command.arg(format!("-artifact_prefix={}/{name}-", finds.display()));
        command.args([
            "-timeout=10",
            "-rss_limit_mb=1024",
            "-max_len=4096",
            "-print_final_stats=1",
            "-verbosity=0",
        ]);
        command.arg(&work).arg(self.corpus(name));
        let mut said = String::new();
        let longest = Duration::from_secs(u64::from(seconds)) + SPARE;
        let end = stream(command, longest, interrupt, |line| {
            said.push_str(line);
            said.push('\n');
        })?;
        if !end.is_success() {
            bail!("{name}: {end}\n{said}");
        }
        let count = said.lines().find_map(|line| line.strip_prefix("stat::number_of_executed_units:"));
        Ok(format!("{name:<12} {:>12} runs, nothing found", count.unwrap_or("?").trim()))
    }

    /// Merges what was found into the corpus, as the smallest set of files that reaches the same code.
    fn keep(&self, name: &str) -> Result<()> {
        let (work, seeds) = (self.work(name), self.corpus(name));
        let merged: PathBuf = work.with_extension("merged");
        fs::create_dir_all(&merged).context("create a directory")?;
        let mut merge = Command::new(self.program(name));
        merge.args(["-merge=1", "-verbosity=0"]).args([&merged, &work, &seeds]);
        let status = merge.status().context("merge the corpus")?;
        if !status.success() {
            bail!("merge of {}: {status}", seeds.display());
        }
        fs::remove_dir_all(&seeds).context("replace the corpus")?;
        fs::create_dir_all(&seeds).context("replace the corpus")?;
        for entry in fs::read_dir(&merged).context("read the merged corpus")?.flatten() {
            fs::copy(entry.path(), seeds.join(entry.file_name())).context("copy a file of the corpus")?;
        }
        fs::remove_dir_all(&merged).context("remove the merged corpus")
    }

    fn program(&self, name: &str) -> PathBuf {
        self.workspace.join("target/x86_64-unknown-linux-gnu/release").join(name)
    }

    fn corpus(&self, name: &str) -> PathBuf {
        self.workspace.join("corpus").join(name)
    }

    /// Where what reached new code is put.
    fn work(&self, name: &str) -> PathBuf {
        self.workspace.join("target/work").join(name)
    }
}
