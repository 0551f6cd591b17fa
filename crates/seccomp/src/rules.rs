//! The rules of a profile, resolved to numbers.
//!
//! Which rule decides when several name the same system call:
//!
//! 1. Rules with the default action are left out, as runc does: they say nothing.
//! 2. A rule without arguments beats all rules with arguments; the first one without counts. This is
//!    what libseccomp does: the wider rule takes the place of the narrower.
//! 3. Among rules with arguments, the first whose tests hold decides.
//! 4. When none holds, the default action does.

use crate::error::Error;
use crate::filter::{ALLOW, ERRNO, KILL_PROCESS, KILL_THREAD, LOG, NOTIFY, TRACE, TRAP};
use crate::multiplex::{Subcall, subcall};
use crate::syscalls::find;
use crate::table::Column;
use crate::{Action, Arch, Argument, Operator, Profile, Syscall};

const EPERM: u32 = 1;
/// The kernel's `MAX_ERRNO`: it silently lowers what is above.
const MAX_ERRNO: u32 = 4095;
/// Where the numbers of ARM's private calls begin.
pub(crate) const PRIVATE_CALLS: u32 = 0xf0000;

/// What to return for calls whose tests all hold.
pub(crate) struct Rule {
    pub(crate) value: u32,
    pub(crate) tests: Vec<Argument>,
}

/// The calls of one architecture that have rules.
pub(crate) struct Calls {
    pub(crate) arch: Arch,
    /// Numbers with the index of a rule, in the order of the profile.
    pub(crate) ruled: Vec<(u32, usize)>,
    /// The highest number that the profile names, whatever its rule.
    pub(crate) newest: Option<u32>,
}

/// A profile with its names and actions resolved.
pub(crate) struct Rules {
    pub(crate) default: u32,
    pub(crate) rules: Vec<Rule>,
    pub(crate) calls: Vec<Calls>,
    pub(crate) unknown: Vec<String>,
}

impl Rules {
    /// Resolves a profile for some architectures; those without a table are left out.
    pub(crate) fn read(profile: &Profile, arches: &[Arch]) -> Result<Self, Error> {
        let default = return_value(profile.default_action, profile.default_errno_ret)
            .map_err(|cause| Error::new("/defaultErrnoRet", cause))?;
        let mut rules = Self {
            default,
            rules: Vec::with_capacity(profile.syscalls.len()),
            calls: arches.iter().copied().map(Calls::new).collect(),
            unknown: Vec::new(),
        };
        for (index, entry) in profile.syscalls.iter().enumerate() {
            rules
                .add(entry)
                .map_err(|(field, cause)| Error::new(format!("/syscalls/{index}{field}"), cause))?;
        }
        Ok(rules)
    }

    fn add(&mut self, entry: &Syscall) -> Result<(), Fault> {
        if entry.names.is_empty() {
            return Err(fault("/names", "at least one name is wanted"));
        }
        let value = return_value(entry.action, entry.errno_ret).map_err(|cause| fault("/errnoRet", cause))?;
        if let Some(at) = entry.args.iter().position(|test| test.index > 5) {
            let cause = format!("there is no argument {}: 0 to 5", entry.args[at].index);
            return Err((format!("/args/{at}/index"), cause));
        }
        let first = self.rules.len();
        self.rules.extend(alternatives(value, &entry.args));
        let rules = first..self.rules.len();
        for name in &entry.names {
            self.name(name, rules.clone())?;
        }
        Ok(())
    }

    /// Gives rules to the calls named `name`.
    fn name(&mut self, name: &str, rules: std::ops::Range<usize>) -> Result<(), Fault> {
        if name.is_empty() {
            return Err(fault("/names", "a name is empty"));
        }
        let row = find(name);
        let multiplexed = subcall(name);
        if row.is_none() && multiplexed.is_none() && !self.unknown.iter().any(|seen| seen == name) {
            self.unknown.push(name.to_owned());
        }
        for at in 0..self.calls.len() {
            let calls = &mut self.calls[at];
            let Some(column) = calls.arch.column() else {
                continue;
            };
            if let Some(number) = row.and_then(|row| row.number(column)) {
                calls.add(number, rules.clone());
            }
            if let Some(subcall) = &multiplexed {
                self.add_subcall(at, column, subcall, rules.clone());
            }
        }
        Ok(())
    }

    /// Gives the rules of a call also to the call that may carry it.
    ///
    /// The carrier has the arguments in memory, where no filter sees them. What cannot be tested is
    /// decided on the safe side: a rule with tests that forbids more than the default action holds for
    /// all arguments, one that allows more for none.
    fn add_subcall(&mut self, at: usize, column: Column, subcall: &Subcall, rules: std::ops::Range<usize>) {
        let carrier = find(subcall.carrier).and_then(|row| row.number(column));
        let Some(number) = carrier else { return };
        for rule in rules {
            let Rule { value, tests } = &self.rules[rule];
            if tests.is_empty() || permission(*value) < permission(self.default) {
                let selector =
                    Argument { index: 0, value: subcall.selector, value_two: 0, op: Operator::Equal };
                let rule = Rule { value: *value, tests: vec![selector] };
                let index = self.rules.len();
                self.rules.push(rule);
                self.calls[at].add(number, index..index + 1);
            }
        }
    }
}

/// Ranks a `SECCOMP_RET_*` value as the kernel does, by its action as a signed number: the lower, the less
/// it permits.
fn permission(value: u32) -> u32 {
    (value & 0xffff_0000) ^ 0x8000_0000
}

impl Calls {
    fn new(arch: Arch) -> Self {
        Self { arch, ruled: Vec::new(), newest: None }
    }

    fn add(&mut self, number: u32, rules: std::ops::Range<usize>) {
        self.ruled.extend(rules.map(|rule| (number, rule)));
        if number < PRIVATE_CALLS {
            self.newest = self.newest.max(Some(number));
        }
    }
}

/// The field at fault and why; the caller adds what comes before the field.
type Fault = (String, String);

fn fault(field: &str, cause: impl Into<String>) -> Fault {
    (field.to_owned(), cause.into())
}

/// Makes the rules of one entry: one whose tests must all hold, or, when two tests are on the same
/// argument, one for each test. runc does the latter, and profiles rely on it to list allowed values.
pub(crate) fn alternatives(value: u32, tests: &[Argument]) -> Vec<Rule> {
    let repeats = |at: usize| tests[..at].iter().any(|test| test.index == tests[at].index);
    if (0..tests.len()).any(repeats) {
        let rule = |test: &Argument| Rule { value, tests: vec![*test] };
        return tests.iter().map(rule).collect();
    }
    vec![Rule { value, tests: tests.to_vec() }]
}

/// Returns the `SECCOMP_RET_*` value of an action.
///
/// # Errors
/// Why the errno, or the tracer's message, is none of this action.
pub(crate) fn return_value(action: Action, errno: Option<u32>) -> Result<u32, String> {
    let most = match action {
        Action::Errno => MAX_ERRNO,
        Action::Trace => u32::from(u16::MAX),
        _ if errno.is_some() => return Err(format!("{} has no errno", action.name())),
        _ => return Ok(plain_value(action)),
    };
    let errno = errno.unwrap_or(EPERM);
    if errno > most {
        return Err(format!("{errno} is above {most}"));
    }
    Ok(plain_value(action) | errno)
}

fn plain_value(action: Action) -> u32 {
    match action {
        Action::Kill | Action::KillThread => KILL_THREAD,
        Action::KillProcess => KILL_PROCESS,
        Action::Trap => TRAP,
        Action::Errno => ERRNO,
        Action::Trace => TRACE,
        Action::Allow => ALLOW,
        Action::Log => LOG,
        Action::Notify => NOTIFY,
    }
}
