//! The command line of the emulator.

use std::process::Command;

use super::Files;
use crate::tier::{Cgroups, Security, Tier};

/// What the machine is started for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Errand {
    /// To run the tests and power off.
    Tests,
    /// To give a person a shell.
    Shell,
}

/// Builds the call of the emulator: two processors, a disk or a network card that leads nowhere, two serial ports.
///
/// The kernel talks on the first port, which goes to a file, and init on the second, which is standard output:
/// so what a test prints is never mixed with what the kernel says.
pub(super) fn command(files: &Files, tier: Tier, errand: Errand) -> Command {
    let errand_word = match errand {
        Errand::Tests => "tests",
        Errand::Shell => "shell",
    };
    let cgroups = tier.machine().unwrap_or(Cgroups::V2).name();
    let security = match tier.security() {
        Security::Apparmor => "apparmor",
        Security::Selinux => "selinux enforcing=1",
    };
    let append = format!(
        "console=ttyS0 loglevel=5 panic=-1 security={security} palisade.cgroups={cgroups} palisade.errand={errand_word}"
    );
    let mut command = Command::new("qemu-system-x86_64");
    // Emulated and with a plain processor: the same on every machine, whether it may use KVM or not. In one thread: with
    // one for each processor a kernel that patches itself while both run now and then loops at the patch for ever.
    command.args(["-accel", "tcg,thread=single", "-cpu", "Nehalem", "-smp", "2", "-m", "1G"]);
    command.args(["-nodefaults", "-display", "none", "-no-reboot", "-append", &append]);
    command.arg("-kernel").arg(&files.kernel).arg("-initrd").arg(&files.initrd);
    command.arg("-serial").arg(format!("file:{}", files.console.display()));
    if let Some(disk) = &files.disk {
        // NVMe, whose driver needs no other one for the bus.
        let drive = format!("file={},if=none,id=disk,format=raw,snapshot=on", disk.display());
        command.args(["-drive", &drive, "-device", "nvme,drive=disk,serial=disk"]);
    } else {
        // No driver for it is loaded but by the test that moves it. It has no program to start a machine by, which would
        // be another package.
        let card = "virtio-net-pci,netdev=card,romfile=";
        command.args(["-netdev", "user,id=card,restrict=on", "-device", card]);
    }
    match errand {
        Errand::Tests => command.args(["-serial", "stdio", "-monitor", "none"]),
        Errand::Shell => command.args(["-serial", "mon:stdio"]),
    };
    command
}
