//! What is measured: the floor, Palisade, and the runtimes that are installed.

use std::env;
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use clap::ValueEnum;
use serde_json::Value;

use crate::linkage;
use crate::workspace::{Workspace, cargo};

/// The release of youki that is built: figures of different releases are not to be mixed.
const YOUKI: &str = "0.7.0";

/// One of the programs that can be measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub(crate) enum Name {
    /// `benches/floor.c`
    Floor,
    /// `benches/floor.c --spec`
    FloorSpec,
    /// This workspace's runtime
    Palisade,
    /// The crun in the path
    Crun,
    /// The runc in the path
    Runc,
    /// youki from crates.io
    Youki,
}

impl fmt::Display for Name {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(match self {
            Self::Floor => "floor",
            Self::FloorSpec => "floor-spec",
            Self::Palisade => "palisade",
            Self::Crun => "crun",
            Self::Runc => "runc",
            Self::Youki => "youki",
        })
    }
}

/// One program that is measured.
#[derive(Debug)]
pub(crate) struct Subject {
    pub(crate) name: Name,
    pub(crate) program: PathBuf,
    /// What it says of its version.
    pub(crate) version: String,
}

impl Subject {
    /// Whether it has a runtime's command line; the floor only runs.
    pub(crate) fn is_runtime(&self) -> bool {
        !matches!(self.name, Name::Floor | Name::FloorSpec)
    }
}

/// Finds and where needed builds what is measured; `directory` holds the built floor.
///
/// A runtime that is not installed is left out with a word, and an error when it was asked for in `only`.
pub(crate) fn find(
    workspace: &Workspace,
    directory: &Path,
    only: &[Name],
    with_youki: bool,
) -> Result<Vec<Subject>> {
    let mut subjects = Vec::new();
    for &name in Name::value_variants() {
        let wanted = if name == Name::Youki { with_youki } else { only.is_empty() };
        if !wanted && !only.contains(&name) {
            continue;
        }
        let program = match name {
            Name::Floor | Name::FloorSpec => directory.join("floor"),
            Name::Palisade => build_palisade(workspace)?,
            Name::Youki => install_youki(workspace)?,
            Name::Crun | Name::Runc => match in_path(&name.to_string()) {
                Some(program) => program,
                None if only.contains(&name) => bail!("{name} is not installed (apt-get install {name})"),
                None => {
                    eprintln!("bench: without {name}: it is not installed (apt-get install {name})");
                    continue;
                }
            },
        };
        let version = match name {
            Name::Floor | Name::FloorSpec => "benches/floor.c".to_owned(),
            _ => version_of(&program)?,
        };
        subjects.push(Subject { name, program, version });
    }
    Ok(subjects)
}

fn in_path(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    env::split_paths(&path).map(|directory| directory.join(name)).find(|program| program.is_file())
}

/// Asks a runtime for its version: the first line that it prints.
fn version_of(program: &Path) -> Result<String> {
    let output = Command::new(program)
        .arg("--version")
        .output()
        .with_context(|| format!("execute {}", program.display()))?;
    let text = String::from_utf8_lossy(&output.stdout);
    match text.lines().next() {
        Some(line) if output.status.success() => Ok(line.trim().to_owned()),
        _ => bail!("{} --version: {}", program.display(), output.status),
    }
}

/// Builds `palisade` as it is released, and asks cargo where it is.
fn build_palisade(workspace: &Workspace) -> Result<PathBuf> {
    build(workspace, ("palisade-runtime", "palisade"), linkage::released(), None)
}

/// Builds a program of a package for a target; the linker writes the map of it, where one is wanted.
pub(crate) fn build(
    workspace: &Workspace,
    (package, program): (&str, &str),
    target: Option<&str>,
    map: Option<&Path>,
) -> Result<PathBuf> {
    eprintln!("bench: building {program}");
    let output = Command::new(cargo())
        .args(["build", "--release", "--package", package, "--bin", program])
        .arg("--message-format=json-render-diagnostics")
        .args(target.into_iter().flat_map(|target| ["--target", target]))
        .envs(map.map(|map| ("PALISADE_LINK_MAP", map)))
        .current_dir(workspace.root())
        .stderr(Stdio::inherit())
        .output()
        .context("execute cargo build")?;
    if !output.status.success() {
        bail!("cargo build of {program}: {}", output.status);
    }
    for line in output.stdout.split(|byte| *byte == b'\n') {
        let Ok(message) = serde_json::from_slice::<Value>(line) else { continue };
        if message["target"]["name"] == program
            && let Some(path) = message["executable"].as_str()
        {
            return Ok(PathBuf::from(path));
        }
    }
    bail!("cargo build names no executable for {program}")
}

/// Installs youki into target/youki, without what needs C libraries: seccomp and systemd are not measured.
fn install_youki(workspace: &Workspace) -> Result<PathBuf> {
    let root = workspace.root().join("target/youki");
    let program = root.join("bin/youki");
    if program.is_file() {
        return Ok(program);
    }
    eprintln!("bench: installing youki {YOUKI} from crates.io into {}", root.display());
    let status = Command::new(cargo())
        .args(["install", "youki", "--version", YOUKI, "--locked", "--root"])
        .arg(&root)
        .args(["--no-default-features", "--features", "v1,v2", "--target-dir"])
        .arg(root.join("build"))
        // Outside of the workspace, whose configuration would link it statically.
        .current_dir("/")
        .status()
        .context("execute cargo install")?;
    if !status.success() {
        bail!("cargo install youki: {status}");
    }
    Ok(program)
}
