//! System call filters: config-linux.md#seccomp.

use crate::record::{records, words};

records! {
    /// A system call filter.
    pub struct Seccomp {
        /// What happens to a call that no rule names.
        required default_action: SeccompAction = "defaultAction",
        /// The errno, or the tracer's message, of the default action.
        optional default_errno_ret: Option<u32> = "defaultErrnoRet",
        /// The architectures that are let in beside the native one.
        optional architectures: Vec<SeccompArch> = "architectures",
        /// The flags of `seccomp(2)`; no list is something else than an empty one.
        optional flags: Option<Vec<SeccompFlag>> = "flags",
        /// The socket of the agent that answers `SCMP_ACT_NOTIFY`.
        optional listener_path: String = "listenerPath",
        /// Data for that agent.
        optional listener_metadata: String = "listenerMetadata",
        /// The rules.
        optional syscalls: Vec<SeccompSyscall> = "syscalls",
    }

    /// A rule.
    pub struct SeccompSyscall {
        /// The calls that it is about.
        required names: Vec<String> = "names",
        /// What happens to them.
        required action: SeccompAction = "action",
        /// The errno, or the tracer's message, of the action.
        optional errno_ret: Option<u32> = "errnoRet",
        /// The tests of their arguments.
        optional args: Vec<SeccompArgument> = "args",
    }

    /// A test of one argument.
    pub struct SeccompArgument {
        /// Which argument, from 0.
        required index: u32 = "index",
        /// What it is compared with, or the mask.
        required value: u64 = "value",
        /// What it is compared with under a mask.
        optional value_two: u64 = "valueTwo",
        /// How it is compared.
        required op: SeccompOperator = "op",
    }
}

words! {
    /// What happens to a call.
    pub enum SeccompAction {
        Kill = "SCMP_ACT_KILL",
        KillThread = "SCMP_ACT_KILL_THREAD",
        KillProcess = "SCMP_ACT_KILL_PROCESS",
        Trap = "SCMP_ACT_TRAP",
        Errno = "SCMP_ACT_ERRNO",
        Notify = "SCMP_ACT_NOTIFY",
        Trace = "SCMP_ACT_TRACE",
        Log = "SCMP_ACT_LOG",
        Allow = "SCMP_ACT_ALLOW",
    }

    /// How an argument is compared.
    pub enum SeccompOperator {
        NotEqual = "SCMP_CMP_NE",
        Less = "SCMP_CMP_LT",
        LessOrEqual = "SCMP_CMP_LE",
        Equal = "SCMP_CMP_EQ",
        GreaterOrEqual = "SCMP_CMP_GE",
        Greater = "SCMP_CMP_GT",
        MaskedEqual = "SCMP_CMP_MASKED_EQ",
    }

    /// A flag of `seccomp(2)`.
    pub enum SeccompFlag {
        Log = "SECCOMP_FILTER_FLAG_LOG",
        Tsync = "SECCOMP_FILTER_FLAG_TSYNC",
        SpecAllow = "SECCOMP_FILTER_FLAG_SPEC_ALLOW",
        WaitKillableRecv = "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV",
    }

    /// An architecture.
    pub enum SeccompArch {
        Native = "SCMP_ARCH_NATIVE",
        X86 = "SCMP_ARCH_X86",
        X86_64 = "SCMP_ARCH_X86_64",
        X32 = "SCMP_ARCH_X32",
        Arm = "SCMP_ARCH_ARM",
        Aarch64 = "SCMP_ARCH_AARCH64",
        Mips = "SCMP_ARCH_MIPS",
        Mips64 = "SCMP_ARCH_MIPS64",
        Mips64N32 = "SCMP_ARCH_MIPS64N32",
        Mipsel = "SCMP_ARCH_MIPSEL",
        Mipsel64 = "SCMP_ARCH_MIPSEL64",
        Mipsel64N32 = "SCMP_ARCH_MIPSEL64N32",
        Ppc = "SCMP_ARCH_PPC",
        Ppc64 = "SCMP_ARCH_PPC64",
        Ppc64le = "SCMP_ARCH_PPC64LE",
        S390 = "SCMP_ARCH_S390",
        S390x = "SCMP_ARCH_S390X",
        Parisc = "SCMP_ARCH_PARISC",
        Parisc64 = "SCMP_ARCH_PARISC64",
        Riscv64 = "SCMP_ARCH_RISCV64",
        Loongarch64 = "SCMP_ARCH_LOONGARCH64",
        M68k = "SCMP_ARCH_M68K",
        Sh = "SCMP_ARCH_SH",
        Sheb = "SCMP_ARCH_SHEB",
    }
}
