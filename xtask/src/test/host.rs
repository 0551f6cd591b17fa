//! The end-to-end tests on this machine.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::controllers::Enabled;
use super::{LONGEST_TIER, Session};
use crate::account::Account;
use crate::artifact::Programs;
use crate::child::stream;
use crate::need::BUSYBOX;
use crate::privilege;
use crate::tier::Tier;

/// One test at a time: each looks at what it leaves on the machine.
const TEST_OPTIONS: [&str; 2] = ["--test-threads=1", "--color=never"];

/// Runs the tests with the rights of root.
pub(super) fn run_as_root(
    session: &Session<'_>,
    programs: &Programs,
    on_line: &mut dyn FnMut(&str),
) -> Result<()> {
    let stage = Stage::create("root", programs)?;
    let _enabled = Enabled::note()?;
    run(privilege::lend(stage.command(Tier::HostRoot, session.arguments))?, session, on_line)
}

/// Runs the tests as an ordinary user: one made for it, or where this program is not root, its own.
pub(super) fn run_as_user(
    session: &Session<'_>,
    programs: &Programs,
    on_line: &mut dyn FnMut(&str),
) -> Result<()> {
    let stage = Stage::create("user", programs)?;
    let mut command = stage.command(Tier::HostUser, session.arguments);
    if !privilege::is_root() {
        if std::env::var_os("XDG_RUNTIME_DIR").is_none() {
            command.env("XDG_RUNTIME_DIR", stage.runtime()?);
        }
        return run(command, session, on_line);
    }
    let account = Account::create(&stage.directory)?;
    // std drops the supplementary groups of root when it changes the user.
    command.uid(account.uid).gid(account.gid);
    command.env("HOME", &account.home).env("XDG_RUNTIME_DIR", &account.runtime);
    command.env("PALISADE_SCRATCH", &account.home).current_dir(&account.home);
    run(command, session, on_line)
}

/// Runs the tests of container engines as root, in namespaces where engines can mount and build networks.
pub(super) fn run_engines(
    session: &Session<'_>,
    programs: &Programs,
    on_line: &mut dyn FnMut(&str),
) -> Result<()> {
    let stage = Stage::create("engines", programs)?;
    let account = privilege::is_root().then(|| Account::create(&stage.directory)).transpose()?;
    let mut command = stage.command_in("unshare", Tier::Engines);
    command.args(["--mount", "--net", "--propagation=private", "--"]).arg(stage.directory.join("engines"));
    command.args(TEST_OPTIONS).args(session.arguments);
    command.envs(account.as_ref().map(|account| ("PALISADE_USER", &account.name)));
    run(privilege::lend(command)?, session, on_line)
}

fn run(command: Command, session: &Session<'_>, on_line: &mut dyn FnMut(&str)) -> Result<()> {
    let end = stream(command, LONGEST_TIER, session.interrupt, on_line)?;
    if !end.is_success() {
        bail!("the end-to-end tests: {end}");
    }
    Ok(())
}

/// A directory on a disk with copies of the programs, which every user can reach; cargo's may be below a home.
struct Stage {
    directory: PathBuf,
}

impl Stage {
    fn create(name: &str, programs: &Programs) -> Result<Self> {
        let directory = Path::new("/var/tmp").join(format!("palisade-{name}-{}", std::process::id()));
        fs::create_dir(&directory).with_context(|| format!("create {}", directory.display()))?;
        let stage = Self { directory };
        open_to_all(&stage.directory)?;
        let Programs { release, end_to_end, .. } = programs;
        for (program, name) in [
            (&release.palisade, "palisade"),
            (&release.pal, "pal"),
            (&end_to_end.tests, "e2e"),
            (&end_to_end.engines, "engines"),
        ] {
            let copy = stage.directory.join(name);
            fs::copy(program, &copy)
                .with_context(|| format!("copy {} to {}", program.display(), copy.display()))?;
            open_to_all(&copy)?;
        }
        fs::create_dir(stage.directory.join("scratch")).context("create the scratch directory")?;
        open_to_all(&stage.directory.join("scratch"))?;
        Ok(stage)
    }

    /// Makes what a login would have made: a place for sockets and state that nobody else can enter.
    fn runtime(&self) -> Result<PathBuf> {
        let path = self.directory.join("runtime");
        fs::create_dir(&path).with_context(|| format!("create {}", path.display()))?;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o700))
            .with_context(|| format!("chmod 700 {}", path.display()))?;
        Ok(path)
    }

    /// Builds the call of the tests.
    fn command(&self, tier: Tier, arguments: &[String]) -> Command {
        let mut command = self.command_in(self.directory.join("e2e"), tier);
        command.args(TEST_OPTIONS).args(arguments);
        command
    }

    /// Builds the call of a program with an environment that holds nothing of the caller's.
    fn command_in(&self, program: impl AsRef<OsStr>, tier: Tier) -> Command {
        let mut command = Command::new(program);
        command
            .current_dir(&self.directory)
            .env_clear()
            .env("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
            .env("LANG", "C.UTF-8")
            .env("PALISADE_TIER", tier.name())
            .env("PALISADE_BIN", self.directory.join("palisade"))
            .env("PAL_BIN", self.directory.join("pal"))
            .env("PALISADE_BUSYBOX", BUSYBOX)
            .env("PALISADE_SCRATCH", self.directory.join("scratch"));
        for kept in ["HOME", "XDG_RUNTIME_DIR", "RUST_BACKTRACE", "PALISADE_KILL_ROUNDS", "PALISADE_WITHOUT"]
        {
            command.envs(std::env::var_os(kept).map(|value| (kept, value)));
        }
        command
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.directory) {
            eprintln!("xtask: remove {}: {error}", self.directory.display());
        }
    }
}

fn open_to_all(path: &Path) -> Result<()> {
    fs::set_permissions(path, fs::Permissions::from_mode(0o755))
        .with_context(|| format!("chmod 755 {}", path.display()))
}
