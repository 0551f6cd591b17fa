//! All numbers of a system call convention, divided into ranges with the same outcome.

use std::collections::BTreeMap;

use crate::Arch;
use crate::condition::Width;
use crate::filter::ALLOW;
use crate::rules::{Calls, Rule};

/// What is done about a system call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// This value is returned.
    Return(u32),
    /// The check with this index is made.
    Check(usize),
}

/// Rules with tests, by their indices, that are tried in order.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Check {
    pub(crate) rules: Vec<usize>,
    /// How much of an argument they look at.
    pub(crate) width: Width,
}

/// The numbers from `start` to the start of the next range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Range {
    pub(crate) start: u32,
    pub(crate) outcome: Outcome,
}

/// The outcomes of all numbers that one `AUDIT_ARCH_*` value can come with.
#[derive(Default)]
pub(crate) struct Ranges {
    list: Vec<Range>,
    checks: Vec<Check>,
    known: BTreeMap<Check, usize>,
}

/// What happens to the numbers that no rule is for.
#[derive(Clone, Copy)]
pub(crate) struct Gaps {
    /// Up to the newest call that the profile names.
    pub(crate) old: u32,
    /// Above it.
    pub(crate) new: u32,
}

impl Ranges {
    /// Gives all numbers from `start` on an outcome.
    pub(crate) fn fill(&mut self, start: u32, value: u32) {
        self.push(start, Outcome::Return(value));
    }

    /// Gives all numbers from `base` on the outcomes that the rules of `calls` have, `calls` numbering
    /// from `base`.
    pub(crate) fn add(&mut self, base: u32, calls: &Calls, rules: &[Rule], gaps: Gaps) {
        let mut ruled = calls.ruled.clone();
        // Stable: the rules of one call stay in the order of the profile.
        ruled.sort_by_key(|(number, _)| *number);
        // A profile that names no call of this architecture knows nothing of its age.
        let newest = calls.newest.map_or(u32::MAX, |newest| base + newest);
        let mut at_newest = calls.newest.is_none();
        let width = Width::of(calls.arch);
        self.fill(base, gaps.old);
        if calls.arch == Arch::S390x && !at_newest {
            // Numbers that do not fit the instruction come as 0, and those that the kernel does not know stay so.
            self.fill(base, gaps.new);
            self.fill(base + 1, gaps.old);
        }
        for group in ruled.chunk_by(|one, other| one.0 == other.0) {
            let number = base + group[0].0;
            if number > newest && !at_newest {
                self.fill(newest + 1, gaps.new);
                at_newest = true;
            }
            let outcome = self.outcome(group, rules, gaps.old, width);
            self.push(number, outcome);
            self.fill(number + 1, if at_newest { gaps.new } else { gaps.old });
        }
        if !at_newest {
            self.fill(newest + 1, gaps.new);
        }
    }

    /// Returns the ranges, the first of which starts at 0.
    pub(crate) fn list(&self) -> &[Range] {
        &self.list
    }

    /// Returns the lists of rules that [`Outcome::Check`] refers to.
    pub(crate) fn checks(&self) -> &[Check] {
        &self.checks
    }

    /// Decides between the rules of one call; the module `rules` says how.
    fn outcome(&mut self, group: &[(u32, usize)], rules: &[Rule], default: u32, width: Width) -> Outcome {
        let mut check = Vec::new();
        for (_, index) in group {
            let rule = &rules[*index];
            if rule.value == default {
                continue;
            }
            if rule.tests.is_empty() {
                return Outcome::Return(rule.value);
            }
            check.push(*index);
        }
        if check.is_empty() {
            return Outcome::Return(default);
        }
        let fresh = self.checks.len();
        let check = Check { rules: check, width };
        let index = *self.known.entry(check.clone()).or_insert(fresh);
        if index == fresh {
            self.checks.push(check);
        }
        Outcome::Check(index)
    }

    /// Starts a range, joined to the one before it when that has the same outcome.
    fn push(&mut self, start: u32, outcome: Outcome) {
        if self.list.last().is_some_and(|last| last.start == start) {
            self.list.pop();
        }
        if self.list.last().is_none_or(|last| last.outcome != outcome) {
            self.list.push(Range { start, outcome });
        }
    }
}

impl Gaps {
    /// Derives the gaps from the default action: where that is not to let calls through, calls newer
    /// than the profile look as on an older kernel, so that programs fall back to what they know. A
    /// tracer and an agent answer for themselves.
    pub(crate) fn new(default: u32) -> Self {
        use crate::filter::{ERRNO, LOG, NOTIFY, TRACE};
        const ENOSYS: u32 = 38;
        let action = default & 0xffff_0000;
        let new = if [ALLOW, LOG, TRACE, NOTIFY].contains(&action) { default } else { ERRNO | ENOSYS };
        Self { old: default, new }
    }
}
