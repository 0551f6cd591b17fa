//! A process: config.md#process.

use serde::{Serialize, Serializer};

use crate::Capabilities;
use crate::json::Json;
use crate::read::{Content, Findings, Place};
use crate::record::{records, words};

records! {
    /// A process, the container's first one or one of `exec`.
    pub struct Process {
        /// Whether it gets a terminal.
        optional terminal: bool = "terminal",
        /// The terminal's size.
        optional console_size: Option<ConsoleSize> = "consoleSize",
        /// The ids that it has; the specification wants them, runc and crun take 0 where they are missing.
        assumed user: User = "user",
        /// The program and its arguments.
        optional args: Vec<String> = "args",
        /// The environment, as `NAME=VALUE`.
        optional env: Vec<String> = "env",
        /// The working directory, absolute in the container.
        filled cwd: String = "cwd",
        /// The capabilities; none where absent.
        optional capabilities: Option<Capabilities> = "capabilities",
        /// Resource limits, `setrlimit(2)`.
        optional rlimits: Vec<Rlimit> = "rlimits",
        /// Whether no execution may gain privileges.
        optional no_new_privileges: bool = "noNewPrivileges",
        /// The AppArmor profile.
        optional apparmor_profile: String = "apparmorProfile",
        /// What is added to its badness when memory is short, -1000 to 1000.
        optional oom_score_adj: Option<i32> = "oomScoreAdj",
        /// How it is scheduled.
        optional scheduler: Option<Scheduler> = "scheduler",
        /// The SELinux label.
        optional selinux_label: String = "selinuxLabel",
        /// The priority of its I/O.
        optional io_priority: Option<IoPriority> = "ioPriority",
        /// The CPUs of a process of `exec`.
        optional exec_cpu_affinity: Option<CpuAffinity> = "execCPUAffinity",
    }

    /// The size of a terminal.
    pub struct ConsoleSize {
        /// Rows.
        required height: u64 = "height",
        /// Columns.
        required width: u64 = "width",
    }

    /// The ids of a process, as the container sees them.
    pub struct User {
        /// The user id.
        assumed uid: u32 = "uid",
        /// The group id.
        assumed gid: u32 = "gid",
        /// The mask of permissions that new files do not get.
        optional umask: Option<u32> = "umask",
        /// The supplementary group ids.
        optional additional_gids: Vec<u32> = "additionalGids",
    }

    /// A resource limit, `setrlimit(2)`.
    pub struct Rlimit {
        /// Of what.
        required kind: RlimitKind = "type",
        /// The limit that holds; all ones is none.
        required soft: u64 = "soft",
        /// How far the process may raise it; all ones is without bound.
        required hard: u64 = "hard",
    }

    /// The arguments of `sched_setattr(2)`.
    pub struct Scheduler {
        /// The policy.
        required policy: SchedulerPolicy = "policy",
        /// The nice value of policies that have one.
        optional nice: i32 = "nice",
        /// The priority of SCHED_FIFO and SCHED_RR.
        optional priority: i32 = "priority",
        /// The flags.
        optional flags: Vec<SchedulerFlag> = "flags",
        /// The nanoseconds of work a period, of SCHED_DEADLINE.
        optional runtime: u64 = "runtime",
        /// The nanoseconds within which they are done.
        optional deadline: u64 = "deadline",
        /// The nanoseconds of a period.
        optional period: u64 = "period",
    }

    /// The arguments of `ioprio_set(2)`.
    pub struct IoPriority {
        /// The class.
        required class: IoPriorityClass = "class",
        /// The priority in it, 0 (high) to 7.
        assumed priority: i64 = "priority",
    }

    /// The CPUs that a process of `exec` may run on.
    pub struct CpuAffinity {
        /// Before it is in the container's cgroup.
        optional initial: CpuList = "initial",
        /// After that.
        optional last: CpuList = "final",
    }
}

words! {
    /// What a resource limit limits, `getrlimit(2)`.
    pub enum RlimitKind {
        Cpu = "RLIMIT_CPU",
        Fsize = "RLIMIT_FSIZE",
        Data = "RLIMIT_DATA",
        Stack = "RLIMIT_STACK",
        Core = "RLIMIT_CORE",
        Rss = "RLIMIT_RSS",
        Nproc = "RLIMIT_NPROC",
        Nofile = "RLIMIT_NOFILE",
        Memlock = "RLIMIT_MEMLOCK",
        As = "RLIMIT_AS",
        Locks = "RLIMIT_LOCKS",
        Sigpending = "RLIMIT_SIGPENDING",
        Msgqueue = "RLIMIT_MSGQUEUE",
        Nice = "RLIMIT_NICE",
        Rtprio = "RLIMIT_RTPRIO",
        Rttime = "RLIMIT_RTTIME",
    }

    /// A scheduling policy, `sched(7)`.
    pub enum SchedulerPolicy {
        Other = "SCHED_OTHER",
        Fifo = "SCHED_FIFO",
        RoundRobin = "SCHED_RR",
        Batch = "SCHED_BATCH",
        Iso = "SCHED_ISO",
        Idle = "SCHED_IDLE",
        Deadline = "SCHED_DEADLINE",
    }

    /// A flag of `sched_setattr(2)`.
    pub enum SchedulerFlag {
        ResetOnFork = "SCHED_FLAG_RESET_ON_FORK",
        Reclaim = "SCHED_FLAG_RECLAIM",
        DeadlineOverrun = "SCHED_FLAG_DL_OVERRUN",
        KeepPolicy = "SCHED_FLAG_KEEP_POLICY",
        KeepParams = "SCHED_FLAG_KEEP_PARAMS",
        UtilClampMin = "SCHED_FLAG_UTIL_CLAMP_MIN",
        UtilClampMax = "SCHED_FLAG_UTIL_CLAMP_MAX",
    }

    /// A class of I/O, `ioprio_set(2)`.
    pub enum IoPriorityClass {
        RealTime = "IOPRIO_CLASS_RT",
        BestEffort = "IOPRIO_CLASS_BE",
        Idle = "IOPRIO_CLASS_IDLE",
    }
}

/// A list of CPUs as `0-3,7`, or an empty one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct CpuList(String);

impl CpuList {
    /// Returns the list as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Content for CpuList {
    fn read(json: Json<'_>, place: &Place<'_>, findings: &mut Findings) -> Self {
        let text = match json {
            Json::Text(text) if text.is_empty() || text.split(',').all(is_range) => text,
            other => {
                let found = match &other {
                    Json::Text(text) => format!("{text:?}"),
                    other => other.to_string(),
                };
                findings.fault(place, &format!("wanted a list of CPUs as 0-3,7, found {found}"));
                return Self::default();
            }
        };
        Self(text.into_owned())
    }

    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Tells whether a part of a list is a CPU or two of them in ascending order; blanks around it are let pass.
fn is_range(part: &str) -> bool {
    let number = |text: &str| text.trim().parse::<u16>().ok();
    match part.split_once('-') {
        None => number(part).is_some(),
        Some((first, last)) => number(first).zip(number(last)).is_some_and(|(first, last)| first <= last),
    }
}

impl Serialize for CpuList {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}
