//! `/linux/seccomp` of config.json to a profile.

use std::collections::BTreeMap;

use palisade_oci as oci;

use super::Draft;
use crate::plan::{Agent, ExecOp};
use palisade_seccomp::{Action, Arch, Argument, Filter, Flag, Operator, Profile, Syscall};

/// crun's annotation for the socket of the agent, from before the specification had a field for it.
const RECEIVER: &str = "run.oci.seccomp.receiver";

/// The socket that an annotation names.
pub(crate) fn receiver(annotations: &BTreeMap<String, String>) -> Option<&str> {
    annotations.get(RECEIVER).map(String::as_str)
}

/// The agent that answers for the kernel about the first process of a container; none where it is not asked.
pub(crate) fn agent(spec: &oci::Spec) -> Option<Agent> {
    agent_of(spec.linux.seccomp.as_ref()?, receiver(&spec.annotations))
}

/// The same of a section, where an annotation may name the socket.
pub(super) fn agent_of(section: &oci::Seccomp, receiver: Option<&str>) -> Option<Agent> {
    let own = (!section.listener_path.is_empty()).then_some(section.listener_path.as_str());
    let path = own.or(receiver).filter(|_| asks(section))?.to_owned();
    let metadata = (!section.listener_metadata.is_empty()).then(|| section.listener_metadata.clone());
    Some(Agent { path, metadata })
}

fn asks(section: &oci::Seccomp) -> bool {
    let mut actions = section.syscalls.iter().map(|entry| entry.action).chain([section.default_action]);
    actions.any(|action| action == oci::SeccompAction::Notify)
}

/// Tells whether some process may call what keys are used by, `keyrings(7)`; Docker's default profile lets nobody.
pub(super) fn allows_keys(section: &oci::Seccomp) -> bool {
    use oci::SeccompAction::{Errno, Kill, KillProcess, KillThread, Trap};
    const CALLS: [&str; 3] = ["add_key", "keyctl", "request_key"];
    let denies = |action| matches!(action, Errno | Kill | KillProcess | KillThread | Trap);
    CALLS.iter().any(|call| {
        let rules = section.syscalls.iter().filter(|rule| rule.names.iter().any(|name| name == call));
        let (mut denied, mut allowed) = (denies(section.default_action), false);
        for rule in rules {
            match denies(rule.action) {
                // One with arguments leaves the others to the default.
                true => denied |= rule.args.is_empty(),
                false => allowed = true,
            }
        }
        allowed || !denied
    })
}

/// Compiles the seccomp section for the exec list, where it was not before; `receiver` is the socket that an annotation
/// names.
pub(super) fn plan(
    draft: &mut Draft<'_>,
    section: &oci::Seccomp,
    receiver: Option<&str>,
    compiled: Option<&Filter>,
) -> Option<ExecOp> {
    if let Some(agent) = agent_of(section, receiver)
        && !agent.path.starts_with('/')
    {
        let message = format!("{:?} is not absolute", agent.path);
        draft.violations.add("/linux/seccomp/listenerPath", message);
        return None;
    }
    let filter = match compiled {
        Some(filter) => Ok(filter.clone()),
        None => palisade_seccomp::compile(&profile(section, receiver)),
    };
    match filter {
        Ok(filter) => {
            let instructions = filter.instructions.len();
            Some(ExecOp::Seccomp { filter, instructions })
        }
        Err(error) => {
            let hint = error.hint().map(|hint| format!(" ({hint})")).unwrap_or_default();
            let message = format!("{}{hint}", error.cause());
            draft.violations.add(format!("/linux/seccomp{}", error.place()), message);
            None
        }
    }
}

/// Restates the seccomp section of a container's configuration
/// ([config-linux.md, `seccomp`](https://github.com/opencontainers/runtime-spec/blob/main/config-linux.md#seccomp)).
///
/// Nothing is judged here: [`palisade_seccomp::compile`] does that, and names what is wrong by a JSON
/// pointer inside this section.
pub(crate) fn profile(section: &oci::Seccomp, receiver: Option<&str>) -> Profile {
    let some = |text: &String| (!text.is_empty()).then(|| text.clone());
    Profile {
        default_action: action(section.default_action),
        default_errno_ret: section.default_errno_ret,
        architectures: each(&section.architectures, |name| arch(*name)),
        flags: section.flags.as_deref().map(|flags| each(flags, |name| flag(*name))),
        listener_path: some(&section.listener_path).or_else(|| receiver.map(str::to_owned)),
        listener_metadata: some(&section.listener_metadata),
        syscalls: each(&section.syscalls, syscall),
    }
}

fn syscall(entry: &oci::SeccompSyscall) -> Syscall {
    Syscall {
        names: entry.names.clone(),
        action: action(entry.action),
        errno_ret: entry.errno_ret,
        args: each(&entry.args, argument),
    }
}

fn argument(test: &oci::SeccompArgument) -> Argument {
    Argument {
        // An index that no number of this machine can hold is refused like any other above 5.
        index: usize::try_from(test.index).unwrap_or(usize::MAX),
        value: test.value,
        value_two: test.value_two,
        op: operator(test.op),
    }
}

fn each<From, To>(list: &[From], restate: impl Fn(&From) -> To) -> Vec<To> {
    list.iter().map(restate).collect()
}

fn action(action: oci::SeccompAction) -> Action {
    match action {
        oci::SeccompAction::Kill => Action::Kill,
        oci::SeccompAction::KillThread => Action::KillThread,
        oci::SeccompAction::KillProcess => Action::KillProcess,
        oci::SeccompAction::Trap => Action::Trap,
        oci::SeccompAction::Errno => Action::Errno,
        oci::SeccompAction::Notify => Action::Notify,
        oci::SeccompAction::Trace => Action::Trace,
        oci::SeccompAction::Log => Action::Log,
        oci::SeccompAction::Allow => Action::Allow,
    }
}

fn operator(operator: oci::SeccompOperator) -> Operator {
    match operator {
        oci::SeccompOperator::NotEqual => Operator::NotEqual,
        oci::SeccompOperator::Less => Operator::Less,
        oci::SeccompOperator::LessOrEqual => Operator::LessOrEqual,
        oci::SeccompOperator::Equal => Operator::Equal,
        oci::SeccompOperator::GreaterOrEqual => Operator::GreaterOrEqual,
        oci::SeccompOperator::Greater => Operator::Greater,
        oci::SeccompOperator::MaskedEqual => Operator::MaskedEqual,
    }
}

fn flag(flag: oci::SeccompFlag) -> Flag {
    match flag {
        oci::SeccompFlag::Log => Flag::Log,
        oci::SeccompFlag::Tsync => Flag::Tsync,
        oci::SeccompFlag::SpecAllow => Flag::SpecAllow,
        oci::SeccompFlag::WaitKillableRecv => Flag::WaitKillableRecv,
    }
}

fn arch(arch: oci::SeccompArch) -> Arch {
    match arch {
        oci::SeccompArch::Native => Arch::Native,
        oci::SeccompArch::X86 => Arch::X86,
        oci::SeccompArch::X86_64 => Arch::X86_64,
        oci::SeccompArch::X32 => Arch::X32,
        oci::SeccompArch::Arm => Arch::Arm,
        oci::SeccompArch::Aarch64 => Arch::Aarch64,
        oci::SeccompArch::Mips => Arch::Mips,
        oci::SeccompArch::Mips64 => Arch::Mips64,
        oci::SeccompArch::Mips64N32 => Arch::Mips64N32,
        oci::SeccompArch::Mipsel => Arch::Mipsel,
        oci::SeccompArch::Mipsel64 => Arch::Mipsel64,
        oci::SeccompArch::Mipsel64N32 => Arch::Mipsel64N32,
        oci::SeccompArch::Ppc => Arch::Ppc,
        oci::SeccompArch::Ppc64 => Arch::Ppc64,
        oci::SeccompArch::Ppc64le => Arch::Ppc64le,
        oci::SeccompArch::S390 => Arch::S390,
        oci::SeccompArch::S390x => Arch::S390x,
        oci::SeccompArch::Parisc => Arch::Parisc,
        oci::SeccompArch::Parisc64 => Arch::Parisc64,
        oci::SeccompArch::Riscv64 => Arch::Riscv64,
        oci::SeccompArch::Loongarch64 => Arch::Loongarch64,
        oci::SeccompArch::M68k => Arch::M68k,
        oci::SeccompArch::Sh => Arch::Sh,
        oci::SeccompArch::Sheb => Arch::Sheb,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads a document as the section and as a profile.
    fn both(document: &str) -> (Profile, Profile) {
        let section: oci::Seccomp = oci::parse_as("s.json", document.as_bytes()).unwrap();
        (profile(&section, None), serde_json::from_str(document).unwrap())
    }

    #[test]
    fn a_section_means_what_its_words_say() {
        let documents = [
            r#"{"defaultAction":"SCMP_ACT_ALLOW"}"#.to_owned(),
            r#"{"defaultAction":"SCMP_ACT_ERRNO","defaultErrnoRet":38,"flags":[],
                "listenerPath":"/run/agent.sock","listenerMetadata":"some",
                "syscalls":[{"names":["read","write"],"action":"SCMP_ACT_TRACE","errnoRet":9,"args":[
                    {"index":1,"value":18446744073709551615,"valueTwo":3,"op":"SCMP_CMP_MASKED_EQ"},
                    {"index":5,"value":7,"op":"SCMP_CMP_GT"}]}]}"#
                .to_owned(),
            all("architectures", &ARCHES),
            all("flags", &FLAGS),
        ];
        let actions = ACTIONS.map(|name| format!(r#"{{"defaultAction":"{name}"}}"#));
        let operators = OPERATORS.map(|name| {
            format!(
                r#"{{"defaultAction":"SCMP_ACT_LOG","syscalls":[{{"names":["read"],
                "action":"SCMP_ACT_TRAP","args":[{{"index":0,"value":1,"op":"{name}"}}]}}]}}"#
            )
        });
        for document in documents.iter().chain(&actions).chain(&operators) {
            let (restated, read) = both(document);
            assert_eq!(restated, read, "{document}");
        }
    }

    fn all(field: &str, names: &[&str]) -> String {
        format!(r#"{{"defaultAction":"SCMP_ACT_KILL","{field}":{names:?}}}"#)
    }

    const ACTIONS: [&str; 9] = [
        "SCMP_ACT_KILL",
        "SCMP_ACT_KILL_THREAD",
        "SCMP_ACT_KILL_PROCESS",
        "SCMP_ACT_TRAP",
        "SCMP_ACT_ERRNO",
        "SCMP_ACT_NOTIFY",
        "SCMP_ACT_TRACE",
        "SCMP_ACT_LOG",
        "SCMP_ACT_ALLOW",
    ];

    const OPERATORS: [&str; 7] = [
        "SCMP_CMP_NE",
        "SCMP_CMP_LT",
        "SCMP_CMP_LE",
        "SCMP_CMP_EQ",
        "SCMP_CMP_GE",
        "SCMP_CMP_GT",
        "SCMP_CMP_MASKED_EQ",
    ];

    const FLAGS: [&str; 4] = [
        "SECCOMP_FILTER_FLAG_LOG",
        "SECCOMP_FILTER_FLAG_TSYNC",
        "SECCOMP_FILTER_FLAG_SPEC_ALLOW",
        "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV",
    ];

    const ARCHES: [&str; 24] = [
        "SCMP_ARCH_NATIVE",
        "SCMP_ARCH_X86",
        "SCMP_ARCH_X86_64",
        "SCMP_ARCH_X32",
        "SCMP_ARCH_ARM",
        "SCMP_ARCH_AARCH64",
        "SCMP_ARCH_MIPS",
        "SCMP_ARCH_MIPS64",
        "SCMP_ARCH_MIPS64N32",
        "SCMP_ARCH_MIPSEL",
        "SCMP_ARCH_MIPSEL64",
        "SCMP_ARCH_MIPSEL64N32",
        "SCMP_ARCH_PPC",
        "SCMP_ARCH_PPC64",
        "SCMP_ARCH_PPC64LE",
        "SCMP_ARCH_S390",
        "SCMP_ARCH_S390X",
        "SCMP_ARCH_PARISC",
        "SCMP_ARCH_PARISC64",
        "SCMP_ARCH_RISCV64",
        "SCMP_ARCH_LOONGARCH64",
        "SCMP_ARCH_M68K",
        "SCMP_ARCH_SH",
        "SCMP_ARCH_SHEB",
    ];
}
