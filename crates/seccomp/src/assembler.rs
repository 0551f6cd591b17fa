//! Writes BPF programs from their last instruction to their first.

use crate::filter::{AND, Instruction, JUMP, LOAD, RETURN};

/// The farthest that a conditional jump reaches.
const REACH: usize = u8::MAX as usize;

/// Names an instruction that is already written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Label(usize);

/// Holds the program written so far, the last instruction first. All jumps of BPF go forward, so that
/// what an instruction jumps to is always there already, and its distance is known.
#[derive(Default)]
pub(crate) struct Assembler {
    code: Vec<Instruction>,
    returns: Vec<(u32, Label)>,
}

impl Assembler {
    /// Returns a place that ends the program with `value`, an earlier one where one is close by.
    pub(crate) fn ret(&mut self, value: u32) -> Label {
        let known = self.returns.iter().position(|(known, _)| *known == value);
        if let Some(at) = known
            && self.is_near(self.returns[at].1)
        {
            return self.returns[at].1;
        }
        let label = self.push(RETURN, 0, 0, value);
        match known {
            Some(at) => self.returns[at].1 = label,
            None => self.returns.push((value, label)),
        }
        label
    }

    /// Writes a conditional jump.
    pub(crate) fn branch(&mut self, code: u16, operand: u32, yes: Label, no: Label) -> Label {
        let yes = self.near(yes);
        let no = self.near(no);
        let yes = self.distance(yes);
        let no = self.distance(no);
        self.push(code, yes, no, operand)
    }

    /// Writes a load of the word at `offset` of `struct seccomp_data`; the program goes on at `next`.
    pub(crate) fn load(&mut self, offset: u32, next: Label) -> Label {
        self.fall_into(next);
        self.push(LOAD, 0, 0, offset)
    }

    /// Writes an AND of the loaded word and `mask`; the program goes on at `next`.
    pub(crate) fn and(&mut self, mask: u32, next: Label) -> Label {
        self.fall_into(next);
        self.push(AND, 0, 0, mask)
    }

    /// Returns the program in the order in which it runs.
    pub(crate) fn finish(mut self) -> Vec<Instruction> {
        self.code.reverse();
        self.code
    }

    /// Makes `label` the instruction that the next one written falls into.
    fn fall_into(&mut self, label: Label) {
        if label.0 + 1 != self.code.len() {
            self.jump(label);
        }
    }

    /// Returns a label with the effect of `label` that the next two instructions written can reach.
    fn near(&mut self, label: Label) -> Label {
        if self.is_near(label) {
            return label;
        }
        let target = self.code[label.0];
        if target.code == RETURN {
            // A copy is as short as a jump to it, and quicker.
            self.ret(target.k)
        } else {
            self.jump(label)
        }
    }

    /// Tells whether a conditional jump reaches `label` even when one instruction comes between.
    fn is_near(&self, label: Label) -> bool {
        self.code.len() - label.0 <= REACH
    }

    fn jump(&mut self, label: Label) -> Label {
        let distance = self.code.len() - label.0 - 1;
        let distance = u32::try_from(distance).expect("a program is far shorter than 2^32");
        self.push(JUMP, 0, 0, distance)
    }

    fn distance(&self, label: Label) -> u8 {
        let distance = self.code.len() - label.0 - 1;
        u8::try_from(distance).expect("`near` was asked first")
    }

    fn push(&mut self, code: u16, jt: u8, jf: u8, k: u32) -> Label {
        self.code.push(Instruction { code, jt, jf, k });
        Label(self.code.len() - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::filter::JUMP_IF_EQUAL;
    use crate::{Filter, SyscallData};

    /// Writes a branch with `between` instructions between it and each of its targets, and runs it both ways.
    fn run_both_ways(between: usize) -> [u32; 2] {
        let mut assembler = Assembler::default();
        let one = assembler.ret(1);
        let yes = assembler.load(0, one);
        let two = assembler.ret(2);
        let no = assembler.load(0, two);
        for _ in 0..between {
            assembler.push(RETURN, 0, 0, 99);
        }
        let branch = assembler.branch(JUMP_IF_EQUAL, 7, yes, no);
        assembler.load(0, branch);
        let filter = Filter { instructions: assembler.finish(), flags: 0, unknown: Vec::new() };
        [7, 8].map(|number| filter.evaluate(&SyscallData { number, ..SyscallData::default() }))
    }

    #[test]
    fn branches_reach_both_targets_at_any_distance() {
        for between in (0..12).chain(240..270).chain([2000]) {
            assert_eq!(run_both_ways(between), [1, 2], "{between} between");
        }
    }

    #[test]
    fn a_distant_return_is_copied() {
        let mut assembler = Assembler::default();
        let first = assembler.ret(5);
        assert_eq!(assembler.ret(5), first);
        for _ in 0..300 {
            assembler.push(RETURN, 0, 0, 99);
        }
        let second = assembler.ret(5);
        assert_ne!(second, first);
        assert_eq!(assembler.ret(5), second);
    }
}
