//! From configuration and host to plan: pure functions, no I/O.
//!
//! Each file of this folder reads one part of config.json. What cannot be is collected, so that a user learns of all
//! mistakes at once. After this the specification is not used any more.

mod capabilities;
mod cgroup;
mod delegate;
mod devices;
mod exec;
mod execution;
mod filesystem;
mod furnish;
mod group;
mod hook;
mod id_mapped;
mod launch;
mod limits;
mod list;
mod mounts;
mod namespaces;
mod process;
pub(crate) mod properties;
mod resctrl;
mod scope;
mod seccomp;
mod unsupported;
mod update;
mod violation;

use std::path::{Path, PathBuf};

use palisade_cgroup::{GroupPath, Version};
use palisade_namespace::Namespaces;
use palisade_oci::Spec;
use palisade_seccomp::Filter;
use serde::{Deserialize, Serialize};

pub(crate) use capabilities::names as capability_names;
pub(crate) use delegate::ANNOTATION as DELEGATE;
pub use exec::{ExecRequest, exec};
pub use hook::{Inherited, hook};
pub(crate) use limits::field as limit_field;
pub(crate) use list::show as show_list;
pub(crate) use process::last_of_each;
pub(crate) use resctrl::read as class_of_service;
pub(crate) use seccomp::{agent, receiver};
pub use update::update;
pub use violation::{Violation, Violations};

use crate::filters::Key;
use crate::host::Host;
use crate::id::ContainerId;
use crate::labels::SecurityModules;
use crate::plan::{CallersGroups, HookKind, HostOp, InitOp, Origin, Plan, Point, Slot, Step, Text};
use crate::scope::{Scope, Unit};

/// The annotation of crun that keeps the caller's supplementary groups; its value says nothing.
pub(crate) const KEEP_GROUPS: &str = "run.oci.keep_original_groups";

/// Whether the container's program begins at once or waits for `start`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Begin {
    /// At once: `run`.
    AtOnce,
    /// When told: `create`.
    OnStart,
}

/// How the root is entered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EnterRoot {
    /// As by `pivot_root(2)`: the old one is unmounted.
    Pivot,
    /// By moving its mount over `/`, for a host root that cannot be pivoted, an initramfs.
    Move,
}

/// What happens to the loopback interface of a new network namespace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loopback {
    /// Nothing: it is off, as the kernel makes it.
    AsMade,
    /// It is switched on, which waits for whoever else changes a network on this machine.
    Up,
}

/// Which supplementary groups a process can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Groups {
    /// Those of its configuration.
    Configured,
    /// None can be set: the user namespace forbids `setgroups(2)`.
    Forbidden,
    /// The caller's, as the annotation `run.oci.keep_original_groups` wants it.
    Callers,
}

impl Groups {
    /// Takes the caller's where an annotation wants so.
    #[must_use]
    pub fn heeding(self, annotations: &std::collections::BTreeMap<String, String>) -> Self {
        if annotations.contains_key(KEEP_GROUPS) { Self::Callers } else { self }
    }

    fn of_caller(self) -> CallersGroups {
        match self {
            Self::Callers => CallersGroups::Keep,
            Self::Configured | Self::Forbidden => CallersGroups::Drop,
        }
    }
}

/// Which session keyring a process gets, `session-keyring(7)`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Keyring {
    /// The container's own, in which nothing of the caller's is.
    #[default]
    Own,
    /// The caller's.
    Callers,
}

impl Keyring {
    pub(crate) fn is_own(&self) -> bool {
        *self == Self::Own
    }
}

/// On which CPUs a process begins, `sched_setaffinity(2)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Affinity {
    /// On those of the caller.
    Callers,
    /// On all of its cgroup: an engine may be held on a few, which is no business of its containers. Since Linux 6.2 the
    /// kernel would keep them there.
    OfGroup,
}

/// Who makes the container's cgroup.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Driver {
    /// The runtime, in the cgroup file system.
    FileSystem,
    /// systemd, as the scope of a unit; see [`Host::ask_systemd`].
    Systemd,
    /// Nobody: the container stays in the caller's.
    Disabled,
}

/// What a plan depends on beside specification and host.
#[derive(Debug, Clone)]
pub struct Request<'a> {
    /// The container's id.
    pub id: &'a ContainerId,
    /// The bundle's directory, absolute.
    pub bundle: &'a Path,
    /// When the program begins.
    pub begin: Begin,
    /// How the root is entered.
    pub enter_root: EnterRoot,
    /// The home directory that the container's own user database gives the user, for an environment without HOME.
    pub home: Option<String>,
    /// How many descriptors after stderr the program gets.
    pub preserve_fds: u32,
    /// What takes the place of `root`, for a caller that brings its own root file system.
    pub root: Option<palisade_mount::OpenRoot>,
    /// What happens to the loopback interface.
    pub loopback: Loopback,
    /// Which session keyring the container gets.
    pub keyring: Keyring,
    /// On which CPUs it begins.
    pub affinity: Affinity,
    /// Who makes the cgroup.
    pub driver: Driver,
    /// The security modules that the process or the mounts have labels of and that are there.
    pub modules: SecurityModules,
    /// Where resctrl is mounted, for a configuration that asks for it.
    pub resctrl: Option<PathBuf>,
    /// The compiled filter of the seccomp section, where it is there from before.
    pub filter: Option<&'a Filter>,
}

/// A plan with what a lifecycle has to remember of the configuration.
#[derive(Debug, Clone)]
pub struct Compiled {
    /// The plan.
    pub plan: Plan,
    /// Things that a user should know though they are no errors.
    pub warnings: Vec<String>,
    /// The root file system on the host.
    pub root: PathBuf,
    /// The path of the cgroup, where one is made.
    pub group: Option<GroupPath>,
    /// The unit of systemd that the group is of, where systemd makes it.
    pub unit: Option<Unit>,
    /// What to keep the seccomp filter under, where it was compiled now.
    pub(crate) new_filter: Option<Key>,
}

/// Works out how to make a container.
///
/// # Errors
/// All that is wrong with the configuration on this host.
pub fn container(spec: &Spec, host: &Host, request: &Request<'_>) -> Result<Compiled, Violations> {
    let mut draft = Draft::new(host);
    unsupported::check(&mut draft, spec);
    hook::check(&mut draft, spec);
    let namespaces = namespaces::read(&mut draft, spec);
    let group = group::plan(&mut draft, spec, request);
    let mut moves = namespaces::plan(&mut draft, spec, &namespaces);
    furnish::plan(&mut draft, spec, &namespaces, &mut moves);
    let delegation = delegate::plan(&mut draft, spec, &namespaces, &mut moves);
    let process = process::read(&mut draft, spec, &namespaces, request);

    if group::joins_v1(&draft) && group::joins_at_once(&namespaces) {
        draft.init("/linux/cgroupsPath", InitOp::JoinGroup);
    }
    draft.init.extend(moves.early.clone());
    process::plan_early(&mut draft, spec, &namespaces, request.loopback);
    let root = filesystem::plan(&mut draft, spec, request, &namespaces, moves);
    if let Some(process) = process {
        process::plan_late(&mut draft, process, spec, request);
    }
    plan_host(&mut draft, spec, request, &namespaces, delegation);
    draft.finish(root, group)
}

/// A plan that grows, with all that is wrong.
struct Draft<'a> {
    host: &'a Host,
    plan: Plan,
    init: Vec<Step<InitOp>>,
    slots: usize,
    warnings: Vec<String>,
    violations: Violations,
    /// What systemd is to make of the group.
    scope: Option<Scope>,
}

impl<'a> Draft<'a> {
    fn new(host: &'a Host) -> Self {
        Self {
            host,
            plan: Plan::default(),
            init: Vec::new(),
            slots: 0,
            warnings: Vec::new(),
            violations: Violations::default(),
            scope: None,
        }
    }

    fn slot(&mut self) -> Slot {
        self.slots += 1;
        Slot(self.slots - 1)
    }

    fn before(&mut self, origin: impl Into<Origin>, op: HostOp) {
        self.plan.before.push(Step::new(origin, op));
    }

    fn beside(&mut self, origin: impl Into<Origin>, op: HostOp) {
        self.plan.beside.push(Step::new(origin, op));
    }

    fn init(&mut self, origin: impl Into<Origin>, op: InitOp) {
        self.init.push(Step::new(origin, op));
    }

    /// Tells whether init waits for a point.
    fn awaits(&self, wanted: Point) -> bool {
        self.init.iter().any(|step| matches!(step.op, InitOp::Await { point } if point == wanted))
    }

    /// Makes a kernel string; a NUL in it is a violation.
    fn text(&mut self, pointer: &str, text: &str) -> Option<Text> {
        match Text::new(text) {
            Ok(text) => Some(text),
            Err(_) => {
                self.violations.add(pointer, format_args!("{text:?} contains a NUL byte"));
                None
            }
        }
    }

    fn finish(mut self, root: PathBuf, group: Option<GroupPath>) -> Result<Compiled, Violations> {
        if !self.violations.0.is_empty() {
            return Err(self.violations);
        }
        self.plan.init = self.init;
        let unit = self.scope.map(|scope| scope.unit);
        Ok(Compiled { plan: self.plan, warnings: self.warnings, root, group, unit, new_filter: None })
    }
}

/// Lists the host's work beside init: ids, cgroup, limits, hooks.
///
/// The v1 directories are made while init mounts, unless it joins them at once; a v2 group has to be there before the
/// clone, unless it is systemd that makes it, which has to be given the process.
fn plan_host(
    draft: &mut Draft<'_>,
    spec: &Spec,
    request: &Request<'_>,
    namespaces: &Namespaces,
    delegation: Option<HostOp>,
) {
    let by_systemd = draft.scope.is_some();
    let has =
        |version| !by_systemd && draft.plan.group.as_ref().is_some_and(|group| group.has_version(version));
    let (has_v1, has_v2) = (has(Version::V1), has(Version::V2));
    if has_v2 {
        draft.before("/linux/cgroupsPath", HostOp::MakeGroup { version: Version::V2 });
    }
    let joins_at_once = group::joins_at_once(namespaces);
    let fills_cpuset = draft.plan.group.as_ref().is_some_and(|group| !group.prepare.is_empty());
    if has_v1 && joins_at_once {
        draft.before("/linux/cgroupsPath", HostOp::MakeGroup { version: Version::V1 });
        if fills_cpuset {
            draft.before("/linux/cgroupsPath", HostOp::FillCpuset);
        }
    }
    if request.begin == Begin::OnStart {
        let (go, outcome) = (draft.slot(), draft.slot());
        draft.before("", HostOp::OpenStartFifos { go, outcome });
        launch::await_start(&mut draft.plan.exec, go, outcome);
    }
    if let Some(process) = &spec.process {
        process::plan_rlimits(draft, process);
        process::plan_score(draft, process);
    }
    if has_v1 && !joins_at_once {
        draft.beside("/linux/cgroupsPath", HostOp::MakeGroup { version: Version::V1 });
        if draft.awaits(Point::Directories) {
            draft.beside("", HostOp::Release { point: Point::Directories });
        }
        if fills_cpuset {
            draft.beside("/linux/cgroupsPath", HostOp::FillCpuset);
        }
    }
    if let Some(scope) = draft.scope.clone() {
        // It cannot be without a process.
        draft.beside("/linux/cgroupsPath", HostOp::StartScope(scope));
        draft.beside("/linux/cgroupsPath", HostOp::EnterGroup);
    }
    // Whoever finds the process on record takes the group for the container's and may kill all in it.
    draft.beside("", HostOp::Record);
    if let Some(rdt) = &spec.linux.intel_rdt
        && let Some(assignment) =
            resctrl::read(&mut draft.violations, rdt, request.id, request.resctrl.as_deref())
    {
        draft.beside("/linux/intelRdt", HostOp::AssignClass { assignment });
    }
    if draft.plan.group.as_ref().is_some_and(|group| !group.settings.is_empty()) {
        draft.beside("/linux/resources", HostOp::LimitGroup);
    }
    draft.beside("", HostOp::Release { point: Point::Group });
    delegate::plan_host(draft, delegation);
    let before_root = hooks_before_root(spec);
    plan_hooks(draft, Point::Hooks, &before_root);
    if runs_start_hooks(spec, request) {
        plan_hooks(draft, Point::Start, &[HookKind::StartContainer]);
    }
    if request.begin == Begin::AtOnce
        && let Some(agent) = seccomp::agent(spec)
    {
        draft.beside("/linux/seccomp/listenerPath", HostOp::PassListener { agent });
    }
}

/// Has the host run hooks once init has come to a point.
fn plan_hooks(draft: &mut Draft<'_>, point: Point, kinds: &[HookKind]) {
    if kinds.is_empty() {
        return;
    }
    draft.beside("", HostOp::Await { point });
    for kind in kinds {
        draft.beside(format!("/hooks/{}", kind.name()), HostOp::RunHooks { kind: *kind });
    }
    draft.beside("", HostOp::Release { point });
}

/// Tells whether the startContainer hooks are the plan's business: otherwise it ends before them, and `start` runs them.
fn runs_start_hooks(spec: &Spec, request: &Request<'_>) -> bool {
    request.begin == Begin::AtOnce && !crate::hooks::of_kind(spec, HookKind::StartContainer).is_empty()
}

/// The kinds of hook that run before the root is entered and of which there are any.
fn hooks_before_root(spec: &Spec) -> Vec<HookKind> {
    let all = [HookKind::Prestart, HookKind::CreateRuntime, HookKind::CreateContainer];
    all.into_iter().filter(|kind| !crate::hooks::of_kind(spec, *kind).is_empty()).collect()
}
