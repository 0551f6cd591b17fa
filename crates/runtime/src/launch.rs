//! The exec list of a plan becomes a launch image.

use std::os::fd::OwnedFd;

use palisade_sys::launch::{CapabilityMasks, Program, Tolerated};
use rustix::io::Errno;

use crate::error::{Error, Result};
use crate::plan::{ExecOp, Step, Text};

/// The number of the highest capability that a mask can hold.
const LAST_CAPABILITY: u8 = 63;
const SIGPIPE: u64 = 13;

/// Writes the image. A failing call reports the number of its step in the exec list to `report`, which the final
/// exec closes.
pub(crate) fn seal(steps: &[Step<ExecOp>], report: u64) -> Result<OwnedFd> {
    let mut program = Program::new();
    program.close_on_exec(report, 0);
    for (index, step) in steps.iter().enumerate() {
        add(&mut program, &step.op, index as u64);
    }
    program.seal(report).map_err(|errno| {
        let error = Error::call("memfd_create of the launch image", errno);
        if errno == Errno::ACCESS { error.hint("the sysctl vm.memfd_noexec must not be 2") } else { error }
    })
}

fn add(program: &mut Program, op: &ExecOp, tag: u64) {
    match op {
        ExecOp::DefaultSignals => {
            // Rust's runtime ignores this one, and what is ignored stays so over an exec.
            program.default_signal(SIGPIPE, tag);
            program.unblock_signals(tag);
        }
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
        ExecOp::SetCapabilities { effective, permitted, inheritable, ambient } => {
            let masks =
                CapabilityMasks { effective: *effective, permitted: *permitted, inheritable: *inheritable };
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
            execute(program, candidates, arguments, environment, tag);
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
