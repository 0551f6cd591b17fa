//! Where the launch image waits or forks: once it has no right left that the container's program will not have, so that
//! whoever gets hold of it from inside the container gains nothing.

use palisade_seccomp::SyscallData;
use palisade_sys::launch;

use crate::plan::{ExecOp, Point, Slot, Step};

/// `AUDIT_ARCH_X86_64` of `linux/audit.h`.
const AUDIT_ARCH: u32 = 0xc000_003e;
/// `SECCOMP_RET_LOG` of `linux/seccomp.h`; this and what is above it lets a call through.
const LEAST_PERMISSION: u32 = 0x7ffc_0000;

/// Has the image wait for `start`. It hides meanwhile: other processes may run in a created container.
pub(super) fn await_start(exec: &mut Vec<Step<ExecOp>>, go: Slot, outcome: Slot) {
    let place = place(exec, &launch::START_CALLS);
    exec.insert(place, Step::new("", ExecOp::AwaitStart { go, outcome }));
    exec.insert(0, Step::new("", ExecOp::Hide));
}

/// Has the image go on in a child, in the pid namespace that was joined, which the host lets go.
pub(super) fn enter(exec: &mut Vec<Step<ExecOp>>, has_terminal: bool) {
    let place = place(exec, &launch::ENTER_CALLS);
    let point = Point::Entered;
    let mut steps = vec![Step::new("/linux/namespaces", ExecOp::Fork), Step::new("", ExecOp::Session)];
    if has_terminal {
        steps.push(Step::new("/process/terminal", ExecOp::ControlTerminal));
    }
    steps.push(Step::new("", ExecOp::Await { point }));
    exec.splice(place..place, steps);
    exec.insert(0, Step::new("", ExecOp::Hide));
}

/// Finds the last place in the list at which these calls can be made: before the program is executed and before a
/// filter that comes last. A filter that comes early, because there is no no-new-privileges, has to let them through,
/// or else they come before it, while the process still has all rights.
fn place(exec: &[Step<ExecOp>], calls: &[i64]) -> usize {
    let is_end = |step: &Step<ExecOp>| matches!(step.op, ExecOp::Execute { .. });
    let end = exec.iter().position(is_end).unwrap_or(exec.len());
    let filter = exec.iter().enumerate().find_map(|(index, step)| match &step.op {
        ExecOp::Seccomp { filter, .. } => Some((index, filter)),
        _ => None,
    });
    let lets_through = |number: &i64| {
        let Ok(number) = u32::try_from(*number) else { return false };
        let data = SyscallData { number, arch: AUDIT_ARCH, ..SyscallData::default() };
        filter.is_none_or(|(_, filter)| filter.evaluate(&data) >= LEAST_PERMISSION)
    };
    match filter {
        Some((index, _)) if index + 1 == end || !calls.iter().all(lets_through) => index,
        _ => end,
    }
}
