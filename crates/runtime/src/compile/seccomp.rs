//! `/linux/seccomp` of config.json to a profile.

use super::Draft;
use crate::plan::ExecOp;
use oci_spec::runtime as oci;
use palisade_seccomp::{Action, Arch, Argument, Flag, Operator, Profile, Syscall};

/// Compiles the seccomp section for the exec list; none when it allows everything.
pub(super) fn plan(draft: &mut Draft<'_>, section: &oci::LinuxSeccomp) -> Option<ExecOp> {
    match palisade_seccomp::compile(&profile(section)) {
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
pub(crate) fn profile(section: &oci::LinuxSeccomp) -> Profile {
    let listener = section.listener_path().as_ref();
    Profile {
        default_action: action(section.default_action()),
        default_errno_ret: section.default_errno_ret(),
        architectures: each(section.architectures().as_deref(), |name| arch(*name)),
        flags: section.flags().as_deref().map(|flags| each(Some(flags), |name| flag(*name))),
        listener_path: listener.map(|path| path.to_string_lossy().into_owned()),
        listener_metadata: section.listener_metadata().clone(),
        syscalls: each(section.syscalls().as_deref(), syscall),
    }
}

fn syscall(entry: &oci::LinuxSyscall) -> Syscall {
    Syscall {
        names: entry.names().clone(),
        action: action(entry.action()),
        errno_ret: entry.errno_ret(),
        args: each(entry.args().as_deref(), argument),
    }
}

fn argument(test: &oci::LinuxSeccompArg) -> Argument {
    Argument {
        index: test.index(),
        value: test.value(),
        value_two: test.value_two().unwrap_or(0),
        op: operator(test.op()),
    }
}

fn each<From, To>(list: Option<&[From]>, restate: impl Fn(&From) -> To) -> Vec<To> {
    list.unwrap_or_default().iter().map(restate).collect()
}

fn action(action: oci::LinuxSeccompAction) -> Action {
    match action {
        oci::LinuxSeccompAction::ScmpActKill => Action::Kill,
        oci::LinuxSeccompAction::ScmpActKillThread => Action::KillThread,
        oci::LinuxSeccompAction::ScmpActKillProcess => Action::KillProcess,
        oci::LinuxSeccompAction::ScmpActTrap => Action::Trap,
        oci::LinuxSeccompAction::ScmpActErrno => Action::Errno,
        oci::LinuxSeccompAction::ScmpActNotify => Action::Notify,
        oci::LinuxSeccompAction::ScmpActTrace => Action::Trace,
        oci::LinuxSeccompAction::ScmpActLog => Action::Log,
        oci::LinuxSeccompAction::ScmpActAllow => Action::Allow,
    }
}

fn operator(operator: oci::LinuxSeccompOperator) -> Operator {
    match operator {
        oci::LinuxSeccompOperator::ScmpCmpNe => Operator::NotEqual,
        oci::LinuxSeccompOperator::ScmpCmpLt => Operator::Less,
        oci::LinuxSeccompOperator::ScmpCmpLe => Operator::LessOrEqual,
        oci::LinuxSeccompOperator::ScmpCmpEq => Operator::Equal,
        oci::LinuxSeccompOperator::ScmpCmpGe => Operator::GreaterOrEqual,
        oci::LinuxSeccompOperator::ScmpCmpGt => Operator::Greater,
        oci::LinuxSeccompOperator::ScmpCmpMaskedEq => Operator::MaskedEqual,
    }
}

fn flag(flag: oci::LinuxSeccompFilterFlag) -> Flag {
    match flag {
        oci::LinuxSeccompFilterFlag::SeccompFilterFlagLog => Flag::Log,
        oci::LinuxSeccompFilterFlag::SeccompFilterFlagTsync => Flag::Tsync,
        oci::LinuxSeccompFilterFlag::SeccompFilterFlagSpecAllow => Flag::SpecAllow,
        oci::LinuxSeccompFilterFlag::SeccompFilterFlagWaitKillableRecv => Flag::WaitKillableRecv,
    }
}

fn arch(arch: oci::Arch) -> Arch {
    match arch {
        oci::Arch::ScmpArchNative => Arch::Native,
        oci::Arch::ScmpArchX86 => Arch::X86,
        oci::Arch::ScmpArchX86_64 => Arch::X86_64,
        oci::Arch::ScmpArchX32 => Arch::X32,
        oci::Arch::ScmpArchArm => Arch::Arm,
        oci::Arch::ScmpArchAarch64 => Arch::Aarch64,
        oci::Arch::ScmpArchMips => Arch::Mips,
        oci::Arch::ScmpArchMips64 => Arch::Mips64,
        oci::Arch::ScmpArchMips64n32 => Arch::Mips64N32,
        oci::Arch::ScmpArchMipsel => Arch::Mipsel,
        oci::Arch::ScmpArchMipsel64 => Arch::Mipsel64,
        oci::Arch::ScmpArchMipsel64n32 => Arch::Mipsel64N32,
        oci::Arch::ScmpArchPpc => Arch::Ppc,
        oci::Arch::ScmpArchPpc64 => Arch::Ppc64,
        oci::Arch::ScmpArchPpc64le => Arch::Ppc64le,
        oci::Arch::ScmpArchS390 => Arch::S390,
        oci::Arch::ScmpArchS390x => Arch::S390x,
        oci::Arch::ScmpArchParisc => Arch::Parisc,
        oci::Arch::ScmpArchParisc64 => Arch::Parisc64,
        oci::Arch::ScmpArchRiscv64 => Arch::Riscv64,
        oci::Arch::ScmpArchLoongarch64 => Arch::Loongarch64,
        oci::Arch::ScmpArchM68k => Arch::M68k,
        oci::Arch::ScmpArchSh => Arch::Sh,
        oci::Arch::ScmpArchSheb => Arch::Sheb,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads a document as the section and as a profile.
    fn both(document: &str) -> (Profile, Profile) {
        let section: oci::LinuxSeccomp = serde_json::from_str(document).unwrap();
        (profile(&section), serde_json::from_str(document).unwrap())
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
