//! The file system that the machine starts from.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::archive::Archive;
use super::kernel::Kernel;
use super::{module, needed_file, needed_program};
use crate::artifact::{Programs, Subject};
use crate::need::BUSYBOX;
use crate::tier::Tier;

/// Small files of /etc: one ordinary user with the ranges of subordinate ids that Debian gives the first.
const ETC: &[(&str, &str)] = &[
    ("passwd", "root:x:0:0:root:/root:/bin/sh\ntester:x:1000:1000:tester:/home/tester:/bin/sh\n"),
    ("group", "root:x:0:\ntty:x:5:\ntester:x:1000:\n"),
    ("subuid", "tester:100000:65536\n"),
    ("subgid", "tester:100000:65536\n"),
    ("hostname", "palisade-vm\n"),
    ("hosts", "127.0.0.1 localhost\n::1 localhost\n"),
    ("nsswitch.conf", "passwd: files\ngroup: files\nhosts: files\n"),
];

/// Packs the programs, the kernel's modules and a small system round them.
pub(super) fn build(
    programs: &Programs,
    kernel: &Kernel,
    arguments: &[String],
    policy: Option<&[u8]>,
    tier: Tier,
) -> Result<Vec<u8>> {
    let mut tree = Tree::default();
    for directory in ["dev", "proc", "sys", "run", "etc", "root", "home", "var", "var/tmp", "newroot"] {
        tree.directory(directory)?;
    }
    tree.archive.directory("tmp", 0o1777)?;
    // The kernel opens it for init before any file system is mounted.
    tree.archive.character_device("dev/console", 0o600, (5, 1))?;
    for (name, text) in ETC {
        tree.file(&format!("etc/{name}"), 0o644, text.as_bytes())?;
    }
    let Programs { release, end_to_end, libraries } = programs;
    if tier == Tier::VmSystemd {
        tree.file("palisade/engines", 0o755, &needed_file(&end_to_end.engines)?)?;
    }
    tree.file("init", 0o755, &needed_file(&end_to_end.init)?)?;
    for (path, name) in [(&release.palisade, "palisade"), (&release.pal, "pal"), (&end_to_end.tests, "e2e")] {
        tree.file(&format!("palisade/{name}"), 0o755, &needed_file(path)?)?;
    }
    tree.directory("palisade/libraries")?;
    for library in libraries.iter().filter(|library| library.subject == Subject::Kernel) {
        tree.file(&format!("palisade/libraries/{}", library.label), 0o755, &needed_file(&library.path)?)?;
    }
    tree.file("palisade/arguments", 0o644, arguments.join("\n").as_bytes())?;
    let disk = if tier == Tier::VmSystemd { module::DISK } else { &[] };
    let wanted = [module::WANTED, disk].concat();
    for (index, path) in module::load_order(&kernel.modules, &wanted)?.iter().enumerate() {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        tree.file(&format!("palisade/modules/{index:02}-{name}"), 0o644, &needed_file(path)?)?;
    }
    for path in module::load_order(&kernel.modules, module::SPARE)? {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        tree.file(&format!("palisade/spare/{name}"), 0o644, &needed_file(&path)?)?;
    }
    if let Some(policy) = policy {
        tree.file("palisade/selinux.policy", 0o644, policy)?;
    }
    tree.busybox()?;
    for name in ["newuidmap", "newgidmap"] {
        tree.dynamic_program(&needed_program(name)?, 0o4755)?;
    }
    // A machine of this kind may run a kernel that criu cannot do with; that one can.
    // It packs each tmpfs with options of GNU's tar.
    for name in ["criu", "tar", "nft", "rdma"] {
        tree.dynamic_program(&needed_program(name)?, 0o755)?;
    }
    tree.archive.finish()
}

/// An archive that remembers which paths it has.
#[derive(Debug, Default)]
struct Tree {
    archive: Archive,
    paths: BTreeSet<String>,
}

impl Tree {
    /// Adds a directory and its parents where they are missing.
    fn directory(&mut self, path: &str) -> Result<()> {
        if path.is_empty() || !self.paths.insert(path.to_owned()) {
            return Ok(());
        }
        self.directory(parent(path))?;
        self.archive.directory(path, 0o755)
    }

    fn file(&mut self, path: &str, permissions: u32, content: &[u8]) -> Result<()> {
        if !self.paths.insert(path.to_owned()) {
            return Ok(());
        }
        self.directory(parent(path))?;
        self.archive.file(path, permissions, content)
    }

    /// Adds busybox under each of its names.
    fn busybox(&mut self) -> Result<()> {
        self.file("bin/busybox", 0o755, &needed_file(Path::new(BUSYBOX))?)?;
        let output = Command::new(BUSYBOX).arg("--list").output().context("execute busybox --list")?;
        let names = String::from_utf8(output.stdout).context("busybox --list prints no text")?;
        for name in names.lines().filter(|name| *name != "busybox") {
            self.archive.symlink(&format!("bin/{name}"), "busybox")?;
        }
        Ok(())
    }

    /// Adds a program of this machine at its own path, with the libraries that it loads.
    fn dynamic_program(&mut self, path: &Path, permissions: u32) -> Result<()> {
        let output = Command::new("ldd").arg(path).output().context("execute ldd")?;
        if !output.status.success() {
            bail!("ldd {}: {}", path.display(), output.status);
        }
        for library in libraries(&String::from_utf8_lossy(&output.stdout)) {
            self.file(library.trim_start_matches('/'), 0o755, &needed_file(Path::new(library))?)?;
        }
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        self.file(&format!("bin/{name}"), permissions, &needed_file(path)?)
    }
}

/// Finds the paths in what ldd prints, `libc.so.6 => /lib/libc.so.6 (0x…)` and `/lib64/ld-linux.so.2 (0x…)`.
fn libraries(listing: &str) -> Vec<&str> {
    let words = listing.lines().map(|line| line.split_once("=> ").map_or(line, |(_, path)| path).trim());
    words.filter(|word| word.starts_with('/')).filter_map(|word| word.split(' ').next()).collect()
}

fn parent(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(parent, _)| parent)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libraries_are_found_in_a_listing() {
        let listing = "\tlinux-vdso.so.1 (0x7)\n\tlibc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x7)\n\
                       \t/lib64/ld-linux-x86-64.so.2 (0x7)\n";
        assert_eq!(libraries(listing), ["/lib/x86_64-linux-gnu/libc.so.6", "/lib64/ld-linux-x86-64.so.2"]);
    }
}
