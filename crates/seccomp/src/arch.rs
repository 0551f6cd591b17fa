//! Architectures, as profiles name them and as the kernel reports them.

use serde::{Deserialize, Serialize};

use crate::table::Column;

/// Names a system call convention in the words of the OCI runtime specification
/// ([config-linux.md, `seccomp.architectures`](https://github.com/opencontainers/runtime-spec/blob/main/config-linux.md#seccomp)).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[allow(missing_docs, reason = "each name is the architecture's own, there is nothing to add")]
pub enum Arch {
    /// The architecture that the program runs on.
    #[serde(rename = "SCMP_ARCH_NATIVE")]
    Native,
    #[serde(rename = "SCMP_ARCH_X86")]
    X86,
    #[serde(rename = "SCMP_ARCH_X86_64")]
    X86_64,
    #[serde(rename = "SCMP_ARCH_X32")]
    X32,
    #[serde(rename = "SCMP_ARCH_ARM")]
    Arm,
    #[serde(rename = "SCMP_ARCH_AARCH64")]
    Aarch64,
    #[serde(rename = "SCMP_ARCH_MIPS")]
    Mips,
    #[serde(rename = "SCMP_ARCH_MIPS64")]
    Mips64,
    #[serde(rename = "SCMP_ARCH_MIPS64N32")]
    Mips64N32,
    #[serde(rename = "SCMP_ARCH_MIPSEL")]
    Mipsel,
    #[serde(rename = "SCMP_ARCH_MIPSEL64")]
    Mipsel64,
    #[serde(rename = "SCMP_ARCH_MIPSEL64N32")]
    Mipsel64N32,
    #[serde(rename = "SCMP_ARCH_PPC")]
    Ppc,
    #[serde(rename = "SCMP_ARCH_PPC64")]
    Ppc64,
    #[serde(rename = "SCMP_ARCH_PPC64LE")]
    Ppc64le,
    #[serde(rename = "SCMP_ARCH_S390")]
    S390,
    #[serde(rename = "SCMP_ARCH_S390X")]
    S390x,
    #[serde(rename = "SCMP_ARCH_PARISC")]
    Parisc,
    #[serde(rename = "SCMP_ARCH_PARISC64")]
    Parisc64,
    #[serde(rename = "SCMP_ARCH_RISCV64")]
    Riscv64,
    #[serde(rename = "SCMP_ARCH_LOONGARCH64")]
    Loongarch64,
    #[serde(rename = "SCMP_ARCH_M68K")]
    M68k,
    #[serde(rename = "SCMP_ARCH_SH")]
    Sh,
    #[serde(rename = "SCMP_ARCH_SHEB")]
    Sheb,
}

/// What sets the system call numbers of the x32 convention apart from those of x86-64.
pub(crate) const X32_BIT: u32 = 0x4000_0000;

impl Arch {
    /// Returns the architecture that this program was built for, or `None` when no table of its system
    /// calls is there.
    pub fn native() -> Option<Self> {
        if cfg!(target_arch = "x86_64") {
            Some(Self::X86_64)
        } else if cfg!(target_arch = "aarch64") {
            Some(Self::Aarch64)
        } else if cfg!(target_arch = "x86") {
            Some(Self::X86)
        } else if cfg!(all(target_arch = "arm", target_endian = "little")) {
            Some(Self::Arm)
        } else {
            None
        }
    }

    /// Returns the 32-bit conventions that a kernel of this architecture also serves.
    pub fn subarches(self) -> &'static [Self] {
        match self {
            Self::X86_64 => &[Self::X86, Self::X32],
            Self::Aarch64 => &[Self::Arm],
            _ => &[],
        }
    }

    /// Returns the kernel's `AUDIT_ARCH_*` value, `seccomp_data.arch`; x32 shares that of x86-64.
    pub(crate) fn audit(self) -> Option<u32> {
        match self {
            Self::X86_64 | Self::X32 => Some(0xc000_003e),
            Self::X86 => Some(0x4000_0003),
            Self::Aarch64 => Some(0xc000_00b7),
            Self::Arm => Some(0x4000_0028),
            _ => None,
        }
    }

    /// Returns where the numbers of this architecture are in the table of system calls.
    pub(crate) fn column(self) -> Option<Column> {
        match self {
            Self::X86_64 => Some(Column::X86_64),
            Self::X86 => Some(Column::X86),
            Self::X32 => Some(Column::X32),
            Self::Aarch64 => Some(Column::Aarch64),
            Self::Arm => Some(Column::Arm),
            _ => None,
        }
    }
}
