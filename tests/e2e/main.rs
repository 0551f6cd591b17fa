//! The end-to-end tests of Palisade: one executable, one module a subject.
//!
//! `cargo xtask test` starts it in each tier, with the programs under test and the place in the environment.
#![forbid(unsafe_code)]

mod book;
mod cgroups;
mod checkpoint;
mod command_line;
mod events;
mod exec;
mod execution;
mod hooks;
mod host_mounts;
mod inspect;
mod killed_runtime;
mod labels;
mod lifecycle;
mod limits;
mod mounts;
mod namespaces;
mod net_devices;
mod nodes;
mod old_kernels;
mod orphans;
mod peers;
mod place;
mod places;
mod process;
mod programs;
mod readiness;
mod refusals;
mod resctrl;
mod resources;
mod scheduling;
mod seccomp;
mod seccomp_agent;
mod seccomp_profiles;
mod security;
mod subgroups;
mod systemd;
mod terminal;
mod toolbox;
mod update;
