//! Runs of the test executable.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitStatus, Stdio};

use anyhow::{Context, Result};

use crate::hierarchy::{self, Cgroups};
use crate::port::Port;

/// What every run and the shell find in their environment.
pub(crate) const ENVIRONMENT: &[(&str, &str)] = &[
    ("PATH", "/palisade:/bin"),
    ("LANG", "C.UTF-8"),
    ("PALISADE_BIN", "/palisade/palisade"),
    ("PAL_BIN", "/palisade/pal"),
    ("PALISADE_BUSYBOX", "/bin/busybox"),
];

/// The ordinary user of the machine.
const TESTER: u32 = 1000;

/// Runs the tests as root and as an ordinary user and tells the host how each run ended.
pub(crate) fn run_all(cgroups: Cgroups, port: &mut Port) -> Result<()> {
    let root = root_command(cgroups, port)?.status().context("execute the tests as root")?;
    port.say(&verdict("root", root));

    if cgroups == Cgroups::V2 {
        hierarchy::delegate(TESTER, TESTER)?;
        hierarchy::enter_session()?;
    }
    let user = user_command(cgroups, port)?.status().context("execute the tests as a user")?;
    if cgroups == Cgroups::V2 {
        hierarchy::leave_session()?;
        hierarchy::withdraw()?;
    }
    port.say(&verdict("ordinary user", user));
    port.say("done");
    port.drain()
}

fn verdict(who: &str, status: ExitStatus) -> String {
    match status.success() {
        true => format!("{who}: passed"),
        false => format!("{who}: {status}"),
    }
}

fn root_command(cgroups: Cgroups, port: &Port) -> Result<Command> {
    let mut command = command(port)?;
    command.env("PALISADE_TIER", tier(cgroups)).env("HOME", "/root").env("PALISADE_SCRATCH", "/tmp");
    Ok(command)
}

fn user_command(cgroups: Cgroups, port: &Port) -> Result<Command> {
    let runtime = format!("/run/user/{TESTER}");
    for directory in ["/home/tester", &runtime] {
        fs::create_dir_all(directory).with_context(|| format!("create {directory}"))?;
        chown(directory, Some(TESTER), Some(TESTER)).with_context(|| format!("chown {directory}"))?;
        fs::set_permissions(directory, fs::Permissions::from_mode(0o700))
            .with_context(|| format!("chmod {directory}"))?;
    }
    let mut command = command(port)?;
    command.uid(TESTER).gid(TESTER);
    command.env("PALISADE_TIER", format!("{}-user", tier(cgroups)));
    command.env("HOME", "/home/tester").env("PALISADE_SCRATCH", "/home/tester");
    command.env("XDG_RUNTIME_DIR", runtime);
    Ok(command)
}

fn tier(cgroups: Cgroups) -> &'static str {
    match cgroups {
        Cgroups::V2 => "vm-v2",
        Cgroups::V1 => "vm-v1",
        Cgroups::Hybrid => "vm-hybrid",
    }
}

fn command(port: &Port) -> Result<Command> {
    let arguments = fs::read_to_string("/palisade/arguments").context("read /palisade/arguments")?;
    let mut command = Command::new("/palisade/e2e");
    command
        .args(["--test-threads=1", "--color=never"])
        .args(arguments.lines())
        .env_clear()
        .envs(ENVIRONMENT.iter().copied())
        .stdin(Stdio::null())
        .stdout(port.try_clone().context("duplicate the serial port")?)
        .stderr(port.try_clone().context("duplicate the serial port")?);
    Ok(command)
}
