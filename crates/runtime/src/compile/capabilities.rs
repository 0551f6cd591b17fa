//! `process.capabilities`.

use palisade_oci::{Capabilities, Capability, CapabilitySet};

use super::Draft;
use crate::plan::{ExecOp, Step};

/// CAP_SYS_ADMIN: what `seccomp(2)` needs where no-new-privileges is not set.
pub(super) const TO_LOAD_A_FILTER: u64 = 1 << 21;

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
pub(super) fn read(draft: &mut Draft<'_>, listed: Option<&Capabilities>, available: u64) -> Sets {
    let Some(listed) = listed else { return Sets::default() };
    let mut lost = 0;
    let mut mask = |set: CapabilitySet| {
        lost |= set.bits() & !available;
        set.bits() & available
    };
    let mut sets = Sets {
        bounding: mask(listed.bounding),
        effective: mask(listed.effective),
        permitted: mask(listed.permitted),
        inheritable: mask(listed.inheritable),
        ambient: mask(listed.ambient),
    };
    if lost != 0 {
        let names = names(lost).join(" ");
        draft.warnings.push(format!(
            "/process/capabilities: {names} cannot be given by palisade, which lacks that itself"
        ));
    }
    // The bounding set is the first to be dropped.
    let unbound = sets.inheritable & !sets.bounding;
    if unbound != 0 {
        let names = names(unbound).join(" ");
        draft.violations.add(
            "/process/capabilities/inheritable",
            format_args!("{names} must be in the bounding set too"),
        );
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
    CapabilitySet::from_bits(mask).iter().map(Capability::name).collect()
}

/// Lists the exec steps: user, groups, capabilities, in the order in which each still has the right to be made.
/// `until_exec` is needed by what comes between them and the exec: what a program gets by the exec does not depend on
/// what is permitted or effective before it, capabilities(7).
pub(super) fn plan(steps: &mut Vec<Step<ExecOp>>, sets: Sets, uid: u32, groups: ExecOp, until_exec: u64) {
    let origin = "/process/capabilities";
    steps.push(Step::new(origin, ExecOp::DropBounding { kept: sets.bounding }));
    steps.push(Step::new("/process/user", groups));
    if uid != 0 {
        steps.push(Step::new(origin, ExecOp::KeepCapabilities));
    }
    steps.push(Step::new("/process/user", ExecOp::SetUser { uid }));
    let Sets { effective, permitted, inheritable, ambient, .. } = sets;
    let until_exec = until_exec & !effective;
    let sets = ExecOp::SetCapabilities { effective, permitted, inheritable, ambient, until_exec };
    steps.push(Step::new(origin, sets));
}
