//! Device rules as v1 keeps them: one verdict and a set of exceptions from it.

use crate::device::{DeviceKind, DevicePattern, DevicePolicy, DeviceRule, Verdict};

/// What the kernel holds for a v1 devices group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Exceptions {
    /// What holds for a device that no exception matches.
    pub(crate) default: Verdict,
    /// The devices for which the opposite holds.
    pub(crate) patterns: Vec<DevicePattern>,
}

impl Exceptions {
    /// Plays the rules through and keeps what they come to.
    ///
    /// # Errors
    /// Returns a rule that takes back a part of what an earlier, wider rule gave: v1 has no way to say that.
    pub(crate) fn resolve(policy: &DevicePolicy) -> Result<Self, DeviceRule> {
        let mut state = Self { default: policy.default, patterns: Vec::new() };
        for rule in &policy.rules {
            state.apply(rule)?;
        }
        if state.default == Verdict::Deny {
            state.widen();
        }
        Ok(state)
    }

    fn apply(&mut self, rule: &DeviceRule) -> Result<(), DeviceRule> {
        if rule.covers_all() {
            *self = Self { default: rule.verdict, patterns: Vec::new() };
            return Ok(());
        }
        let kinds: &[DeviceKind] = match rule.kind {
            DeviceKind::All => &[DeviceKind::Block, DeviceKind::Char],
            DeviceKind::Block => &[DeviceKind::Block],
            DeviceKind::Char => &[DeviceKind::Char],
        };
        for &kind in kinds {
            let pattern = DevicePattern { kind, ..DevicePattern::from(*rule) };
            if rule.verdict == self.default {
                self.remove(pattern).map_err(|()| *rule)?;
            } else {
                self.add(pattern);
            }
        }
        Ok(())
    }

    fn add(&mut self, new: DevicePattern) {
        match self.patterns.iter_mut().find(|old| same_devices(old, &new)) {
            Some(old) => old.access = old.access.union(new.access),
            None => self.patterns.push(new),
        }
    }

    fn remove(&mut self, gone: DevicePattern) -> Result<(), ()> {
        for old in &mut self.patterns {
            if covers(&gone, old) {
                old.access = old.access.without(gone.access);
            } else if overlaps(&gone, old) && !gone.access.intersection(old.access).is_empty() {
                return Err(());
            }
        }
        self.patterns.retain(|old| !old.access.is_empty());
        Ok(())
    }

    /// Gives each exception the access of wider ones too: the kernel wants one exception to cover a whole request.
    fn widen(&mut self) {
        let all = self.patterns.clone();
        for pattern in &mut self.patterns {
            let wider = all.iter().filter(|other| covers(other, pattern));
            pattern.access = wider.fold(pattern.access, |sum, other| sum.union(other.access));
        }
    }
}

fn same_devices(a: &DevicePattern, b: &DevicePattern) -> bool {
    (a.kind, a.major, a.minor) == (b.kind, b.major, b.minor)
}

/// Tells whether every device of `inner` is one of `outer`.
fn covers(outer: &DevicePattern, inner: &DevicePattern) -> bool {
    let number = |outer: Option<u32>, inner| outer.is_none() || outer == inner;
    outer.kind == inner.kind && number(outer.major, inner.major) && number(outer.minor, inner.minor)
}

/// Tells whether some device is in both.
fn overlaps(a: &DevicePattern, b: &DevicePattern) -> bool {
    let number = |a: Option<u32>, b: Option<u32>| a.is_none() || b.is_none() || a == b;
    a.kind == b.kind && number(a.major, b.major) && number(a.minor, b.minor)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolve(default: Verdict, rules: &[&str]) -> Result<String, DeviceRule> {
        let rules = rules
            .iter()
            .map(|text| {
                let (verb, pattern) = text.split_once(' ').unwrap();
                let verdict = if verb == "allow" { Verdict::Allow } else { Verdict::Deny };
                pattern.parse::<DevicePattern>().unwrap().rule(verdict)
            })
            .collect();
        let state = Exceptions::resolve(&DevicePolicy { default, rules })?;
        let list: Vec<String> = state.patterns.iter().map(ToString::to_string).collect();
        Ok(format!("{:?}: {}", state.default, list.join(", ")))
    }

    #[test]
    fn rules_come_to_exceptions() {
        let table: [(&[&str], &str); 8] = [
            (&[], "Deny: "),
            (&["deny a", "allow c 1:3 rw", "allow c 1:3 m"], "Deny: c 1:3 rwm"),
            (&["allow c 1:3 rwm", "deny a"], "Deny: "),
            (&["allow a", "deny c 1:3 w"], "Allow: c 1:3 w"),
            (&["allow c 1:3 rwm", "deny c 1:3 w"], "Deny: c 1:3 rm"),
            (&["allow c 1:3 rw", "allow c 1:5 rw", "deny c 1:* rwm"], "Deny: "),
            (&["allow a 7:* r"], "Deny: b 7:* r, c 7:* r"),
            (&["allow c *:* m", "allow c 1:3 rw"], "Deny: c *:* m, c 1:3 rwm"),
        ];
        for (rules, state) in table {
            assert_eq!(resolve(Verdict::Deny, rules).unwrap(), state, "{rules:?}");
        }
    }

    #[test]
    fn a_hole_in_a_wider_rule_is_named() {
        let refused = resolve(Verdict::Deny, &["allow c 1:* rw", "deny c 1:3 w"]).unwrap_err();
        assert_eq!(refused.to_string(), "deny c 1:3 w");
        assert!(resolve(Verdict::Deny, &["allow c 1:* r", "deny c 1:3 w"]).is_ok(), "they do not meet");
    }
}
