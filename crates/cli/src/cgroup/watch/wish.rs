//! What is to be told of.

use palisade_cgroup::stats::Resource;
use palisade_cgroup::watch::{Share, Stall};
use palisade_cgroup::{Notice, PressureLevel};

use super::hook::Hooks;
use crate::arguments::cgroup::watch::{Kind, Watch as Verb};
use crate::flags::{Degree, PressureFlag, ResourceWord};

/// What a person wants to be told of.
pub(super) struct Wish {
    /// What has to be there.
    pub(super) wanted: Vec<Notice>,
    /// What is told of where the machine has it.
    pub(super) welcome: Vec<Notice>,
    /// What is told; everything where none is named.
    kinds: Vec<Kind>,
}

const LEVEL: PressureLevel = PressureLevel::Medium;

impl Wish {
    pub(super) fn new(verb: &Verb, hooks: &Hooks) -> Self {
        let kinds = verb.events.clone();
        let named = kinds.iter().copied().chain(hooks.kinds());
        let mut wanted: Vec<Notice> = Vec::new();
        for notice in named.filter_map(|kind| notice(kind, verb)).chain(asked(verb)) {
            if !wanted.contains(&notice) {
                wanted.push(notice);
            }
        }
        let all = [
            Notice::Populated,
            Notice::Oom,
            Notice::Limits,
            Notice::Freezing,
            Notice::Children,
            Notice::Pressure(Resource::Memory, LEVEL),
        ];
        let has_pressure = !verb.pressure.is_empty();
        let is_new = |notice: &Notice| {
            let is_pressure = matches!(notice, Notice::Pressure(..));
            // With what else is told of the group, hits of limits that the kernel keeps to itself are found.
            let helps = *notice == Notice::Populated && wanted.contains(&Notice::Limits);
            (kinds.is_empty() || helps) && !(wanted.contains(notice) || is_pressure && has_pressure)
        };
        let welcome = all.into_iter().filter(is_new).collect();
        Self { wanted, welcome, kinds }
    }

    /// Tells whether a person wants to hear of it.
    pub(super) fn tells(&self, kind: Kind) -> bool {
        self.kinds.is_empty() || self.kinds.contains(&kind)
    }
}

/// Lists what was asked for by a flag of its own.
fn asked(verb: &Verb) -> impl Iterator<Item = Notice> {
    let thresholds = verb.thresholds.iter().map(|bytes| Notice::Threshold(bytes.0));
    thresholds.chain(verb.pressure.iter().map(|flag| pressure(*flag)))
}

/// Returns what tells of a kind of event; pressure and thresholds are what their flags say.
fn notice(kind: Kind, verb: &Verb) -> Option<Notice> {
    Some(match kind {
        Kind::Populated | Kind::Empty => Notice::Populated,
        Kind::Oom => Notice::Oom,
        Kind::Limit => Notice::Limits,
        Kind::Frozen | Kind::Thawed => Notice::Freezing,
        Kind::Created => Notice::Children,
        Kind::Pressure if verb.pressure.is_empty() => Notice::Pressure(Resource::Memory, LEVEL),
        Kind::Removed => Notice::Children,
        Kind::Pressure | Kind::Threshold => return None,
    })
}

fn pressure(flag: PressureFlag) -> Notice {
    let resource = match flag.resource {
        ResourceWord::Cpu => Resource::Cpu,
        ResourceWord::Memory => Resource::Memory,
        ResourceWord::Io => Resource::Io,
    };
    match flag.degree {
        Degree::Low => Notice::Pressure(resource, PressureLevel::Low),
        Degree::Medium => Notice::Pressure(resource, PressureLevel::Medium),
        Degree::Critical => Notice::Pressure(resource, PressureLevel::Critical),
        Degree::Some(stall, window) => {
            Notice::Stall(resource, Stall { share: Share::Some, stall: stall.0, window: window.0 })
        }
        Degree::Full(stall, window) => {
            Notice::Stall(resource, Stall { share: Share::Full, stall: stall.0, window: window.0 })
        }
    }
}
