//! Device rules as a BPF program, the way v2 decides on devices.
//!
//! The program gets the kind of access, the kind of device and its numbers (`struct bpf_cgroup_dev_ctx`), and
//! returns 1 to allow. It goes through the rules from the last to the first. A rule that denies any access not yet
//! decided ends it with 0; one that allows takes its access off what is undecided, and when nothing is left, ends
//! it with 1. So each bit of access is decided by the last rule that covers it.
//!
//! In front of that it loads the rules as constants into a register that nothing reads: the kernel may change the code
//! behind, and these stay, so that the rules can be read back.

use crate::device::{Access, DeviceKind, DevicePolicy, DeviceRule, Verdict};
use crate::recipe::Directory;
use crate::{Error, Group};
pub(crate) use record::{installed, replace};

use palisade_sys::bpf::{self, Attach, Instruction};
use rustix::fd::{AsFd, OwnedFd};
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use std::path::Path;

mod record;

/// Returned to the kernel.
const R0: u8 = 0;
/// The context at entry, free after the numbers are loaded.
const R1: u8 = 1;
/// The kind of device.
const KIND: u8 = 2;
/// The access that no rule has decided yet.
const ACCESS: u8 = 3;
const MAJOR: u8 = 4;
const MINOR: u8 = 5;

// Operations, from linux/bpf_common.h and linux/bpf.h: class, source and operation or size put together.
const LOAD_WORD: u8 = 0x61;
const MOVE_CONSTANT: u8 = 0xb4;
const MOVE_REGISTER: u8 = 0xbc;
const AND_CONSTANT: u8 = 0x54;
const SHIFT_RIGHT: u8 = 0x74;
const JUMP_IF_NOT_EQUAL: u8 = 0x55;
const JUMP_IF_EQUAL: u8 = 0x15;
const EXIT: u8 = 0x95;

/// `BPF_DEVCG_DEV_BLOCK` and `BPF_DEVCG_DEV_CHAR`.
const BLOCK: i32 = 1;
const CHAR: i32 = 2;

/// Attaches the program of `policy` to the group, in place of those that are attached to it.
pub(crate) fn attach(group: &Group, directory: &Directory, policy: &DevicePolicy) -> Result<(), Error> {
    let path = group.full(&directory.path);
    let fail = |operation: &str, errno| explained(operation, &path, errno);
    let program =
        bpf::load_device_program(&compile(policy)).map_err(|e| fail("load device program for", e))?;
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let target = rustix::fs::openat(&group.anchor, directory.path.as_str(), flags, Mode::empty())
        .map_err(|errno| fail("open", errno))?;
    let old = attached(&target).map_err(|errno| fail("list device programs of", errno))?;
    let attach = |how| bpf::attach_device_program(&target, &program, how);
    match old.as_slice() {
        [one] => attach(Attach::Replace(one.as_fd())),
        _ => attach(Attach::Beside),
    }
    .map_err(|errno| fail("attach device program to", errno))?;
    for program in old.iter().filter(|_| old.len() > 1) {
        bpf::detach_device_program(&target, program)
            .map_err(|errno| fail("detach an old device program from", errno))?;
    }
    Ok(())
}

/// Makes the error of a refused call about a program.
fn explained(operation: &str, path: &Path, errno: Errno) -> Error {
    let error = Error::call(operation, path, errno);
    match errno {
        Errno::PERM => error.with_hint("needs CAP_BPF and CAP_NET_ADMIN, or CAP_SYS_ADMIN"),
        Errno::INVAL | Errno::NOSYS => error.with_hint("the kernel may be without CONFIG_CGROUP_BPF"),
        _ => error,
    }
}

fn attached(target: &OwnedFd) -> Result<Vec<OwnedFd>, Errno> {
    bpf::device_program_ids(target)?.into_iter().map(bpf::program_by_id).collect()
}

/// Turns a policy into a program.
pub(crate) fn compile(policy: &DevicePolicy) -> Vec<Instruction> {
    let mut code = record::write(policy);
    code.extend([
        // The first word is the kind of device in its low half and the access in its high half.
        instruction(LOAD_WORD, KIND, R1, 0, 0),
        instruction(MOVE_REGISTER, ACCESS, KIND, 0, 0),
        instruction(AND_CONSTANT, KIND, 0, 0, 0xffff),
        instruction(SHIFT_RIGHT, ACCESS, 0, 0, 16),
        instruction(LOAD_WORD, MAJOR, R1, 4, 0),
        instruction(LOAD_WORD, MINOR, R1, 8, 0),
    ]);
    for rule in policy.rules.iter().rev() {
        if rule.covers_all() {
            // Rules before this one decide nothing, and the verifier refuses code that is never reached.
            finish(&mut code, rule.verdict);
            return code;
        }
        let block = decide(rule);
        let tests = conditions(rule);
        let behind = tests.len() + block.len();
        for (index, (register, value)) in tests.into_iter().enumerate() {
            // At most four conditions and four instructions: the distance is small.
            let distance = i16::try_from(behind - index - 1).unwrap_or(i16::MAX);
            code.push(instruction(JUMP_IF_NOT_EQUAL, register, 0, distance, value));
        }
        code.extend(block);
    }
    finish(&mut code, policy.default);
    code
}

/// Lists what has to hold for a rule to be about the device.
fn conditions(rule: &DeviceRule) -> Vec<(u8, i32)> {
    let kind = match rule.kind {
        DeviceKind::All => None,
        DeviceKind::Block => Some(BLOCK),
        DeviceKind::Char => Some(CHAR),
    };
    // Numbers have been checked against 12 and 20 bits when the recipe was made.
    let number = |number: Option<u32>| number.map(|n| i32::try_from(n).unwrap_or(i32::MAX));
    [(KIND, kind), (MAJOR, number(rule.major)), (MINOR, number(rule.minor))]
        .into_iter()
        .filter_map(|(register, value)| Some((register, value?)))
        .collect()
}

/// Decides the access that a rule is about, for a device that it is about.
fn decide(rule: &DeviceRule) -> Vec<Instruction> {
    let mut block = Vec::with_capacity(5);
    match rule.verdict {
        Verdict::Allow if rule.access != Access::ALL => {
            let rest = i32::from(Access::ALL.without(rule.access).bits());
            block.push(instruction(AND_CONSTANT, ACCESS, 0, 0, rest));
            block.push(instruction(JUMP_IF_NOT_EQUAL, ACCESS, 0, 2, 0));
        }
        Verdict::Deny if rule.access != Access::ALL => {
            block.push(instruction(MOVE_REGISTER, R1, ACCESS, 0, 0));
            block.push(instruction(AND_CONSTANT, R1, 0, 0, i32::from(rule.access.bits())));
            block.push(instruction(JUMP_IF_EQUAL, R1, 0, 2, 0));
        }
        // All three kinds of access are decided, and at least one is asked for.
        Verdict::Allow | Verdict::Deny => {}
    }
    finish(&mut block, rule.verdict);
    block
}

fn finish(code: &mut Vec<Instruction>, verdict: Verdict) {
    code.push(instruction(MOVE_CONSTANT, R0, 0, 0, i32::from(verdict == Verdict::Allow)));
    code.push(instruction(EXIT, 0, 0, 0, 0));
}

fn instruction(code: u8, destination: u8, source: u8, offset: i16, immediate: i32) -> Instruction {
    Instruction { code, registers: source << 4 | destination, offset, immediate }
}

#[cfg(test)]
mod tests;
