//! The OCI runtime-spec types as Palisade reads and writes them: thin over `oci-spec`.
//!
//! [`load`] reads a config.json and says in one line what is wrong with it; [`example`] is the config.json of the
//! `spec` verb; [`state`] and [`features`] are what the `state`, `list` and `features` verbs print.
//!
//! Where `oci-spec` 0.10 differs from version 1.3 of the specification, [`load`] puts it right: see its text.
#![forbid(unsafe_code)]

mod error;
pub mod example;
pub mod features;
mod load;
mod pointer;
mod repair;
mod required;
pub mod state;
mod timestamp;

pub use error::Error;
pub use load::{Loaded, VERSION, load, load_as, load_noting, parse, parse_as, parse_noting};
pub use oci_spec::runtime;
pub use oci_spec::runtime::{
    Arch, Capabilities, Capability, Hook, Hooks, IOPriorityClass, Linux, LinuxBlockIo, LinuxCapabilities,
    LinuxCpu, LinuxDevice, LinuxDeviceCgroup, LinuxDeviceType, LinuxHugepageLimit, LinuxIOPriority,
    LinuxIdMapping, LinuxInterfacePriority, LinuxMemory, LinuxNamespace, LinuxNamespaceType, LinuxNetwork,
    LinuxPids, LinuxRdma, LinuxResources, LinuxSchedulerFlag, LinuxSchedulerPolicy, LinuxSeccomp,
    LinuxSeccompAction, LinuxSeccompArg, LinuxSeccompFilterFlag, LinuxSeccompOperator, LinuxSyscall,
    LinuxThrottleDevice, LinuxTimeOffset, LinuxWeightDevice, Mount, PosixRlimit, PosixRlimitType, Process,
    Root, Scheduler, Spec, User,
};
pub use timestamp::Timestamp;
