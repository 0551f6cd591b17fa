//! What the tiers need beyond cargo, whether it is there, and how it gets there.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;

use crate::child::succeed;
use crate::interrupt::Interrupt;
use crate::linkage;
use crate::privilege;
use crate::vm::{disk, kernel};
use crate::workspace::Workspace;

/// One thing that a tier cannot run without.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Need {
    /// The rights of root.
    Root,
    /// A busybox that needs no shared library: the whole of a test container's file system.
    Busybox,
    /// newuidmap and newgidmap, for containers of an ordinary user.
    IdMaps,
    /// Podman, as root and as an ordinary user, with its default runtime.
    Podman,
    /// containerd and its client, with its default runtime.
    Containerd,
    /// Docker's daemon and client.
    Docker,
    /// What makes an image and serves it.
    Images,
    /// The emulator of the virtual machine.
    Qemu,
    /// The kernel of the virtual machine.
    Kernel,
    /// criu, which checkpoints and restores containers in the virtual machine.
    Criu,
    /// What compiles a policy for SELinux.
    PolicyCompiler,
    /// What makes a Debian of packages.
    Bootstrap,
    /// What makes a disk of it.
    FileSystems,
    /// The disk with systemd on it.
    SystemdDisk,
    /// nft, by which packets of a group are counted.
    Nftables,
    /// rdma, which makes a device for RDMA of a network card.
    Rdma,
    /// A C++ compiler, for the fuzzer.
    Compiler,
}

/// Where Debian's busybox-static puts its one file.
pub(crate) const BUSYBOX: &str = "/bin/busybox";

/// Other programs, which some tests compare with, and their packages; a test that lacks one says so and skips itself.
const PEERS: &[(&str, &str)] = &[("crun", "crun"), ("runc", "runc"), ("ip", "iproute2")];

/// The library that filters of system calls are compared with in a unit test, which does without it where it is missing.
const LIBSECCOMP: Option<&str> = Some("libseccomp-dev");
const SECCOMP_HEADER: &str = "/usr/include/seccomp.h";

impl Need {
    /// Tells whether the thing is there.
    pub(crate) fn is_met(self, workspace: &Workspace) -> bool {
        match self {
            Self::Root => privilege::is_at_hand(),
            Self::Busybox => fs::read(BUSYBOX).is_ok_and(|image| is_static(&image)),
            Self::IdMaps => in_path("newuidmap").is_some() && in_path("newgidmap").is_some(),
            Self::Podman | Self::Containerd | Self::Docker | Self::Images => {
                self.programs().iter().all(|program| in_path(program).is_some())
            }
            Self::Qemu => in_path("qemu-system-x86_64").is_some(),
            Self::Kernel => kernel::find(workspace).is_some(),
            Self::Criu => in_path("criu").is_some(),
            Self::PolicyCompiler => in_path("checkpolicy").is_some(),
            Self::Nftables => in_path("nft").is_some(),
            Self::Rdma => in_path("rdma").is_some(),
            Self::Compiler => in_path("c++").is_some(),
            Self::Bootstrap => in_path("mmdebstrap").is_some(),
            Self::FileSystems => in_path("mke2fs").is_some(),
            Self::SystemdDisk => disk::find(workspace).is_some(),
        }
    }

    /// Names the thing for a person who lacks it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Root => "root",
            Self::Busybox => "a static /bin/busybox",
            Self::IdMaps => "newuidmap",
            Self::Podman => "podman",
            Self::Containerd => "containerd",
            Self::Docker => "dockerd",
            Self::Images => "docker-registry, skopeo, umoci",
            Self::Qemu => "qemu-system-x86_64",
            Self::Kernel => "the machine's kernel",
            Self::Criu => "criu",
            Self::PolicyCompiler => "checkpolicy",
            Self::Nftables => "nft",
            Self::Rdma => "rdma",
            Self::Compiler => "a C++ compiler",
            Self::Bootstrap => "mmdebstrap",
            Self::FileSystems => "mke2fs",
            Self::SystemdDisk => "the machine's disk with systemd",
        }
    }

    /// The programs by which a container engine is known to be there.
    fn programs(self) -> &'static [&'static str] {
        match self {
            Self::Podman => &["podman", "conmon", "crun", "slirp4netns", "catatonit"],
            Self::Containerd => &["containerd", "ctr", "runc"],
            Self::Docker => &["dockerd", "docker", "runc", "iptables"],
            Self::Images => &["docker-registry", "skopeo", "umoci"],
            _ => &[],
        }
    }

    /// The Debian packages that bring the thing; none for what no package brings by being installed.
    pub(crate) fn packages(self) -> &'static [&'static str] {
        match self {
            Self::Root | Self::Kernel | Self::SystemdDisk => &[],
            Self::PolicyCompiler => &["checkpolicy"],
            Self::Bootstrap => &["mmdebstrap"],
            Self::FileSystems => &["e2fsprogs"],
            Self::Busybox => &["busybox-static"],
            Self::IdMaps => &["uidmap"],
            Self::Podman => &["podman", "conmon", "crun", "netavark", "slirp4netns", "catatonit"],
            Self::Containerd => &["containerd", "runc"],
            Self::Docker => &["docker.io", "runc", "iptables"],
            Self::Images => &["docker-registry", "skopeo", "umoci"],
            Self::Qemu => &["qemu-system-x86"],
            Self::Criu => &["criu"],
            Self::Nftables => &["nftables"],
            Self::Rdma => &["iproute2"],
            Self::Compiler => &["g++"],
        }
    }
}

/// Installs what is missing of `needs`, after saying what that is; for `Root` it asks.
pub(crate) fn provide(needs: &[Need], workspace: &Workspace, interrupt: &Interrupt) -> Result<()> {
    let missing = needs.iter().filter(|need| !need.is_met(workspace));
    let mut packages: Vec<&str> = missing.flat_map(|need| need.packages()).copied().collect();
    if needs.contains(&Need::Root) {
        let lacking = PEERS.iter().filter(|(peer, _)| in_path(peer).is_none());
        packages.extend(lacking.map(|(_, package)| package));
        packages.extend(LIBSECCOMP.filter(|_| !Path::new(SECCOMP_HEADER).is_file()));
    }
    if !packages.is_empty() || needs.contains(&Need::Root) {
        privilege::ask()?;
    }
    if !packages.is_empty() {
        println!("setup: installing with apt-get: {}", packages.join(" "));
        succeed(apt_get(&["update"])?, interrupt)?;
        succeed(install(&packages)?, interrupt)?;
    }
    linkage::provide();
    if needs.contains(&Need::Kernel) && !Need::Kernel.is_met(workspace) {
        println!("setup: fetching {} into target/ (it is not installed)", kernel::PACKAGE);
        kernel::fetch(workspace, interrupt)?;
    }
    if needs.contains(&Need::SystemdDisk) && !Need::SystemdDisk.is_met(workspace) {
        println!("setup: making a disk with Debian and systemd in target/");
        privilege::ask()?;
        disk::make(workspace, interrupt)?;
    }
    Ok(())
}

/// Builds a call of apt-get that asks nothing, as root where this program is not.
pub(crate) fn apt_get(arguments: &[&str]) -> Result<Command> {
    let mut command = Command::new("apt-get");
    command.arg("-qq").args(arguments).env("DEBIAN_FRONTEND", "noninteractive");
    privilege::lend(command)
}

/// Builds a call of apt-get that installs packages and starts none of their services: an engine would begin to change
/// the machine's network.
fn install(packages: &[&str]) -> Result<Command> {
    const SCRIPT: &str = r#"policy=/usr/sbin/policy-rc.d
if [ ! -e $policy ]; then
    printf '#!/bin/sh\nexit 101\n' > $policy && chmod 755 $policy
    trap 'rm -f $policy' EXIT
fi
apt-get -qq install --yes --no-install-recommends "$@""#;
    let mut command = Command::new("sh");
    command.args(["-c", SCRIPT, "sh"]).args(packages).env("DEBIAN_FRONTEND", "noninteractive");
    privilege::lend(command)
}

/// Finds a program the way a shell does, and where a plain user's path lacks them in the system's directories.
pub(crate) fn in_path(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let system = ["/usr/sbin", "/sbin"].map(PathBuf::from);
    std::env::split_paths(&path)
        .chain(system)
        .map(|directory| directory.join(program))
        .find(|candidate| candidate.is_file())
}

/// Tells whether an ELF image asks for no dynamic linker; it names one where it does.
fn is_static(image: &[u8]) -> bool {
    let linker = b"/ld-linux";
    image.starts_with(b"\x7fELF") && !image.windows(linker.len()).any(|window| window == linker)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dynamic_program_names_its_linker() {
        assert!(is_static(b"\x7fELF and so on"));
        assert!(!is_static(b"\x7fELF /lib64/ld-linux-x86-64.so.2"));
        assert!(!is_static(b"#!/bin/sh"));
    }

    #[test]
    fn programs_are_found_by_name() {
        assert_eq!(in_path("sh").and_then(|path| path.file_name().map(ToOwned::to_owned)), Some("sh".into()));
        assert_eq!(in_path("no-such-program-anywhere"), None);
    }
}
