//! What can be asked of a group.

use std::ops::BitOr;

/// A set of things to read of a group; each costs a file or two.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Metrics(u16);

impl Metrics {
    /// None at all.
    pub const NONE: Self = Self(0);
    /// CPU time.
    pub const CPU: Self = Self(1);
    /// For how long a quota kept tasks from running.
    pub const THROTTLED: Self = Self(1 << 1);
    /// All memory that is charged.
    pub const MEMORY: Self = Self(1 << 2);
    /// The limit on it.
    pub const MEMORY_LIMIT: Self = Self(1 << 3);
    /// What the memory is used for.
    pub const MEMORY_PARTS: Self = Self(1 << 4);
    /// Tasks that the OOM killer ended.
    pub const OOM_KILLS: Self = Self(1 << 5);
    /// Bytes read from and written to block devices.
    pub const IO_BYTES: Self = Self(1 << 6);
    /// Reads from and writes to block devices.
    pub const IO_OPERATIONS: Self = Self(1 << 7);
    /// The number of tasks.
    pub const TASKS: Self = Self(1 << 8);
    /// The limit on it.
    pub const TASKS_LIMIT: Self = Self(1 << 9);
    /// How long tasks waited for a resource; see psi.rst of the kernel.
    pub const PRESSURE: Self = Self(1 << 10);
    /// Whether the group is frozen.
    pub const FROZEN: Self = Self(1 << 11);
    /// All of them.
    pub const ALL: Self = Self((1 << 12) - 1);

    /// Returns what is in either set.
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Tells whether both sets have something in common.
    pub const fn meets(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }
}

impl BitOr for Metrics {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        self.and(other)
    }
}
