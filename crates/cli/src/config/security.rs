//! Capabilities, the system call filter, what of /proc and /sys is hidden.

use std::collections::BTreeSet;
use std::path::Path;

use palisade_oci::Capability;
use palisade_runtime::{Error, Result};
use palisade_seccomp::{Arch, Circumstances, ConditionalProfile, KernelVersion, Profile, default_profile};
use serde_json::{Value, json};

use crate::arguments::RunArguments;
use crate::flags::SecurityOption;

/// What a container may do without being asked: the set that Docker gives.
const DEFAULT: [&str; 14] = [
    "CAP_AUDIT_WRITE",
    "CAP_CHOWN",
    "CAP_DAC_OVERRIDE",
    "CAP_FOWNER",
    "CAP_FSETID",
    "CAP_KILL",
    "CAP_MKNOD",
    "CAP_NET_BIND_SERVICE",
    "CAP_NET_RAW",
    "CAP_SETFCAP",
    "CAP_SETGID",
    "CAP_SETPCAP",
    "CAP_SETUID",
    "CAP_SYS_CHROOT",
];

/// What is hidden because it tells of, or reaches, the whole machine.
pub(crate) const MASKED: [&str; 12] = [
    "/proc/acpi",
    "/proc/asound",
    "/proc/interrupts",
    "/proc/kcore",
    "/proc/keys",
    "/proc/latency_stats",
    "/proc/sched_debug",
    "/proc/scsi",
    "/proc/timer_list",
    "/proc/timer_stats",
    "/sys/devices/virtual/powercap",
    "/sys/firmware",
];

/// What may be read and not written.
pub(crate) const READ_ONLY: [&str; 5] =
    ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"];

/// Works out the capabilities: the default ones, with those added and dropped.
pub(crate) fn capabilities(flags: &RunArguments) -> Result<BTreeSet<String>> {
    let all = || Capability::all().map(|one| one.name().to_owned()).collect::<BTreeSet<String>>();
    if flags.privileged {
        return Ok(all());
    }
    let mut added = BTreeSet::new();
    let mut dropped = BTreeSet::new();
    let mut set: BTreeSet<String> = DEFAULT.iter().map(|name| (*name).to_owned()).collect();
    for (flag, names, list) in
        [("--cap-add", &flags.cap_add, &mut added), ("--cap-drop", &flags.cap_drop, &mut dropped)]
    {
        for name in names {
            list.insert(capability(flag, name)?);
        }
    }
    // ALL comes first, so that one of all can be taken away, or one of none given.
    if dropped.remove("ALL") {
        set.clear();
    }
    if added.remove("ALL") {
        set = all();
    }
    set.extend(added);
    Ok(set.difference(&dropped).cloned().collect())
}

fn capability(flag: &str, name: &str) -> Result<String> {
    let upper = name.to_uppercase();
    let full = if upper == "ALL" || upper.starts_with("CAP_") { upper } else { format!("CAP_{upper}") };
    if full == "ALL" || full.parse::<Capability>().is_ok() {
        return Ok(full);
    }
    Err(Error::new(format!("{flag} {name}: there is no such capability")).hint("see capabilities(7), or ALL"))
}

/// The filter of system calls, as config.json has it; none where it is off.
pub(crate) fn seccomp(
    flags: &RunArguments,
    capabilities: &BTreeSet<String>,
    kernel: KernelVersion,
) -> Result<Option<Value>> {
    let wanted = flags.security_opt.iter().rev().find_map(|option| match option {
        SecurityOption::Unconfined => Some(None),
        SecurityOption::Seccomp(path) => Some(Some(path)),
        SecurityOption::NoNewPrivileges(_) => None,
    });
    let profile = match wanted {
        Some(None) => return Ok(None),
        Some(Some(path)) => read_profile(path, capabilities, kernel)?,
        None if flags.privileged => return Ok(None),
        None => default_profile(capabilities, kernel),
    };
    Ok(Some(json!(profile)))
}

/// Reads a profile, and decides its conditions where it has some, as those of Docker and Podman do.
fn read_profile(path: &Path, capabilities: &BTreeSet<String>, kernel: KernelVersion) -> Result<Profile> {
    let failed = |error: &dyn std::fmt::Display| {
        Error::new(format!("--security-opt seccomp={}: {error}", path.display()))
    };
    let text = std::fs::read(path).map_err(|error| failed(&error))?;
    let profile: ConditionalProfile = serde_json::from_slice(&text).map_err(|error| {
        failed(&error).hint("a profile as Docker, Podman or the OCI runtime specification have it is wanted")
    })?;
    let arch = Arch::native().unwrap_or(Arch::Native);
    profile.resolve(&Circumstances { capabilities, arch, kernel }).map_err(|error| failed(&error))
}

/// Whether an exec may give rights: only where that was asked for.
pub(crate) fn no_new_privileges(flags: &RunArguments) -> bool {
    let wanted = flags.security_opt.iter().rev().find_map(|option| match option {
        SecurityOption::NoNewPrivileges(value) => Some(*value),
        SecurityOption::Unconfined | SecurityOption::Seccomp(_) => None,
    });
    wanted.unwrap_or(!flags.privileged)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::spec::tests::flags;

    #[test]
    fn capability_sets() {
        let count = |words: &[&str]| capabilities(&flags(words)).unwrap().len();
        let all = Capability::all().count();
        assert_eq!(count(&[]), 14);
        assert_eq!(count(&["--cap-add=sys_admin"]), 15);
        assert_eq!(count(&["--cap-drop=ALL"]), 0);
        assert_eq!(count(&["--cap-drop=all", "--cap-add=CAP_KILL"]), 1);
        assert_eq!(count(&["--cap-add=ALL", "--cap-drop=kill"]), all - 1);
        assert_eq!(count(&["--privileged"]), all);
        let error = capabilities(&flags(&["--cap-add=nope"])).unwrap_err().to_string();
        assert_eq!(error, "--cap-add nope: there is no such capability (see capabilities(7), or ALL)");
    }

    #[test]
    fn rights_are_kept_only_where_asked() {
        assert!(no_new_privileges(&flags(&[])));
        assert!(!no_new_privileges(&flags(&["--security-opt=no-new-privileges=false"])));
        assert!(!no_new_privileges(&flags(&["--privileged"])));
        assert!(no_new_privileges(&flags(&["--privileged", "--security-opt=no-new-privileges"])));
    }

    #[test]
    fn filters() {
        let none = BTreeSet::new();
        let filter = |words: &[&str]| seccomp(&flags(words), &none, (6, 1));
        assert_eq!(filter(&[]).unwrap().unwrap()["defaultAction"], "SCMP_ACT_ERRNO");
        assert!(filter(&["--security-opt=seccomp=unconfined"]).unwrap().is_none());
        assert!(filter(&["--privileged"]).unwrap().is_none());
        let error = filter(&["--security-opt=seccomp=/nonexistent"]).unwrap_err().to_string();
        assert!(error.starts_with("--security-opt seccomp=/nonexistent: "), "{error}");
    }

    #[test]
    fn a_file_with_conditions_is_decided_for_the_container() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("profile.json");
        let text = r#"{"defaultAction":"SCMP_ACT_ERRNO","syscalls":[
            {"names":["mount"],"action":"SCMP_ACT_ALLOW","includes":{"caps":["CAP_SYS_ADMIN"]}}]}"#;
        std::fs::write(&path, text).unwrap();
        let option = format!("--security-opt=seccomp={}", path.display());
        let rules = |words: &[&str]| {
            let flags = flags(words);
            let section = seccomp(&flags, &capabilities(&flags).unwrap(), (6, 1)).unwrap().unwrap();
            section["syscalls"].as_array().map_or(0, Vec::len)
        };
        assert_eq!(rules(&[&option]), 0);
        assert_eq!(rules(&[&option, "--cap-add=SYS_ADMIN"]), 1);
    }
}
