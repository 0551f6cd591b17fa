//! A disk with Debian and systemd on it, for the machine whose first process that is.

use std::collections::hash_map::DefaultHasher;
use std::fs;
use std::hash::{Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::kernel;
use crate::child::{succeed, words};
use crate::interrupt::Interrupt;
use crate::need::{Need, apt_get};
use crate::privilege;
use crate::workspace::Workspace;

/// What is on it beside engines: no more than systemd, the bus, sessions of users, what their containers need, and the
/// programs that Docker calls, to load its profile of AppArmor and to list processes.
const PACKAGES: &[&str] = &[
    "systemd",
    "systemd-sysv",
    "dbus",
    "dbus-user-session",
    "libpam-systemd",
    "uidmap",
    "busybox-static",
    "apparmor",
    "procps",
];

/// The engines whose tests run there, and what makes their image.
const ENGINES: &[Need] = &[Need::Podman, Need::Docker, Need::Images];

/// The size of the disk; blocks that nobody writes take no room.
const SIZE: &str = "3G";

/// Finds the disk that was made before.
pub(crate) fn find(workspace: &Workspace) -> Option<PathBuf> {
    Some(path(workspace)).filter(|path| path.is_file())
}

/// Makes the disk of packages from where this machine's own come from.
pub(crate) fn make(workspace: &Workspace, interrupt: &Interrupt) -> Result<()> {
    let directory = kernel::directory(workspace);
    fs::create_dir_all(&directory).with_context(|| format!("create {}", directory.display()))?;
    let sources = match sources()? {
        sources if sources.is_empty() => {
            succeed(apt_get(&["update"])?, interrupt)?;
            self::sources()?
        }
        sources => sources,
    };
    let root = directory.join("systemd-root");
    let half = directory.join("systemd-half.img");
    as_root(Command::new("rm").arg("-rf").args([&root, &half]), interrupt)?;
    install(&root, &sources, interrupt)?;
    let mut format = Command::new("mke2fs");
    format.args(["-q", "-t", "ext4", "-d"]).arg(&root).arg(&half).arg(SIZE);
    as_root(&mut format, interrupt)?;
    as_root(Command::new("rm").arg("-rf").arg(&root), interrupt)?;
    // Only a whole disk gets the name that `find` looks for.
    fs::rename(&half, path(workspace)).with_context(|| format!("rename {}", half.display()))
}

/// Its name changes with what is on it.
fn path(workspace: &Workspace) -> PathBuf {
    let mut hasher = DefaultHasher::new();
    (packages(), SIZE).hash(&mut hasher);
    kernel::directory(workspace).join(format!("systemd-{:016x}.img", hasher.finish()))
}

fn packages() -> Vec<&'static str> {
    let engines = ENGINES.iter().flat_map(|engine| engine.packages());
    PACKAGES.iter().chain(engines).copied().collect()
}

/// Lists where apt has Debian's packages from, as lines of a sources.list.
fn sources() -> Result<String> {
    let mut command = Command::new("apt-get");
    let format = "deb $(REPO_URI) $(RELEASE) $(COMPONENT)";
    command.args(["indextargets", "--format", format, "Created-By: Packages", "Origin: Debian"]);
    let output = command.output().with_context(|| format!("execute {}", words(&command)))?;
    let text = String::from_utf8(output.stdout).context("apt-get indextargets prints no text")?;
    let mut lines: Vec<&str> = text.lines().collect();
    lines.sort_unstable();
    lines.dedup();
    Ok(lines.join("\n"))
}

fn install(root: &Path, sources: &str, interrupt: &Interrupt) -> Result<()> {
    // A suite with nothing behind its name is what the others are updates of.
    let suites = sources.lines().filter_map(|line| line.split_whitespace().nth(2));
    let suite = suites.min_by_key(|suite| suite.len()).context("apt has no packages of Debian's")?;
    let include = format!("--include={}", packages().join(","));
    let mut command = Command::new("mmdebstrap");
    command.args(["--quiet", "--mode=root", "--variant=minbase", "--format=directory", &include, suite]);
    command.arg(root).args(sources.lines());
    succeed(privilege::lend(command)?, interrupt)
}

fn as_root(command: &mut Command, interrupt: &Interrupt) -> Result<()> {
    let mut owned = Command::new(command.get_program());
    owned.args(command.get_args());
    succeed(privilege::lend(owned)?, interrupt)
}
