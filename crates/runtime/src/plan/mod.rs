//! The plan of a container: what is done, by whom and in which order, as data.
//!
//! A plan is made by [`crate::compile`] without any I/O and carried out by two interpreters: [`crate::execute`] on
//! the host's side and `init` inside the new process. The same lists print as a table, as JSON and as the shell
//! commands that would do the same.

mod print;
mod shell;

pub use palisade_mount::Text;
pub use print::{PlannedStep, Side};

use palisade_cgroup::Recipe;
use palisade_namespace::{IdMaps, Kind, Kinds, MapMethod};
use serde::Serialize;

/// A place in config.json as a JSON pointer (RFC 6901), or the name of what asked for a step.
pub type Origin = std::borrow::Cow<'static, str>;

/// One operation and what in the configuration asked for it.
#[derive(Debug, Clone, Serialize)]
pub struct Step<Op> {
    /// What asked for it.
    pub origin: Origin,
    /// What is done.
    pub op: Op,
}

impl<Op> Step<Op> {
    /// Pairs an operation with what asked for it.
    pub fn new(origin: impl Into<Origin>, op: Op) -> Self {
        Self { origin: origin.into(), op }
    }
}

/// What is done to start one process in a container, new or running.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Plan {
    /// On the host, before the new process exists.
    pub before: Vec<Step<HostOp>>,
    /// The kinds of namespace that the new process gets from `clone3(2)` itself.
    #[serde(serialize_with = "as_text")]
    pub clone: Kinds,
    /// On the host, while the new process works off `init`.
    pub beside: Vec<Step<HostOp>>,
    /// In the new process.
    pub init: Vec<Step<InitOp>>,
    /// In the launch image: the last system calls before the container's program.
    pub exec: Vec<Step<ExecOp>>,
    /// The cgroup, where one is made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group: Option<Recipe>,
}

fn as_text<T: std::fmt::Display, S: serde::Serializer>(value: &T, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(value)
}

/// A descriptor that the host opens before the clone and the new process uses by its number in this list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Slot(pub usize);

/// Where host and init meet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Point {
    /// The id maps are written.
    IdMaps,
    /// The directories of the cgroup are made.
    Directories,
    /// The cgroup is made and limited, and the container is on record.
    Group,
    /// The hooks that run before `pivot_root(2)` have run.
    Hooks,
    /// The hooks that run before the program begins have run.
    Start,
    /// The OOM score is set.
    Score,
    /// The process is in the pid namespace that it joins, and on record.
    Entered,
    /// The new namespaces are furnished.
    Namespaces,
    /// The process is in the group that is delegated to it.
    Delegation,
}

impl Plan {
    /// The name of the program that is run at the end.
    #[must_use]
    pub fn program(&self) -> Option<String> {
        self.exec.iter().find_map(|step| match &step.op {
            ExecOp::Execute { arguments, .. } => arguments.first().map(ToString::to_string),
            _ => None,
        })
    }

    /// What goes with the container in resctrl.
    pub(crate) fn owned_classes(&self) -> crate::resctrl::Owned {
        let assignment = self.beside.iter().find_map(|step| match &step.op {
            HostOp::AssignClass { assignment } => Some(assignment),
            _ => None,
        });
        assignment.map(crate::resctrl::Assignment::owned).unwrap_or_default()
    }

    /// Tells whether the launch image goes on in another process than the one it was executed in.
    pub(crate) fn launch_forks(&self) -> bool {
        self.exec.iter().any(|step| matches!(step.op, ExecOp::Fork))
    }

    /// Tells whether the launch image waits for `start`.
    pub(crate) fn waits_for_start(&self) -> bool {
        self.exec.iter().any(|step| matches!(step.op, ExecOp::AwaitStart { .. }))
    }

    /// The descriptors that the launch image uses besides the one that it reports to.
    pub(crate) fn launch_slots(&self) -> impl Iterator<Item = Slot> {
        let slots = self.exec.iter().map(|step| match step.op {
            ExecOp::AwaitStart { go, outcome } => [Some(go), Some(outcome)],
            ExecOp::Label { procfs, .. } => [Some(procfs), None],
            _ => [None; 2],
        });
        slots.flatten().flatten()
    }
}

impl Point {
    pub(crate) const ALL: [Self; 9] = [
        Self::IdMaps,
        Self::Directories,
        Self::Group,
        Self::Hooks,
        Self::Start,
        Self::Score,
        Self::Entered,
        Self::Namespaces,
        Self::Delegation,
    ];
}

/// The six kinds of hook, config.md#posix-platform-hooks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum HookKind {
    /// Deprecated; on the host, like createRuntime and before it.
    Prestart,
    /// On the host, after the namespaces were made and before `pivot_root(2)`.
    CreateRuntime,
    /// In the container's namespaces, before `pivot_root(2)`.
    CreateContainer,
    /// In the container, before its program starts.
    StartContainer,
    /// On the host, after the program started.
    Poststart,
    /// On the host, after the container was deleted.
    Poststop,
}

impl HookKind {
    /// All kinds in the order of a container's life.
    pub(crate) const ALL: [Self; 6] = [
        Self::Prestart,
        Self::CreateRuntime,
        Self::CreateContainer,
        Self::StartContainer,
        Self::Poststart,
        Self::Poststop,
    ];

    /// The kind's name in config.json.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Prestart => "prestart",
            Self::CreateRuntime => "createRuntime",
            Self::CreateContainer => "createContainer",
            Self::StartContainer => "startContainer",
            Self::Poststart => "poststart",
            Self::Poststop => "poststop",
        }
    }
}

/// Who answers for the kernel about the calls of a container.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Agent {
    /// Its socket.
    pub path: String,
    /// What it is told beside the container's state.
    pub metadata: Option<String>,
}

/// What is done on the host's side.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "kebab-case", tag = "do")]
pub enum HostOp {
    /// Opens a namespace file into a slot and checks that it is of its kind.
    OpenNamespace {
        /// Where the descriptor goes.
        slot: Slot,
        /// What the file must be.
        #[serde(serialize_with = "as_text")]
        kind: Kind,
        /// The file.
        path: String,
    },
    /// Opens a process into a slot as a pidfd, by which all its namespaces are joined.
    OpenProcess {
        /// Where the descriptor goes.
        slot: Slot,
        /// The process.
        pid: i32,
    },
    /// Opens the root directory of a process into a slot.
    OpenRoot {
        /// Where the descriptor goes.
        slot: Slot,
        /// The process.
        pid: i32,
    },
    /// Attaches a private clone of the root file system in the container's state directory, for a container that has the
    /// caller's mount namespace: there it can be told from what else is mounted, and be taken away at the end.
    AttachRoot {
        /// Where the descriptor of the clone goes.
        slot: Slot,
        /// The root file system.
        source: palisade_mount::HostPath,
    },
    /// Notes the process down in the container's record.
    Record,
    /// Makes a user namespace that only lends its id maps, to mounts.
    MakeUserNamespace {
        /// Where the descriptor goes.
        slot: Slot,
        /// The maps.
        maps: IdMaps,
        /// Who writes them.
        #[serde(skip)]
        method: MapMethod,
    },
    /// Clones the tree of a bind's source for init to attach, who may not reach the source, or to map its owners.
    CloneTree {
        /// Where the descriptor goes.
        slot: Slot,
        /// The source.
        source: palisade_mount::HostPath,
        /// Whether the mounts below it come along.
        reach: palisade_mount::Reach,
        /// What happens where the source is a symbolic link.
        link: palisade_mount::SourceLink,
        /// Whose files it shows as whose, where it does so.
        #[serde(skip_serializing_if = "Option::is_none")]
        owners: Option<Owners>,
    },
    /// Opens the FIFOs by which `start` lets the container's program begin.
    OpenStartFifos {
        /// Read by the container: one byte means go.
        go: Slot,
        /// Held by the container until its program is executed; carries the error when that fails.
        outcome: Slot,
    },
    /// Makes the cgroup's directories: that of v2 before the clone, into which the process is born, and those of v1
    /// beside it.
    MakeGroup {
        /// Of which hierarchies.
        version: palisade_cgroup::Version,
    },
    /// Gives v1's cpuset its CPUs and memory nodes, without which no process can join it.
    FillCpuset,
    /// Has systemd make a scope, and with it a cgroup, round the process.
    StartScope(crate::scope::Scope),
    /// Makes what systemd has not made of the cgroup, and moves the process in.
    EnterGroup,
    /// Has systemd move the process into the group of a unit, where this user may not.
    AttachToUnit {
        /// The unit.
        unit: crate::scope::Unit,
        /// The group below the unit's own; empty for that itself.
        below: String,
    },
    /// Writes the cgroup's limits.
    LimitGroup,
    /// Makes a group below the container's own, gives it to the container's root, and moves the process into it.
    Delegate {
        /// Its path from the container's own.
        path: palisade_cgroup::GroupPath,
        /// The user and the group that own it, where they are not the caller's.
        owner: Option<(u32, u32)>,
    },
    /// Writes the process's id maps.
    MapIds {
        /// The maps.
        #[serde(skip)]
        maps: IdMaps,
        /// Who writes them.
        #[serde(skip)]
        method: MapMethod,
    },
    /// Sets resource limits by `prlimit(2)`.
    LimitResources {
        /// The limits.
        limits: Vec<ResourceLimit>,
    },
    /// Sets the CPU scheduling policy of a process that would lose it by a fork.
    Schedule {
        /// The policy and its numbers.
        #[serde(skip)]
        attributes: palisade_sys::schedule::Attributes,
    },
    /// Writes `/proc/PID/oom_score_adj`.
    AdjustOomScore {
        /// -1000 to 1000.
        value: i32,
    },
    /// Opens the caller's `/proc` into a slot and checks that it is the root of a procfs.
    OpenProcfs {
        /// Where the descriptor goes.
        slot: Slot,
    },
    /// Goes to some CPUs for the time of the clone, whose process begins on them.
    RunOn {
        /// A bit for each CPU.
        cpus: Vec<u64>,
    },
    /// Moves network devices into the container's network namespace, with their addresses, and switches them on.
    MoveDevices {
        /// The devices.
        devices: Vec<DeviceMove>,
    },
    /// Puts the process into its class of service, which is made where that was asked for.
    AssignClass {
        /// The class.
        assignment: crate::resctrl::Assignment,
    },
    /// Writes `/proc/PID/timens_offsets`, before anybody is in the new time namespace.
    OffsetClocks {
        /// The lines of the file.
        lines: String,
    },
    /// Waits until the filter of system calls is loaded, and sends its listener to the agent.
    PassListener {
        /// Who answers.
        agent: Agent,
    },
    /// Runs the hooks of one kind.
    RunHooks {
        /// The kind.
        kind: HookKind,
    },
    /// Waits until the new process has come to a point.
    Await {
        /// The point.
        point: Point,
    },
    /// Lets the new process go on from a point.
    Release {
        /// The point.
        point: Point,
    },
}

/// Who owns the files that a tree shows.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Owners {
    /// The user namespace whose maps say that.
    pub namespace: Slot,
    /// Whether the mounts below show other owners, too.
    pub reach: palisade_mount::Reach,
}

/// What happens to the supplementary groups of whoever calls the runtime.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum CallersGroups {
    /// They are dropped.
    #[default]
    Drop,
    /// They stay, for files that only they can reach.
    Keep,
}

/// Whose procfs kernel parameters are written through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Procfs {
    /// The host's `/proc`.
    Hosts,
    /// The one that was just mounted for the container.
    Containers,
}

/// A network device that is moved into the container.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DeviceMove {
    /// Its name on the host.
    pub name: String,
    /// Its name inside; `%d` at the end stands for the first number that is free.
    pub inside: String,
}

/// One resource limit, `setrlimit(2)`.
#[derive(Debug, Clone, Serialize)]
pub struct ResourceLimit {
    /// The name, `RLIMIT_NOFILE` and so on.
    pub name: &'static str,
    /// The kernel's number of it.
    #[serde(skip)]
    pub resource: rustix::process::Resource,
    /// The soft limit; none is unlimited.
    pub soft: Option<u64>,
    /// The hard limit; none is unlimited.
    pub hard: Option<u64>,
}

/// What is done in the new process. All that it needs is here or in a slot: it allocates nothing.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "kebab-case", tag = "do")]
pub enum InitOp {
    /// Enters a namespace that exists.
    Join {
        /// The namespace file, or a process whose namespaces of all the kinds are entered.
        slot: Slot,
        /// The kinds.
        #[serde(serialize_with = "as_text")]
        kinds: Kinds,
    },
    /// Enters the root directory of a process that is in the same mount namespace, by `chroot(2)`.
    ChangeRoot {
        /// The directory.
        slot: Slot,
    },
    /// Leaves namespaces for new ones.
    Unshare {
        /// The kinds.
        #[serde(serialize_with = "as_text")]
        kinds: Kinds,
    },
    /// Enters the time namespace that it has made for its children, once its clocks are set: kernels before 6.3 would
    /// not take it there by an exec.
    EnterTimeNamespace,
    /// Goes on in a new process, which is in the pid namespace that was joined and in new ones of the given kinds.
    Fork {
        /// The kinds.
        #[serde(serialize_with = "as_text")]
        kinds: Kinds,
    },
    /// Becomes user 0 and group 0 of a user namespace.
    BecomeRoot {
        /// What happens to the caller's supplementary groups.
        groups: CallersGroups,
    },
    /// Runs on some CPUs from now on.
    RunOn {
        /// A bit for each CPU.
        cpus: Vec<u64>,
    },
    /// Runs on all CPUs of its cgroup from now on, whatever those of the caller were.
    RunAnywhere,
    /// Tells the host that a point is reached.
    Announce {
        /// The point.
        point: Point,
    },
    /// Waits until the host lets go.
    Await {
        /// The point.
        point: Point,
    },
    /// Joins the v1 groups, by writing 0 to their `tasks`.
    JoinGroup,
    /// Sets the host name.
    Hostname {
        /// The name.
        name: Text,
    },
    /// Sets the NIS domain name.
    Domainname {
        /// The name.
        name: Text,
    },
    /// Switches the loopback interface of a new network namespace on.
    Loopback,
    /// Writes a kernel parameter below `/proc/sys`.
    Sysctl {
        /// The file, below /proc/sys.
        path: Text,
        /// Whose /proc that is.
        procfs: Procfs,
        /// The value.
        value: Text,
    },
    /// Does something to the file system.
    FileSystem(palisade_mount::Op),
    /// Starts a session.
    Session,
    /// Opens a pseudo-terminal of the container, makes it stdin, stdout and stderr, and hands its master to the host.
    Terminal {
        /// Rows and columns.
        size: Option<(u16, u16)>,
        /// When it becomes the controlling one of the session.
        control: Control,
    },
    /// Sets the CPU scheduling policy.
    Schedule {
        /// The policy and its numbers.
        #[serde(skip)]
        attributes: palisade_sys::schedule::Attributes,
    },
    /// Sets the I/O scheduling class and priority.
    IoPriority {
        /// As `ioprio_set(2)` takes it.
        value: u32,
    },
    /// Forbids that others trace it or look into it, until the launch image takes its place.
    Hide,
    /// Makes the capabilities ambient for the exec of the launch image, where the user is not 0.
    KeepCapabilities,
    /// Sets the file mode creation mask.
    Umask {
        /// The mask.
        mask: u32,
    },
    /// Changes to the working directory.
    WorkingDirectory {
        /// The path in the container.
        path: Text,
        /// What happens where it does not exist.
        missing: Missing,
    },
    /// Gives stdin, stdout and stderr to the user of the program, where they are pipes or the container's own
    /// terminal, so that it can open them again by their names in /dev.
    OwnStreams {
        /// The user id.
        uid: u32,
    },
    /// Checks that one of the candidates is there and can be executed.
    FindProgram {
        /// The paths that `execvp(3)` would try.
        candidates: Vec<Text>,
    },
    /// Closes all descriptors that the program must not have.
    CloseDescriptors {
        /// How many after stderr are the caller's gift to the program.
        preserve: u32,
    },
}

/// What happens where a working directory does not exist.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Missing {
    /// It is made.
    Make,
    /// It is an error.
    Refuse,
    /// The process stays where it is, and also where it may not go there.
    Stay,
}

/// When a terminal becomes the controlling one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Control {
    /// When it is opened.
    AtOnce,
    /// By [`ExecOp::ControlTerminal`], in the process that then leads the session.
    AtLaunch,
}

/// A label of a security module, `apparmor(7)`, `selinux(8)`.
#[derive(Debug, Clone, Serialize)]
pub struct Label {
    /// The file of the process below `/proc`.
    pub file: Text,
    /// What is written there.
    pub value: Text,
}

/// What the launch image does.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "kebab-case", tag = "do")]
pub enum ExecOp {
    /// Gives a signal its default disposition and unblocks all.
    DefaultSignals,
    /// Forbids that others trace it or look into it, until the program takes its place.
    Hide,
    /// Goes on in a new process, which is in the pid namespace that was joined. Before this, nobody in the container
    /// can see the process; after it, the process has no file and no right that is not the program's.
    Fork,
    /// Waits until the host lets go.
    Await {
        /// The point.
        point: Point,
    },
    /// Starts a session.
    Session,
    /// Makes the terminal on stdin the controlling one of the session.
    ControlTerminal,
    /// Tells the host that all is ready, by hanging up, and waits for `start`.
    AwaitStart {
        /// See [`HostOp::OpenStartFifos`].
        go: Slot,
        /// See [`HostOp::OpenStartFifos`].
        outcome: Slot,
    },
    /// Writes security labels, then closes the procfs.
    Label {
        /// The procfs that they are written through.
        procfs: Slot,
        /// The labels.
        labels: Vec<Label>,
    },
    /// Leaves the caller's session keyring for the container's own.
    SessionKeyring {
        /// What the keyring is called, for others to join it by.
        #[serde(skip_serializing_if = "Option::is_none")]
        name: Option<Text>,
    },
    /// Sets the execution domain.
    Personality {
        /// As `personality(2)` takes it.
        persona: u32,
    },
    /// Sets on which NUMA nodes memory is taken.
    MemoryPolicy {
        /// The mode with its flags, as `set_mempolicy(2)` takes it.
        mode: u32,
        /// A bit for each node.
        #[serde(skip_serializing_if = "Vec::is_empty")]
        nodes: Vec<u64>,
    },
    /// Takes all capabilities but some out of the bounding set.
    DropBounding {
        /// The bit mask of those that stay.
        kept: u64,
    },
    /// Keeps the permitted capabilities when the user id changes.
    KeepCapabilities,
    /// Sets the group id and the supplementary groups.
    SetGroups {
        /// The group id.
        gid: u32,
        /// The supplementary groups; none where the user namespace forbids setgroups(2) or the caller's stay.
        additional: Option<Vec<u32>>,
    },
    /// Sets the user id.
    SetUser {
        /// The user id.
        uid: u32,
    },
    /// Sets the capability sets, as bit masks.
    SetCapabilities {
        /// In force.
        effective: u64,
        /// May be put in force.
        permitted: u64,
        /// Kept over an exec of a file that has them inheritable.
        inheritable: u64,
        /// Kept over any exec.
        ambient: u64,
        /// In force beside the others until the exec, which gives only what the other sets say.
        until_exec: u64,
    },
    /// Forbids that an exec gives rights.
    NoNewPrivileges,
    /// Loads a seccomp filter.
    Seccomp {
        /// The filter.
        #[serde(skip)]
        filter: palisade_seccomp::Filter,
        /// The number of its instructions.
        instructions: usize,
    },
    /// Becomes the container's program.
    Execute {
        /// The paths to try.
        candidates: Vec<Text>,
        /// argv.
        arguments: Vec<Text>,
        /// The environment.
        environment: Vec<Text>,
    },
}
