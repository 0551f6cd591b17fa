//! The compiler: a profile to a filter.

#[cfg(test)]
mod tests;

use crate::arch::{Endian, X32_BIT};
use crate::assembler::{Assembler, Label};
use crate::condition::test;
use crate::error::Error;
use crate::filter::{
    ARCH, Filter, Instruction, JUMP_IF_AT_LEAST, JUMP_IF_EQUAL, KILL_THREAD, MAX_INSTRUCTIONS, NEW_LISTENER,
    NUMBER,
};
use crate::ranges::{Check, Gaps, Outcome, Range, Ranges};
use crate::rules::{Calls, Rules};
use crate::{Action, Arch, Flag, Profile};

/// Compiles a profile for the machine that the program was built for.
///
/// # Errors
/// Says what in the profile is wrong or too large.
pub fn compile(profile: &Profile) -> Result<Filter, Error> {
    let native = Arch::native().ok_or_else(|| {
        Error::new("", "the numbers of this machine's system calls are not known")
            .with_hint("palisade features lists those that are")
    })?;
    compile_for(profile, native)
}

/// Compiles a profile for a machine of the architecture `native`.
///
/// # Errors
/// As [`compile`].
pub fn compile_for(profile: &Profile, native: Arch) -> Result<Filter, Error> {
    let listener = listener(profile)?;
    let flags = flags(profile, listener)?;
    let arches = arches(profile, native);
    let rules = Rules::read(profile, &arches)?;
    let instructions = assemble(&rules);
    if instructions.len() > MAX_INSTRUCTIONS {
        let cause =
            format!("it needs {} instructions, the kernel takes {MAX_INSTRUCTIONS}", instructions.len());
        return Err(Error::new("", cause).with_hint("fewer rules with arguments, or fewer architectures"));
    }
    Ok(Filter { instructions, flags, unknown: rules.unknown })
}

/// Whether an agent answers for the kernel.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Listener {
    None,
    Agent,
}

fn listener(profile: &Profile) -> Result<Listener, Error> {
    if profile.listener_metadata.is_some() && profile.listener_path.is_none() {
        return Err(Error::new("/listenerMetadata", "it must not be set without listenerPath"));
    }
    let notifies = profile.default_action == Action::Notify
        || profile.syscalls.iter().any(|entry| entry.action == Action::Notify);
    match (notifies, &profile.listener_path) {
        (false, _) => Ok(Listener::None),
        (true, Some(_)) => Ok(Listener::Agent),
        (true, None) => {
            let cause = "SCMP_ACT_NOTIFY needs the socket of the agent that answers";
            Err(Error::new("/listenerPath", cause))
        }
    }
}

fn flags(profile: &Profile, listener: Listener) -> Result<u32, Error> {
    let flags = profile.flags.as_deref().unwrap_or(&[Flag::SpecAllow]);
    let mut bits = match listener {
        Listener::None => 0,
        Listener::Agent => NEW_LISTENER,
    };
    for (at, flag) in flags.iter().enumerate() {
        bits |= match (flag, listener) {
            // The kernel takes only one of the two flags, and there is no other thread when a filter is loaded.
            (Flag::Tsync, Listener::Agent) => 0,
            (Flag::Tsync, Listener::None) => 1,
            (Flag::Log, _) => 1 << 1,
            (Flag::SpecAllow, _) => 1 << 2,
            (Flag::WaitKillableRecv, Listener::Agent) => 1 << 5,
            (Flag::WaitKillableRecv, Listener::None) => {
                let cause = "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV is for SCMP_ACT_NOTIFY alone";
                return Err(Error::new(format!("/flags/{at}"), cause));
            }
        };
    }
    Ok(bits)
}

/// Lists each architecture once, the native one, which is always let in, first.
fn arches(profile: &Profile, native: Arch) -> Vec<Arch> {
    let mut arches = vec![native];
    for arch in &profile.architectures {
        let arch = if *arch == Arch::Native { native } else { *arch };
        // No kernel that runs this reports an architecture without a table or of the other order of bytes; its calls
        // are killed anyway.
        if arch.audit().is_some() && arch.endian() == native.endian() && !arches.contains(&arch) {
            arches.push(arch);
        }
    }
    arches
}

fn assemble(rules: &Rules) -> Vec<Instruction> {
    let mut audits: Vec<u32> = Vec::new();
    for audit in rules.calls.iter().filter_map(|calls| calls.arch.audit()) {
        if !audits.contains(&audit) {
            audits.push(audit);
        }
    }
    let mut assembler = Assembler::default();
    let mut next = assembler.ret(KILL_THREAD);
    // The program is written from its end: the native architecture last, so that it is tested first.
    for audit in audits.into_iter().rev() {
        let calls: Vec<&Calls> =
            rules.calls.iter().filter(|calls| calls.arch.audit() == Some(audit)).collect();
        let section = section(&mut assembler, rules, &calls);
        next = assembler.branch(JUMP_IF_EQUAL, audit, section, next);
    }
    assembler.load(ARCH, next);
    assembler.finish()
}

/// Writes the part for one `AUDIT_ARCH_*` value, whose architectures are `calls`.
fn section(assembler: &mut Assembler, rules: &Rules, calls: &[&Calls]) -> Label {
    let gaps = Gaps::new(rules.default);
    let of = |arch: Arch| calls.iter().find(|calls| calls.arch == arch);
    let mut ranges = Ranges::default();
    if of(Arch::X86_64).is_some() || of(Arch::X32).is_some() {
        // One value, two conventions: a bit in the number tells them apart, and where x32 is not let in
        // no number with that bit may be.
        for (base, arch) in [(0, Arch::X86_64), (X32_BIT, Arch::X32)] {
            match of(arch) {
                Some(calls) => ranges.add(base, calls, &rules.rules, gaps),
                None => ranges.fill(base, KILL_THREAD),
            }
        }
    } else {
        for calls in calls {
            ranges.add(0, calls, &rules.rules, gaps);
        }
    }
    // A tracer that skips a call sets its number to -1 before the filter runs.
    ranges.fill(u32::MAX, rules.default);
    let endian = calls[0].arch.endian();
    let checks: Vec<Label> =
        ranges.checks().iter().map(|check| write_check(assembler, rules, check, endian)).collect();
    let tree = search(assembler, ranges.list(), &checks);
    assembler.load(NUMBER, tree)
}

/// Writes rules that are tried one after the other.
fn write_check(assembler: &mut Assembler, rules: &Rules, check: &Check, endian: Endian) -> Label {
    let mut otherwise = assembler.ret(rules.default);
    for rule in check.rules.iter().rev() {
        let rule = &rules.rules[*rule];
        let mut label = assembler.ret(rule.value);
        for argument in rule.tests.iter().rev() {
            label = test(assembler, check.width, endian, argument, label, otherwise);
        }
        otherwise = label;
    }
    otherwise
}

/// Writes a binary search for the range that the loaded number is in.
fn search(assembler: &mut Assembler, ranges: &[Range], checks: &[Label]) -> Label {
    match ranges {
        // No list of ranges is empty; were one, nothing of it would be let through.
        [] => assembler.ret(KILL_THREAD),
        [only] => leaf(assembler, only.outcome, checks),
        [around, within, after] if around.outcome == after.outcome && after.start - within.start == 1 => {
            let yes = leaf(assembler, within.outcome, checks);
            let no = leaf(assembler, around.outcome, checks);
            assembler.branch(JUMP_IF_EQUAL, within.start, yes, no)
        }
        _ => {
            let (low, high) = ranges.split_at(ranges.len() / 2);
            let yes = search(assembler, high, checks);
            let no = search(assembler, low, checks);
            assembler.branch(JUMP_IF_AT_LEAST, high[0].start, yes, no)
        }
    }
}

fn leaf(assembler: &mut Assembler, outcome: Outcome, checks: &[Label]) -> Label {
    match outcome {
        Outcome::Return(value) => assembler.ret(value),
        Outcome::Check(index) => checks[index],
    }
}
