//! From the initramfs to a root that `pivot_root(2)` accepts.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use anyhow::{Context, Result};
use rustix::mount::{MountFlags, mount, mount_move};

/// Where the new root is put together.
pub(crate) const NEW_ROOT: &str = "/newroot";

/// Moves the whole system to a tmpfs.
///
/// The initramfs lies on the kernel's `rootfs`, the one file system that `pivot_root` refuses as the old root, and
/// every container would need it to be accepted.
pub(crate) fn switch() -> Result<()> {
    mount("tmpfs", NEW_ROOT, "tmpfs", MountFlags::empty(), Some(c"mode=755,size=80%"))
        .with_context(|| format!("mount tmpfs on {NEW_ROOT}"))?;
    move_entries(Path::new("/"), Path::new(NEW_ROOT))?;
    rustix::process::chdir(NEW_ROOT).context("chdir to the new root")?;
    mount_move(".", "/").context("move the new root to /")?;
    rustix::process::chroot(".").context("chroot to the new root")?;
    rustix::process::chdir("/").context("chdir to /")
}

/// Copies what is in `from` and removes it there as it goes: both are memory, and there is little of it.
pub(crate) fn move_entries(from: &Path, to: &Path) -> Result<()> {
    for entry in fs::read_dir(from).with_context(|| format!("read {}", from.display()))? {
        let entry = entry.with_context(|| format!("read {}", from.display()))?;
        let (source, target) = (entry.path(), to.join(entry.file_name()));
        if source == Path::new(NEW_ROOT) {
            continue;
        }
        let kind = entry.file_type().with_context(|| format!("look at {}", source.display()))?;
        if kind.is_dir() {
            let permissions = entry.metadata()?.permissions();
            fs::create_dir(&target).with_context(|| format!("create {}", target.display()))?;
            fs::set_permissions(&target, fs::Permissions::from_mode(permissions.mode()))?;
            move_entries(&source, &target)?;
            fs::remove_dir(&source).with_context(|| format!("remove {}", source.display()))?;
            continue;
        }
        if kind.is_symlink() {
            symlink(fs::read_link(&source)?, &target)
                .with_context(|| format!("link {}", target.display()))?;
        } else if kind.is_file() {
            fs::copy(&source, &target).with_context(|| format!("copy {}", source.display()))?;
        }
        fs::remove_file(&source).with_context(|| format!("remove {}", source.display()))?;
    }
    Ok(())
}
