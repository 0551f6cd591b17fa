//! Which security modules this kernel runs, for processes and mounts that are to have a label of one.

use palisade_oci::{Process, Spec};

/// The file system type of selinuxfs, `SELINUX_MAGIC` of `linux/magic.h`.
const SELINUX_MAGIC: u64 = 0xf97c_ff8c;

/// The security modules whose labels a configuration can ask for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SecurityModules {
    /// AppArmor is there.
    pub apparmor: bool,
    /// SELinux is there.
    pub selinux: bool,
}

impl SecurityModules {
    /// Looks for those that a process has a label of; nothing is read for one without labels.
    #[must_use]
    pub fn of(process: &Process) -> Self {
        Self {
            apparmor: !process.apparmor_profile.is_empty() && has_apparmor(),
            selinux: !process.selinux_label.is_empty() && has_selinux(),
        }
    }

    /// Looks for those that a container's process or its mounts have a label of.
    #[must_use]
    pub fn of_container(spec: &Spec) -> Self {
        let of_process = spec.process.as_ref().map(Self::of).unwrap_or_default();
        let selinux = of_process.selinux || !spec.linux.mount_label.is_empty() && has_selinux();
        Self { selinux, ..of_process }
    }

    /// Looks for all.
    pub(crate) fn probe() -> Self {
        Self { apparmor: has_apparmor(), selinux: has_selinux() }
    }
}

fn has_apparmor() -> bool {
    std::fs::read("/sys/module/apparmor/parameters/enabled").is_ok_and(|word| word.starts_with(b"Y"))
}

/// SELinux rules where its file system is mounted, `selinux(8)`.
fn has_selinux() -> bool {
    rustix::fs::statfs("/sys/fs/selinux")
        .is_ok_and(|status| u64::try_from(status.f_type).is_ok_and(|magic| magic == SELINUX_MAGIC))
}
