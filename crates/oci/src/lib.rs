//! The OCI runtime-spec types as Palisade reads and writes them: version 1.3, whole for Linux.
//!
//! [`load`] reads a config.json and says in one line all that is wrong with it; [`example()`](example::example) is the
//! config.json of the `spec` verb; [`state`] and [`features`] are what the `state`, `list` and `features` verbs print.
//!
//! The types are plain structs with public fields, written as JSON by `serde`. An empty text, list, map or section is
//! the same as an absent one; a number or flag of which absence means something else than zero is an `Option`.
#![forbid(unsafe_code)]

mod capability;
mod config;
mod error;
pub mod example;
pub mod features;
mod json;
mod linux;
mod load;
mod process;
mod read;
mod record;
mod resources;
mod seccomp;
pub mod state;
mod timestamp;

pub use capability::{Capabilities, Capability, CapabilitySet};
pub use config::{Hook, Hooks, Mount, Presence, Root, Spec};
pub use error::{Error, Fault};
pub use linux::{
    Device, DeviceKind, IdMapping, IntelRdt, Linux, MemoryPolicy, MemoryPolicyFlag, MemoryPolicyMode,
    Namespace, NamespaceKind, NetDevice, Personality, PersonalityDomain, TimeOffset,
};
pub use load::{Loaded, Part, VERSION, load, load_as, load_noting, parse, parse_as, parse_noting};
pub use process::{
    ConsoleSize, CpuAffinity, CpuList, IoPriority, IoPriorityClass, Process, Rlimit, RlimitKind, Scheduler,
    SchedulerFlag, SchedulerPolicy, User,
};
pub use resources::{
    BlockIo, Cpu, DeviceRule, HugepageLimit, InterfacePriority, Memory, Network, Pids, Rdma, Resources,
    ThrottleDevice, WeightDevice,
};
pub use seccomp::{
    Seccomp, SeccompAction, SeccompArch, SeccompArgument, SeccompFlag, SeccompOperator, SeccompSyscall,
};
pub use timestamp::Timestamp;
