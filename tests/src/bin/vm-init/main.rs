//! The first process of the virtual machine: makes it a small Linux system, runs the tests, powers it off.
#![forbid(unsafe_code)]

mod hierarchy;
mod place;
mod port;
mod root;
mod selinux;
mod systemd;
mod trial;

use std::fs;
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, bail};
use rustix::mount::{MountFlags, UnmountFlags, mount, unmount};
use rustix::system::{RebootCommand, finit_module, reboot};

use hierarchy::Cgroups;
use port::Port;

/// What the machine was started for.
enum Errand {
    Tests,
    Shell,
}

/// Where the kernel's modules are, named in the order in which they can be loaded.
const MODULES: &str = "/palisade/modules";

fn main() -> ExitCode {
    if let Err(error) = run() {
        // The console is where the kernel's last words are as well.
        eprintln!("palisade-vm: {error:#}");
        if let Ok(mut port) = Port::open() {
            port.say(&format!("broken: {error:#}"));
        }
    }
    rustix::fs::sync();
    if let Err(error) = reboot(RebootCommand::PowerOff) {
        eprintln!("palisade-vm: power off: {error}");
    }
    ExitCode::FAILURE
}

fn run() -> Result<()> {
    let line = command_line()?;
    let errand = match option(&line, "palisade.errand") {
        Some("tests") => Errand::Tests,
        Some("shell") => Errand::Shell,
        other => bail!("the kernel's command line asks for errand {other:?}"),
    };
    match option(&line, "palisade.cgroups") {
        Some("systemd") if rustix::process::getpid().is_init() => {
            load_modules()?;
            systemd::hand_over()
        }
        // By now this is a service.
        Some("systemd") => match errand {
            Errand::Tests => systemd::run_all(&mut Port::open()?),
            Errand::Shell => systemd::open_shell(),
        },
        cgroups => run_alone(cgroups, &errand),
    }
}

/// Makes the machine a system that has no other process.
fn run_alone(cgroups: Option<&str>, errand: &Errand) -> Result<()> {
    root::switch()?;
    place::mount_all()?;
    selinux::load_policy()?;
    load_modules()?;
    let cgroups = match cgroups {
        Some("v1") => Cgroups::V1,
        Some("v2") => Cgroups::V2,
        Some("hybrid") => Cgroups::Hybrid,
        other => bail!("the kernel's command line asks for cgroups {other:?}"),
    };
    hierarchy::mount_all(cgroups)?;
    start_network()?;
    rustix::system::sethostname(b"palisade-vm").context("sethostname")?;
    match errand {
        Errand::Tests => trial::run_all(cgroups, &mut Port::open()?),
        Errand::Shell => open_shell(),
    }
}

/// Reads the kernel's command line, in the initramfs by mounting what it is in for a moment.
fn command_line() -> Result<String> {
    const PATH: &str = "/proc/cmdline";
    if let Ok(line) = fs::read_to_string(PATH) {
        return Ok(line);
    }
    mount("proc", "/proc", "proc", MountFlags::empty(), None).context("mount proc on /proc")?;
    let line = fs::read_to_string(PATH).with_context(|| format!("read {PATH}"));
    unmount("/proc", UnmountFlags::empty()).context("unmount /proc")?;
    line
}

/// Finds the value of `name=value` on the kernel's command line.
fn option<'a>(line: &'a str, name: &str) -> Option<&'a str> {
    line.split_whitespace().find_map(|word| word.strip_prefix(name)?.strip_prefix('='))
}

fn load_modules() -> Result<()> {
    let entries = fs::read_dir(MODULES).with_context(|| format!("read {MODULES}"))?;
    let mut paths = entries.map(|entry| Ok(entry?.path())).collect::<std::io::Result<Vec<_>>>()?;
    paths.sort();
    for path in paths {
        let file = fs::File::open(&path).with_context(|| format!("open {}", path.display()))?;
        finit_module(&file, c"", 0).with_context(|| format!("finit_module {}", path.display()))?;
    }
    Ok(())
}

fn start_network() -> Result<()> {
    let status = Command::new("/bin/ip").args(["link", "set", "lo", "up"]).status().context("execute ip")?;
    if !status.success() {
        bail!("ip link set lo up: {status}");
    }
    Ok(())
}

fn open_shell() -> Result<()> {
    // `setsid -c` makes the port the terminal that Ctrl-C comes from.
    let port = Port::terminal()?;
    let mut shell = Command::new("/bin/setsid");
    shell.args(["-c", "/bin/sh", "-l"]).env_clear().envs(trial::ENVIRONMENT.iter().copied());
    shell.env("TERM", "linux").env("HOME", "/root").current_dir("/root");
    shell.stdin(port.try_clone()?).stdout(port.try_clone()?).stderr(port);
    shell.status().context("execute a shell")?;
    Ok(())
}
