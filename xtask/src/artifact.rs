//! Everything that the tiers run, built by cargo once.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use crate::child::words;
use crate::interrupt::Interrupt;
use crate::linkage;
use crate::workspace::{Workspace, cargo};

/// One executable with libtest in it.
#[derive(Debug)]
pub(crate) struct TestBinary {
    /// The crate and the target, for a person.
    pub(crate) label: String,
    pub(crate) path: PathBuf,
    /// Where cargo would run it.
    pub(crate) directory: PathBuf,
    pub(crate) subject: Subject,
}

/// What a test executable is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Subject {
    /// The plans that are written down.
    Plans,
    /// What a library does to a kernel: worth a run on other kernels and cgroups as well.
    Kernel,
    /// Anything else.
    Units,
}

/// The programs under test.
#[derive(Debug)]
pub(crate) struct Release {
    pub(crate) palisade: PathBuf,
    pub(crate) pal: PathBuf,
}

/// What tests the programs from outside.
#[derive(Debug)]
pub(crate) struct EndToEnd {
    /// The executable with all end-to-end tests.
    pub(crate) tests: PathBuf,
    /// The one with the tests of container engines.
    pub(crate) engines: PathBuf,
    /// The first process of the virtual machine.
    pub(crate) init: PathBuf,
}

/// All that an end-to-end tier runs.
#[derive(Debug)]
pub(crate) struct Programs {
    pub(crate) release: Release,
    pub(crate) end_to_end: EndToEnd,
    /// What tests the libraries from outside.
    pub(crate) libraries: Vec<TestBinary>,
}

/// A line of what cargo says of its work, as far as it matters here.
#[derive(Deserialize)]
struct Message {
    reason: String,
    executable: Option<PathBuf>,
    manifest_path: Option<PathBuf>,
    target: Option<Target>,
    profile: Option<Profile>,
}

#[derive(Deserialize)]
struct Target {
    name: String,
    kind: Vec<String>,
}

#[derive(Deserialize)]
struct Profile {
    test: bool,
}

/// Builds the test executables of every crate but the end-to-end tests, which need more than cargo gives them.
pub(crate) fn build_tests(workspace: &Workspace, interrupt: &Interrupt) -> Result<Vec<TestBinary>> {
    let built = build(workspace, interrupt, &["test", "--no-run", "--workspace"])?;
    let mut binaries = Vec::new();
    for message in built {
        let (Some(path), Some(manifest), Some(target)) =
            (message.executable, message.manifest_path, message.target)
        else {
            continue;
        };
        if !message.profile.is_some_and(|profile| profile.test) {
            continue;
        }
        let directory = manifest.parent().context("cargo names a manifest without a directory")?.to_owned();
        let krate = directory.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let subject = match (krate.as_str(), target.name.as_str()) {
            _ if target.kind != ["test"] => Subject::Units,
            ("runtime", "golden") => Subject::Plans,
            (_, "golden") => Subject::Units,
            _ => Subject::Kernel,
        };
        let label = format!("{krate}-{}", target.name);
        binaries.push(TestBinary { label, path, directory, subject });
    }
    binaries.sort_by(|a, b| a.label.cmp(&b.label));
    Ok(binaries)
}

/// Builds the end-to-end tests; cargo builds the other programs of their crate with them.
pub(crate) fn build_end_to_end(workspace: &Workspace, interrupt: &Interrupt) -> Result<EndToEnd> {
    let both = ["test", "--no-run", "-p", "palisade-tests", "--test", "e2e", "--test", "engines"];
    let built = build(workspace, interrupt, &both)?;
    Ok(EndToEnd {
        tests: executable(&built, "e2e")?,
        engines: executable(&built, "engines")?,
        init: executable(&built, "vm-init")?,
    })
}

/// Whether the programs under test are built the way they are used, which takes minutes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Optimised {
    /// The way they are used.
    Yes,
    /// Quickly, for whoever changes something and looks at a few tests.
    No,
}

/// Builds the programs under test.
pub(crate) fn build_programs(
    optimised: Optimised,
    workspace: &Workspace,
    interrupt: &Interrupt,
) -> Result<Release> {
    let mut arguments = vec!["build", "--package", "palisade-runtime", "--package", "palisade-cli", "--bins"];
    if optimised == Optimised::Yes {
        arguments.push("--release");
        arguments.extend(linkage::released().map(|target| ["--target", target]).into_iter().flatten());
    }
    let built = build(workspace, interrupt, &arguments)?;
    Ok(Release { palisade: executable(&built, "palisade")?, pal: executable(&built, "pal")? })
}

fn executable(built: &[Message], name: &str) -> Result<PathBuf> {
    let named = built.iter().filter(|message| message.target.as_ref().is_some_and(|t| t.name == name));
    named
        .filter_map(|message| message.executable.clone())
        .next_back()
        .with_context(|| format!("cargo builds no executable named {name}"))
}

fn build(workspace: &Workspace, interrupt: &Interrupt, arguments: &[&str]) -> Result<Vec<Message>> {
    interrupt.check()?;
    let mut command = Command::new(cargo());
    command
        .args(arguments)
        .arg("--message-format=json-render-diagnostics")
        .current_dir(workspace.root())
        .stdin(Stdio::null())
        .stderr(Stdio::inherit());
    let output = command.output().with_context(|| format!("execute {}", words(&command)))?;
    interrupt.check()?;
    if !output.status.success() {
        bail!("{}: {}", words(&command), output.status);
    }
    let text = String::from_utf8(output.stdout).context("cargo prints what is not UTF-8")?;
    let messages = text.lines().filter(|line| line.starts_with('{')).map(serde_json::from_str::<Message>);
    let messages: Vec<Message> = messages.collect::<Result<_, _>>().context("read what cargo prints")?;
    Ok(messages.into_iter().filter(|message| message.reason == "compiler-artifact").collect())
}
