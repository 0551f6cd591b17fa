//! Generated profiles: the compiled filter against what libseccomp makes of the same profile, both run in an
//! interpreter.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufReader, Read, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use super::random::{Random, arbitrary_profile, name, near_arguments};
use super::*;
use crate::filter::{JUMP, LOAD, RETURN};
use crate::multiplex::subcall;
use crate::rules::return_value;
use crate::table::ROWS;

/// The profiles that are compared; each with calls of all numbers.
const PROFILES: usize = 4000;

/// The machines that profiles are compiled for.
const NATIVES: [Arch; 10] = [
    Arch::X86_64,
    Arch::X86_64,
    Arch::X86_64,
    Arch::X86,
    Arch::Aarch64,
    Arch::Riscv64,
    Arch::Ppc64le,
    Arch::S390x,
    Arch::Mipsel64,
    Arch::Mips,
];

/// The names by which libseccomp knows the architectures that it shares with this crate.
const ARCHES: [(Arch, &str); 14] = [
    (Arch::X86_64, "x86_64"),
    (Arch::X86, "x86"),
    (Arch::X32, "x32"),
    (Arch::Aarch64, "aarch64"),
    (Arch::Arm, "arm"),
    (Arch::Riscv64, "riscv64"),
    (Arch::Ppc, "ppc"),
    (Arch::Ppc64, "ppc64"),
    (Arch::Ppc64le, "ppc64le"),
    (Arch::S390x, "s390x"),
    (Arch::Mips, "mips"),
    (Arch::Mipsel, "mipsel"),
    (Arch::Mips64, "mips64"),
    (Arch::Mipsel64, "mipsel64"),
];

fn peer_name(arch: Arch) -> &'static str {
    ARCHES.iter().find(|(known, _)| *known == arch).map(|(_, name)| *name).unwrap()
}

/// The program in `libseccomp.c`, running.
struct Peer {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    _directory: tempfile::TempDir,
}

impl Peer {
    /// Compiles and starts it; none where a C compiler or libseccomp is missing.
    fn start() -> Option<Self> {
        let directory = tempfile::tempdir().unwrap();
        let program = directory.path().join("peer");
        let source = concat!(env!("CARGO_MANIFEST_DIR"), "/src/compile/tests/libseccomp.c");
        let compiled =
            Command::new("cc").arg("-O1").arg("-o").arg(&program).args([source, "-lseccomp"]).output();
        match compiled {
            Ok(output) if output.status.success() => {}
            Ok(output) => {
                eprintln!("skipped: {}", String::from_utf8_lossy(&output.stderr));
                return None;
            }
            Err(error) => {
                eprintln!("skipped: execute cc: {error}");
                return None;
            }
        }
        let mut child = Command::new(&program).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let input = child.stdin.take().unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        Some(Self { child, input, output, _directory: directory })
    }

    fn word(&mut self) -> u32 {
        let mut bytes = [0; 4];
        self.output.read_exact(&mut bytes).unwrap();
        u32::from_le_bytes(bytes)
    }

    fn resolve(&mut self, arch: Arch, name: &str) -> i32 {
        writeln!(self.input, "resolve {} {name}", peer_name(arch)).unwrap();
        self.word().cast_signed()
    }

    /// Compiles a profile as runc has libseccomp do it; the errno when it refuses one of the rules.
    fn compile(&mut self, profile: &Profile, native: Arch) -> Result<Filter, u32> {
        self.input.write_all(text(profile, native).as_bytes()).unwrap();
        let size = self.word();
        if size == u32::MAX {
            let _line = self.word();
            return Err(self.word());
        }
        let mut bytes = vec![0; usize::try_from(size).unwrap()];
        self.output.read_exact(&mut bytes).unwrap();
        let instructions = bytes.chunks_exact(8).map(|bytes| instruction(bytes, native.endian())).collect();
        Ok(Filter { instructions, flags: 0, unknown: Vec::new() })
    }

    fn stop(mut self) {
        drop(self.input);
        assert!(self.child.wait().unwrap().success());
    }
}

fn instruction(bytes: &[u8], endian: Endian) -> Instruction {
    let [a, b, jt, jf, c, d, e, f] = *bytes else { unreachable!("eight are taken") };
    match endian {
        Endian::Little => {
            Instruction { code: u16::from_le_bytes([a, b]), jt, jf, k: u32::from_le_bytes([c, d, e, f]) }
        }
        Endian::Big => {
            Instruction { code: u16::from_be_bytes([a, b]), jt, jf, k: u32::from_be_bytes([c, d, e, f]) }
        }
    }
}

/// Writes a profile as the program reads it: rules with the default action left out, and tests on the same argument
/// apart, as runc does.
fn text(profile: &Profile, native: Arch) -> String {
    use std::fmt::Write as _;
    let default = return_value(profile.default_action, profile.default_errno_ret).unwrap();
    let optimize = if profile.syscalls.len() > 12 { 2 } else { 1 };
    let mut text = format!("profile {default:x} {optimize}\n");
    for arch in arches(profile, native) {
        writeln!(text, "arch {}", peer_name(arch)).unwrap();
    }
    for entry in &profile.syscalls {
        let value = return_value(entry.action, entry.errno_ret).unwrap();
        if value == default {
            continue;
        }
        for rule in crate::rules::alternatives(value, &entry.args) {
            for name in &entry.names {
                write!(text, "rule {value:x} {name}").unwrap();
                for test in &rule.tests {
                    let op = operator(test.op);
                    write!(text, " {:x} {op:x} {:x} {:x}", test.index, test.value, test.value_two).unwrap();
                }
                text.push('\n');
            }
        }
    }
    text + "end\n"
}

fn operator(operator: Operator) -> u32 {
    match operator {
        Operator::NotEqual => 1,
        Operator::Less => 2,
        Operator::LessOrEqual => 3,
        Operator::Equal => 4,
        Operator::GreaterOrEqual => 5,
        Operator::Greater => 6,
        Operator::MaskedEqual => 7,
    }
}

/// The names that both have the same numbers for, everywhere.
fn common_names(peer: &mut Peer) -> BTreeSet<String> {
    let mut common = BTreeSet::new();
    let mut differences = Vec::new();
    for (index, row) in ROWS.iter().enumerate() {
        let name = name(index);
        let mut same = true;
        for (arch, _) in ARCHES {
            let own = row.number(arch.column().unwrap()).map(u32::cast_signed);
            let bit = if arch == Arch::X32 { X32_BIT.cast_signed() } else { 0 };
            let theirs = peer.resolve(arch, &name);
            let theirs = (theirs >= 0).then_some(theirs & !bit);
            if own != theirs && subcall(&name).is_none() {
                same = false;
                if theirs.is_some() {
                    differences.push(format!("{name} {arch:?} {own:?} {theirs:?}"));
                }
            }
        }
        // libseccomp 2.5.4 takes this one for another of PowerPC's, and forgets to load the number of the calls that i386
        // makes through another one.
        if same && subcall(&name).is_none() && name != "sys_debug_setcontext" {
            common.insert(name);
        }
    }
    assert!(differences.is_empty(), "{differences:#?}");
    common
}

#[test]
fn filters_are_those_of_libseccomp() {
    let Some(mut peer) = Peer::start() else { return };
    let names = common_names(&mut peer);
    assert!(names.len() > 400, "{}", names.len());
    let mut random = Random(0x011b_5ecc);
    let (mut profiles, mut calls) = (0, 0);
    while profiles < PROFILES {
        let mut profile = arbitrary_profile(&mut random);
        make_comparable(&mut profile, &names);
        let native = random.pick(&NATIVES);
        // libseccomp refuses some of what contradicts itself.
        if let Ok(theirs) = peer.compile(&profile, native) {
            calls += compare(&mut random, &profile, native, &theirs);
            profiles += 1;
        }
    }
    peer.stop();
    assert!(calls > PROFILES * 500, "{calls} calls were compared");
}

/// Leaves out the names that libseccomp does not know, and rules that contradict another one of the same call: which of
/// them counts depends on the order of its tree.
fn make_comparable(profile: &mut Profile, names: &BTreeSet<String>) {
    let mut values = BTreeMap::new();
    for entry in &mut profile.syscalls {
        let value = (entry.action.name(), entry.errno_ret);
        entry
            .names
            .retain(|name| names.contains(name) && *values.entry(name.clone()).or_insert(value) == value);
    }
    profile.syscalls.retain(|entry| !entry.names.is_empty());
}

/// Runs both programs over all numbers of all architectures of a profile, with arguments near those of its rules, and
/// counts the calls.
fn compare(random: &mut Random, profile: &Profile, native: Arch, theirs: &Filter) -> usize {
    let ours = compile_for(profile, native).unwrap();
    let rules = Rules::read(profile, &arches(profile, native)).unwrap();
    let gaps = Gaps::new(rules.default);
    let arguments: [_; 7] = std::array::from_fn(|_| near_arguments(random, profile));
    let mut count = 0;
    for calls in &rules.calls {
        let first = match calls.arch {
            Arch::X32 => X32_BIT,
            Arch::Mips | Arch::Mipsel => 4000,
            Arch::Mips64 | Arch::Mipsel64 => 5000,
            _ => 0,
        };
        let bit = if calls.arch == Arch::X32 { X32_BIT } else { 0 };
        let numbers = (first..first + 480).filter(|number| !has_ordered_rules(&rules, calls, number - bit));
        for (number, arguments) in numbers.zip(arguments.iter().cycle()) {
            let data = call(calls.arch, number, *arguments);
            let wanted = match calls.newest {
                Some(newest) if number - bit > newest => gaps.new,
                Some(_) if calls.arch == Arch::S390x && number == 0 => gaps.new,
                _ if forgets_to_load(theirs, &data) => continue,
                _ => theirs.evaluate_as(native.endian(), &data),
            };
            let got = ours.evaluate_as(native.endian(), &data);
            assert_eq!(got, wanted, "{data:x?} on {native:?} of {profile:#?}\n{ours}\n{theirs}");
            count += 1;
        }
    }
    count
}

/// Tells whether several rules of a call ask which of two numbers is greater: 2.5.4 drops some of them.
fn has_ordered_rules(rules: &Rules, calls: &Calls, number: u32) -> bool {
    use Operator::{Greater, GreaterOrEqual, Less, LessOrEqual};
    let is_ordered = |test: &Argument| matches!(test.op, Less | LessOrEqual | Greater | GreaterOrEqual);
    let of_call = calls.ruled.iter().filter(|(ruled, _)| *ruled == number);
    let ordered = of_call.filter(|(_, rule)| rules.rules[*rule].tests.iter().any(is_ordered));
    ordered.count() > 1
}

/// Tells whether libseccomp's program comes for a call to compare the architecture as if it were the number: 2.5.4
/// leaves out the load of the number at the beginning of some sections.
fn forgets_to_load(filter: &Filter, data: &SyscallData) -> bool {
    let mut at = 0;
    for _ in 0..filter.instructions.len() {
        let instruction = filter.instructions[at];
        match instruction.code {
            JUMP_IF_EQUAL if instruction.k == data.arch => at += 1 + usize::from(instruction.jt),
            JUMP_IF_EQUAL if ARCHES.iter().any(|(arch, _)| arch.audit() == Some(instruction.k)) => {
                at += 1 + usize::from(instruction.jf);
            }
            JUMP => at += 1 + usize::try_from(instruction.k).unwrap(),
            LOAD if instruction.k == ARCH => at += 1,
            LOAD | RETURN => return false,
            _ => return true,
        }
    }
    unreachable!("every program ends")
}
