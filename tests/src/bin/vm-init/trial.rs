//! Runs of the test executable.

use std::fs;
use std::io::Write;
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::Path;
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
pub(crate) const TESTER: u32 = 1000;

/// The executable with all end-to-end tests.
const END_TO_END: &str = "/palisade/e2e";

/// Where the libraries' own tests are.
const LIBRARIES: &str = "/palisade/libraries";

/// Runs the libraries' tests as root and the end-to-end tests as root and as an ordinary user.
///
/// Tells the host how each run ended.
pub(crate) fn run_all(cgroups: Cgroups, port: &mut Port) -> Result<()> {
    let entries = fs::read_dir(LIBRARIES).with_context(|| format!("read {LIBRARIES}"))?;
    let mut paths = entries.map(|entry| Ok(entry?.path())).collect::<std::io::Result<Vec<_>>>()?;
    paths.sort();
    for path in paths {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        writeln!(port, "--- {name}").context("write to the serial port")?;
        let status = command(&path, port)?.env("HOME", "/root").status();
        port.say(&verdict(&name, status.with_context(|| format!("execute {}", path.display()))?));
    }
    run_end_to_end(cgroups, port)?;
    port.say("done");
    port.drain()
}

fn run_end_to_end(cgroups: Cgroups, port: &mut Port) -> Result<()> {
    writeln!(port, "--- end to end as root").context("write to the serial port")?;
    let root = root_command(cgroups, port)?.status().context("execute the tests as root")?;
    port.say(&verdict("end to end as root", root));

    if cgroups == Cgroups::V2 {
        hierarchy::delegate(TESTER, TESTER)?;
        hierarchy::enter_session()?;
    }
    writeln!(port, "--- end to end as an ordinary user").context("write to the serial port")?;
    let mut user = user_command(cgroups, port)?.spawn().context("execute the tests as a user")?;
    if cgroups == Cgroups::V2 {
        // The user may not move a process of root's, which enabling cpuset round it would be (EPERM).
        hierarchy::leave_session()?;
    }
    let user = user.wait().context("wait for the tests of a user")?;
    if cgroups == Cgroups::V2 {
        hierarchy::withdraw()?;
    }
    port.say(&verdict("end to end as an ordinary user", user));
    Ok(())
}

pub(crate) fn verdict(run: &str, status: ExitStatus) -> String {
    match status.success() {
        true => format!("{run}: passed"),
        false => format!("{run}: {status}"),
    }
}

fn root_command(cgroups: Cgroups, port: &Port) -> Result<Command> {
    let mut command = command(Path::new(END_TO_END), port)?;
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
    let mut command = command(Path::new(END_TO_END), port)?;
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

fn command(program: &Path, port: &Port) -> Result<Command> {
    let arguments = fs::read_to_string("/palisade/arguments").context("read /palisade/arguments")?;
    let mut command = Command::new(program);
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
