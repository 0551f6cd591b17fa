//! Seccomp profiles compiled to BPF.
//!
//! A [`Profile`] is the OCI model of a system call filter; [`compile`] turns it into a [`Filter`], the
//! classic BPF program that `seccomp(2)` takes. Everything here is pure: nothing is loaded, nothing is
//! read from the machine.
//!
//! The compiled program is a binary search over ranges of system call numbers with the same outcome, and
//! uses before its argument tests only the instructions that the kernel (5.11 and later) can fold into
//! its table of always-allowed calls, so that most calls never run the program at all.
#![forbid(unsafe_code)]

mod arch;
mod assembler;
mod compile;
mod condition;
mod conditional;
mod default;
mod error;
mod evaluate;
mod filter;
mod listing;
mod multiplex;
mod profile;
mod ranges;
mod rules;
mod syscalls;
mod table;

pub use arch::Arch;
pub use compile::{compile, compile_for};
pub use conditional::{Circumstances, ConditionalProfile};
pub use default::{KernelVersion, default_profile};
pub use error::Error;
pub use evaluate::SyscallData;
pub use filter::{Filter, Instruction, MAX_INSTRUCTIONS};
pub use profile::{Action, Argument, Flag, Operator, Profile, Syscall};
