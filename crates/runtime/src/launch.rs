//! The exec list of a plan becomes a launch image.

use std::os::fd::{AsRawFd, OwnedFd};

use palisade_sys::launch::{CapabilityMasks, Program, Tolerated};
use rustix::io::Errno;

use crate::error::{Error, Result};
use crate::plan::{ExecOp, Slot, Step, Text};

/// The number of the highest capability that a mask can hold.
const LAST_CAPABILITY: u8 = 63;
const SIGPIPE: u64 = 13;

/// What is added to the number of a step that executes the container's program.
const PROGRAM: u64 = 1 << 32;

/// Which step a report of the image is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reported {
    /// The program could not be executed.
    Program,
    /// The step of this number failed.
    Step(usize),
}

/// Reads the tag of a report.
pub(crate) fn reported(tag: u64) -> Reported {
    match usize::try_from(tag) {
        Ok(index) if tag & PROGRAM == 0 => Reported::Step(index),
        _ => Reported::Program,
    }
}

/// Writes the image. A failing call reports the number of its step in the exec list to `report`, which the final
/// exec closes. `slots` are the descriptors that the plan's slots stand for.
pub(crate) fn seal(steps: &[Step<ExecOp>], report: u64, slots: &[OwnedFd]) -> Result<OwnedFd> {
    let mut program = Program::new();
    program.close_on_exec(report, 0);
    let number = |slot: Slot| {
        let descriptor = slots.get(slot.0).ok_or_else(|| Error::new("the plan uses an unknown slot"))?;
        Ok::<u64, Error>(u64::from(descriptor.as_raw_fd().unsigned_abs()))
    };
    for (index, step) in steps.iter().enumerate() {
        let tag = index as u64;
        match &step.op {
            ExecOp::AwaitStart { go, outcome } => {
                await_start(&mut program, report, number(*go)?, number(*outcome)?, tag);
            }
            ExecOp::Await { .. } => program.await_byte(report, tag),
            ExecOp::Label { procfs, labels } => {
                let procfs = number(*procfs)?;
                for label in labels {
                    program.write_below(procfs, &label.file, &label.value, tag);
                }
                program.close(procfs, tag);
            }
            op => add(&mut program, op, tag),
        }
    }
    program.seal(report).map_err(|errno| {
        let error = Error::call("memfd_create of the launch image", errno);
        if errno == Errno::ACCESS { error.hint("the sysctl vm.memfd_noexec must not be 2") } else { error }
    })
}

/// Tells the host that all is ready, hangs up, and waits for the byte that `start` writes. From
/// then on the outcome goes to `start`: its FIFO takes the place of the socket.
fn await_start(program: &mut Program, report: u64, go: u64, outcome: u64, tag: u64) {
    program.say_ready(report, tag);
    program.replace(outcome, report, tag);
    program.await_byte(go, tag);
    program.close(go, tag);
    program.close(outcome, tag);
}

fn add(program: &mut Program, op: &ExecOp, tag: u64) {
    match op {
        ExecOp::Hide => program.hide(tag),
        ExecOp::Fork => program.fork(tag),
        ExecOp::Session => program.session(tag),
        ExecOp::ControlTerminal => program.control_terminal(tag),
        // Those that need to know descriptors.
        ExecOp::Await { .. } | ExecOp::AwaitStart { .. } | ExecOp::Label { .. } => {}
        ExecOp::DefaultSignals => {
            // Rust's runtime ignores this one, and what is ignored stays so over an exec.
            program.default_signal(SIGPIPE, tag);
            program.unblock_signals(tag);
        }
        ExecOp::SessionKeyring { name } => program.session_keyring(name.as_deref(), tag),
        ExecOp::Personality { persona } => program.personality(u64::from(*persona), tag),
        ExecOp::MemoryPolicy { mode, nodes } => program.memory_policy(u64::from(*mode), nodes, tag),
        ExecOp::DropBounding { kept } => {
            for capability in (0..=LAST_CAPABILITY).filter(|number| kept & 1 << number == 0) {
                program.drop_bounding(u64::from(capability), tag);
            }
        }
        ExecOp::KeepCapabilities => program.keep_capabilities(tag),
        ExecOp::SetGroups { gid, additional } => {
            if let Some(groups) = additional {
                program.set_groups(groups, tag);
            }
            program.set_gid(*gid, tag);
        }
        ExecOp::SetUser { uid } => program.set_uid(*uid, tag),
        ExecOp::SetCapabilities { effective, permitted, inheritable, ambient, until_exec } => {
            let masks = CapabilityMasks {
                effective: *effective | until_exec,
                permitted: *permitted | until_exec,
                inheritable: *inheritable,
            };
            program.set_capabilities(masks, tag);
            program.clear_ambient(tag);
            for capability in (0..=LAST_CAPABILITY).filter(|number| ambient & 1 << number != 0) {
                program.raise_ambient(u64::from(capability), tag);
            }
        }
        ExecOp::NoNewPrivileges => program.no_new_privileges(tag),
        ExecOp::Seccomp { filter, .. } => {
            program.seccomp(&filter.instructions, u64::from(filter.flags), tag);
        }
        ExecOp::Execute { candidates, arguments, environment } => {
            execute(program, candidates, arguments, environment, tag | PROGRAM);
        }
    }
}

fn execute(program: &mut Program, candidates: &[Text], arguments: &[Text], environment: &[Text], tag: u64) {
    let arguments: Vec<&std::ffi::CStr> = arguments.iter().map(|text| &**text).collect();
    let environment: Vec<&std::ffi::CStr> = environment.iter().map(|text| &**text).collect();
    let arguments = program.string_array(&arguments);
    let environment = program.string_array(&environment);
    for (index, candidate) in candidates.iter().enumerate() {
        let tolerated = if index + 1 == candidates.len() { Tolerated::NONE } else { Tolerated::MISSING };
        program.execute(candidate, arguments, environment, tag, tolerated);
    }
}
