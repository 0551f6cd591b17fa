//! A process beside the first one, for `exec`.

use std::path::Path;

use palisade_namespace::{Kind, Kinds, Rights};
use palisade_oci::{IntelRdt, MemoryPolicy, Personality, Process, Seccomp};
use palisade_seccomp::Filter;

use super::process::{self, ProcessPlan, Surroundings};
use super::{Affinity, Draft, Groups, Keyring, Violations, execution, launch, list, resctrl, seccomp};
use crate::host::Host;
use crate::id::ContainerId;
use crate::labels::SecurityModules;
use crate::plan::{CallersGroups, Control, HostOp, InitOp, Missing, Plan, Point, Step};
use crate::scope::Unit;

/// What a process of `exec` depends on.
#[derive(Debug, Clone)]
pub struct ExecRequest<'a> {
    /// The container's id.
    pub id: &'a ContainerId,
    /// The process.
    pub process: &'a Process,
    /// The container's seccomp section.
    pub seccomp: Option<&'a Seccomp>,
    /// On which CPUs it begins, where its configuration does not say.
    pub affinity: Affinity,
    /// Its compiled filter, where it is there from before.
    pub filter: Option<&'a Filter>,
    /// The socket of its agent, where an annotation names it.
    pub receiver: Option<&'a str>,
    /// The container's execution domain.
    pub personality: Option<&'a Personality>,
    /// The container's NUMA memory policy.
    pub memory_policy: Option<&'a MemoryPolicy>,
    /// Which session keyring the container has.
    pub keyring: Keyring,
    /// The security modules that the process has labels of and that are there.
    pub modules: SecurityModules,
    /// The container's class of service, with where resctrl is mounted.
    pub intel_rdt: Option<(&'a IntelRdt, Option<&'a Path>)>,
    /// The container's first process.
    pub pid: i32,
    /// The kinds of namespace that the container has of its own or joined.
    pub kinds: Kinds,
    /// Whether the container has a cgroup.
    pub in_group: bool,
    /// The unit and the group in it that systemd has to move the process into, where this user may not.
    pub attach: Option<(&'a Unit, &'a str)>,
    /// Which supplementary groups it can have.
    pub groups: Groups,
    /// As in [`super::Request::home`].
    pub home: Option<&'a str>,
    /// How many descriptors after stderr the program gets.
    pub preserve_fds: u32,
}

/// Works out how to start a process in a running container.
///
/// # Errors
/// All that is wrong with the process on this host.
pub fn exec(host: &Host, request: &ExecRequest<'_>) -> Result<(Plan, Vec<String>), Violations> {
    let mut draft = Draft::new(host);
    let own_user = request.kinds.contains(Kind::User);
    let filter = request
        .seccomp
        .and_then(|section| seccomp::plan(&mut draft, section, request.receiver, request.filter));
    let settings = execution::Settings {
        id: request.id,
        keyring: request.keyring,
        process: request.process,
        seccomp: request.seccomp,
        modules: request.modules,
        personality: request.personality,
        memory_policy: request.memory_policy,
    };
    let surroundings = Surroundings {
        first: execution::plan(&mut draft, &settings),
        available: if own_user { u64::MAX } else { host.capabilities },
        groups: request.groups,
        own_user,
        home: request.home,
        // A name that was mistyped is to leave nothing in a container that runs.
        missing_cwd: Missing::Refuse,
    };
    plan_cpus(&mut draft, request);
    let enters = request.kinds.contains(Kind::Pid);
    plan_before_rights_go(&mut draft, request.process, enters);
    join(&mut draft, request.pid, request.kinds, request.groups.of_caller());
    plan_session(&mut draft, request.process, enters);
    let mut read = process::read_any(&mut draft, request.process, filter, &surroundings);
    // The record of the process has to be there before its program runs, and that process is the launch image's child
    // where it enters a pid namespace.
    let point = if enters { Point::Entered } else { Point::Group };
    if enters {
        draft.beside("", HostOp::Await { point });
        schedule_beside(&mut draft, read.as_mut());
    }
    if let Some((unit, below)) = request.attach {
        let (unit, below) = (unit.clone(), below.to_owned());
        draft.beside("/linux/cgroupsPath", HostOp::AttachToUnit { unit, below });
    }
    draft.beside("", HostOp::Record);
    if let Some((rdt, root)) = request.intel_rdt
        && let Some(assignment) = resctrl::read(&mut draft.violations, rdt, request.id, root)
    {
        draft.beside("/linux/intelRdt", HostOp::AssignClass { assignment: assignment.joined() });
    }
    if !enters {
        process::plan_rlimits(&mut draft, request.process);
    }
    draft.beside("", HostOp::Release { point });
    if !enters {
        draft.init("", InitOp::Await { point });
    }
    if let Some(read) = read {
        let find = process::find_program(&read);
        draft.init.extend(read.init);
        draft.init.push(find);
        draft.init("", InitOp::CloseDescriptors { preserve: request.preserve_fds });
        draft.plan.exec = read.exec;
        if enters {
            launch::enter(&mut draft.plan.exec, request.process.terminal);
        }
    }
    let agent = request.seccomp.and_then(|section| seccomp::agent_of(section, request.receiver));
    if let Some(agent) = agent {
        draft.beside("/linux/seccomp/listenerPath", HostOp::PassListener { agent });
    }
    let compiled = draft.finish(std::path::PathBuf::new(), None)?;
    Ok((compiled.plan, compiled.warnings))
}

/// Has the host set what it may only set of a process that is still its own user's. The launch image's child, where
/// there is one, is somebody else's already, and has inherited it.
fn plan_before_rights_go(draft: &mut Draft<'_>, process: &Process, enters: bool) {
    let score = process.oom_score_adj.is_some().then_some("/process/oomScoreAdj");
    let limits = (enters && !process.rlimits.is_empty()).then_some("/process/rlimits");
    let Some(origin) = score.or(limits) else { return };
    process::plan_score(draft, process);
    if limits.is_some() {
        process::plan_rlimits(draft, process);
    }
    draft.init(origin, InitOp::Await { point: Point::Score });
    draft.beside("", HostOp::Release { point: Point::Score });
}

/// Goes into the group, from the CPUs of before to those of after. A group of the v2 tree is entered by the clone.
fn plan_cpus(draft: &mut Draft<'_>, request: &ExecRequest<'_>) {
    const POINTER: &str = "/process/execCPUAffinity";
    let affinity = request.process.exec_cpu_affinity.as_ref();
    let mut read = |name: &str, text: &str| match list::bits(text) {
        Ok(cpus) => cpus,
        Err(message) => {
            draft.violations.add(format!("{POINTER}/{name}"), message);
            Vec::new()
        }
    };
    let initial = affinity.map(|affinity| read("initial", affinity.initial.as_str())).unwrap_or_default();
    let last = affinity.map(|affinity| read("final", affinity.last.as_str())).unwrap_or_default();
    if !initial.is_empty() {
        draft.before(format!("{POINTER}/initial"), HostOp::RunOn { cpus: initial });
    }
    if request.in_group {
        draft.init("/linux/cgroupsPath", InitOp::JoinGroup);
    }
    if !last.is_empty() {
        draft.init(format!("{POINTER}/final"), InitOp::RunOn { cpus: last });
    } else if affinity.is_none() && request.affinity == Affinity::OfGroup {
        draft.init("", InitOp::RunAnywhere);
    }
}

/// Starts the session and opens the terminal. Where the launch image forks, its child is to lead the session.
fn plan_session(draft: &mut Draft<'_>, process: &Process, enters: bool) {
    if !enters {
        draft.init("", InitOp::Session);
    }
    let size = process::console_size(draft, process);
    let control = if enters { Control::AtLaunch } else { Control::AtOnce };
    if process.terminal {
        draft.init("/process/terminal", InitOp::Terminal { size, control });
    }
}

/// Has the host set the scheduling policy: a fork may reset it, and is impossible under SCHED_DEADLINE.
fn schedule_beside(draft: &mut Draft<'_>, read: Option<&mut ProcessPlan>) {
    let Some(read) = read else { return };
    let is_it = |step: &Step<InitOp>| matches!(step.op, InitOp::Schedule { .. });
    if let Some(place) = read.init.iter().position(is_it)
        && let Step { origin, op: InitOp::Schedule { attributes } } = read.init.remove(place)
    {
        draft.beside(origin, HostOp::Schedule { attributes });
    }
}

/// Joins the namespaces of a process, and its root where that does not come with them. With rights over the host the user
/// namespace comes last, since what the host owns is out of reach from inside it; without, all come at once, and the
/// kernel takes the user namespace first.
///
/// The pid namespace is one for children only: the process itself stays out of sight of the container's as long as it
/// is a copy of the runtime, and the launch image forks.
pub(super) fn join(draft: &mut Draft<'_>, pid: i32, kinds: Kinds, groups: CallersGroups) {
    // Processes of the container could otherwise trace this one and take what it has of the host (CVE-2016-9962).
    draft.init("", InitOp::Hide);
    if !kinds.is_empty() {
        join_namespaces(draft, pid, kinds, groups);
    }
    if !kinds.contains(Kind::Mount) {
        // Which otherwise comes with that namespace.
        let slot = draft.slot();
        draft.before("/root", HostOp::OpenRoot { slot, pid });
        draft.init("/root", InitOp::ChangeRoot { slot });
    }
}

fn join_namespaces(draft: &mut Draft<'_>, pid: i32, kinds: Kinds, groups: CallersGroups) {
    let slot = draft.slot();
    draft.before("", HostOp::OpenProcess { slot, pid });
    match draft.host.rights() {
        Rights::Full => {
            let others = kinds.without(Kind::User);
            if !others.is_empty() {
                draft.init("/linux/namespaces", InitOp::Join { slot, kinds: others });
            }
            if kinds.contains(Kind::User) {
                let kinds = Kinds::NONE.with(Kind::User);
                draft.init("/linux/namespaces", InitOp::Join { slot, kinds });
                draft.init("/linux/namespaces", InitOp::BecomeRoot { groups });
            }
        }
        Rights::OwnUser => {
            draft.init("/linux/namespaces", InitOp::Join { slot, kinds });
            draft.init("/linux/namespaces", InitOp::BecomeRoot { groups });
        }
    }
}
