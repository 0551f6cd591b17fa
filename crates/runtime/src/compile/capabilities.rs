//! `process.capabilities`.

use std::collections::HashSet;

use oci_spec::runtime::{Capability, LinuxCapabilities};

use super::Draft;
use crate::plan::{ExecOp, Step};

/// The capabilities by their numbers, `linux/capability.h`.
pub const NAMES: [&str; 41] = [
    "CAP_CHOWN",
    "CAP_DAC_OVERRIDE",
    "CAP_DAC_READ_SEARCH",
    "CAP_FOWNER",
    "CAP_FSETID",
    "CAP_KILL",
    "CAP_SETGID",
    "CAP_SETUID",
    "CAP_SETPCAP",
    "CAP_LINUX_IMMUTABLE",
    "CAP_NET_BIND_SERVICE",
    "CAP_NET_BROADCAST",
    "CAP_NET_ADMIN",
    "CAP_NET_RAW",
    "CAP_IPC_LOCK",
    "CAP_IPC_OWNER",
    "CAP_SYS_MODULE",
    "CAP_SYS_RAWIO",
    "CAP_SYS_CHROOT",
    "CAP_SYS_PTRACE",
    "CAP_SYS_PACCT",
    "CAP_SYS_ADMIN",
    "CAP_SYS_BOOT",
    "CAP_SYS_NICE",
    "CAP_SYS_RESOURCE",
    "CAP_SYS_TIME",
    "CAP_SYS_TTY_CONFIG",
    "CAP_MKNOD",
    "CAP_LEASE",
    "CAP_AUDIT_WRITE",
    "CAP_AUDIT_CONTROL",
    "CAP_SETFCAP",
    "CAP_MAC_OVERRIDE",
    "CAP_MAC_ADMIN",
    "CAP_SYSLOG",
    "CAP_WAKE_ALARM",
    "CAP_BLOCK_SUSPEND",
    "CAP_AUDIT_READ",
    "CAP_PERFMON",
    "CAP_BPF",
    "CAP_CHECKPOINT_RESTORE",
];

/// The five sets as bit masks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Sets {
    pub(super) bounding: u64,
    pub(super) effective: u64,
    pub(super) permitted: u64,
    pub(super) inheritable: u64,
    pub(super) ambient: u64,
}

/// Reads the sets. What this process does not hold cannot be given and is left out with a warning, as config.md asks;
/// inside a new user namespace all can be given.
pub(super) fn read(draft: &mut Draft<'_>, listed: Option<&LinuxCapabilities>, available: u64) -> Sets {
    let Some(listed) = listed else { return Sets::default() };
    let mut lost = 0;
    let mut mask = |set: &Option<HashSet<Capability>>| {
        let wanted = set.iter().flatten().fold(0, |mask, capability| mask | bit(capability));
        lost |= wanted & !available;
        wanted & available
    };
    let mut sets = Sets {
        bounding: mask(listed.bounding()),
        effective: mask(listed.effective()),
        permitted: mask(listed.permitted()),
        inheritable: mask(listed.inheritable()),
        ambient: mask(listed.ambient()),
    };
    if lost != 0 {
        let names = names(lost).join(" ");
        draft
            .warnings
            .push(format!("/process/capabilities: {names} cannot be given here, palisade itself lacks them"));
    }
    let raised = sets.ambient & !(sets.permitted & sets.inheritable);
    if raised != 0 {
        // Configurations of runc before 1.2 have such; the kernel cannot grant it.
        let names = names(raised).join(" ");
        draft.warnings.push(format!(
            "/process/capabilities/ambient: {names} cannot be ambient without being permitted and inheritable"
        ));
        sets.ambient &= !raised;
    }
    if sets.effective & !sets.permitted != 0 {
        let names = names(sets.effective & !sets.permitted).join(" ");
        draft
            .violations
            .add("/process/capabilities/effective", format_args!("{names} must be permitted too"));
    }
    sets
}

/// The names of a mask's capabilities.
pub(crate) fn names(mask: u64) -> Vec<&'static str> {
    NAMES.iter().enumerate().filter(|(number, _)| mask & 1 << number != 0).map(|(_, name)| *name).collect()
}

fn bit(capability: &Capability) -> u64 {
    let name = capability.to_string();
    let name = name.strip_prefix("CAP_").unwrap_or(&name);
    NAMES.iter().position(|known| known.strip_prefix("CAP_") == Some(name)).map_or(0, |number| 1 << number)
}

/// Lists the exec steps: user, groups, capabilities, in the order in which each still has the right to be made.
pub(super) fn plan(steps: &mut Vec<Step<ExecOp>>, sets: Sets, uid: u32, groups: ExecOp) {
    let origin = "/process/capabilities";
    steps.push(Step::new(origin, ExecOp::DropBounding { kept: sets.bounding }));
    steps.push(Step::new("/process/user", groups));
    if uid != 0 {
        steps.push(Step::new(origin, ExecOp::KeepCapabilities));
    }
    steps.push(Step::new("/process/user", ExecOp::SetUser { uid }));
    let Sets { effective, permitted, inheritable, ambient, .. } = sets;
    steps.push(Step::new(origin, ExecOp::SetCapabilities { effective, permitted, inheritable, ambient }));
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::str::FromStr;

    #[test]
    fn every_name_is_a_capability_of_the_specification() {
        for (number, name) in NAMES.iter().enumerate() {
            let short = name.trim_start_matches("CAP_");
            let capability = Capability::from_str(short).or_else(|_| Capability::from_str(name)).unwrap();
            assert_eq!(bit(&capability), 1 << number, "{name}");
        }
    }
}
