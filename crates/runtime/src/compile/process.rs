//! `process`, `hostname`, `domainname`, `linux.sysctl`: what the container's program is and what it finds.

use std::collections::BTreeSet;

use palisade_namespace::{IdKind, IdMaps, Kind, Namespaces, Source};
use palisade_oci::{IoPriorityClass, Process, Rlimit, RlimitKind, SchedulerFlag, SchedulerPolicy, Spec};
use palisade_sys::schedule::Attributes;
use rustix::process::Resource;

use super::{
    Affinity, Draft, Groups, Loopback, Request, capabilities, execution, mounts, namespaces as spaces,
    runs_start_hooks, seccomp,
};
use crate::plan::{ExecOp, HostOp, InitOp, Missing, Point, Procfs, ResourceLimit, Step, Text};

/// The search path of a program where the environment has none, that of `execvp(3)`.
const DEFAULT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
const DEFAULT_UMASK: u32 = 0o022;

/// What was read of a process, ready for its lists.
pub(super) struct ProcessPlan {
    pub(super) init: Vec<Step<InitOp>>,
    pub(super) exec: Vec<Step<ExecOp>>,
    candidates: Vec<Text>,
}

/// Reads the container's first process.
pub(super) fn read(
    draft: &mut Draft<'_>,
    spec: &Spec,
    namespaces: &Namespaces,
    request: &Request<'_>,
) -> Option<ProcessPlan> {
    let Some(process) = &spec.process else {
        draft.violations.add("/process", "it is missing: what the container is to run");
        return None;
    };
    let own_user = *namespaces.get(Kind::User) != Source::Inherit;
    let available = if own_user { u64::MAX } else { draft.host.capabilities };
    if *namespaces.get(Kind::User) == Source::New {
        check_ids(draft, spec, process);
    }
    let groups = match (&draft.host.maps.may_set_ids, own_user) {
        (false, true) => {
            let gids = spaces::maps(spec).gid;
            let several = gids.len() > 1 || gids.iter().any(|map| map.size > 1);
            if several { Groups::Configured } else { Groups::Forbidden }
        }
        _ => Groups::Configured,
    };
    let groups = groups.heeding(&spec.annotations);
    let filter = spec.linux.seccomp.as_ref().and_then(|section| {
        seccomp::plan(draft, section, seccomp::receiver(&spec.annotations), request.filter)
    });
    let settings = execution::Settings {
        id: request.id,
        keyring: request.keyring,
        process,
        seccomp: spec.linux.seccomp.as_ref(),
        modules: request.modules,
        personality: spec.linux.personality.as_ref(),
        memory_policy: spec.linux.memory_policy.as_ref(),
    };
    let first = execution::plan(draft, &settings);
    let home = request.home.as_deref();
    let missing_cwd = Missing::Make;
    let surroundings = Surroundings { available, groups, own_user, home, missing_cwd, first };
    read_any(draft, process, filter, &surroundings)
}

/// What a process finds that is not in its own section.
pub(super) struct Surroundings<'a> {
    /// The capabilities that can be given.
    pub(super) available: u64,
    pub(super) groups: Groups,
    /// Whether it is in a user namespace of the container's.
    pub(super) own_user: bool,
    pub(super) home: Option<&'a str>,
    pub(super) missing_cwd: Missing,
    /// What the launch image does first.
    pub(super) first: Vec<Step<ExecOp>>,
}

/// Reads a process section, that of a container or one of `exec`.
pub(super) fn read_any(
    draft: &mut Draft<'_>,
    process: &Process,
    filter: Option<ExecOp>,
    surroundings: &Surroundings<'_>,
) -> Option<ProcessPlan> {
    refuse_no_id(draft, process);
    let mut init = Vec::new();
    let umask = process.user.umask.unwrap_or(DEFAULT_UMASK);
    if umask > 0o777 {
        draft.violations.add("/process/user/umask", format_args!("{umask:#o} has more than permission bits"));
    }
    init.push(Step::new("/process/user/umask", InitOp::Umask { mask: umask }));
    init.extend(read_scheduler(draft, process));
    init.extend(read_io_priority(draft, process));
    if let Some(path) = read_cwd(draft, process) {
        init.push(Step::new(
            "/process/cwd",
            InitOp::WorkingDirectory { path, missing: surroundings.missing_cwd },
        ));
    }
    let environment = read_environment(draft, process, surroundings.home);
    let arguments = read_arguments(draft, process)?;
    let candidates = candidates(draft, &arguments, &process.env);
    if surroundings.own_user {
        init.push(Step::new("", InitOp::KeepCapabilities));
    }
    if process.user.uid != 0 {
        init.push(Step::new("/process/user/uid", InitOp::OwnStreams { uid: process.user.uid }));
    }
    let sets = capabilities::read(draft, process.capabilities.as_ref(), surroundings.available);
    let exec = plan_exec(draft, process, filter, sets, surroundings, &candidates, arguments, environment);
    Some(ProcessPlan { init, exec, candidates })
}

#[expect(clippy::too_many_arguments, reason = "the parts of one list, each read on its own")]
fn plan_exec(
    draft: &mut Draft<'_>,
    process: &Process,
    filter: Option<ExecOp>,
    sets: capabilities::Sets,
    surroundings: &Surroundings<'_>,
    candidates: &[Text],
    arguments: Vec<Text>,
    environment: Vec<Text>,
) -> Vec<Step<ExecOp>> {
    let mut exec = vec![Step::new("", ExecOp::DefaultSignals)];
    exec.extend(surroundings.first.iter().cloned());
    let no_new_privileges = process.no_new_privileges;
    let filter = filter.map(|filter| Step::new("/linux/seccomp", filter));
    // The filter comes last, so that it has to let nothing but the exec through. Without no-new-privileges that takes
    // CAP_SYS_ADMIN.
    let until_exec = match (&filter, no_new_privileges) {
        (Some(_), false) => capabilities::TO_LOAD_A_FILTER & surroundings.available,
        _ => 0,
    };
    let user = &process.user;
    let additional = user.additional_gids.clone();
    let pointer = "/process/user/additionalGids";
    match surroundings.groups {
        Groups::Forbidden if !additional.is_empty() => {
            let message = "a user namespace with a single mapped group forbids setgroups(2); give the user a range in /etc/subgid";
            draft.violations.add(pointer, message);
        }
        Groups::Callers if !additional.is_empty() => {
            let message = "not set, the annotation run.oci.keep_original_groups keeps those of the caller";
            draft.warnings.push(format!("{pointer}: {message}"));
        }
        _ => {}
    }
    let additional = (surroundings.groups == Groups::Configured).then_some(additional);
    let groups = ExecOp::SetGroups { gid: user.gid, additional };
    capabilities::plan(&mut exec, sets, user.uid, groups, until_exec);
    if no_new_privileges {
        exec.push(Step::new("/process/noNewPrivileges", ExecOp::NoNewPrivileges));
    }
    exec.extend(filter);
    let candidates = candidates.to_vec();
    exec.push(Step::new("/process/args", ExecOp::Execute { candidates, arguments, environment }));
    exec
}

/// Refuses the id that is none: to `setresuid(2)` it means to leave the user as it is, which is root.
fn refuse_no_id(draft: &mut Draft<'_>, process: &Process) {
    let user = &process.user;
    let groups = user.additional_gids.iter().map(|gid| ("additionalGids", *gid));
    for (name, id) in [("uid", user.uid), ("gid", user.gid)].into_iter().chain(groups) {
        if id == u32::MAX {
            draft.violations.add(format!("/process/user/{name}"), format_args!("{id} is no id"));
        }
    }
}

fn check_ids(draft: &mut Draft<'_>, spec: &Spec, process: &Process) {
    let maps = spaces::maps(spec);
    if [IdKind::Uid, IdKind::Gid].into_iter().any(|kind| IdMaps::check(kind, maps.of(kind)).is_err()) {
        // The maps themselves are wrong, which is said of them.
        return;
    }
    let user = &process.user;
    let groups = user.additional_gids.iter().map(|gid| ("additionalGids", IdKind::Gid, *gid));
    let ids = [("uid", IdKind::Uid, user.uid), ("gid", IdKind::Gid, user.gid)];
    for (name, kind, id) in ids.into_iter().chain(groups) {
        if maps.outside_of(kind, id).is_none() {
            let message = format!("{id} is not in the container's id map");
            draft.violations.add(format!("/process/user/{name}"), message);
        }
    }
}

fn read_cwd(draft: &mut Draft<'_>, process: &Process) -> Option<Text> {
    let cwd = &process.cwd;
    if !cwd.starts_with('/') {
        let message = format!("{cwd:?} is not an absolute path");
        draft.violations.add("/process/cwd", message);
        return None;
    }
    draft.text("/process/cwd", cwd)
}

fn read_arguments(draft: &mut Draft<'_>, process: &Process) -> Option<Vec<Text>> {
    let arguments = &process.args;
    if arguments.first().is_none_or(String::is_empty) {
        draft.violations.add("/process/args", "it is empty: the program to run and its arguments");
        return None;
    }
    let mut texts = Vec::with_capacity(arguments.len());
    for (index, argument) in arguments.iter().enumerate() {
        texts.push(draft.text(&format!("/process/args/{index}"), argument)?);
    }
    Some(texts)
}

fn read_environment(draft: &mut Draft<'_>, process: &Process, home: Option<&str>) -> Vec<Text> {
    let mut read = Vec::with_capacity(process.env.len());
    for (index, entry) in process.env.iter().enumerate() {
        let pointer = format!("/process/env/{index}");
        match entry.split_once('=') {
            Some((name, _)) if !name.is_empty() => {
                read.extend(draft.text(&pointer, entry).map(|text| (name, text)));
            }
            _ => draft.violations.add(pointer, format_args!("{entry:?} is not NAME=VALUE")),
        }
    }
    if let Some(home) = home {
        read.extend(draft.text("/process/env", &format!("HOME={home}")).map(|text| ("HOME", text)));
    }
    last_of_each(read)
}

/// Of entries of an environment with one name the last counts, whichever a program would find first.
pub(crate) fn last_of_each(entries: Vec<(&str, Text)>) -> Vec<Text> {
    let mut names = BTreeSet::new();
    let last = entries.into_iter().rev().filter(|(name, _)| names.insert(*name));
    let mut texts: Vec<Text> = last.map(|(_, text)| text).collect();
    texts.reverse();
    texts
}

/// The paths that `execvp(3)` would try.
fn candidates(draft: &mut Draft<'_>, arguments: &[Text], environment: &[String]) -> Vec<Text> {
    let Some(program) = arguments.first() else { return Vec::new() };
    let name = program.to_string_lossy();
    if name.contains('/') {
        return vec![program.clone()];
    }
    let path = environment.iter().rev().find_map(|entry| entry.strip_prefix("PATH="));
    let path = path.filter(|path| !path.is_empty()).unwrap_or(DEFAULT_PATH);
    let directories = path.split(':').filter(|directory| directory.starts_with('/'));
    let full: Vec<String> =
        directories.map(|directory| format!("{}/{name}", directory.trim_end_matches('/'))).collect();
    full.iter().filter_map(|path| draft.text("/process/env", path)).collect()
}

fn read_scheduler(draft: &mut Draft<'_>, process: &Process) -> Option<Step<InitOp>> {
    let scheduler = process.scheduler.as_ref()?;
    let policy = match scheduler.policy {
        SchedulerPolicy::Other => 0,
        SchedulerPolicy::Fifo => 1,
        SchedulerPolicy::RoundRobin => 2,
        SchedulerPolicy::Batch => 3,
        SchedulerPolicy::Iso => 4,
        SchedulerPolicy::Idle => 5,
        SchedulerPolicy::Deadline => 6,
    };
    if policy == 4 {
        draft.violations.add("/process/scheduler/policy", "SCHED_ISO is reserved and in no kernel");
    }
    let flags = scheduler.flags.iter().fold(0, |bits, flag| bits | scheduler_flag(*flag));
    let Ok(priority) = u32::try_from(scheduler.priority) else {
        let message = format!("{} is negative", scheduler.priority);
        draft.violations.add("/process/scheduler/priority", message);
        return None;
    };
    let mut attributes = Attributes::default();
    attributes.policy = policy;
    attributes.flags = flags;
    attributes.nice = scheduler.nice;
    attributes.priority = priority;
    attributes.runtime = scheduler.runtime;
    attributes.deadline = scheduler.deadline;
    attributes.period = scheduler.period;
    Some(Step::new("/process/scheduler", InitOp::Schedule { attributes }))
}

/// The bits of `linux/sched.h`.
fn scheduler_flag(flag: SchedulerFlag) -> u64 {
    match flag {
        SchedulerFlag::ResetOnFork => 0x01,
        SchedulerFlag::Reclaim => 0x02,
        SchedulerFlag::DeadlineOverrun => 0x04,
        SchedulerFlag::KeepPolicy => 0x08,
        SchedulerFlag::KeepParams => 0x10,
        SchedulerFlag::UtilClampMin => 0x20,
        SchedulerFlag::UtilClampMax => 0x40,
    }
}

fn read_io_priority(draft: &mut Draft<'_>, process: &Process) -> Option<Step<InitOp>> {
    let priority = process.io_priority.as_ref()?;
    let class: u32 = match priority.class {
        IoPriorityClass::RealTime => 1,
        IoPriorityClass::BestEffort => 2,
        IoPriorityClass::Idle => 3,
    };
    match u32::try_from(priority.priority) {
        Ok(level @ 0..=7) => {
            Some(Step::new("/process/ioPriority", InitOp::IoPriority { value: class << 13 | level }))
        }
        _ => {
            let message = format!("{} is not between 0 and 7", priority.priority);
            draft.violations.add("/process/ioPriority/priority", message);
            None
        }
    }
}

/// Reads rows and columns of the terminal, which mean nothing without one.
pub(super) fn console_size(draft: &mut Draft<'_>, process: &Process) -> Option<(u16, u16)> {
    let size = process.console_size.as_ref().filter(|_| process.terminal)?;
    match (u16::try_from(size.height), u16::try_from(size.width)) {
        (Ok(height), Ok(width)) => Some((height, width)),
        _ => {
            draft.violations.add("/process/consoleSize", "a terminal has at most 65535 rows and columns");
            None
        }
    }
}

/// What init does before it mounts: names, and kernel parameters where it has to do with the host's /proc.
pub(super) fn plan_early(draft: &mut Draft<'_>, spec: &Spec, namespaces: &Namespaces, loopback: Loopback) {
    if loopback == Loopback::Up && *namespaces.get(Kind::Net) == Source::New {
        draft.init("/linux/namespaces (network)", InitOp::Loopback);
    }
    let own_uts = *namespaces.get(Kind::Uts) != Source::Inherit;
    for (pointer, name) in [("/hostname", &spec.hostname), ("/domainname", &spec.domainname)] {
        if name.is_empty() {
            continue;
        }
        if !own_uts {
            draft.violations.add(pointer, "it needs a uts namespace in /linux/namespaces");
        } else if name.len() > 64 {
            draft.violations.add(pointer, "it is longer than 64 bytes");
        } else if let Some(name) = draft.text(pointer, name) {
            let op =
                if pointer == "/hostname" { InitOp::Hostname { name } } else { InitOp::Domainname { name } };
            draft.init(pointer, op);
        }
    }
    if !spec.mounts.iter().any(mounts::shows_parameters) {
        plan_sysctls(draft, spec, namespaces, Procfs::Hosts);
    }
}

/// The parameters that belong to a namespace, `sysctl(2)` names and prefixes, with its kind.
const OWN_SYSCTLS: [(&str, Kind); 10] = [
    ("fs.mqueue.", Kind::Ipc),
    ("kernel.msgmax", Kind::Ipc),
    ("kernel.msgmnb", Kind::Ipc),
    ("kernel.msgmni", Kind::Ipc),
    ("kernel.sem", Kind::Ipc),
    ("kernel.shm", Kind::Ipc),
    ("kernel.hostname", Kind::Uts),
    ("kernel.domainname", Kind::Uts),
    ("net.", Kind::Net),
    ("user.", Kind::User),
];

pub(super) fn plan_sysctls(draft: &mut Draft<'_>, spec: &Spec, namespaces: &Namespaces, procfs: Procfs) {
    for (name, value) in &spec.linux.sysctl {
        let pointer = format!("/linux/sysctl/{}", name.replace('~', "~0").replace('/', "~1"));
        let dotted =
            if name.contains('/') && !name.contains('.') { name.replace('/', ".") } else { name.clone() };
        match OWN_SYSCTLS.iter().find(|(prefix, _)| dotted.starts_with(prefix)) {
            None => draft
                .violations
                .add(&pointer, "it is not of a namespace: setting it would change the whole machine"),
            Some(_) if dotted == "kernel.hostname" && !spec.hostname.is_empty() => {
                draft.violations.add(&pointer, "/hostname says that already");
            }
            Some(_) if dotted == "kernel.domainname" && !spec.domainname.is_empty() => {
                draft.violations.add(&pointer, "/domainname says that already");
            }
            Some((_, kind)) if *namespaces.get(*kind) == Source::Inherit => {
                let article = if *kind == Kind::Ipc { "an" } else { "a" };
                let message = format!(
                    "it needs {article} {kind} namespace in /linux/namespaces, or it would change the host"
                );
                draft.violations.add(&pointer, message);
            }
            Some(_) => {
                // A slash inside a dotted name stands for a dot of the file's name, as in sysctl(8).
                let path: String =
                    name.chars().map(|c| if name.contains('.') { swap(c) } else { c }).collect();
                if path.split('/').any(|part| part == ".." || part.is_empty()) {
                    draft.violations.add(&pointer, "it is no name of a parameter");
                    continue;
                }
                let texts = (draft.text(&pointer, &format!("/proc/sys/{path}")), draft.text(&pointer, value));
                if let (Some(path), Some(value)) = texts {
                    draft.init(pointer, InitOp::Sysctl { path, value, procfs });
                }
            }
        }
    }
}

fn swap(character: char) -> char {
    match character {
        '.' => '/',
        '/' => '.',
        other => other,
    }
}

/// What init does once it is in its root.
pub(super) fn plan_late(draft: &mut Draft<'_>, process: ProcessPlan, spec: &Spec, request: &Request<'_>) {
    if request.affinity == Affinity::OfGroup {
        draft.init("", InitOp::RunAnywhere);
    }
    draft.init.extend(process.init);
    draft.init("/process/args", InitOp::FindProgram { candidates: process.candidates });
    if runs_start_hooks(spec, request) {
        draft.init("/hooks/startContainer", InitOp::Announce { point: Point::Start });
        draft.init("/hooks/startContainer", InitOp::Await { point: Point::Start });
    }
    draft.init("", InitOp::CloseDescriptors { preserve: request.preserve_fds });
    draft.plan.exec = process.exec;
}

/// The candidates of a process that skips the lists of a container.
pub(super) fn find_program(process: &ProcessPlan) -> Step<InitOp> {
    Step::new("/process/args", InitOp::FindProgram { candidates: process.candidates.clone() })
}

/// Has the host set the process's OOM score, for which it may have rights that the process has not. It has to be
/// done before the process hides from its own user.
pub(super) fn plan_score(draft: &mut Draft<'_>, process: &Process) {
    match process.oom_score_adj {
        None => {}
        Some(value @ -1000..=1000) => draft.beside("/process/oomScoreAdj", HostOp::AdjustOomScore { value }),
        Some(value) => {
            let message = format!("{value} is not between -1000 and 1000");
            draft.violations.add("/process/oomScoreAdj", message);
        }
    }
}

/// Has the host set the process's resource limits, for which it may have rights that the process has not.
pub(super) fn plan_rlimits(draft: &mut Draft<'_>, process: &Process) {
    let mut limits: Vec<ResourceLimit> = Vec::new();
    for (index, rlimit) in process.rlimits.iter().enumerate() {
        let limit = read_rlimit(rlimit);
        let pointer = format!("/process/rlimits/{index}");
        if limits.iter().any(|other| other.name == limit.name) {
            draft.violations.add(pointer, format_args!("{} is listed twice", limit.name));
        } else if rlimit.soft > rlimit.hard {
            let message = format!("soft limit {} is above hard limit {}", rlimit.soft, rlimit.hard);
            draft.violations.add(pointer, message);
        } else {
            limits.push(limit);
        }
    }
    if !limits.is_empty() {
        draft.beside("/process/rlimits", HostOp::LimitResources { limits });
    }
}

fn read_rlimit(rlimit: &Rlimit) -> ResourceLimit {
    let resource = match rlimit.kind {
        RlimitKind::Cpu => Resource::Cpu,
        RlimitKind::Fsize => Resource::Fsize,
        RlimitKind::Data => Resource::Data,
        RlimitKind::Stack => Resource::Stack,
        RlimitKind::Core => Resource::Core,
        RlimitKind::Rss => Resource::Rss,
        RlimitKind::Nproc => Resource::Nproc,
        RlimitKind::Nofile => Resource::Nofile,
        RlimitKind::Memlock => Resource::Memlock,
        RlimitKind::As => Resource::As,
        RlimitKind::Locks => Resource::Locks,
        RlimitKind::Sigpending => Resource::Sigpending,
        RlimitKind::Msgqueue => Resource::Msgqueue,
        RlimitKind::Nice => Resource::Nice,
        RlimitKind::Rtprio => Resource::Rtprio,
        RlimitKind::Rttime => Resource::Rttime,
    };
    // RLIM_INFINITY is all ones.
    let bound = |value: u64| (value != u64::MAX).then_some(value);
    ResourceLimit { name: rlimit.kind.word(), resource, soft: bound(rlimit.soft), hard: bound(rlimit.hard) }
}
