//! Generated profiles: the compiled filter against a plain reading of the profile.

use std::collections::BTreeMap;

use super::*;
use crate::table::{Column, ROWS};

/// A deterministic source of numbers (xorshift64*).
pub(super) struct Random(pub(super) u64);

impl Random {
    pub(super) fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 8
    }

    pub(super) fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next()).unwrap() % bound
    }

    pub(super) fn pick<T: Clone>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())].clone()
    }

    fn value(&mut self) -> u64 {
        let edges = [0, 1, 2, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff, 1 << 32, 1 << 63, u64::MAX];
        match self.below(3) {
            0 => self.pick(&edges),
            1 => self.pick(&[0, 0, 0, 1 << 32]) | (self.next() % 8),
            _ => (self.next() << 8) | (self.next() & 0xff),
        }
    }
}

pub(super) fn name(row: usize) -> String {
    let bytes = ROWS[row].name.iter().copied().take_while(|byte| *byte != 0);
    String::from_utf8(bytes.collect()).unwrap()
}

fn arbitrary_argument(random: &mut Random) -> Argument {
    Argument {
        index: random.below(6),
        value: random.value(),
        value_two: random.value(),
        op: random.pick(&[
            Operator::NotEqual,
            Operator::Less,
            Operator::LessOrEqual,
            Operator::Equal,
            Operator::GreaterOrEqual,
            Operator::Greater,
            Operator::MaskedEqual,
        ]),
    }
}

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

fn arbitrary_syscall(random: &mut Random, pool: &[String]) -> Syscall {
    let action = random.pick(&ACTIONS);
    let with_errno = matches!(action, Action::Errno | Action::Trace) && random.below(2) == 0;
    let args = if random.below(2) == 0 { 0 } else { random.below(4) };
    Syscall {
        names: (0..=random.below(12)).map(|_| random.pick(pool)).collect(),
        action,
        errno_ret: with_errno.then(|| u32::try_from(random.below(100)).unwrap()),
        args: (0..args).map(|_| arbitrary_argument(random)).collect(),
    }
}

pub(super) fn arbitrary_profile(random: &mut Random) -> Profile {
    // A small pool makes rules meet on the same call.
    let size = random.pick(&[3, 20, 400]);
    let mut pool: Vec<String> = (0..size).map(|_| name(random.below(ROWS.len()))).collect();
    pool.extend(["socket", "recv", "shmat", "socketcall", "no_such_call"].map(str::to_owned));
    let arches = [Arch::X86_64, Arch::X86, Arch::X32, Arch::Aarch64, Arch::Arm, Arch::Mips64N32];
    let mut profile = profile(random.pick(&ACTIONS), Vec::new());
    profile.architectures = (0..random.below(5)).map(|_| random.pick(&arches)).collect();
    profile.syscalls = (0..random.below(25)).map(|_| arbitrary_syscall(random, &pool)).collect();
    profile
}

/// The index of a rule, and the first argument that selects it in a call that carries another.
type Mention = (usize, Option<u64>);

/// Reads a profile as its documentation says, one call at a time.
struct Reading<'a> {
    profile: &'a Profile,
    arches: Vec<Arch>,
    /// The rules that name a call, by architecture (with the bit of x32 for its numbers).
    entries: BTreeMap<(u32, u32), Vec<Mention>>,
    newest: BTreeMap<Arch, u32>,
}

impl<'a> Reading<'a> {
    fn new(profile: &'a Profile, native: Arch) -> Self {
        let mut arches = profile.architectures.clone();
        arches.push(native);
        let mut reading = Self { profile, arches, entries: BTreeMap::new(), newest: BTreeMap::new() };
        for arch in [Arch::X86_64, Arch::X86, Arch::X32, Arch::Aarch64, Arch::Arm] {
            for (index, entry) in profile.syscalls.iter().enumerate() {
                for name in &entry.names {
                    reading.name(arch, index, name);
                }
            }
        }
        reading
    }

    fn name(&mut self, arch: Arch, index: usize, name: &str) {
        let column = arch.column().unwrap();
        if let Some(low) = find(name).and_then(|row| row.number(column)) {
            self.enter(arch, low, index, None);
        }
        if column == Column::X86
            && let Some(subcall) = crate::multiplex::subcall(name)
            && self.is_carried(index)
        {
            self.enter(arch, number(arch, subcall.carrier), index, Some(subcall.selector));
        }
    }

    /// Tells whether a rule also holds for the call that carries another one's arguments in memory.
    fn is_carried(&self, index: usize) -> bool {
        let entry = &self.profile.syscalls[index];
        let order = [
            Action::KillProcess,
            Action::Kill,
            Action::KillThread,
            Action::Trap,
            Action::Errno,
            Action::Trace,
            Action::Log,
            Action::Allow,
        ];
        let rank = |action| match order.iter().position(|known| *known == action) {
            Some(2) => 1,
            rank => rank.unwrap(),
        };
        entry.args.is_empty() || rank(entry.action) < rank(self.profile.default_action)
    }

    fn enter(&mut self, arch: Arch, low: u32, index: usize, selector: Option<u64>) {
        let bit = if arch == Arch::X32 { X32_BIT } else { 0 };
        let key = (arch.audit().unwrap(), bit + low);
        self.entries.entry(key).or_default().push((index, selector));
        if low < 0xf0000 {
            let newest = self.newest.entry(arch).or_insert(bit + low);
            *newest = (*newest).max(bit + low);
        }
    }

    fn result(&self, data: &SyscallData) -> u32 {
        let default = value(self.profile.default_action, self.profile.default_errno_ret);
        let with_bit = data.number >= X32_BIT;
        let arch = match data.arch {
            0xc000_003e if with_bit => Arch::X32,
            0xc000_003e => Arch::X86_64,
            0x4000_0003 => Arch::X86,
            0xc000_00b7 => Arch::Aarch64,
            0x4000_0028 => Arch::Arm,
            _ => return KILL_THREAD,
        };
        let audit = |arch: &Arch| arch.audit() == Some(data.arch);
        if data.number == u32::MAX && self.arches.iter().any(audit) {
            return default;
        }
        if !self.arches.contains(&arch) {
            return KILL_THREAD;
        }
        let none = Vec::new();
        let all = self.entries.get(&(data.arch, data.number)).unwrap_or(&none);
        let entries = || {
            let entries = all.iter().map(|(index, select)| (&self.profile.syscalls[*index], *select));
            entries.filter(|(entry, _)| value(entry.action, entry.errno_ret) != default)
        };
        let wide = entries().find(|(entry, select)| entry.args.is_empty() && select.is_none());
        let narrow = entries().find(|(entry, select)| matches(entry, *select, arch, data));
        if let Some((entry, _)) = wide.or(narrow) {
            return value(entry.action, entry.errno_ret);
        }
        let lets_through = matches!(self.profile.default_action, Action::Allow | Action::Log | Action::Trace);
        match self.newest.get(&arch) {
            Some(newest) if data.number > *newest && !lets_through && all.is_empty() => ENOSYS,
            _ => default,
        }
    }
}

fn value(action: Action, errno: Option<u32>) -> u32 {
    match action {
        Action::Kill | Action::KillThread => 0,
        Action::KillProcess => 0x8000_0000,
        Action::Trap => 0x0003_0000,
        Action::Errno => 0x0005_0000 | errno.unwrap_or(1),
        Action::Trace => 0x7ff0_0000 | errno.unwrap_or(1),
        Action::Allow => 0x7fff_0000,
        Action::Log => 0x7ffc_0000,
        Action::Notify => unreachable!("not generated"),
    }
}

fn matches(entry: &Syscall, selector: Option<u64>, arch: Arch, data: &SyscallData) -> bool {
    let word = matches!(arch, Arch::X86 | Arch::X32 | Arch::Arm);
    let cut = |value: u64| if word { value & 0xffff_ffff } else { value };
    if let Some(selector) = selector {
        return cut(data.args[0]) == selector;
    }
    let holds = |test: &Argument| {
        let (given, wanted) = (cut(data.args[test.index]), cut(test.value));
        match test.op {
            Operator::NotEqual => given != wanted,
            Operator::Less => given < wanted,
            Operator::LessOrEqual => given <= wanted,
            Operator::Equal => given == wanted,
            Operator::GreaterOrEqual => given >= wanted,
            Operator::Greater => given > wanted,
            Operator::MaskedEqual => given & wanted == test.value_two & wanted,
        }
    };
    let indices: std::collections::BTreeSet<usize> = entry.args.iter().map(|test| test.index).collect();
    if indices.len() < entry.args.len() { entry.args.iter().any(holds) } else { entry.args.iter().all(holds) }
}

/// Makes arguments that are close to what the rules compare with.
pub(super) fn near_arguments(random: &mut Random, profile: &Profile) -> [u64; 6] {
    let tests: Vec<&Argument> = profile.syscalls.iter().flat_map(|entry| &entry.args).collect();
    std::array::from_fn(|_| {
        if tests.is_empty() || random.below(6) == 0 {
            return random.value() & 0x1f;
        }
        let test = random.pick(&tests);
        let value = random.pick(&[test.value, test.value_two]);
        match random.below(5) {
            0 => value.wrapping_add(1),
            1 => value.wrapping_sub(1),
            2 => value ^ (1 << 32),
            _ => value,
        }
    })
}

fn check(filter: &Filter, reading: &Reading<'_>, data: &SyscallData) {
    let (compiled, read) = (filter.evaluate(data), reading.result(data));
    assert_eq!(compiled, read, "{data:x?} of {:#?}\n{filter}", reading.profile);
}

#[test]
fn compiled_profiles_do_what_they_say() {
    let mut random = Random(0x5eed);
    let mut sweeps = 0;
    for round in 0..3000 {
        let profile = arbitrary_profile(&mut random);
        let native = random.pick(&[Arch::X86_64, Arch::X86_64, Arch::Aarch64, Arch::X86]);
        let filter = compile_for(&profile, native).unwrap();
        let reading = Reading::new(&profile, native);
        let mut probes: Vec<(u32, u32)> = reading.entries.keys().copied().collect();
        for (arch, newest) in &reading.newest {
            probes.push((arch.audit().unwrap(), newest + 1));
            probes.push((arch.audit().unwrap(), u32::MAX));
        }
        if round % 50 == 0 {
            sweeps += 1;
            for arch in [Arch::X86_64, Arch::X86, Arch::Aarch64, Arch::Arm] {
                let audit = arch.audit().unwrap();
                let numbers = (0..600).chain(X32_BIT..X32_BIT + 600).chain(0xf0000..0xf0010);
                probes.extend(numbers.map(|number| (audit, number)));
            }
            probes.push((0x0000_0008, 0));
        }
        for (arch, number) in probes {
            for _ in 0..3 {
                let args = near_arguments(&mut random, &profile);
                let data = SyscallData { number, arch, instruction_pointer: 0, args };
                check(&filter, &reading, &data);
            }
        }
    }
    assert_eq!(sweeps, 60);
}
