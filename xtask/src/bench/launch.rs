//! One measured command: started by the small C program `timed`, which takes the time and the peak memory.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use tempfile::TempDir;

use crate::workspace::Workspace;

/// After this time a command counts as one that hangs.
const ONE_LIMIT: Duration = Duration::from_secs(5);
/// The same for many at once.
const MANY_LIMIT: Duration = Duration::from_secs(60);

/// What one command took.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sample {
    /// From before the fork to after the wait.
    pub(crate) wall: Duration,
    /// The peak resident size of the largest process of its tree that was waited for, in KiB.
    pub(crate) peak_kib: u64,
    /// The time that processors worked on it, which other work on the machine adds little to.
    pub(crate) cpu: Duration,
}

/// How a measured command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It succeeded.
    Done(Sample),
    /// It did not end in time and was killed.
    Hung,
}

/// Starts measured commands.
#[derive(Debug)]
pub(crate) struct Launcher {
    /// The program that starts a command, and its arguments before those that say which.
    starter: Vec<OsString>,
    parallel: PathBuf,
    scratch: TempDir,
}

impl Launcher {
    /// Compiles the C programs of `benches/` into `directory`.
    pub(crate) fn build(workspace: &Workspace, directory: &Path) -> Result<Self> {
        for name in ["timed", "guest", "floor", "parallel", "crowd"] {
            compile(&workspace.root().join("benches").join(name), &directory.join(name))?;
        }
        Self::new(directory, vec![directory.join("timed").into()])
    }

    /// The same, but commands are not measured: which of `addresses` each one meets is written to `visited`.
    pub(crate) fn of_visits(
        workspace: &Workspace,
        directory: &Path,
        addresses: &Path,
        visited: &Path,
    ) -> Result<Self> {
        for name in ["visits", "guest"] {
            compile(&workspace.root().join("benches").join(name), &directory.join(name))?;
        }
        Self::new(directory, vec![directory.join("visits").into(), addresses.into(), visited.into()])
    }

    fn new(directory: &Path, starter: Vec<OsString>) -> Result<Self> {
        let scratch = TempDir::with_prefix("bench-").context("make a temporary directory")?;
        Ok(Self { starter, parallel: directory.join("parallel"), scratch })
    }

    /// Runs a command to its end; an error when it fails, with what it said.
    pub(crate) fn measure<A: AsRef<OsStr>>(&self, program: &Path, args: &[A]) -> Result<Outcome> {
        self.measure_within(ONE_LIMIT, program, args)
    }

    /// Runs many copies of a command at once, to the end of the last; each `@` in an argument becomes the number of
    /// the copy.
    pub(crate) fn measure_many(&self, copies: u32, program: &Path, args: &[OsString]) -> Result<Outcome> {
        let mut words = vec![OsString::from(copies.to_string()), program.into()];
        words.extend_from_slice(args);
        self.measure_within(MANY_LIMIT, &self.parallel, &words)
    }

    /// Runs a command to its end with these for standard input and output; an error when it fails or does not end.
    pub(crate) fn measure_with<A: AsRef<OsStr>>(
        &self,
        program: &Path,
        args: &[A],
        streams: [Stdio; 2],
    ) -> Result<Sample> {
        match self.measure_streams(MANY_LIMIT, program, args, streams)? {
            Outcome::Done(sample) => Ok(sample),
            Outcome::Hung => bail!("{}: does not end", describe(program, args)),
        }
    }

    fn measure_within<A: AsRef<OsStr>>(
        &self,
        limit: Duration,
        program: &Path,
        args: &[A],
    ) -> Result<Outcome> {
        self.measure_streams(limit, program, args, [Stdio::null(), Stdio::null()])
    }

    fn measure_streams<A: AsRef<OsStr>>(
        &self,
        limit: Duration,
        program: &Path,
        args: &[A],
        [stdin, stdout]: [Stdio; 2],
    ) -> Result<Outcome> {
        let result = self.scratch.path().join("result");
        // A file, for a created container keeps the standard streams: a pipe would have no end.
        let errors = self.scratch.path().join("stderr");
        let stderr = File::create(&errors).with_context(|| format!("create {}", errors.display()))?;
        let [starter, first @ ..] = &self.starter[..] else { bail!("nothing starts commands") };
        let status = Command::new(starter)
            .args(first)
            .arg(limit.as_secs().to_string())
            .arg(&result)
            .arg(program)
            .args(args)
            .stdin(stdin)
            .stdout(stdout)
            .stderr(stderr)
            // Ctrl-C ends the benchmark between two commands, never in the middle of one.
            .process_group(0)
            .status()
            .with_context(|| format!("execute {}", starter.display()))?;
        let command = || describe(program, args);
        if !status.success() {
            bail!("{}: {}: {status}", command(), starter.display());
        }
        let text = fs::read_to_string(&result).with_context(|| format!("read {}", result.display()))?;
        let line = parse(&text).with_context(|| format!("{}: {}: {text:?}", command(), starter.display()))?;
        if line.hung {
            return Ok(Outcome::Hung);
        }
        if !line.status.success() {
            let said = fs::read(&errors).with_context(|| format!("read {}", errors.display()))?;
            bail!("{}: {}: {}", command(), line.status, String::from_utf8_lossy(&said).trim());
        }
        Ok(Outcome::Done(line.sample))
    }

    /// The static program that does nothing and succeeds.
    pub(crate) fn least(&self) -> PathBuf {
        self.parallel.with_file_name("guest")
    }

    /// The program that makes a container by the least work.
    pub(crate) fn floor(&self) -> PathBuf {
        self.parallel.with_file_name("floor")
    }

    /// A place for a file that a command writes.
    pub(crate) fn scratch_file(&self, name: &str) -> PathBuf {
        self.scratch.path().join(name)
    }
}

/// Compiles the one C file `source` (given without its suffix) into a static program.
fn compile(source: &Path, program: &Path) -> Result<()> {
    let source = source.with_extension("c");
    let output = Command::new("cc")
        .args(["-O2", "-static", "-Wall", "-Wextra", "-o"])
        .args([program, &source])
        .output()
        .context("execute cc (Debian: apt-get install gcc libc6-dev)")?;
    if !output.status.success() {
        bail!(
            "cc {}: {}: {}",
            source.display(),
            output.status,
            String::from_utf8_lossy(&output.stderr).trim()
        );
    }
    Ok(())
}

fn describe<A: AsRef<OsStr>>(program: &Path, args: &[A]) -> String {
    let mut words = vec![program.to_string_lossy()];
    words.extend(args.iter().map(|arg| arg.as_ref().to_string_lossy()));
    words.join(" ")
}

/// The line that `timed` writes.
#[derive(Debug)]
struct Line {
    sample: Sample,
    status: ExitStatus,
    hung: bool,
}

fn parse(text: &str) -> Option<Line> {
    let fields: Vec<&str> = text.split_whitespace().collect();
    let [nanoseconds, peak_kib, status, hung, used] = fields[..] else { return None };
    let wall = Duration::from_nanos(nanoseconds.parse().ok()?);
    let cpu = Duration::from_micros(used.parse().ok()?);
    let sample = Sample { wall, peak_kib: peak_kib.parse().ok()?, cpu };
    Some(Line { sample, status: ExitStatus::from_raw(status.parse().ok()?), hung: hung == "1" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_of_timed_is_read() {
        let line = parse("1500000 652 256 0 70\n").unwrap();
        assert_eq!(
            line.sample,
            Sample { wall: Duration::from_micros(1500), peak_kib: 652, cpu: Duration::from_micros(70) }
        );
        assert_eq!(line.status.code(), Some(1));
        assert!(!line.hung);
        assert!(parse("5000000000 652 9 1 0\n").unwrap().hung);
        assert!(parse("1500000 652 0 1").is_none());
    }
}
