//! What can be watched, and what is told.

use crate::GroupPath;
use crate::stats::Resource;
use std::fmt;
use std::time::Duration;

/// Names what to watch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Notice {
    /// Whether the group, or one below it, holds a process.
    Populated,
    /// Tasks ended, or on v1 stopped, for want of memory.
    Oom,
    /// Limits that were hit: `memory.max`, `memory.high`, `pids.max` and whatever else the kernel counts.
    Limits,
    /// Whether all processes are frozen.
    Freezing,
    /// Groups right below that come and go.
    Children,
    /// Memory use that crosses this many bytes, either way; v1 only.
    Threshold(u64),
    /// A resource that gets scarce. Of v1's there is memory alone.
    Pressure(Resource, PressureLevel),
    /// Time lost for want of a resource; needs a directory in a v2 tree, and pressure stall information.
    Stall(Resource, Stall),
}

/// Says how scarce a resource has to get; v1's levels, on v2 the stall in a second that they are taken to mean.
///
/// A user without CAP_SYS_RESOURCE has the stall measured over two seconds, as the kernel wants it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PressureLevel {
    /// The kernel reclaims; on v2 some task waited for 50 ms.
    Low,
    /// It swaps and drops caches in use; on v2 some task waited for 150 ms.
    Medium,
    /// It is about to kill; on v2 all tasks waited for 150 ms at once.
    Critical,
}

/// Says how much time has to be lost in which window; see "Monitoring for pressure thresholds" in psi.rst.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stall {
    /// Whose time.
    pub share: Share,
    /// How much.
    pub stall: Duration,
    /// In how long: 500 ms to 10 s, for a user without CAP_SYS_RESOURCE a multiple of 2 s.
    pub window: Duration,
}

/// Says whose time is meant by a stall.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Share {
    /// At least one task waited.
    Some,
    /// All tasks waited at once.
    Full,
}

/// An event and the group that it happened to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// The group; for one that came or went, that group.
    pub group: GroupPath,
    /// What happened.
    pub event: Event,
}

/// Tells what happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The first process has come.
    Populated,
    /// The last process has gone.
    Empty,
    /// Memory ran out.
    Oom {
        /// How many tasks were killed since the last event; none where v1's OOM killer is off and tasks wait.
        killed: u64,
    },
    /// A limit was hit.
    Limit {
        /// The limit in the words of v2, such as `memory.max`.
        limit: String,
        /// How often since the last event.
        times: u64,
    },
    /// All processes are frozen.
    Frozen,
    /// Processes run again.
    Thawed,
    /// Memory use crossed so many bytes.
    Threshold {
        /// What was crossed.
        bytes: u64,
        /// The use a moment later.
        usage: u64,
    },
    /// A resource has become this scarce.
    Pressure(Resource, PressureLevel),
    /// So much time was lost for want of a resource.
    Stall(Resource, Stall),
    /// The group was made.
    Created,
    /// The group was removed; no further event of it comes.
    Removed,
}

impl Notice {
    /// Tells whether each group of a subtree gives it; the others sum up what happens below.
    pub(super) fn is_of_each_group(self) -> bool {
        matches!(self, Self::Populated | Self::Oom | Self::Limits | Self::Freezing | Self::Children)
    }
}

impl Stall {
    /// Turns a level into the stall that it is taken to mean.
    pub(super) fn of(level: PressureLevel, window: Duration) -> Self {
        let (share, part) = match level {
            PressureLevel::Low => (Share::Some, 50),
            PressureLevel::Medium => (Share::Some, 150),
            PressureLevel::Critical => (Share::Full, 150),
        };
        let stall = window * part / 1000;
        Self { share, stall, window }
    }
}

impl fmt::Display for Stall {
    /// Prints what the kernel takes: `some 150000 1000000`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let share = match self.share {
            Share::Some => "some",
            Share::Full => "full",
        };
        write!(f, "{share} {} {}", self.stall.as_micros(), self.window.as_micros())
    }
}

impl PressureLevel {
    /// Returns the word that `memory.pressure_level` takes.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::Critical => "critical",
        }
    }
}
