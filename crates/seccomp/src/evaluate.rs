//! Runs a filter on one system call, as the kernel would.

use crate::arch::Endian;
use crate::filter::{
    AND, Filter, JUMP, JUMP_IF_AT_LEAST, JUMP_IF_EQUAL, JUMP_IF_GREATER, KILL_PROCESS, LOAD, RETURN,
};

/// Describes one system call: the kernel's `struct seccomp_data`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SyscallData {
    /// The number of the call.
    pub number: u32,
    /// The `AUDIT_ARCH_*` value of the convention that it was made by.
    pub arch: u32,
    /// Where in the program it was made.
    pub instruction_pointer: u64,
    /// Its arguments.
    pub args: [u64; 6],
}

impl SyscallData {
    /// Returns the word at a byte offset of the kernel's structure.
    fn word(&self, endian: Endian, offset: u32) -> Option<u32> {
        let long = |value: u64, offset: u32| {
            let is_low = offset.is_multiple_of(8) == (endian == Endian::Little);
            let half = if is_low { value & 0xffff_ffff } else { value >> 32 };
            u32::try_from(half).ok()
        };
        match offset {
            0 => Some(self.number),
            4 => Some(self.arch),
            8 | 12 => long(self.instruction_pointer, offset),
            16..64 if offset.is_multiple_of(4) => {
                let index = usize::try_from((offset - 16) / 8).ok()?;
                long(self.args[index], offset)
            }
            _ => None,
        }
    }
}

impl Filter {
    /// Returns the `SECCOMP_RET_*` value that the filter has for a system call on a little-endian machine.
    ///
    /// A program that the kernel would refuse to load (it runs off its end, or has an instruction that
    /// [`compile`](crate::compile) never writes) kills the process.
    pub fn evaluate(&self, data: &SyscallData) -> u32 {
        self.evaluate_as(Endian::Little, data)
    }

    /// The same on a machine of either order of bytes.
    pub(crate) fn evaluate_as(&self, endian: Endian, data: &SyscallData) -> u32 {
        self.run(endian, data).map_or(KILL_PROCESS, |(value, _)| value)
    }

    /// Returns how many instructions run for a system call.
    pub fn cost(&self, data: &SyscallData) -> usize {
        self.run(Endian::Little, data).map_or(0, |(_, steps)| steps)
    }

    fn run(&self, endian: Endian, data: &SyscallData) -> Option<(u32, usize)> {
        let mut at = 0;
        let mut accumulator = 0;
        for step in 1..=self.instructions.len() {
            let instruction = self.instructions.get(at)?;
            let operand = instruction.k;
            at += 1;
            let condition = match instruction.code {
                RETURN => return Some((operand, step)),
                LOAD => {
                    accumulator = data.word(endian, operand)?;
                    continue;
                }
                AND => {
                    accumulator &= operand;
                    continue;
                }
                JUMP => {
                    at += usize::try_from(operand).ok()?;
                    continue;
                }
                JUMP_IF_EQUAL => accumulator == operand,
                JUMP_IF_GREATER => accumulator > operand,
                JUMP_IF_AT_LEAST => accumulator >= operand,
                _ => return None,
            };
            at += usize::from(if condition { instruction.jt } else { instruction.jf });
        }
        None
    }
}
