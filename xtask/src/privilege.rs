//! The rights of root, one's own or lent by sudo.

use std::ffi::OsString;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::need::in_path;

/// Tells whether [`lend`] gives the rights without asking anybody.
pub(crate) fn is_at_hand() -> bool {
    is_root() || sudo(&["--non-interactive", "true"]).is_ok_and(|mut sudo| quiet(&mut sudo))
}

/// Tells whether this program has them itself.
pub(crate) fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// Lets sudo ask the person at the terminal once, so that nothing later has to.
pub(crate) fn ask() -> Result<()> {
    if is_at_hand() {
        return Ok(());
    }
    let status = sudo(&["--validate"])?.status().context("execute sudo")?;
    if !status.success() {
        bail!("sudo --validate: {status}");
    }
    Ok(())
}

/// Turns a command into one with the rights of root; its environment stays what the command says.
pub(crate) fn lend(command: Command) -> Result<Command> {
    if is_root() {
        return Ok(command);
    }
    let mut lent = sudo(&["--non-interactive", "--", "env"])?;
    for (name, value) in command.get_envs() {
        // sudo resets the environment, so what was set goes onto the command line of env.
        if let Some(value) = value {
            let mut word = OsString::from(name);
            word.push("=");
            word.push(value);
            lent.arg(word);
        }
    }
    lent.arg(command.get_program()).args(command.get_args());
    if let Some(directory) = command.get_current_dir() {
        lent.current_dir(directory);
    }
    Ok(lent)
}

fn sudo(arguments: &[&str]) -> Result<Command> {
    let path = in_path("sudo").context("this takes root, and there is no sudo")?;
    let mut command = Command::new(path);
    command.args(arguments);
    Ok(command)
}

fn quiet(command: &mut Command) -> bool {
    let silent = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    silent.status().is_ok_and(|status| status.success())
}
