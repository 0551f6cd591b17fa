//! Seccomp profiles: a filter that the kernel takes, and that says of each call what the profile says.
#![no_main]

use libfuzzer_sys::fuzz_target;
use palisade_seccomp::{
    Action, Arch, Argument, Filter, MAX_INSTRUCTIONS, Operator, Profile, Syscall, SyscallData, compile_for,
};

/// Calls of x86_64, not all neighbours.
const CALLS: [(&str, u32); 12] = [
    ("read", 0),
    ("write", 1),
    ("open", 2),
    ("close", 3),
    ("ioctl", 16),
    ("clone", 56),
    ("execve", 59),
    ("kill", 62),
    ("mount", 165),
    ("openat", 257),
    ("clone3", 435),
    ("openat2", 437),
];
const ACTIONS: [Action; 8] = [
    Action::Allow,
    Action::Errno,
    Action::Kill,
    Action::KillThread,
    Action::KillProcess,
    Action::Trap,
    Action::Trace,
    Action::Log,
];
const OPERATORS: [Operator; 7] = [
    Operator::NotEqual,
    Operator::Less,
    Operator::LessOrEqual,
    Operator::Equal,
    Operator::GreaterOrEqual,
    Operator::Greater,
    Operator::MaskedEqual,
];
const AUDIT_X86_64: u32 = 0xc000_003e;

/// Bytes as decisions; those that are missing are 0.
struct Decisions<'a>(std::slice::Iter<'a, u8>);

impl Decisions<'_> {
    fn byte(&mut self) -> u8 {
        self.0.next().copied().unwrap_or_default()
    }

    fn pick<T: Copy>(&mut self, list: &[T]) -> T {
        list[usize::from(self.byte()) % list.len()]
    }

    /// A number that is small, or has something in its upper half.
    fn value(&mut self) -> u64 {
        match self.byte() % 4 {
            0 => u64::from(self.byte()),
            1 => u64::from(self.byte()) << 32,
            2 => u64::MAX - u64::from(self.byte()),
            _ => u64::from_le_bytes(std::array::from_fn(|_| self.byte())),
        }
    }

    fn syscall(&mut self) -> Syscall {
        let action = self.pick(&ACTIONS);
        let has_errno = matches!(action, Action::Errno | Action::Trace) && self.byte().is_multiple_of(2);
        Syscall {
            names: (0..=self.byte() % 3).map(|_| self.pick(&CALLS).0.to_owned()).collect(),
            action,
            errno_ret: has_errno.then(|| u32::from(self.byte())),
            args: (0..self.byte() % 4)
                .map(|_| Argument {
                    index: usize::from(self.byte() % 6),
                    value: self.value(),
                    value_two: self.value(),
                    op: self.pick(&OPERATORS),
                })
                .collect(),
        }
    }
}

/// The kernel's own check of a program, `seccomp(2)` and `bpf_check_classic`: every path ends in a return.
fn check_program(filter: &Filter) {
    let program = &filter.instructions;
    assert!((1..=MAX_INSTRUCTIONS).contains(&program.len()));
    for (index, instruction) in program.iter().enumerate() {
        let left = program.len() - index - 1;
        match instruction.code {
            0x06 => {}
            0x20 => assert!(instruction.k < 64 && instruction.k % 4 == 0, "load outside"),
            0x05 => assert!((instruction.k as usize) < left, "jump past the end"),
            0x15 | 0x25 | 0x35 => {
                assert!(usize::from(instruction.jt.max(instruction.jf)) < left, "branch past the end");
            }
            0x54 => assert!(left > 0, "the end is no return"),
            code => panic!("unknown code {code:#x}"),
        }
    }
    assert_eq!(program.last().map(|last| last.code), Some(0x06), "the end is no return");
}

fn value(action: Action, errno: Option<u32>) -> u32 {
    match action {
        Action::Kill | Action::KillThread => 0,
        Action::KillProcess => 0x8000_0000,
        Action::Trap => 0x0003_0000,
        Action::Errno => 0x0005_0000 | errno.unwrap_or(1),
        Action::Trace => 0x7ff0_0000 | errno.unwrap_or(1),
        Action::Log => 0x7ffc_0000,
        _ => 0x7fff_0000,
    }
}

fn holds(test: &Argument, args: &[u64; 6]) -> bool {
    let given = args[test.index];
    match test.op {
        Operator::NotEqual => given != test.value,
        Operator::Less => given < test.value,
        Operator::LessOrEqual => given <= test.value,
        Operator::Equal => given == test.value,
        Operator::GreaterOrEqual => given >= test.value,
        Operator::Greater => given > test.value,
        Operator::MaskedEqual => given & test.value == test.value_two & test.value,
    }
}

/// Tells whether a rule speaks of a call: all its tests hold, or one of them where two look at the same argument.
fn applies(rule: &Syscall, args: &[u64; 6]) -> bool {
    let mut indices: Vec<usize> = rule.args.iter().map(|test| test.index).collect();
    indices.sort_unstable();
    indices.dedup();
    match indices.len() < rule.args.len() {
        true => rule.args.iter().any(|test| holds(test, args)),
        false => rule.args.iter().all(|test| holds(test, args)),
    }
}

/// The profile read word for word, for one call of x86_64.
fn naive(profile: &Profile, number: u32, args: &[u64; 6]) -> u32 {
    let default = value(profile.default_action, profile.default_errno_ret);
    let named = |rule: &&Syscall| {
        rule.names.iter().any(|name| CALLS.iter().any(|(known, n)| known == name && *n == number))
    };
    let all: Vec<&Syscall> = profile.syscalls.iter().filter(named).collect();
    let differs = |rule: &&&Syscall| value(rule.action, rule.errno_ret) != default;
    let wide = all.iter().filter(differs).find(|rule| rule.args.is_empty());
    let narrow = all.iter().filter(differs).find(|rule| applies(rule, args));
    if let Some(rule) = wide.or(narrow) {
        return value(rule.action, rule.errno_ret);
    }
    let numbers = profile.syscalls.iter().flat_map(|rule| &rule.names);
    let newest =
        numbers.filter_map(|name| CALLS.iter().find(|(known, _)| known == name)).map(|(_, n)| *n).max();
    let lets_through = matches!(profile.default_action, Action::Allow | Action::Log | Action::Trace);
    match newest {
        // What is newer than the profile is answered ENOSYS.
        Some(newest) if number > newest && !lets_through && all.is_empty() => 0x0005_0000 | 38,
        _ => default,
    }
}

fuzz_target!(|bytes: &[u8]| {
    if let Ok(profile) = serde_json::from_slice::<Profile>(bytes) {
        if let Ok(filter) = compile_for(&profile, Arch::X86_64) {
            check_program(&filter);
        }
        return;
    }
    let mut decisions = Decisions(bytes.iter());
    let profile = Profile {
        default_action: decisions.pick(&ACTIONS),
        default_errno_ret: None,
        architectures: Vec::new(),
        flags: None,
        listener_path: None,
        listener_metadata: None,
        syscalls: (0..decisions.byte() % 12).map(|_| decisions.syscall()).collect(),
    };
    let Ok(filter) = compile_for(&profile, Arch::X86_64) else { return };
    check_program(&filter);
    let tests: Vec<&Argument> = profile.syscalls.iter().flat_map(|rule| &rule.args).collect();
    for number in CALLS.iter().flat_map(|(_, number)| [*number, number + 1]) {
        for round in 0..4u64 {
            let args = std::array::from_fn(|index| {
                match tests.get((index + usize::from(decisions.byte())) % tests.len().max(1)) {
                    Some(test) => {
                        [test.value, test.value_two, test.value.wrapping_add(1), test.value ^ 1 << 32]
                            [round as usize]
                    }
                    None => round,
                }
            });
            let data = SyscallData { number, arch: AUDIT_X86_64, instruction_pointer: 0, args };
            assert_eq!(
                filter.evaluate(&data),
                naive(&profile, number, &args),
                "{data:x?} of {profile:#?}\n{filter}"
            );
        }
    }
});
