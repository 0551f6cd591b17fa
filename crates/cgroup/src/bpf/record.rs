//! The rules of a program, written down in the program itself, and the programs of a group read back.

use super::{attached, explained};
use crate::device::{Access, DeviceKind, DevicePolicy, DeviceRule, Verdict};
use crate::{Error, ErrorKind, Place};
use palisade_sys::bpf::{self, Attach, Instruction};
use rustix::fd::{AsFd, OwnedFd};
use rustix::fs::{CWD, Mode, OFlags};

/// Loads a constant of 64 bits, in two places.
const LOAD_CONSTANT: u8 = 0x18;
/// What the first constant begins with: `PALD`, and the version of what follows.
const MAGIC: u64 = 0x5041_4c44_0001;
const NAME: &str = "palisade_dev";

/// What decides on the devices of a group itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Installed {
    /// The rules of Palisade's own program; none where there is none.
    pub(crate) policy: Option<DevicePolicy>,
    /// The names of programs that others made.
    pub(crate) foreign: Vec<String>,
}

/// Reads back which programs are attached to a group of the v2 tree.
///
/// # Errors
/// EPERM without CAP_NET_ADMIN or CAP_SYS_ADMIN; a program of Palisade's that cannot be read.
pub(crate) fn installed(place: &Place) -> Result<Installed, Error> {
    let path = place.directory();
    let fail = |operation: &str, errno| explained(operation, &path, errno);
    let target = open(place)?;
    let mut found = Installed::default();
    for program in attached(&target).map_err(|errno| fail("list device programs of", errno))? {
        let info = bpf::program_info(&program).map_err(|errno| fail("read a device program of", errno))?;
        if info.name != NAME {
            found.foreign.push(format!("{} {}", info.id, info.name).trim_end().to_owned());
            continue;
        }
        let policy = read(&info.instructions).ok_or_else(|| {
            let cause = "the kernel does not show it, or an older Palisade made it";
            Error::text("read the device program of", path.clone(), cause, ErrorKind::Denied)
        })?;
        found.policy = Some(policy);
    }
    Ok(found)
}

/// Attaches the program of `policy` in place of Palisade's own, or detaches that; those of others stay.
///
/// # Errors
/// EPERM without CAP_BPF and CAP_NET_ADMIN, or CAP_SYS_ADMIN.
pub(crate) fn replace(place: &Place, policy: Option<&DevicePolicy>) -> Result<(), Error> {
    let path = place.directory();
    let fail = |operation: &str, errno| explained(operation, &path, errno);
    let target = open(place)?;
    let mut own: Vec<OwnedFd> = Vec::new();
    for program in attached(&target).map_err(|errno| fail("list device programs of", errno))? {
        let info = bpf::program_info(&program).map_err(|errno| fail("read a device program of", errno))?;
        if info.name == NAME {
            own.push(program);
        }
    }
    if let Some(policy) = policy {
        let program = bpf::load_device_program(&super::compile(policy))
            .map_err(|errno| fail("load device program for", errno))?;
        let old = if own.is_empty() { None } else { Some(own.remove(0)) };
        let how = old.as_ref().map_or(Attach::Beside, |old| Attach::Replace(old.as_fd()));
        bpf::attach_device_program(&target, &program, how)
            .map_err(|errno| fail("attach device program to", errno))?;
    }
    for program in own {
        bpf::detach_device_program(&target, &program)
            .map_err(|errno| fail("detach device program from", errno))?;
    }
    Ok(())
}

fn open(place: &Place) -> Result<OwnedFd, Error> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    rustix::fs::openat(CWD, place.directory(), flags, Mode::empty())
        .map_err(|errno| Error::call("open", place.directory(), errno))
}

/// Writes a policy as constants, without the rules that decide nothing.
pub(super) fn write(policy: &DevicePolicy) -> Vec<Instruction> {
    let last = policy.rules.iter().rposition(DeviceRule::covers_all);
    let default = last.map_or(policy.default, |index| policy.rules[index].verdict);
    let rules = &policy.rules[last.map_or(0, |index| index + 1)..];
    let count = u64::try_from(rules.len()).unwrap_or(u64::MAX).min(0x7fff);
    let first = MAGIC << 16 | u64::from(default == Verdict::Allow) << 15 | count;
    std::iter::once(first).chain(rules.iter().map(number_of)).flat_map(constant).collect()
}

/// Reads a policy out of the constants that a program begins with; none of another's program.
pub(super) fn read(code: &[Instruction]) -> Option<DevicePolicy> {
    let mut constants = code.chunks_exact(2).map(|pair| {
        let is_constant = pair[0].code == LOAD_CONSTANT && pair[1].code == 0;
        let (low, high) = (pair[0].immediate.cast_unsigned(), pair[1].immediate.cast_unsigned());
        is_constant.then_some(u64::from(high) << 32 | u64::from(low))
    });
    let first = constants.next()??;
    if first >> 16 != MAGIC {
        return None;
    }
    let count = usize::try_from(first & 0x7fff).ok()?;
    let default = if first & 1 << 15 == 0 { Verdict::Deny } else { Verdict::Allow };
    let rules: Vec<DeviceRule> =
        constants.take(count).map(|number| rule_of(number?)).collect::<Option<_>>()?;
    (rules.len() == count).then_some(DevicePolicy { default, rules })
}

fn constant(number: u64) -> [Instruction; 2] {
    let half = |shift: u32| u32::try_from(number >> shift & 0xffff_ffff).unwrap_or(0).cast_signed();
    [super::instruction(LOAD_CONSTANT, super::R0, 0, 0, half(0)), super::instruction(0, 0, 0, 0, half(32))]
}

/// Puts a rule into a number: verdict, kind, access, then the numbers, each with a bit that says whether it is there.
fn number_of(rule: &DeviceRule) -> u64 {
    let kind = match rule.kind {
        DeviceKind::All => 0,
        DeviceKind::Block => 1,
        DeviceKind::Char => 2,
    };
    let number = |number: Option<u32>, bits: u32| match number {
        Some(number) => 1 << bits | u64::from(number) & ((1 << bits) - 1),
        None => 0,
    };
    u64::from(rule.verdict == Verdict::Allow)
        | kind << 1
        | u64::from(rule.access.bits()) << 3
        | number(rule.major, 12) << 6
        | number(rule.minor, 20) << 19
}

fn rule_of(number: u64) -> Option<DeviceRule> {
    let part = |shift: u32, bits: u32| u32::try_from(number >> shift & ((1 << bits) - 1)).ok();
    let optional = |shift: u32, bits: u32| {
        Some(if part(shift + bits, 1)? == 1 { Some(part(shift, bits)?) } else { None })
    };
    let verdict = if part(0, 1)? == 1 { Verdict::Allow } else { Verdict::Deny };
    let kind = match part(1, 2)? {
        0 => DeviceKind::All,
        1 => DeviceKind::Block,
        2 => DeviceKind::Char,
        _ => return None,
    };
    let bits = [Access::MKNOD, Access::READ, Access::WRITE];
    let granted = part(3, 3)?;
    let access = bits.into_iter().filter(|bit| u32::from(bit.bits()) & granted != 0);
    let access = access.reduce(Access::union)?;
    Some(DeviceRule { verdict, kind, major: optional(6, 12)?, minor: optional(19, 20)?, access })
}
