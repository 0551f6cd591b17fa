//! What was read of a group at one moment.

use crate::Limit;
use serde::Serialize;

/// Holds what a group uses, with all groups below it; `None` for what was not asked for or is not counted here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counters {
    /// CPU time, in nanoseconds.
    pub cpu: Option<u64>,
    /// For how long the group's own quota kept tasks from running, in nanoseconds.
    pub throttled: Option<u64>,
    /// All memory that is charged, in bytes.
    pub memory: Option<u64>,
    /// The limit on `memory`.
    pub memory_limit: Option<Limit>,
    /// Anonymous memory, in bytes.
    pub anon: Option<u64>,
    /// Page cache, shared memory included, in bytes.
    pub file: Option<u64>,
    /// Memory of the kernel's own, in bytes.
    pub kernel: Option<u64>,
    /// Swap, in bytes; on v1 where swap is accounted for.
    pub swap: Option<u64>,
    /// How many tasks the OOM killer has ended; see [`Survey::alone`](super::Survey::alone). On v1 kernel 4.13.
    pub oom_kills: Option<u64>,
    /// Bytes read from block devices.
    pub read_bytes: Option<u64>,
    /// Bytes written to block devices.
    pub write_bytes: Option<u64>,
    /// Reads from block devices.
    pub read_operations: Option<u64>,
    /// Writes to block devices.
    pub write_operations: Option<u64>,
    /// Processes and threads.
    pub tasks: Option<u64>,
    /// The limit on `tasks`.
    pub tasks_limit: Option<Limit>,
    /// How long tasks waited; where there is a v2 tree, kernel 4.20.
    pub pressure: Stalls,
    /// Whether the group is frozen, itself or with one above it.
    pub frozen: Option<bool>,
}

/// Holds for how long some task waited for a resource, in microseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Stalls {
    pub cpu: Option<u64>,
    pub memory: Option<u64>,
    pub io: Option<u64>,
}
