//! The default profile, compiled and evaluated.

use super::*;
use crate::filter::{ALLOW, ERRNO, KILL_THREAD};
use crate::syscalls::find;
use crate::{Filter, SyscallData, compile_for};

const DENIED: u32 = ERRNO | EPERM;
const MISSING: u32 = ERRNO | ENOSYS;

fn filter(capabilities: &[&str], kernel: KernelVersion) -> Filter {
    let capabilities = capabilities.iter().map(|&name| name.to_owned()).collect();
    let mut profile = default_profile(&capabilities, kernel);
    profile.architectures = vec![Arch::X86_64, Arch::X86, Arch::X32];
    compile_for(&profile, Arch::X86_64).unwrap()
}

fn data(arch: Arch, name: &str, first: u64) -> SyscallData {
    let number = find(name).and_then(|row| row.number(arch.column().unwrap()));
    SyscallData {
        number: number.unwrap_or_else(|| panic!("{arch:?} has {name}")),
        arch: arch.audit().unwrap(),
        args: [first, 0, 0, 0, 0, 0],
        ..SyscallData::default()
    }
}

fn check(filter: &Filter, expected: &[(&str, u64, u32)]) {
    for (name, first, wanted) in expected {
        for arch in [Arch::X86_64, Arch::X86] {
            let result = filter.evaluate(&data(arch, name, *first));
            assert_eq!(result, *wanted, "{arch:?} {name} {first:#x}");
        }
    }
}

#[test]
fn without_capabilities() {
    check(
        &filter(&[], (6, 18)),
        &[
            ("read", 0, ALLOW),
            ("execve", 0, ALLOW),
            ("ptrace", 0, ALLOW),
            ("mount", 0, DENIED),
            ("bpf", 0, DENIED),
            ("unshare", 0, DENIED),
            ("io_uring_setup", 0, DENIED),
            ("keyctl", 0, DENIED),
            ("open_by_handle_at", 0, DENIED),
            ("reboot", 0, DENIED),
            ("clone3", 0, MISSING),
            ("rseq_slice_yield", 0, MISSING),
            ("clone", 0x0000_0011, ALLOW),
            ("clone", 0x003d_0f00, ALLOW),
            ("clone", 0x0002_0011, DENIED),
            ("clone", 0x1000_0011, DENIED),
            ("personality", 0, ALLOW),
            ("personality", 0xffff_ffff, ALLOW),
            ("personality", 0x0004_0000, DENIED),
        ],
    );
}

#[test]
fn each_namespace_flag_of_clone_is_denied() {
    let filter = filter(&[], (6, 18));
    for flag in [0x0002_0000, 0x0200_0000, 0x0400_0000, 0x0800_0000, 0x1000_0000, 0x2000_0000, 0x4000_0000] {
        check(&filter, &[("clone", flag | 0x11, DENIED)]);
    }
}

#[test]
fn capabilities_open_their_calls() {
    for (capability, _) in calls::WITH_CAPABILITY {
        let with = filter(&[capability], (4, 0));
        for (other, names) in calls::WITH_CAPABILITY {
            for name in words(names) {
                let Some(number) = find(name).and_then(|row| row.number(crate::table::Column::X86_64)) else {
                    continue;
                };
                let call = SyscallData {
                    number,
                    // A flag of clone that the mask forbids.
                    args: [0x1000_0000; 6],
                    ..data(Arch::X86_64, "read", 0)
                };
                let elsewhere = calls::WITH_CAPABILITY
                    .iter()
                    .any(|(group, list)| group == capability && words(list).any(|known| known == name));
                let allowed = with.evaluate(&call) == ALLOW;
                assert_eq!(allowed, elsewhere, "{name} of {other} with {capability}");
            }
        }
    }
}

#[test]
fn tracing_needs_a_kernel_that_filters_what_tracers_change() {
    check(&filter(&[], (4, 7)), &[("ptrace", 0, DENIED)]);
    check(&filter(&[], (4, 8)), &[("ptrace", 0, ALLOW)]);
    check(&filter(&["CAP_SYS_PTRACE"], (4, 7)), &[("ptrace", 0, ALLOW)]);
}

#[test]
fn sockets_that_leave_the_network_namespace_are_denied() {
    let filter = filter(&[], (6, 18));
    for family in 0..60 {
        let wanted = if [38, 40].contains(&family) || family > 45 { DENIED } else { ALLOW };
        check(&filter, &[("socket", family, wanted)]);
    }
    let hidden = data(Arch::X86_64, "socket", 1 << 32 | 40);
    assert_eq!(filter.evaluate(&hidden), DENIED);
}

#[test]
fn every_name_is_known_to_some_architecture() {
    let all: Vec<&str> = calls::WITH_CAPABILITY.iter().map(|(name, _)| *name).collect();
    assert_eq!(filter(&all, (6, 18)).unknown, [""; 0]);
}

#[test]
fn a_call_costs_few_instructions() {
    let filter = filter(&[], (6, 18));
    let mut most = 0;
    for number in 0..480 {
        let call = SyscallData { number, ..data(Arch::X86_64, "read", 0) };
        let cost = filter.cost(&call);
        most = most.max(cost);
        // The exceptions test an argument.
        let tested = [56, 41, 135].contains(&number);
        assert!(cost <= if tested { 40 } else { 13 }, "{number}: {cost}");
    }
    assert!(most > 13);
}

#[test]
fn other_conventions() {
    let filter = filter(&[], (6, 18));
    let mut read = data(Arch::X32, "read", 0);
    assert_eq!(filter.evaluate(&read), ALLOW, "as x86-64");
    read.number |= 0x4000_0000;
    assert_eq!(filter.evaluate(&read), ALLOW);
    assert_eq!(filter.evaluate(&data(Arch::Arm, "read", 0)), KILL_THREAD);
}
