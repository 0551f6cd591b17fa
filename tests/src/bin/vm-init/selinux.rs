//! SELinux, in the machine whose kernel runs it.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use rustix::mount::{MountFlags, mount};

/// Where the kernel has a place for the file system; there is none without SELinux.
const FILE_SYSTEM: &str = "/sys/fs/selinux";

/// The compiled policy.
const POLICY: &str = "/palisade/selinux.policy";

/// Gives the kernel its policy, as a distribution's first process does.
pub(crate) fn load_policy() -> Result<()> {
    if !Path::new(POLICY).exists() {
        return Ok(());
    }
    mount("selinuxfs", FILE_SYSTEM, "selinuxfs", MountFlags::empty(), None)
        .with_context(|| format!("mount selinuxfs on {FILE_SYSTEM}"))?;
    let policy = fs::read(POLICY).with_context(|| format!("read {POLICY}"))?;
    // The kernel takes it in one write.
    fs::write(format!("{FILE_SYSTEM}/load"), policy).context("load the policy of SELinux")
}
