//! Tests of arguments, written as BPF.

use crate::arch::Endian;
use crate::assembler::{Assembler, Label};
use crate::filter::{ARGUMENTS, JUMP_IF_AT_LEAST, JUMP_IF_EQUAL, JUMP_IF_GREATER};
use crate::{Arch, Argument, Operator};

/// How much of an argument a system call convention passes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Width {
    /// 32 bits: only the low halves are compared, as libseccomp does, so that -1 written with 64 bits
    /// means -1.
    Word,
    /// 64 bits.
    Long,
}

impl Width {
    /// Returns how much of an argument counts. Of x32, whose registers are wide, only the low halves do, as with
    /// libseccomp.
    pub(crate) fn of(arch: Arch) -> Self {
        match arch {
            Arch::X86 | Arch::X32 | Arch::Arm | Arch::Ppc | Arch::Mips | Arch::Mipsel | Arch::M68k => {
                Self::Word
            }
            _ => Self::Long,
        }
    }
}

/// Writes a test of one argument that goes on at `yes` when it holds, else at `no`.
pub(crate) fn test(
    assembler: &mut Assembler,
    width: Width,
    endian: Endian,
    argument: &Argument,
    yes: Label,
    no: Label,
) -> Label {
    let mut writer = Writer { assembler, width, endian, index: argument.index };
    let value = Halves::of(argument.value);
    let all = Halves::of(u64::MAX);
    match argument.op {
        Operator::Equal => writer.equal(all, value, yes, no),
        Operator::NotEqual => writer.equal(all, value, no, yes),
        Operator::MaskedEqual => {
            // Bits outside the mask are ignored on both sides, as libseccomp does.
            let wanted = Halves::of(argument.value_two & argument.value);
            writer.equal(value, wanted, yes, no)
        }
        Operator::Greater => writer.ordered(JUMP_IF_GREATER, value, yes, no),
        Operator::GreaterOrEqual => writer.ordered(JUMP_IF_AT_LEAST, value, yes, no),
        Operator::Less => writer.ordered(JUMP_IF_AT_LEAST, value, no, yes),
        Operator::LessOrEqual => writer.ordered(JUMP_IF_GREATER, value, no, yes),
    }
}

/// A 64-bit number as the two words that BPF can work on.
#[derive(Clone, Copy)]
struct Halves {
    high: u32,
    low: u32,
}

impl Halves {
    fn of(value: u64) -> Self {
        let [a, b, c, d, e, f, g, h] = value.to_be_bytes();
        Self { high: u32::from_be_bytes([a, b, c, d]), low: u32::from_be_bytes([e, f, g, h]) }
    }
}

#[derive(Clone, Copy)]
enum Half {
    Low,
    High,
}

struct Writer<'a> {
    assembler: &'a mut Assembler,
    width: Width,
    endian: Endian,
    index: usize,
}

impl Writer<'_> {
    fn equal(&mut self, mask: Halves, value: Halves, yes: Label, no: Label) -> Label {
        let branch = self.assembler.branch(JUMP_IF_EQUAL, value.low, yes, no);
        let low = self.load(Half::Low, mask.low, branch);
        if self.width == Width::Word {
            return low;
        }
        let branch = self.assembler.branch(JUMP_IF_EQUAL, value.high, low, no);
        self.load(Half::High, mask.high, branch)
    }

    /// `code` is the comparison of the low halves; of the high ones only "greater" and "equal" matter.
    fn ordered(&mut self, code: u16, value: Halves, yes: Label, no: Label) -> Label {
        let branch = self.assembler.branch(code, value.low, yes, no);
        let low = self.load(Half::Low, u32::MAX, branch);
        if self.width == Width::Word {
            return low;
        }
        let equal = self.assembler.branch(JUMP_IF_EQUAL, value.high, low, no);
        let greater = self.assembler.branch(JUMP_IF_GREATER, value.high, yes, equal);
        self.load(Half::High, u32::MAX, greater)
    }

    /// Loads half of the argument under a mask, and goes on at `next`.
    fn load(&mut self, half: Half, mask: u32, next: Label) -> Label {
        let next = if mask == u32::MAX { next } else { self.assembler.and(mask, next) };
        let half = match (half, self.endian) {
            (Half::Low, Endian::Little) | (Half::High, Endian::Big) => 0,
            (Half::High, Endian::Little) | (Half::Low, Endian::Big) => 4,
        };
        let index = u32::try_from(self.index).expect("the index was checked: 0 to 5");
        self.assembler.load(ARGUMENTS + 8 * index + half, next)
    }
}
