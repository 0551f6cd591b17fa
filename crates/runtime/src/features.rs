//! What this build on this kernel can do, features.md of the runtime specification.

use palisade_cgroup::{Controller, Home, Layout};
use palisade_namespace::{Kind, Kinds};
use palisade_oci::features::{
    CgroupFeatures, Enabled, Features, IntelRdtFeatures, LinuxFeatures, MemoryPolicyFeatures,
    MountExtensions, SeccompFeatures,
};
use palisade_oci::{Capability, MemoryPolicyFlag, MemoryPolicyMode};

use crate::error::Result;
use crate::plan::HookKind;

/// Tells what is supported: what the build can do, and of that what this kernel has.
///
/// # Errors
/// The machine's cgroups cannot be read.
pub fn features() -> Result<Features> {
    Ok(Features {
        oci_version_min: "1.0.0".to_owned(),
        oci_version_max: palisade_oci::VERSION.to_owned(),
        hooks: Some(HookKind::ALL.iter().map(|kind| kind.name().to_owned()).collect()),
        mount_options: Some(palisade_mount::known_options()),
        linux: Some(linux()?),
        potentially_unsafe_config_annotations: Some(annotations()),
        ..Features::default()
    })
}

/// The annotations that change what is done.
fn annotations() -> Vec<String> {
    let known = [crate::hooks::STDERR, crate::hooks::STDOUT, crate::compile::KEEP_GROUPS];
    known.map(str::to_owned).to_vec()
}

fn linux() -> Result<LinuxFeatures> {
    let missing = missing_namespaces();
    let modules = crate::labels::SecurityModules::probe();
    let kinds = Kind::ALL.into_iter().filter(|kind| !missing.contains(*kind));
    Ok(LinuxFeatures {
        namespaces: Some(kinds.map(|kind| kind.oci_name().to_owned()).collect()),
        capabilities: Some(Capability::all().map(|capability| capability.name().to_owned()).collect()),
        cgroup: Some(cgroup(&Layout::detect()?)),
        seccomp: Some(seccomp()),
        apparmor: Some(Enabled { enabled: Some(modules.apparmor) }),
        selinux: Some(Enabled { enabled: Some(modules.selinux) }),
        intel_rdt: Some(IntelRdtFeatures {
            enabled: Some(true),
            schemata: Some(true),
            monitoring: Some(true),
        }),
        memory_policy: Some(memory_policy()),
        mount_extensions: Some(MountExtensions { idmap: Some(Enabled { enabled: Some(true) }) }),
        net_devices: Some(Enabled { enabled: Some(true) }),
    })
}

fn cgroup(layout: &Layout) -> CgroupFeatures {
    let rdma = matches!(layout.home(Controller::Rdma), Home::Hierarchy(_));
    CgroupFeatures {
        v1: Some(true),
        v2: Some(true),
        systemd: Some(true),
        systemd_user: Some(true),
        rdma: Some(rdma),
    }
}

fn seccomp() -> SeccompFeatures {
    let list = |names: &[&str]| Some(names.iter().map(|name| (*name).to_owned()).collect());
    SeccompFeatures {
        enabled: Some(true),
        actions: list(&[
            "SCMP_ACT_ALLOW",
            "SCMP_ACT_ERRNO",
            "SCMP_ACT_KILL",
            "SCMP_ACT_KILL_PROCESS",
            "SCMP_ACT_KILL_THREAD",
            "SCMP_ACT_LOG",
            "SCMP_ACT_NOTIFY",
            "SCMP_ACT_TRACE",
            "SCMP_ACT_TRAP",
        ]),
        operators: list(&[
            "SCMP_CMP_EQ",
            "SCMP_CMP_GE",
            "SCMP_CMP_GT",
            "SCMP_CMP_LE",
            "SCMP_CMP_LT",
            "SCMP_CMP_MASKED_EQ",
            "SCMP_CMP_NE",
        ]),
        archs: Some(palisade_seccomp::Arch::all_known().map(|arch| arch.name().to_owned()).collect()),
        known_flags: list(&[
            "SECCOMP_FILTER_FLAG_LOG",
            "SECCOMP_FILTER_FLAG_SPEC_ALLOW",
            "SECCOMP_FILTER_FLAG_TSYNC",
            "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV",
        ]),
        supported_flags: list(&[
            "SECCOMP_FILTER_FLAG_LOG",
            "SECCOMP_FILTER_FLAG_SPEC_ALLOW",
            "SECCOMP_FILTER_FLAG_TSYNC",
        ]),
    }
}

/// What is understood, whatever the kernel then says.
fn memory_policy() -> MemoryPolicyFeatures {
    MemoryPolicyFeatures {
        modes: Some(MemoryPolicyMode::ALL.iter().map(|mode| mode.word().to_owned()).collect()),
        flags: Some(MemoryPolicyFlag::ALL.iter().map(|flag| flag.word().to_owned()).collect()),
    }
}

/// The kinds of namespace that this kernel was built without. A start does not look: it would cost more than all other
/// probing, and the kernel says so itself.
fn missing_namespaces() -> Kinds {
    let is_missing = |kind: &Kind| {
        let path = format!("/proc/self/ns/{}", kind.proc_name());
        rustix::fs::statat(rustix::fs::CWD, &path, rustix::fs::AtFlags::SYMLINK_NOFOLLOW).is_err()
    };
    Kind::ALL.into_iter().filter(is_missing).collect()
}
