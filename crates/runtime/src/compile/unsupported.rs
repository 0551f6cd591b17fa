//! What runtime-spec 1.3 has and this version does not do: refused by name.

use palisade_oci::Spec;

use super::Draft;

/// Notes every field that asks for something that is not done.
pub(super) fn check(draft: &mut Draft<'_>, spec: &Spec) {
    let violations = &mut draft.violations;
    check_version(violations, spec.version());
    for (present, name) in [
        (spec.vm().is_some(), "vm"),
        (spec.windows().is_some(), "windows"),
        (spec.solaris().is_some(), "solaris"),
        (spec.zos().is_some(), "zos"),
    ] {
        if present {
            violations.unsupported(format!("/{name}"), "a container of another platform");
        }
    }
    if let Some(process) = spec.process() {
        for (value, name) in
            [(process.apparmor_profile(), "apparmorProfile"), (process.selinux_label(), "selinuxLabel")]
        {
            if value.as_ref().is_some_and(|value| !value.is_empty()) {
                violations.unsupported(format!("/process/{name}"), "a security label");
            }
        }
        if process.exec_cpu_affinity().is_some() {
            violations.unsupported("/process/execCPUAffinity", "CPU affinity of an exec");
        }
    }
    for (index, mount) in spec.mounts().iter().flatten().enumerate() {
        if mount.uid_mappings().is_some() || mount.gid_mappings().is_some() {
            violations.unsupported(format!("/mounts/{index}/uidMappings"), "an id-mapped mount");
        }
    }
    let Some(linux) = spec.linux() else { return };
    for (present, name, what) in [
        (linux.intel_rdt().is_some(), "intelRdt", "Intel RDT"),
        (linux.memory_policy().is_some(), "memoryPolicy", "a NUMA memory policy"),
        (linux.personality().is_some(), "personality", "an execution domain"),
        (
            linux.net_devices().as_ref().is_some_and(|devices| !devices.is_empty()),
            "netDevices",
            "moving devices",
        ),
        (
            linux.time_offsets().as_ref().is_some_and(|offsets| !offsets.is_empty()),
            "timeOffsets",
            "a clock offset",
        ),
        (
            linux.mount_label().as_ref().is_some_and(|label| !label.is_empty()),
            "mountLabel",
            "a SELinux label",
        ),
    ] {
        if present {
            violations.unsupported(format!("/linux/{name}"), what);
        }
    }
}

/// The specification promises that all 1.x versions are compatible.
fn check_version(violations: &mut super::Violations, version: &str) {
    let mut numbers = version.split(['.', '-', '+']);
    match (numbers.next(), numbers.next().map(str::parse::<u32>)) {
        (Some("1"), Some(Ok(_))) => {}
        _ if version.is_empty() => {
            violations.add("/ociVersion", "it is missing; 1.0.0 to 1.3.0 are understood")
        }
        _ => violations.add("/ociVersion", format_args!("{version:?} is not 1.0.0 to 1.3.0")),
    }
}
