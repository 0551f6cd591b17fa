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

/// The order of the bytes of a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Endian {
    Little,
    Big,
}

impl Arch {
    /// Returns the architecture that this program was built for, or `None` when no table of its system
    /// calls is there.
    pub fn native() -> Option<Self> {
        let little = cfg!(target_endian = "little");
        Some(match std::env::consts::ARCH {
            "x86_64" => Self::X86_64,
            "aarch64" => Self::Aarch64,
            "x86" => Self::X86,
            "arm" if little => Self::Arm,
            "riscv64" => Self::Riscv64,
            "loongarch64" => Self::Loongarch64,
            "powerpc" => Self::Ppc,
            "powerpc64" if little => Self::Ppc64le,
            "powerpc64" => Self::Ppc64,
            "s390x" => Self::S390x,
            "mips" if little => Self::Mipsel,
            "mips" => Self::Mips,
            "mips64" if little => Self::Mipsel64,
            "mips64" => Self::Mips64,
            "m68k" => Self::M68k,
            _ => return None,
        })
    }

    /// Lists the architectures of whose system calls a table is there.
    pub fn all_known() -> impl Iterator<Item = Self> {
        KNOWN.iter().copied()
    }

    /// Returns the name by which profiles call it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Native => "SCMP_ARCH_NATIVE",
            Self::X86 => "SCMP_ARCH_X86",
            Self::X86_64 => "SCMP_ARCH_X86_64",
            Self::X32 => "SCMP_ARCH_X32",
            Self::Arm => "SCMP_ARCH_ARM",
            Self::Aarch64 => "SCMP_ARCH_AARCH64",
            Self::Mips => "SCMP_ARCH_MIPS",
            Self::Mips64 => "SCMP_ARCH_MIPS64",
            Self::Mips64N32 => "SCMP_ARCH_MIPS64N32",
            Self::Mipsel => "SCMP_ARCH_MIPSEL",
            Self::Mipsel64 => "SCMP_ARCH_MIPSEL64",
            Self::Mipsel64N32 => "SCMP_ARCH_MIPSEL64N32",
            Self::Ppc => "SCMP_ARCH_PPC",
            Self::Ppc64 => "SCMP_ARCH_PPC64",
            Self::Ppc64le => "SCMP_ARCH_PPC64LE",
            Self::S390 => "SCMP_ARCH_S390",
            Self::S390x => "SCMP_ARCH_S390X",
            Self::Parisc => "SCMP_ARCH_PARISC",
            Self::Parisc64 => "SCMP_ARCH_PARISC64",
            Self::Riscv64 => "SCMP_ARCH_RISCV64",
            Self::Loongarch64 => "SCMP_ARCH_LOONGARCH64",
            Self::M68k => "SCMP_ARCH_M68K",
            Self::Sh => "SCMP_ARCH_SH",
            Self::Sheb => "SCMP_ARCH_SHEB",
        }
    }

    /// Returns the 32-bit conventions that a kernel of this architecture also serves.
    pub fn subarches(self) -> &'static [Self] {
        match self {
            Self::X86_64 => &[Self::X86, Self::X32],
            Self::Aarch64 => &[Self::Arm],
            Self::Ppc64 => &[Self::Ppc],
            Self::Mips64 => &[Self::Mips],
            Self::Mipsel64 => &[Self::Mipsel],
            _ => &[],
        }
    }

    /// Returns the kernel's `AUDIT_ARCH_*` value, `seccomp_data.arch`, of an architecture that has a table; x32 shares
    /// that of x86-64.
    pub(crate) fn audit(self) -> Option<u32> {
        // The number of the machine in ELF files, a bit for 64-bit words and one for little-endian ones.
        Some(match self {
            Self::X86_64 | Self::X32 => 0xc000_003e,
            Self::X86 => 0x4000_0003,
            Self::Aarch64 => 0xc000_00b7,
            Self::Arm => 0x4000_0028,
            Self::Riscv64 => 0xc000_00f3,
            Self::Loongarch64 => 0xc000_0102,
            Self::Ppc => 0x0000_0014,
            Self::Ppc64 => 0x8000_0015,
            Self::Ppc64le => 0xc000_0015,
            Self::S390x => 0x8000_0016,
            Self::Mips => 0x0000_0008,
            Self::Mipsel => 0x4000_0008,
            Self::Mips64 => 0x8000_0008,
            Self::Mipsel64 => 0xc000_0008,
            Self::M68k => 0x0000_0004,
            _ => return None,
        })
    }

    /// Returns where the numbers of this architecture are in the table of system calls.
    pub(crate) fn column(self) -> Option<Column> {
        Some(match self {
            Self::X86_64 => Column::X86_64,
            Self::X86 => Column::X86,
            Self::X32 => Column::X32,
            Self::Aarch64 => Column::Aarch64,
            Self::Arm => Column::Arm,
            Self::Riscv64 => Column::Riscv64,
            Self::Loongarch64 => Column::Loongarch64,
            Self::Ppc => Column::Ppc,
            Self::Ppc64 | Self::Ppc64le => Column::Ppc64,
            Self::S390x => Column::S390x,
            Self::Mips | Self::Mipsel => Column::Mips,
            Self::Mips64 | Self::Mipsel64 => Column::Mips64,
            Self::M68k => Column::M68k,
            _ => return None,
        })
    }

    /// Returns the order of bytes in its words.
    pub(crate) fn endian(self) -> Endian {
        match self {
            Self::Ppc
            | Self::Ppc64
            | Self::S390
            | Self::S390x
            | Self::Mips
            | Self::Mips64
            | Self::Mips64N32
            | Self::Parisc
            | Self::Parisc64
            | Self::M68k
            | Self::Sheb => Endian::Big,
            _ => Endian::Little,
        }
    }
}

/// The architectures that have a table.
const KNOWN: [Arch; 16] = [
    Arch::Aarch64,
    Arch::Arm,
    Arch::Loongarch64,
    Arch::M68k,
    Arch::Mips,
    Arch::Mips64,
    Arch::Mipsel,
    Arch::Mipsel64,
    Arch::Ppc,
    Arch::Ppc64,
    Arch::Ppc64le,
    Arch::Riscv64,
    Arch::S390x,
    Arch::X32,
    Arch::X86,
    Arch::X86_64,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_known_has_a_table_and_its_name() {
        for arch in Arch::all_known() {
            assert!(arch.audit().is_some() && arch.column().is_some(), "{arch:?}");
            assert_eq!(serde_json::to_value(arch).unwrap(), arch.name());
        }
        assert!(Arch::native().is_some_and(|native| Arch::all_known().any(|arch| arch == native)));
    }
}
