//! From what init reports to a line for a person.

use rustix::io::Errno;

use crate::error::{Error, ErrorKind};
use crate::launch::{Reported, reported};
use crate::plan::{ExecOp, InitOp, Plan};

/// Words the failure of an operation of the init list.
pub(super) fn of_init(plan: &Plan, index: u32, step: &str, errno: Errno) -> Error {
    let Some(planned) = usize::try_from(index).ok().and_then(|index| plan.init.get(index)) else {
        return hinted(Error::call(format_args!("{step} of the launch image"), errno), errno);
    };
    if let InitOp::FindProgram { .. } = &planned.op {
        return program_error(plan, errno);
    }
    if let InitOp::Await { .. } = planned.op {
        return Error::call("wait for the runtime", errno);
    }
    let error = Error::call(format_args!("{}: {step}", planned.op), errno);
    let hinted = match planned.op {
        InitOp::Unshare { .. } | InitOp::Fork { .. } => hinted_kinds(error, errno),
        InitOp::Schedule { .. } if errno == Errno::PERM => error.hint(
            "needs CAP_SYS_NICE; for a realtime policy a group of cgroup v1 needs /linux/resources/cpu/realtimeRuntime",
        ),
        _ => hinted(error, errno),
    };
    hinted.context(&planned.origin)
}

/// Words the failure to set a limit.
pub(super) fn of_limit(error: palisade_cgroup::Error) -> Error {
    match error.knob() {
        Some(knob) => {
            Error::from(error).context(format_args!("/linux/resources/{}", crate::compile::limit_field(knob)))
        }
        None => error.into(),
    }
}

/// Words the failure of a file-system operation.
pub(super) fn of_file_system(plan: &Plan, index: u32, failure: &palisade_mount::Failure) -> Error {
    let planned = usize::try_from(index).ok().and_then(|index| plan.init.get(index));
    match planned.map(|planned| (&planned.op, &planned.origin)) {
        Some((InitOp::FileSystem(op), origin)) => Error::new(op.describe(failure)).context(origin),
        _ => Error::new(failure.to_string()),
    }
}

/// Words the failure of an operation of the exec list.
pub(crate) fn of_launch(plan: &Plan, tag: u64, errno: Errno) -> Error {
    let Reported::Step(index) = reported(tag) else {
        return program_error(plan, errno);
    };
    let Some(planned) = plan.exec.get(index) else {
        return Error::call("launch image", errno);
    };
    let error = Error::call(&planned.op, errno);
    let error = match (&planned.op, errno) {
        (ExecOp::Fork, Errno::AGAIN) => error.hint("the container has as many processes as its limit allows"),
        (ExecOp::Label { .. }, Errno::NOENT) => {
            error.hint("the profile is not loaded: apparmor_parser loads it")
        }
        (ExecOp::Label { .. }, Errno::INVAL) => error.hint("the module knows no such label"),
        (ExecOp::Label { .. }, Errno::ACCESS) => {
            error.hint("the label of the runtime itself does not allow the change")
        }
        (ExecOp::MemoryPolicy { .. }, Errno::INVAL) => {
            error.hint("a node that this machine has no memory on, or a mode newer than its kernel")
        }
        (ExecOp::SessionKeyring { .. }, Errno::DQUOT) => {
            error.hint("the user's quota of keys, /proc/sys/kernel/keys; --no-new-keyring makes none")
        }
        (ExecOp::SessionKeyring { .. }, _) => error.hint("--no-new-keyring makes none"),
        _ => hinted(error, errno),
    };
    match planned.origin.as_ref() {
        "" => error,
        origin => error.context(origin),
    }
}

/// Words that a program could not be executed; `palisade start` says the same of a FIFO's report.
pub(crate) fn program(name: &str, searched: usize, errno: Errno) -> Error {
    let missing = match searched > 1 || !name.contains('/') {
        true if errno == Errno::NOENT => "not found in PATH inside the container",
        _ => "no such file inside the container, or its interpreter is missing",
    };
    not_executed(name, missing, errno)
}

fn not_executed(name: &str, missing: &str, errno: Errno) -> Error {
    let (kind, hint) = match errno {
        Errno::NOENT | Errno::NOTDIR => (ErrorKind::ProgramMissing, missing),
        Errno::ACCESS => (ErrorKind::ProgramNotExecutable, "not an executable file for this user"),
        Errno::NOEXEC => {
            (ErrorKind::ProgramNotExecutable, "not a program of this machine, or a script without #!")
        }
        _ => (ErrorKind::ProgramNotExecutable, "it cannot be executed"),
    };
    Error::of(kind, format!("exec {name:?}: {}", palisade_sys::errno::describe(errno))).hint(hint)
}

/// Words that the program of a plan could not be executed, a container's or, where nothing in `/process` asked for it,
/// a hook.
fn program_error(plan: &Plan, errno: Errno) -> Error {
    let execute = plan.exec.iter().find_map(|step| match &step.op {
        ExecOp::Execute { candidates, .. } => Some((&step.origin, candidates.as_slice())),
        _ => None,
    });
    let name = plan.program().unwrap_or_default();
    match execute {
        Some((origin, [path])) if origin.is_empty() => {
            not_executed(&path.to_string(), "no such file, or its interpreter is missing", errno)
        }
        execute => {
            let searched = execute.map_or(0, |(_, candidates)| candidates.len());
            program(&name, searched, errno).context("/process/args")
        }
    }
}

/// Adds what usually causes an error in the start of a container.
pub(super) fn hinted(error: Error, errno: Errno) -> Error {
    match errno {
        Errno::PERM => {
            error.hint("needs CAP_SYS_ADMIN over the namespaces concerned: root, or a new user namespace")
        }
        Errno::NOSPC | Errno::USERS => {
            error.hint("a limit in /proc/sys/user or the nesting of 32 namespaces")
        }
        _ => error,
    }
}

/// Adds what an invalid argument means where namespaces are made.
pub(super) fn hinted_kinds(error: Error, errno: Errno) -> Error {
    match errno {
        Errno::TOOBIG => error.hint("CLONE_INTO_CGROUP needs Linux 5.7"),
        Errno::INVAL => {
            error.hint("the kernel may be built without one of these kinds; /proc/self/ns has those it has")
        }
        _ => hinted(error, errno),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_cannot_be_executed_is_told_by_its_cause() {
        let missing = ErrorKind::ProgramMissing;
        let other = ErrorKind::ProgramNotExecutable;
        for (name, searched, errno, kind, hint) in [
            ("sh", 6, Errno::NOENT, missing, "not found in PATH inside the container"),
            ("sh", 1, Errno::NOENT, missing, "not found in PATH inside the container"),
            (
                "/x",
                1,
                Errno::NOENT,
                missing,
                "no such file inside the container, or its interpreter is missing",
            ),
            (
                "/x/y",
                1,
                Errno::NOTDIR,
                missing,
                "no such file inside the container, or its interpreter is missing",
            ),
            ("/x", 1, Errno::ACCESS, other, "not an executable file for this user"),
            ("/x", 1, Errno::NOEXEC, other, "not a program of this machine, or a script without #!"),
            ("/x", 1, Errno::TOOBIG, other, "it cannot be executed"),
        ] {
            let error = program(name, searched, errno);
            assert_eq!(error.kind(), kind, "{name} {errno}");
            let text = error.to_string();
            assert!(text.starts_with(&format!("exec {name:?}: E")), "{text}");
            assert!(text.ends_with(&format!("({hint})")), "{text}");
        }
    }

    #[test]
    fn a_failure_names_the_operation_and_its_place() {
        let mut plan = Plan::default();
        plan.init.push(crate::plan::Step::new("/process/user/umask", InitOp::Umask { mask: 0o22 }));
        plan.init.push(crate::plan::Step::new("", InitOp::Await { point: crate::plan::Point::Group }));
        let of = |index| of_init(&plan, index, "umask", Errno::INVAL).to_string();
        assert_eq!(of(0), "/process/user/umask: set umask 0022: umask: EINVAL (invalid argument)");
        assert_eq!(of(1), "wait for the runtime: EINVAL (invalid argument)");
        assert_eq!(of(2), "umask of the launch image: EINVAL (invalid argument)");
        assert_eq!(
            of_launch(&plan, 9, Errno::PERM).to_string(),
            "launch image: EPERM (operation not permitted)"
        );
    }
}
