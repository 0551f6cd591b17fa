//! The virtual machine: another kernel, other cgroup hierarchies, nothing of this machine's.

mod archive;
pub(crate) mod disk;
mod emulator;
mod initramfs;
pub(crate) mod kernel;
mod module;
mod policy;

use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::{Args, Subcommand};

use crate::artifact::{self, Optimised, Programs};
use crate::child::{End, Limit, stream};
use crate::interrupt::Interrupt;
use crate::need;
use crate::tier::{Cgroups, Security, Tier};
use crate::workspace::Workspace;
use emulator::Errand;

/// What `cargo xtask vm` is told.
#[derive(Subcommand)]
pub(crate) enum Errands {
    /// Runs the tests of the libraries and the end-to-end tests in the machine
    Test(TestArguments),
    /// Opens a shell as root in the machine; `exit` or Ctrl-A X ends it
    Shell(ShellArguments),
}

/// Which machine, and which tests.
#[derive(Args)]
pub(crate) struct TestArguments {
    /// The hierarchies that the machine mounts
    #[arg(long, value_enum, default_value_t = Cgroups::V2)]
    cgroups: Cgroups,
    /// Arguments for the test executable, such as a part of a test's name
    #[arg(last = true)]
    arguments: Vec<String>,
}

/// Which machine.
#[derive(Args)]
pub(crate) struct ShellArguments {
    /// The hierarchies that the machine mounts
    #[arg(long, value_enum, default_value_t = Cgroups::V2)]
    cgroups: Cgroups,
}

/// A machine that is about to be started for a tier.
pub(crate) struct Machine<'a> {
    pub(crate) workspace: &'a Workspace,
    pub(crate) programs: &'a Programs,
    pub(crate) tier: Tier,
}

/// What the machine's init starts each line with that is meant for this program.
const WORD_OF_INIT: &str = "palisade-vm: ";

/// How long a machine may say nothing. On a busy host an emulated one now and then misses the timer that it sleeps for, and
/// sleeps for ever.
const SILENCE: Duration = Duration::from_secs(240);

/// How many lines of the console are shown when a machine ends without a result.
const LAST_LINES: usize = 40;

/// Does what `cargo xtask vm` was told.
pub(crate) fn run(errand: &Errands) -> Result<ExitCode> {
    let workspace = Workspace::load()?;
    let interrupt = Interrupt::watch()?;
    let cgroups = match errand {
        Errands::Test(TestArguments { cgroups, .. }) | Errands::Shell(ShellArguments { cgroups }) => *cgroups,
    };
    let tier = cgroups.tier();
    let lacking = tier.needs().into_iter().filter(|need| !need.is_met(&workspace));
    let lacking: Vec<&str> = lacking.map(|need| need.name()).collect();
    if !lacking.is_empty() {
        bail!("needs {}: `cargo xtask test --setup --tier {}`", lacking.join(", "), tier.name());
    }
    let end_to_end = artifact::build_end_to_end(&workspace, &interrupt)?;
    let libraries = artifact::build_tests(&workspace, &interrupt)?;
    let release = artifact::build_programs(Optimised::Yes, &workspace, &interrupt)?;
    let programs = Programs { release, end_to_end, libraries };
    let machine = Machine { workspace: &workspace, programs: &programs, tier };
    match errand {
        Errands::Test(TestArguments { arguments, .. }) => {
            let limit = Duration::from_secs(3600);
            machine.run_tests(arguments, limit, &interrupt, &mut |line| println!("{line}"))?;
        }
        Errands::Shell(_) => machine.open_shell()?,
    }
    Ok(ExitCode::SUCCESS)
}

impl Machine<'_> {
    /// Runs the libraries' tests as root and the end-to-end tests as root and as an ordinary user.
    ///
    /// Hands on each line of theirs; an error when a run of them failed.
    pub(crate) fn run_tests(
        &self,
        arguments: &[String],
        limit: Duration,
        interrupt: &Interrupt,
        on_line: &mut dyn FnMut(&str),
    ) -> Result<()> {
        let files = self.prepare(arguments)?;
        let mut said = Vec::new();
        let attempt = |said: &mut Vec<String>, on_line: &mut dyn FnMut(&str)| {
            let command = emulator::command(&files, self.tier, Errand::Tests);
            stream(command, Limit { whole: limit, silence: SILENCE }, interrupt, |line| {
                match line.strip_prefix(WORD_OF_INIT) {
                    Some(word) => said.push(word.to_owned()),
                    None => on_line(line),
                }
            })
        };
        let mut end = attempt(&mut said, on_line)?;
        if matches!(end, End::Silent(_)) {
            on_line(&format!("the machine was {end}; it is started once more"));
            said.clear();
            end = attempt(&mut said, on_line)?;
        }
        if matches!(end, End::Exited(_)) && said.last().is_some_and(|word| word == "done") {
            let failures: Vec<&str> =
                said.iter().filter(|word| !word.ends_with(": passed")).map(String::as_str).collect();
            return match failures.as_slice() {
                ["done"] => Ok(()),
                [failures @ .., _] => bail!("{}", failures.join(", ")),
                [] => bail!("the machine told nothing"),
            };
        }
        interrupt.check()?;
        let console = fs::read_to_string(&files.console).unwrap_or_default();
        let lines: Vec<&str> = console.lines().collect();
        for line in &lines[lines.len().saturating_sub(LAST_LINES)..] {
            on_line(&format!("console: {line}"));
        }
        bail!("the machine ended without a result ({end}); it said: {}", said.join(", "))
    }

    fn open_shell(&self) -> Result<()> {
        let files = self.prepare(&[])?;
        let mut command = emulator::command(&files, self.tier, Errand::Shell);
        let status = command.status().context("execute qemu-system-x86_64")?;
        if !status.success() {
            bail!("qemu-system-x86_64: {status}");
        }
        Ok(())
    }

    /// Writes the machine's file system.
    fn prepare(&self, arguments: &[String]) -> Result<Files> {
        let kernel = kernel::find(self.workspace).context("the machine's kernel was not fetched")?;
        let directory = kernel::directory(self.workspace);
        let initrd = directory.join(format!("{}.cpio", self.tier.name()));
        let policy = match self.tier.security() {
            Security::Selinux => Some(policy::compile(self.workspace)?),
            Security::Apparmor => None,
        };
        let archive = initramfs::build(self.programs, &kernel, arguments, policy.as_deref(), self.tier)?;
        fs::write(&initrd, archive).with_context(|| format!("write {}", initrd.display()))?;
        let console = directory.join(format!("{}.console", self.tier.name()));
        let disk = match self.tier {
            Tier::VmSystemd => Some(disk::find(self.workspace).context("the machine's disk was not made")?),
            _ => None,
        };
        Ok(Files { kernel: kernel.image, initrd, disk, console })
    }
}

/// What the emulator is started with.
#[derive(Debug)]
struct Files {
    kernel: PathBuf,
    initrd: PathBuf,
    /// What is written to it is gone with the machine.
    disk: Option<PathBuf>,
    /// Where the kernel's messages go.
    console: PathBuf,
}

/// Names a program of this machine whose copy goes into the other.
fn needed_file(path: &std::path::Path) -> Result<Vec<u8>> {
    fs::read(path).with_context(|| format!("read {}", path.display()))
}

/// Where a program of Debian's is that the machine needs.
fn needed_program(name: &str) -> Result<PathBuf> {
    need::in_path(name).with_context(|| format!("{name}: not found"))
}
