//! Security labels, the session keyring, `linux.personality`, `linux.memoryPolicy`: what the launch image sets before it
//! drops rights.

use palisade_oci::{
    MemoryPolicy, MemoryPolicyFlag, MemoryPolicyMode, Personality, PersonalityDomain, Process, Seccomp,
};

use super::{Draft, Keyring, list, seccomp};
use crate::id::ContainerId;
use crate::labels::SecurityModules;
use crate::plan::{ExecOp, HostOp, Label, Step};

const POLICY: &str = "/linux/memoryPolicy";

/// Whose settings these are.
pub(super) struct Settings<'a> {
    /// The container.
    pub(super) id: &'a ContainerId,
    pub(super) keyring: Keyring,
    pub(super) process: &'a Process,
    pub(super) seccomp: Option<&'a Seccomp>,
    pub(super) modules: SecurityModules,
    pub(super) personality: Option<&'a Personality>,
    pub(super) memory_policy: Option<&'a MemoryPolicy>,
}

/// Lists the first steps of the launch image.
pub(super) fn plan(draft: &mut Draft<'_>, settings: &Settings<'_>) -> Vec<Step<ExecOp>> {
    let mut steps: Vec<Step<ExecOp>> = plan_labels(draft, settings).into_iter().collect();
    if settings.keyring == Keyring::Own {
        // As runc calls it, whose users look for it by that name. The kernel looks for it among those of all containers,
        // 0.3 ms with 1,000, which is for nothing where no process could use it.
        let is_of_use = settings.seccomp.is_none_or(seccomp::allows_keys);
        let name = is_of_use.then(|| draft.text("", &format!("_ses.{}", settings.id))).flatten();
        steps.push(Step::new("", ExecOp::SessionKeyring { name }));
    }
    if let Some(personality) = settings.personality {
        steps.extend(read_personality(draft, personality));
    }
    if let Some(policy) = settings.memory_policy {
        steps.extend(read_memory_policy(draft, policy));
    }
    steps
}

/// Plans the labels that the program begins with. They are written through the host's `/proc`, opened before anything
/// of the container exists: what is on the container's is the container's to fake. The kernel takes a label for the
/// next exec from nobody but the process itself, so the image writes it.
fn plan_labels(draft: &mut Draft<'_>, settings: &Settings<'_>) -> Option<Step<ExecOp>> {
    let Process { apparmor_profile, selinux_label, .. } = settings.process;
    let mut wanted: Vec<(&str, &str, String)> = Vec::new();
    if !apparmor_profile.is_empty() {
        const POINTER: &str = "/process/apparmorProfile";
        if !settings.modules.apparmor {
            draft.violations.add(POINTER, "this kernel runs without AppArmor: leave it out here");
        }
        wanted.push((POINTER, "self/attr/apparmor/exec", format!("exec {apparmor_profile}")));
    }
    if !selinux_label.is_empty() {
        const POINTER: &str = "/process/selinuxLabel";
        if !settings.modules.selinux {
            draft.violations.add(POINTER, "this kernel runs without SELinux: leave it out here");
        }
        wanted.push((POINTER, "self/attr/exec", selinux_label.clone()));
        if settings.keyring == Keyring::Own {
            // The keyring that is made next belongs to the container.
            wanted.push((POINTER, "self/attr/keycreate", selinux_label.clone()));
        }
    }
    let (origin, ..) = *wanted.first()?;
    let mut labels = Vec::with_capacity(wanted.len());
    for (pointer, file, value) in wanted {
        labels.push(Label { file: draft.text(pointer, file)?, value: draft.text(pointer, &value)? });
    }
    let procfs = draft.slot();
    draft.before(origin, HostOp::OpenProcfs { slot: procfs });
    Some(Step::new(origin, ExecOp::Label { procfs, labels }))
}

fn read_personality(draft: &mut Draft<'_>, personality: &Personality) -> Option<Step<ExecOp>> {
    let persona = match personality.domain {
        PersonalityDomain::Linux => 0,
        PersonalityDomain::Linux32 => 8,
    };
    if let Some(flag) = personality.flags.first() {
        let message = format!("{flag:?} is none of its flags; the specification names none");
        draft.violations.add("/linux/personality/flags/0", message);
        return None;
    }
    Some(Step::new("/linux/personality", ExecOp::Personality { persona }))
}

/// How many nodes a mode of `set_mempolicy(2)` takes.
enum Nodes {
    None,
    Any,
    Some,
}

fn read_memory_policy(draft: &mut Draft<'_>, policy: &MemoryPolicy) -> Option<Step<ExecOp>> {
    let (mode, wanted) = match policy.mode {
        MemoryPolicyMode::Default => (0, Nodes::None),
        MemoryPolicyMode::Preferred => (1, Nodes::Any),
        MemoryPolicyMode::Bind => (2, Nodes::Some),
        MemoryPolicyMode::Interleave => (3, Nodes::Some),
        MemoryPolicyMode::Local => (4, Nodes::None),
        MemoryPolicyMode::PreferredMany => (5, Nodes::Some),
        MemoryPolicyMode::WeightedInterleave => (6, Nodes::Some),
    };
    let nodes = match list::bits(&policy.nodes) {
        Ok(nodes) => nodes,
        Err(message) => {
            draft.violations.add(format!("{POLICY}/nodes"), message);
            return None;
        }
    };
    let word = policy.mode.word();
    match wanted {
        Nodes::None if !nodes.is_empty() => {
            draft.violations.add(format!("{POLICY}/nodes"), format_args!("{word} takes no nodes"));
        }
        Nodes::Some if nodes.is_empty() => {
            draft.violations.add(format!("{POLICY}/nodes"), format_args!("{word} takes at least one node"));
        }
        _ => {}
    }
    let flags = read_flags(draft, policy);
    Some(Step::new(POLICY, ExecOp::MemoryPolicy { mode: mode | flags, nodes }))
}

/// The bits of `linux/mempolicy.h`.
fn read_flags(draft: &mut Draft<'_>, policy: &MemoryPolicy) -> u32 {
    let has = |flag: MemoryPolicyFlag| policy.flags.contains(&flag);
    let pointer = format!("{POLICY}/flags");
    if has(MemoryPolicyFlag::StaticNodes) && has(MemoryPolicyFlag::RelativeNodes) {
        let message = "MPOL_F_STATIC_NODES and MPOL_F_RELATIVE_NODES exclude each other";
        draft.violations.add(&pointer, message);
    }
    let takes_no_flags = matches!(policy.mode, MemoryPolicyMode::Default | MemoryPolicyMode::Local);
    if takes_no_flags && !policy.flags.is_empty() {
        draft.violations.add(&pointer, format_args!("{} takes no flags", policy.mode.word()));
    }
    let bit = |flag: &MemoryPolicyFlag| match flag {
        MemoryPolicyFlag::NumaBalancing => 1 << 13,
        MemoryPolicyFlag::RelativeNodes => 1 << 14,
        MemoryPolicyFlag::StaticNodes => 1 << 15,
    };
    policy.flags.iter().fold(0, |bits, flag| bits | bit(flag))
}
