//! Compiled profiles, evaluated.

mod peer;
mod random;

use super::*;
use crate::filter::{ALLOW, ERRNO, KILL_PROCESS, LOG, NOTIFY, TRACE, TRAP};
use crate::syscalls::find;
use crate::{Argument, Operator, Syscall, SyscallData};

const EPERM: u32 = ERRNO | 1;
const ENOSYS: u32 = ERRNO | 38;

fn profile(default_action: Action, syscalls: Vec<Syscall>) -> Profile {
    Profile {
        default_action,
        default_errno_ret: None,
        architectures: Vec::new(),
        flags: None,
        listener_path: None,
        listener_metadata: None,
        syscalls,
    }
}

fn rule(names: &[&str], action: Action, args: &[Argument]) -> Syscall {
    Syscall {
        names: names.iter().map(|&name| name.to_owned()).collect(),
        action,
        errno_ret: None,
        args: args.to_vec(),
    }
}

fn argument(index: usize, op: Operator, value: u64) -> Argument {
    Argument { index, value, value_two: 0, op }
}

/// A call by number: the numbers of x32 come with their bit.
fn call(arch: Arch, number: u32, args: [u64; 6]) -> SyscallData {
    SyscallData { number, arch: arch.audit().unwrap(), instruction_pointer: 0, args }
}

fn number(arch: Arch, name: &str) -> u32 {
    let bit = if arch == Arch::X32 { X32_BIT } else { 0 };
    let row = find(name).unwrap_or_else(|| panic!("{name} is known"));
    bit + row.number(arch.column().unwrap()).unwrap()
}

fn named(arch: Arch, name: &str, first: u64) -> SyscallData {
    call(arch, number(arch, name), [first, 0, 0, 0, 0, 0])
}

fn filter(profile: &Profile) -> Filter {
    compile_for(profile, Arch::X86_64).unwrap()
}

#[test]
fn every_action_has_its_value() {
    for (action, errno, value) in [
        (Action::Kill, None, KILL_THREAD),
        (Action::KillThread, None, KILL_THREAD),
        (Action::KillProcess, None, KILL_PROCESS),
        (Action::Trap, None, TRAP),
        (Action::Errno, None, EPERM),
        (Action::Errno, Some(0), ERRNO),
        (Action::Errno, Some(4095), ERRNO | 4095),
        (Action::Trace, None, TRACE | 1),
        (Action::Trace, Some(0xffff), TRACE | 0xffff),
        (Action::Log, None, LOG),
    ] {
        let mut entry = rule(&["read"], action, &[]);
        entry.errno_ret = errno;
        let ruled = filter(&profile(Action::Allow, vec![entry]));
        assert_eq!(ruled.evaluate(&named(Arch::X86_64, "read", 0)), value, "{action:?}");
        assert_eq!(ruled.evaluate(&named(Arch::X86_64, "write", 0)), ALLOW, "{action:?}");
        let mut all = profile(action, Vec::new());
        all.default_errno_ret = errno;
        assert_eq!(filter(&all).evaluate(&named(Arch::X86_64, "read", 0)), value, "{action:?}");
    }
}

#[test]
fn every_operator_compares_64_bits() {
    const BIG: u64 = 0x0000_0007_8000_0001;
    let values = [0, 1, BIG - 1, BIG, BIG + 1, BIG & 0xffff_ffff, BIG + (1 << 32), BIG - (1 << 32), u64::MAX];
    for op in [
        Operator::NotEqual,
        Operator::Less,
        Operator::LessOrEqual,
        Operator::Equal,
        Operator::GreaterOrEqual,
        Operator::Greater,
    ] {
        for index in 0..6 {
            let entry = rule(&["read"], Action::Allow, &[argument(index, op, BIG)]);
            let filter = filter(&profile(Action::Errno, vec![entry]));
            for value in values {
                let mut args = [BIG; 6];
                args[index] = value;
                let holds = match op {
                    Operator::NotEqual => value != BIG,
                    Operator::Less => value < BIG,
                    Operator::LessOrEqual => value <= BIG,
                    Operator::Equal => value == BIG,
                    Operator::GreaterOrEqual => value >= BIG,
                    _ => value > BIG,
                };
                let wanted = if holds { ALLOW } else { EPERM };
                let data = call(Arch::X86_64, 0, args);
                assert_eq!(filter.evaluate(&data), wanted, "{op:?} {value:#x} in argument {index}");
            }
        }
    }
}

#[test]
fn masked_equality() {
    for (mask, wanted, value, holds) in [
        (0xff, 0x12, 0x12, true),
        (0xff, 0x12, 0xabcd_0000_0012, true),
        (0xff, 0x12, 0x13, false),
        (0xff00_0000_0000, 0x1200_0000_0000, 0x1234_5678_9abc, true),
        (0xff00_0000_0000, 0x1200_0000_0000, 0x1334_5678_9abc, false),
        (0, 0, u64::MAX, true),
        (0xff, 0x112, 0x12, true),
        (u64::MAX, 5, 5, true),
        (u64::MAX, 5, 1 << 32 | 5, false),
    ] {
        let test = Argument { value_two: wanted, ..argument(0, Operator::MaskedEqual, mask) };
        let filter = filter(&profile(Action::Errno, vec![rule(&["read"], Action::Allow, &[test])]));
        let result = filter.evaluate(&named(Arch::X86_64, "read", value));
        assert_eq!(result == ALLOW, holds, "{mask:#x} {wanted:#x} {value:#x}");
    }
}

#[test]
fn tests_on_different_arguments_must_all_hold() {
    let tests = [argument(0, Operator::Equal, 1), argument(2, Operator::Greater, 5)];
    let filter = filter(&profile(Action::Errno, vec![rule(&["read"], Action::Allow, &tests)]));
    for (first, third, wanted) in [(1, 6, ALLOW), (1, 5, EPERM), (2, 6, EPERM), (2, 5, EPERM)] {
        let data = call(Arch::X86_64, 0, [first, 0, third, 0, 0, 0]);
        assert_eq!(filter.evaluate(&data), wanted, "{first} {third}");
    }
}

#[test]
fn of_tests_on_one_argument_any_is_enough() {
    let tests = [argument(0, Operator::Equal, 1), argument(0, Operator::Equal, 2)];
    let filter = filter(&profile(Action::Errno, vec![rule(&["read"], Action::Allow, &tests)]));
    for (first, wanted) in [(0, EPERM), (1, ALLOW), (2, ALLOW), (3, EPERM)] {
        assert_eq!(filter.evaluate(&named(Arch::X86_64, "read", first)), wanted, "{first}");
    }
}

#[test]
fn precedence_of_rules() {
    let one = [argument(0, Operator::Equal, 1)];
    let less = [argument(0, Operator::Less, 9)];
    type Case = (&'static str, Vec<Syscall>, [(u64, u32); 3]);
    let cases: [Case; 5] = [
        (
            "the first that holds decides",
            vec![rule(&["read"], Action::Allow, &one), rule(&["read"], Action::Trap, &less)],
            [(1, ALLOW), (2, TRAP), (9, EPERM)],
        ),
        (
            "in the order of the profile",
            vec![rule(&["read"], Action::Trap, &less), rule(&["read"], Action::Allow, &one)],
            [(1, TRAP), (2, TRAP), (9, EPERM)],
        ),
        (
            "a rule without arguments beats those with",
            vec![rule(&["read"], Action::Trap, &one), rule(&["read"], Action::Allow, &[])],
            [(1, ALLOW), (2, ALLOW), (9, ALLOW)],
        ),
        (
            "the first without arguments counts",
            vec![rule(&["read"], Action::Log, &[]), rule(&["read"], Action::Allow, &[])],
            [(1, LOG), (2, LOG), (9, LOG)],
        ),
        (
            "a rule with the default action says nothing",
            vec![rule(&["read"], Action::Errno, &[]), rule(&["read"], Action::Allow, &one)],
            [(1, ALLOW), (2, EPERM), (9, EPERM)],
        ),
    ];
    for (name, rules, results) in cases {
        let filter = filter(&profile(Action::Errno, rules));
        for (first, wanted) in results {
            assert_eq!(filter.evaluate(&named(Arch::X86_64, "read", first)), wanted, "{name}: {first}");
        }
    }
}

#[test]
fn other_architectures_are_killed() {
    let mut all = profile(Action::Allow, vec![rule(&["reboot"], Action::Trap, &[])]);
    for arch in [Arch::X86, Arch::X32, Arch::Arm, Arch::Aarch64] {
        assert_eq!(filter(&all).evaluate(&named(arch, "read", 0)), KILL_THREAD, "{arch:?}");
    }
    all.architectures = vec![Arch::X86_64, Arch::X86, Arch::X32, Arch::X86];
    for (arch, wanted) in
        [(Arch::X86_64, TRAP), (Arch::X86, TRAP), (Arch::X32, TRAP), (Arch::Arm, KILL_THREAD)]
    {
        assert_eq!(filter(&all).evaluate(&named(arch, "reboot", 0)), wanted, "{arch:?}");
    }
    assert_eq!(filter(&all).evaluate(&named(Arch::X32, "read", 0)), ALLOW);
}

#[test]
fn the_native_architecture_is_always_let_in() {
    let mut all = profile(Action::Allow, Vec::new());
    all.architectures = vec![Arch::X86, Arch::S390x];
    assert_eq!(filter(&all).evaluate(&named(Arch::X86_64, "read", 0)), ALLOW);
    let arm = compile_for(&all, Arch::Aarch64).unwrap();
    assert_eq!(arm.evaluate(&named(Arch::Aarch64, "read", 0)), ALLOW);
    assert_eq!(arm.evaluate(&named(Arch::X86_64, "read", 0)), KILL_THREAD);
}

#[test]
fn no_number_with_the_x32_bit_slips_through() {
    let all = filter(&profile(Action::Allow, Vec::new()));
    for low in [0, 1, 400, 547, 0x3fff_ffff, 0x7fff_ffff, 0xbfff_fffe] {
        let data = call(Arch::X86_64, X32_BIT + low, [0; 6]);
        assert_eq!(all.evaluate(&data), KILL_THREAD, "{low:#x}");
    }
    let skipped = call(Arch::X86_64, u32::MAX, [0; 6]);
    assert_eq!(all.evaluate(&skipped), ALLOW);
}

#[test]
fn calls_newer_than_the_profile_do_not_exist() {
    let names = ["read", "openat2", "no_such_call"];
    for (default, newest, newer) in [
        (Action::Errno, EPERM, ENOSYS),
        (Action::Trap, TRAP, ENOSYS),
        (Action::KillProcess, KILL_PROCESS, ENOSYS),
        (Action::Log, LOG, LOG),
        (Action::Trace, TRACE | 1, TRACE | 1),
    ] {
        let mut profile = profile(default, vec![rule(&names, Action::Allow, &[])]);
        profile.architectures = vec![Arch::X86, Arch::X32];
        let filter = filter(&profile);
        for arch in [Arch::X86_64, Arch::X86, Arch::X32] {
            let last = number(arch, "openat2");
            let at = |number| filter.evaluate(&call(arch, number, [0; 6]));
            assert_eq!(at(last), ALLOW, "{default:?} {arch:?}");
            assert_eq!(at(last - 1), newest, "{default:?} {arch:?}");
            assert_eq!(at(last + 1), newer, "{default:?} {arch:?}");
            assert_eq!(at(last + 1000), newer, "{default:?} {arch:?}");
        }
        assert_eq!(filter.unknown, ["no_such_call"]);
    }
}

#[test]
fn private_calls_of_arm_do_not_count_as_new() {
    let names = ["read", "openat2", "set_tls"];
    let mut profile = profile(Action::Errno, vec![rule(&names, Action::Allow, &[])]);
    profile.architectures = vec![Arch::Arm];
    let filter = compile_for(&profile, Arch::Aarch64).unwrap();
    for (number, wanted) in [
        (436, EPERM),
        (437, ALLOW),
        (438, ENOSYS),
        (0xf0004, ENOSYS),
        (0xf0005, ALLOW),
        (0xf0006, ENOSYS),
        (u32::MAX, EPERM),
    ] {
        assert_eq!(filter.evaluate(&call(Arch::Arm, number, [0; 6])), wanted, "{number:#x}");
    }
}

#[test]
fn i386_calls_are_also_ruled_where_another_call_carries_them() {
    let blocked = [argument(0, Operator::Equal, 40)];
    let mut profile = profile(
        Action::Allow,
        vec![rule(&["accept", "shmget"], Action::Trap, &[]), rule(&["socket"], Action::Trap, &blocked)],
    );
    profile.architectures = vec![Arch::X86];
    let filter = filter(&profile);
    for (name, first, wanted) in [
        ("socketcall", 5, TRAP),
        ("socketcall", 1, TRAP),
        ("socketcall", 2, ALLOW),
        ("ipc", 23, TRAP),
        ("ipc", 24, ALLOW),
        ("shmget", 0, TRAP),
        ("socket", 40, TRAP),
        ("socket", 41, ALLOW),
    ] {
        assert_eq!(filter.evaluate(&named(Arch::X86, name, first)), wanted, "{name} {first}");
    }
    assert!(filter.unknown.is_empty());
}

#[test]
fn a_test_that_i386_hides_in_memory_allows_nothing() {
    let allowed = [argument(0, Operator::Less, 40)];
    let mut profile = profile(Action::Errno, vec![rule(&["socket"], Action::Allow, &allowed)]);
    profile.architectures = vec![Arch::X86];
    let filter = filter(&profile);
    for (name, first, wanted) in [("socket", 39, ALLOW), ("socket", 40, EPERM), ("socketcall", 1, EPERM)] {
        assert_eq!(filter.evaluate(&named(Arch::X86, name, first)), wanted, "{name} {first}");
    }
}

#[test]
fn i386_arguments_are_words() {
    let minus_one = [argument(0, Operator::Equal, u64::MAX)];
    let mut profile = profile(Action::Errno, vec![rule(&["personality"], Action::Allow, &minus_one)]);
    profile.architectures = vec![Arch::X86];
    let filter = filter(&profile);
    assert_eq!(filter.evaluate(&named(Arch::X86, "personality", 0xffff_ffff)), ALLOW);
    assert_eq!(filter.evaluate(&named(Arch::X86_64, "personality", 0xffff_ffff)), EPERM);
}

#[test]
fn flags() {
    let mut plain = profile(Action::Allow, Vec::new());
    for (flags, bits) in [
        (None, 4),
        (Some(vec![]), 0),
        (Some(vec![Flag::Log]), 2),
        (Some(vec![Flag::Tsync, Flag::SpecAllow, Flag::Log, Flag::Log]), 7),
    ] {
        plain.flags = flags;
        assert_eq!(filter(&plain).flags, bits, "{:?}", plain.flags);
    }
}

#[test]
fn an_agent_is_asked() {
    let mut profile = profile(Action::Allow, vec![rule(&["mkdir"], Action::Notify, &[])]);
    profile.listener_path = Some("/run/agent".to_owned());
    profile.flags = Some(vec![Flag::Tsync, Flag::WaitKillableRecv]);
    let filter = filter(&profile);
    assert!(filter.has_listener());
    assert_eq!(filter.flags, 1 << 3 | 1 << 5, "TSYNC does not go with a listener");
    assert_eq!(filter.evaluate(&named(Arch::X86_64, "mkdir", 0)), NOTIFY);
    profile.syscalls.clear();
    profile.flags = None;
    assert!(
        !compile_for(&profile, Arch::X86_64).unwrap().has_listener(),
        "without such a rule nobody listens"
    );
}

#[test]
fn an_agent_for_everything_is_asked_about_newer_calls_too() {
    let mut profile = profile(Action::Notify, vec![rule(&["read"], Action::Allow, &[])]);
    profile.listener_path = Some("/run/agent".to_owned());
    let filter = filter(&profile);
    assert_eq!(filter.evaluate(&named(Arch::X86_64, "read", 0)), ALLOW);
    assert_eq!(filter.evaluate(&call(Arch::X86_64, 9999, [0; 6])), NOTIFY);
}

#[test]
fn other_machines_have_their_numbers_and_their_order_of_bytes() {
    let high = 1 << 32;
    let tests = [argument(1, Operator::Equal, high)];
    let profile = profile(Action::Errno, vec![rule(&["read"], Action::Allow, &tests)]);
    for (native, endian) in
        [(Arch::Riscv64, Endian::Little), (Arch::Ppc64le, Endian::Little), (Arch::S390x, Endian::Big)]
    {
        let filter = compile_for(&profile, native).unwrap();
        let data = |second| call(native, number(native, "read"), [0, second, 0, 0, 0, 0]);
        assert_eq!(filter.evaluate_as(endian, &data(high)), ALLOW, "{native:?}");
        assert_eq!(filter.evaluate_as(endian, &data(1)), EPERM, "{native:?}");
        assert_eq!(filter.evaluate_as(endian, &call(Arch::X86_64, 0, [0, high, 0, 0, 0, 0])), KILL_THREAD);
    }
    let s390x = compile_for(&profile, Arch::S390x).unwrap();
    assert_eq!(s390x.evaluate_as(Endian::Big, &call(Arch::S390x, 0, [0; 6])), ENOSYS);
}

#[test]
fn what_is_wrong_is_named() {
    type Case = (fn(&mut Profile), &'static str);
    let bad = |change: fn(&mut Profile)| {
        let mut profile = profile(Action::Errno, vec![rule(&["read"], Action::Allow, &[])]);
        change(&mut profile);
        compile_for(&profile, Arch::X86_64).unwrap_err().to_string()
    };
    let cases: [Case; 10] = [
        (|p| p.default_action = Action::Notify, "/listenerPath: SCMP_ACT_NOTIFY needs the socket"),
        (|p| p.syscalls[0].action = Action::Notify, "/listenerPath: SCMP_ACT_NOTIFY needs the socket"),
        (|p| p.default_errno_ret = Some(4096), "/defaultErrnoRet: 4096 is above 4095"),
        (|p| p.syscalls[0].errno_ret = Some(1), "/syscalls/0/errnoRet: SCMP_ACT_ALLOW has no errno"),
        (|p| p.syscalls[0].names.clear(), "/syscalls/0/names: at least one"),
        (|p| p.syscalls[0].names.push(String::new()), "/syscalls/0/names: a name is empty"),
        (
            |p| p.syscalls[0].args = vec![argument(6, Operator::Equal, 0)],
            "/syscalls/0/args/0/index: there is no argument 6",
        ),
        (|p| p.flags = Some(vec![Flag::Log, Flag::WaitKillableRecv]), "/flags/1: "),
        (|p| p.listener_metadata = Some("x".to_owned()), "/listenerMetadata: "),
        (
            |p| {
                p.syscalls[0].action = Action::Trace;
                p.syscalls[0].errno_ret = Some(0x1_0000);
            },
            "/syscalls/0/errnoRet: 65536 is above 65535",
        ),
    ];
    for (change, wanted) in cases {
        let message = bad(change);
        assert!(message.contains(wanted), "{message}");
    }
}

#[test]
fn a_program_too_long_for_the_kernel_is_refused() {
    let list = |count: u64| {
        let tests = (0..count).map(|value| argument(0, Operator::Equal, value));
        profile(Action::Errno, tests.map(|test| rule(&["read"], Action::Allow, &[test])).collect())
    };
    let most = (0..2000).rev().find(|count| compile_for(&list(*count), Arch::X86_64).is_ok());
    let most = most.unwrap();
    assert!((900..1100).contains(&most), "{most}");
    let fits = filter(&list(most));
    assert!(fits.instructions.len() <= MAX_INSTRUCTIONS);
    for (value, wanted) in [(0, ALLOW), (most - 1, ALLOW), (most, EPERM), (1 << 32, EPERM)] {
        assert_eq!(fits.evaluate(&named(Arch::X86_64, "read", value)), wanted, "{value}");
    }
    let message = compile_for(&list(most + 1), Arch::X86_64).unwrap_err().to_string();
    assert!(message.contains("the kernel takes 4096"), "{message}");
}

#[test]
fn checks_are_reached_however_far_away() {
    let calls = || {
        let rows = crate::table::ROWS.iter();
        rows.filter_map(|row| Some((row, row.number(crate::table::Column::X86_64)?)))
    };
    let rules = calls().map(|(row, number)| {
        let name = row.name.iter().copied().take_while(|byte| *byte != 0);
        let name = String::from_utf8(name.collect()).unwrap();
        let own = argument(5, Operator::Equal, u64::from(number) << 32 | 7);
        rule(&[&name], Action::Allow, &[own])
    });
    let filter = filter(&profile(Action::Errno, rules.collect()));
    assert!(filter.instructions.len() > 1500);
    for (_, number) in calls() {
        let own = u64::from(number) << 32 | 7;
        for (value, wanted) in [(own, ALLOW), (own + 1, EPERM), (own + (1 << 32), EPERM)] {
            let data = call(Arch::X86_64, number, [0, 0, 0, 0, 0, value]);
            assert_eq!(filter.evaluate(&data), wanted, "{number}");
            assert!(filter.cost(&data) <= 22, "{}", filter.cost(&data));
        }
    }
}

#[test]
fn a_listing_has_a_line_for_each_instruction() {
    let entry = rule(&["read"], Action::Allow, &[argument(1, Operator::Greater, 1 << 32 | 5)]);
    let filter = filter(&profile(Action::Errno, vec![entry]));
    let listing = filter.to_string();
    assert_eq!(listing.lines().count(), filter.instructions.len());
    for wanted in [
        "   0  load   arch",
        "if ==  0xc000003e: ",
        "load   number",
        "load   argument 1.high",
        "return ALLOW",
        "return ERRNO(38)",
        "return KILL_THREAD",
    ] {
        assert!(listing.contains(wanted), "{wanted} in\n{listing}");
    }
}
