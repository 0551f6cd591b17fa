//! The compiled programs are run by an interpreter and compared with the rules read word for word.

use super::*;
use crate::device::DevicePattern;

/// Runs a program as the kernel would; panics on anything that the verifier would refuse.
fn run(code: &[Instruction], kind: u32, access: u8, major: u32, minor: u32) -> u32 {
    let context = [u32::from(access) << 16 | kind, major, minor];
    let mut registers: [Option<u32>; 11] = [None; 11];
    let mut at = 0;
    loop {
        let now = code[at];
        let (to, from) = (usize::from(now.registers & 15), usize::from(now.registers >> 4));
        let value = |register: usize| registers[register].expect("a register is read before it is set");
        let constant = now.immediate.cast_unsigned();
        let mut jump = false;
        match now.code {
            LOAD_WORD => {
                assert_eq!(from, 1, "only the context can be loaded from");
                assert!(registers[1].is_none(), "the context has been overwritten");
                registers[to] = Some(context[usize::try_from(now.offset).unwrap() / 4]);
            }
            MOVE_CONSTANT => registers[to] = Some(constant),
            // The second half of the constant is in the next place.
            0x18 => {
                registers[to] = Some(constant);
                at += 1;
            }
            MOVE_REGISTER => registers[to] = Some(value(from)),
            AND_CONSTANT => registers[to] = Some(value(to) & constant),
            SHIFT_RIGHT => registers[to] = Some(value(to) >> constant),
            JUMP_IF_NOT_EQUAL => jump = value(to) != constant,
            JUMP_IF_EQUAL => jump = value(to) == constant,
            EXIT => return value(0),
            other => panic!("operation {other:#x}"),
        }
        at += 1 + if jump { usize::try_from(now.offset).expect("a jump back") } else { 0 };
    }
}

/// Reads the rules as the specification has them, one bit of access at a time.
fn allowed(policy: &DevicePolicy, kind: DeviceKind, access: u8, major: u32, minor: u32) -> bool {
    [Access::MKNOD, Access::READ, Access::WRITE].iter().filter(|bit| bit.bits() & access != 0).all(|bit| {
        let about = |rule: &&DeviceRule| {
            (rule.kind == DeviceKind::All || rule.kind == kind)
                && rule.major.is_none_or(|n| n == major)
                && rule.minor.is_none_or(|n| n == minor)
                && !rule.access.intersection(*bit).is_empty()
        };
        policy.rules.iter().rev().find(about).map_or(policy.default, |rule| rule.verdict) == Verdict::Allow
    })
}

fn policy(default: Verdict, rules: &[&str]) -> DevicePolicy {
    let rule = |text: &&str| {
        let (verb, pattern) = text.split_once(' ').unwrap();
        let verdict = if verb == "allow" { Verdict::Allow } else { Verdict::Deny };
        pattern.parse::<DevicePattern>().unwrap().rule(verdict)
    };
    DevicePolicy { default, rules: rules.iter().map(rule).collect() }
}

fn check(policy: &DevicePolicy) {
    let code = compile(policy);
    for (kind, number) in [(DeviceKind::Block, 1), (DeviceKind::Char, 2)] {
        for access in 1..8 {
            for (major, minor) in [(1, 3), (1, 5), (5, 3), (8, 0), (4095, 1_048_575)] {
                let got = run(&code, number, access, major, minor);
                let want = u32::from(allowed(policy, kind, access, major, minor));
                assert_eq!(got, want, "{policy:?}: {kind:?} {major}:{minor}, access {access}");
            }
        }
    }
}

#[test]
fn later_rules_win() {
    let lists: [&[&str]; 9] = [
        &[],
        &["deny a", "allow c 1:3 rwm"],
        &["allow c 1:3 rwm", "deny a"],
        &["allow a", "deny c 1:3 w"],
        &["allow c 1:* rwm", "deny c 1:3 w", "allow c 1:3 m"],
        &["allow c *:* m", "allow b *:* m", "allow c 1:3 rw", "deny b 8:* m"],
        &["allow a *:3 r", "deny b *:* r", "allow c 1:* w"],
        &["deny c 4095:1048575 rwm", "allow a 4095:* rw"],
        &["allow a *:* rw", "deny a *:* w"],
    ];
    for rules in lists {
        check(&policy(Verdict::Deny, rules));
        check(&policy(Verdict::Allow, rules));
    }
}

#[test]
fn random_rule_lists_mean_what_they_say() {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut pick = |count: u64| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state % count
    };
    for _ in 0..3000 {
        let rules = (0..pick(7))
            .map(|_| DeviceRule {
                verdict: [Verdict::Allow, Verdict::Deny][usize::try_from(pick(2)).unwrap()],
                kind: [DeviceKind::All, DeviceKind::Block, DeviceKind::Char]
                    [usize::try_from(pick(3)).unwrap()],
                major: [None, Some(1), Some(8)][usize::try_from(pick(3)).unwrap()],
                minor: [None, Some(3), Some(0)][usize::try_from(pick(3)).unwrap()],
                access: ["r", "w", "m", "rw", "rwm", "rwm"][usize::try_from(pick(6)).unwrap()]
                    .parse()
                    .unwrap(),
            })
            .collect();
        check(&DevicePolicy { default: Verdict::Deny, rules });
    }
}

#[test]
fn no_code_follows_a_rule_that_decides_everything() {
    let code = compile(&policy(Verdict::Deny, &["allow c 1:3 r", "deny a", "allow c 1:5 r"]));
    let short = compile(&policy(Verdict::Deny, &["deny a", "allow c 1:5 r"]));
    assert_eq!(code, short);
}

#[test]
fn rules_are_read_back_out_of_the_program() {
    for (default, rules) in [
        (Verdict::Deny, &[][..]),
        (Verdict::Allow, &["deny c 1:3 rwm"]),
        (Verdict::Deny, &["allow c *:* m", "allow b 8:* rw", "deny c 1:3 w", "allow a *:7 r"]),
        (Verdict::Deny, &["allow c 4095:1048575 rwm"]),
    ] {
        let policy = policy(default, rules);
        assert_eq!(record::read(&compile(&policy)), Some(policy));
    }
    let behind = policy(Verdict::Deny, &["allow c 1:3 r", "allow a", "deny b *:* w"]);
    let in_force = policy(Verdict::Allow, &["deny b *:* w"]);
    assert_eq!(record::read(&compile(&behind)), Some(in_force));
    let foreign = &compile(&in_force_of_nobody())[2..];
    assert_eq!(record::read(foreign), None);
    assert_eq!(record::read(&[]), None);
}

fn in_force_of_nobody() -> DevicePolicy {
    policy(Verdict::Allow, &[])
}
