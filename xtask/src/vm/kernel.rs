//! Debian's kernel: fetched by version, unpacked below target/, never installed.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::child::{succeed, words};
use crate::interrupt::Interrupt;
use crate::need::apt_get;
use crate::workspace::Workspace;

/// The package that always depends on the newest versioned one. The kernel for clouds, a third as large, has no device for
/// RDMA, not even in software.
pub(crate) const PACKAGE: &str = "linux-image-amd64";

/// A kernel and its modules.
#[derive(Debug)]
pub(crate) struct Kernel {
    /// The image that the emulator loads.
    pub(crate) image: PathBuf,
    /// The directory `kernel` of its modules.
    pub(crate) modules: PathBuf,
}

/// Finds the kernel that was fetched before.
pub(crate) fn find(workspace: &Workspace) -> Option<Kernel> {
    let unpacked = directory(workspace).join(PACKAGE);
    let boot = fs::read_dir(unpacked.join("boot")).ok()?;
    let names = boot.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let version = names.filter_map(|name| name.strip_prefix("vmlinuz-").map(str::to_owned)).max()?;
    let image = unpacked.join("boot").join(format!("vmlinuz-{version}"));
    let modules = unpacked.join("lib/modules").join(version).join("kernel");
    modules.is_dir().then_some(Kernel { image, modules })
}

/// Fetches and unpacks the newest kernel that apt knows.
pub(crate) fn fetch(workspace: &Workspace, interrupt: &Interrupt) -> Result<()> {
    let directory = directory(workspace);
    let fetched = directory.join("fetched");
    remove(&fetched)?;
    fs::create_dir_all(&fetched).with_context(|| format!("create {}", fetched.display()))?;
    let package = match newest()? {
        Some(package) => package,
        None => {
            succeed(apt_get(&["update"])?, interrupt)?;
            newest()?.with_context(|| format!("apt-cache depends {PACKAGE}: no such package"))?
        }
    };
    let mut download = Command::new("apt-get");
    // The user that apt would download as cannot write below a directory that is root's own.
    download.args(["-qq", "-o", "APT::Sandbox::User=root", "download", &package]).current_dir(&fetched);
    succeed(download, interrupt)?;
    let archive = fs::read_dir(&fetched)?.next().context("apt-get download leaves no file")??.path();
    let half = directory.join("unpacking");
    remove(&half)?;
    let mut unpack = Command::new("dpkg-deb");
    unpack.arg("--extract").arg(&archive).arg(&half);
    succeed(unpack, interrupt)?;
    remove(&fetched)?;
    // Only a whole kernel gets the name that `find` looks for.
    let whole = directory.join(PACKAGE);
    remove(&whole)?;
    fs::rename(&half, &whole).with_context(|| format!("rename {} to {}", half.display(), whole.display()))
}

/// Where all that belongs to the virtual machine lies.
pub(crate) fn directory(workspace: &Workspace) -> PathBuf {
    workspace.target().join("vm")
}

/// Resolves [`PACKAGE`] to the versioned package; `None` when apt's lists lack it.
fn newest() -> Result<Option<String>> {
    let mut command = Command::new("apt-cache");
    command.args(["depends", "--important", PACKAGE]);
    let output = command.output().with_context(|| format!("execute {}", words(&command)))?;
    let text = String::from_utf8_lossy(&output.stdout);
    Ok(text.lines().find_map(|line| line.trim().strip_prefix("Depends: ")).map(str::to_owned))
}

fn remove(path: &Path) -> Result<()> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            bail!("remove {}: {error}", path.display())
        }
        _ => Ok(()),
    }
}
