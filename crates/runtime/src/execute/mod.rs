//! The host's side of a start: the interpreter of a plan's host lists, and the clone between them.

mod failure;
mod furnish;
mod net_devices;
mod scope;
mod tree;

pub(crate) use furnish::cpu_set;
use net_devices::Moved;

use std::ffi::{CStr, CString};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::time::{Duration, Instant};

use palisade_cgroup::{Group, Recipe, Version};
use palisade_namespace as namespace;
use palisade_namespace::Kind;
use palisade_oci::state::State;
use palisade_sys::clone;
use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::fs::{CWD, Gid, Mode, OFlags, Uid};
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketFlags, SocketType};
use rustix::process::{Pid, PidfdFlags, Rlimit, Signal, WaitId, WaitIdOptions};
use rustix::thread::CpuSet;

use crate::error::{During, Error, ErrorKind, Result};
use crate::init::{Init, Message, Trace, receive, release};
use crate::listener;
use crate::plan::{
    Agent, DeviceMove, ExecOp, HookKind, HostOp, InitOp, Owners, Plan, Point, ResourceLimit, Side, Slot, Step,
};
use crate::resctrl::Owned;

const AT_ONCE: Timespec = Timespec { tv_sec: 0, tv_nsec: 0 };

/// How long a process that was killed may take to be gone: its memory may be large, its machine busy.
const DEATH: Timespec = Timespec { tv_sec: 2, tv_nsec: 0 };

/// A process of a container.
#[derive(Debug)]
pub struct Process {
    /// Its number in the caller's pid namespace.
    pub pid: Pid,
    /// Its pidfd.
    pub pidfd: OwnedFd,
}

/// What a start left running.
#[derive(Debug)]
pub struct Started {
    /// The container's process.
    pub process: Process,
    /// The master of its terminal, where it has one.
    pub terminal: Option<OwnedFd>,
    /// Its cgroup, where one was made.
    pub group: Option<Group>,
}

/// An operation that was carried out, for `--explain`.
#[derive(Debug, Clone, Copy)]
pub struct Event {
    /// Whose list it is of.
    pub side: Side,
    /// Its place in the list.
    pub index: usize,
    /// How long it took; none where nobody watched, as in the launch image.
    pub took: Option<Duration>,
}

/// What a plan needs from whoever carries it out.
pub(crate) struct Surroundings<'a> {
    /// Notes the process down before it goes on.
    pub record: &'a dyn Fn(&Process) -> Result<()>,
    /// Describes the container to an agent; none where the plan has none.
    pub state: Option<&'a dyn Fn(&Process) -> State>,
    /// Runs the hooks of a kind.
    pub hooks: &'a dyn Fn(HookKind, &Process) -> Result<()>,
    /// Is told what was done.
    pub observe: Option<&'a dyn Fn(Event)>,
    /// A signal descriptor: a signal to end ends the start, leaving nothing behind.
    pub signals: Option<BorrowedFd<'a>>,
    /// Where the FIFOs of `start` are.
    pub directory: Option<BorrowedFd<'a>>,
    /// A cgroup that exists already, which the process joins.
    pub group: Option<Group>,
    /// The standard descriptors where they are not the caller's own.
    pub stdio: Option<[BorrowedFd<'a>; 3]>,
}

/// Carries a plan out up to the moment where the container's program runs, or waits for `start`.
///
/// # Errors
/// Whatever operation failed first, by its place in config.json; then no process and no cgroup of it are left.
pub(crate) fn execute(plan: &Plan, surroundings: Surroundings<'_>) -> Result<Started> {
    let mut host = Host {
        plan,
        slots: Vec::new(),
        group: None,
        process: None,
        intermediate: None,
        terminal: None,
        socket: None,
        ready: false,
        made_group: false,
        cpus: None,
        devices: None,
        classes: Owned::default(),
        scope: None,
        surroundings,
    };
    match host.run() {
        Ok(()) => host.finish(),
        Err(error) => {
            host.clean_up();
            Err(error)
        }
    }
}

struct Host<'a> {
    plan: &'a Plan,
    slots: Vec<OwnedFd>,
    group: Option<Group>,
    made_group: bool,
    /// The CPUs to go back to after the clone.
    cpus: Option<CpuSet>,
    /// The network devices that were moved into the container.
    devices: Option<Moved>,
    /// What was made in resctrl.
    classes: Owned,
    /// What systemd has made for this start.
    scope: Option<scope::Running>,
    process: Option<Process>,
    /// A process that has forked into the container's one and ends.
    intermediate: Option<Process>,
    terminal: Option<OwnedFd>,
    socket: Option<OwnedFd>,
    /// Whether the launch image waits for `start`.
    ready: bool,
    surroundings: Surroundings<'a>,
}

impl<'a> Host<'a> {
    fn run(&mut self) -> Result<()> {
        self.group = self.surroundings.group.take();
        self.work_off(&self.plan.before, Side::Before)?;
        let begin = Instant::now();
        self.clone()?;
        if let Some(observe) = self.surroundings.observe {
            observe(Event { side: Side::Clone, index: 0, took: Some(begin.elapsed()) });
        }
        self.work_off(&self.plan.beside, Side::Beside)?;
        self.drain()?;
        if self.plan.waits_for_start() && !self.ready {
            return Err(self.silent_end());
        }
        self.tell_launch();
        Ok(())
    }

    /// Tells what the launch image has done by now, which it does without a word: all, or all up to the wait for `start`.
    fn tell_launch(&self) {
        let Some(observe) = self.surroundings.observe else { return };
        for (index, step) in self.plan.exec.iter().enumerate() {
            observe(Event { side: Side::Exec, index, took: None });
            if matches!(step.op, ExecOp::AwaitStart { .. }) {
                break;
            }
        }
    }

    fn finish(mut self) -> Result<Started> {
        // By now it has ended, so that nothing waits for it.
        if let Some(intermediate) = self.intermediate.take() {
            reap(&intermediate)?;
        }
        let process = self.process.take().ok_or_else(|| Error::new("the plan started no process"))?;
        Ok(Started { process, terminal: self.terminal.take(), group: self.group.take() })
    }

    fn work_off(&mut self, steps: &[Step<HostOp>], side: Side) -> Result<()> {
        for (index, step) in steps.iter().enumerate() {
            let begin = Instant::now();
            self.perform(&step.op).map_err(|error| match (step.origin.as_ref(), &step.op) {
                // The error of a hook says which one of the list it is.
                ("", _) | (_, HostOp::RunHooks { .. }) => error,
                // So does that of a limit.
                (_, HostOp::FillCpuset | HostOp::LimitGroup) if error.is_of("/linux/resources") => error,
                (origin, _) => error.context(origin),
            })?;
            if let Some(observe) = self.surroundings.observe {
                observe(Event { side, index, took: Some(begin.elapsed()) });
            }
        }
        Ok(())
    }

    fn perform(&mut self, op: &HostOp) -> Result<()> {
        match op {
            HostOp::OpenNamespace { slot, kind, path } => {
                let target = namespace::Target::from(Path::new(path));
                let opened = namespace::open(*kind, &target)?.into_fd();
                if *kind == Kind::Mount {
                    tree::refuse_own(opened.as_fd(), path)?;
                }
                self.fill(*slot, opened)
            }
            HostOp::OpenProcess { slot, pid } => {
                let number = Pid::from_raw(*pid).ok_or_else(|| Error::new("pid 0 is no process"))?;
                let pidfd = rustix::process::pidfd_open(number, PidfdFlags::empty());
                self.fill(*slot, pidfd.during(format_args!("pidfd_open {pid}"))?)
            }
            HostOp::OpenRoot { slot, pid } => {
                self.fill(*slot, open_directory(Path::new(&format!("/proc/{pid}/root")))?)
            }
            HostOp::AttachRoot { slot, source } => {
                let directory = self.directory()?;
                let place = crate::record::make_root_place(directory)?;
                self.fill(*slot, tree::attach_root(source, place.as_fd())?)
            }
            HostOp::MakeUserNamespace { slot, maps, method } => {
                self.fill(*slot, tree::make_user_namespace(maps, method)?)
            }
            HostOp::CloneTree { slot, source, reach, link, owners } => {
                let namespace =
                    |owners: &Owners| Ok::<_, Error>((self.slot(owners.namespace)?, owners.reach));
                let tree = tree::clone(source, *reach, *link, owners.as_ref().map(namespace).transpose()?)?;
                self.fill(*slot, tree)
            }
            HostOp::OpenStartFifos { go, outcome } => self.open_start_fifos(*go, *outcome),
            HostOp::MakeGroup { version } => self.make_group(*version),
            HostOp::StartScope(scope) => self.start_scope(scope),
            HostOp::EnterGroup => self.enter_group(),
            HostOp::AttachToUnit { unit, below } => self.attach_to_unit(unit, below),
            HostOp::FillCpuset => self.set_limits(Group::fill_cpuset),
            HostOp::LimitGroup => self.set_limits(Group::apply_limits),
            HostOp::Delegate { path, owner } => {
                let group =
                    self.group.as_ref().ok_or_else(|| Error::new("there is no cgroup to delegate"))?;
                let below = group.make_below(path)?;
                if let Some((uid, gid)) = owner {
                    below.delegate(Uid::from_raw(*uid), Gid::from_raw(*gid))?;
                }
                Ok(below.attach(self.process()?.pid)?)
            }
            HostOp::MapIds { maps, method } => {
                let process = self.process()?;
                let pid = process.pid.as_raw_nonzero().get().unsigned_abs();
                Ok(namespace::write_maps(open_directory(Path::new("/proc"))?, pid, maps, method)?)
            }
            HostOp::LimitResources { limits } => limit_resources(self.process()?.pid, limits),
            HostOp::Schedule { attributes } => {
                let pid = self.process()?.pid;
                palisade_sys::schedule::set_of(pid, attributes).during("sched_setattr")
            }
            HostOp::AdjustOomScore { value } => {
                let path = format!("/proc/{}/oom_score_adj", self.process()?.pid.as_raw_nonzero());
                std::fs::write(&path, value.to_string())
                    .during(format_args!("write {value} to {path}"))
                    .map_err(|error| error.hint("lowering the score needs CAP_SYS_RESOURCE"))
            }
            HostOp::OpenProcfs { slot } => self.fill(*slot, furnish::open_procfs()?),
            HostOp::RunOn { cpus } => {
                self.cpus = Some(furnish::run_on(cpus)?);
                Ok(())
            }
            HostOp::MoveDevices { devices } => self.move_devices(devices),
            HostOp::AssignClass { assignment } => {
                let pid = self.process()?.pid.as_raw_nonzero().get();
                self.classes = assignment.apply(pid)?;
                Ok(())
            }
            HostOp::OffsetClocks { lines } => furnish::offset_clocks(self.process()?.pid, lines),
            HostOp::Record => {
                let process = self.process.as_ref().ok_or_else(no_process)?;
                (self.surroundings.record)(process)
            }
            HostOp::PassListener { agent } => self.pass_listener(agent),
            HostOp::RunHooks { kind } => {
                let process = self.process.as_ref().ok_or_else(no_process)?;
                (self.surroundings.hooks)(*kind, process)
            }
            HostOp::Await { point } => self.await_point(*point),
            HostOp::Release { point } => {
                let socket = self.socket.as_ref().ok_or_else(no_process)?;
                match release(socket, *point) {
                    Ok(()) => Ok(()),
                    // Init has failed; why is in the socket.
                    Err(Errno::PIPE | Errno::CONNRESET) => {
                        self.drain()?;
                        Err(self.silent_end())
                    }
                    Err(errno) => Err(Error::call("send to init", errno)),
                }
            }
        }
    }

    fn move_devices(&mut self, devices: &[DeviceMove]) -> Result<()> {
        let pid = self.process()?.pid;
        let moved = self.devices.insert(Moved::prepare(pid)?);
        devices.iter().try_for_each(|device| moved.move_in(device))
    }

    fn process(&self) -> Result<&Process> {
        self.process.as_ref().ok_or_else(no_process)
    }

    fn slot(&self, slot: Slot) -> Result<BorrowedFd<'_>> {
        let filled = self.slots.get(slot.0).map(AsFd::as_fd);
        filled.ok_or_else(|| Error::new("the plan uses an unknown slot"))
    }

    fn fill(&mut self, slot: Slot, descriptor: OwnedFd) -> Result<()> {
        if slot.0 != self.slots.len() {
            return Err(Error::new("the plan fills its slots out of order"));
        }
        self.slots.push(descriptor);
        Ok(())
    }

    fn directory(&self) -> Result<BorrowedFd<'a>> {
        self.surroundings.directory.ok_or_else(|| Error::new("the plan needs state, and there is none"))
    }

    fn open_start_fifos(&mut self, go: Slot, outcome: Slot) -> Result<()> {
        let directory = self.directory()?;
        for (slot, name) in [(go, crate::record::GO_FIFO), (outcome, crate::record::OUTCOME_FIFO)] {
            rustix::fs::mkfifoat(directory, name, Mode::RUSR | Mode::WUSR)
                .during(format_args!("mkfifo {name}"))?;
            // Opened for both directions it never blocks, and it lives as long as the container waits.
            let flags = OFlags::RDWR | OFlags::CLOEXEC | OFlags::NOFOLLOW;
            let fifo = rustix::fs::openat(directory, name, flags, Mode::empty())
                .during(format_args!("open {name}"))?;
            self.fill(slot, fifo)?;
        }
        Ok(())
    }

    fn make_group(&mut self, version: Version) -> Result<()> {
        let Some(recipe) = &self.plan.group else { return Ok(()) };
        self.made_group = true;
        match (version, &mut self.group) {
            (Version::V2, _) => self.group = Some(recipe.make_v2()?),
            (Version::V1, Some(group)) => group.make_v1(recipe)?,
            (Version::V1, None) => self.group = Some(recipe.make_directories()?),
        }
        Ok(())
    }

    fn set_limits(
        &self,
        set: fn(&Group, &Recipe) -> std::result::Result<(), palisade_cgroup::Error>,
    ) -> Result<()> {
        match (&self.plan.group, &self.group) {
            (Some(recipe), Some(group)) => set(group, recipe).map_err(failure::of_limit),
            _ => Ok(()),
        }
    }

    /// Makes the process. The launch image is made before it, the list of `tasks` files too: the new process
    /// must not allocate.
    fn clone(&mut self) -> Result<()> {
        let kind = SocketType::SEQPACKET;
        let (host, init) = rustix::net::socketpair(AddressFamily::UNIX, kind, SocketFlags::CLOEXEC, None)
            .during("socketpair")?;
        if self.plan.launch_forks() {
            // The process that goes on is in reach of the container's, which could speak in its name.
            rustix::net::sockopt::set_socket_passcred(&host, true).during("setsockopt SO_PASSCRED")?;
        }
        let report = u64::from(init.as_raw_fd().unsigned_abs());
        let image = crate::launch::seal(&self.plan.exec, report, &self.slots)?;
        let slot = |slot: Slot| self.slots.get(slot.0).map(AsFd::as_fd);
        let kept: Vec<BorrowedFd<'_>> = self.plan.launch_slots().filter_map(slot).collect();
        let (anchor, paths) = self.tasks()?;
        let tasks: Vec<&CStr> = paths.iter().map(CString::as_c_str).collect();
        let trace = if self.surroundings.observe.is_some() { Trace::On } else { Trace::Off };
        let work = Init {
            steps: &self.plan.init,
            slots: &self.slots,
            anchor: anchor.as_ref().map(AsFd::as_fd),
            tasks: &tasks,
            socket: init.as_fd(),
            host: host.as_raw_fd(),
            image: image.as_fd(),
            kept: &kept,
            stdio: self.surroundings.stdio,
            trace,
        };
        let into = self.group.as_ref().map(Group::v2_directory).transpose()?.flatten();
        let into = into.as_ref().map(AsFd::as_fd);
        let spawned = clone::spawn(self.plan.clone.flags(), into, &mut || work.run()).map_err(|errno| {
            let kinds = self.plan.clone;
            let what = format!("clone3 with new namespaces {kinds}");
            match (errno, &self.group) {
                (Errno::BUSY, Some(group)) => {
                    let error = group.entrance_error(palisade_cgroup::Entrance::Clone, errno);
                    Error::of(ErrorKind::GroupBusy, error.to_string())
                }
                _ => failure::hinted_kinds(Error::call(what, errno), errno),
            }
        });
        let left = self.leave_cpus();
        let spawned = spawned?;
        self.process = Some(Process { pid: spawned.pid, pidfd: spawned.pidfd });
        self.socket = Some(host);
        left
    }

    /// Names the `tasks` files of the v1 groups, which may not be there yet: the directory that they are below and
    /// their paths.
    fn tasks(&self) -> Result<(Option<OwnedFd>, Vec<CString>)> {
        let is_made = |step: &Step<HostOp>| matches!(step.op, HostOp::MakeGroup { version: Version::V1 });
        let to_be_made = self.plan.group.as_ref().filter(|_| !self.plan.before.iter().any(is_made));
        let (anchor, paths): (&Path, Vec<String>) = match (to_be_made, &self.group) {
            (Some(recipe), _) => (&recipe.anchor, recipe.tasks().collect()),
            // A user may be denied some hierarchies, and the group does without them.
            (None, Some(group)) => (group.anchor(), group.tasks().collect()),
            (None, None) => return Ok((None, Vec::new())),
        };
        let paths = paths.into_iter().map(CString::new).collect::<std::result::Result<_, _>>();
        let paths = paths.map_err(|_| Error::new("a cgroup's path contains a NUL byte"))?;
        Ok((Some(open_directory(anchor)?), paths))
    }

    /// Goes back to the CPUs that the caller had, where the plan went to others.
    fn leave_cpus(&mut self) -> Result<()> {
        match self.cpus.take() {
            Some(cpus) => rustix::thread::sched_setaffinity(None, &cpus).during("sched_setaffinity back"),
            None => Ok(()),
        }
    }

    /// Waits until init has come to a point, and, where it forks, in the process that goes on.
    fn await_point(&mut self, point: Point) -> Result<()> {
        let forks = self.plan.init.iter().any(|step| matches!(step.op, InitOp::Fork { .. }))
            || point == Point::Entered;
        // The launch image tells that point by telling the process that it goes on in.
        let mut reached = point == Point::Entered;
        while !reached || forks && self.intermediate.is_none() {
            match self.next_message()? {
                Some(Message::Reached(at)) => reached = at == point,
                Some(message) => self.take(message)?,
                None => return Err(self.silent_end()),
            }
        }
        Ok(())
    }

    /// Waits for the filter of the launch image, and gives its listener away.
    fn pass_listener(&mut self, agent: &Agent) -> Result<()> {
        let address = loop {
            match self.next_message()? {
                Some(Message::Listens { address }) => break address,
                Some(message) => self.take(message)?,
                None => return Err(self.silent_end()),
            }
        };
        let process = self.process()?;
        let reports = self.socket.as_ref().ok_or_else(no_process)?.as_fd();
        let state =
            self.surroundings.state.ok_or_else(|| Error::new("the plan has an agent, but no state"))?;
        let pass = |listener: OwnedFd| listener::send(agent, &listener, process, &state(process));
        if listener::hand_over(process, address, reports, pass)? {
            return Ok(());
        }
        self.drain()?;
        Err(self.silent_end())
    }

    /// Takes what init still has to say until it hangs up, which it does by executing the program or by waiting
    /// for `start`.
    fn drain(&mut self) -> Result<()> {
        while let Some(message) = self.next_message()? {
            self.take(message)?;
        }
        Ok(())
    }

    fn next_message(&mut self) -> Result<Option<Message>> {
        let socket = self.socket.as_ref().ok_or_else(no_process)?;
        // A launch image that is killed while it forks may leave a process that holds the socket and waits.
        let forking =
            self.process.as_ref().filter(|_| self.plan.launch_forks() && self.intermediate.is_none());
        if self.surroundings.signals.is_some() || forking.is_some() {
            let ends = forking.map(|process| process.pidfd.as_fd());
            wait_for_message(socket.as_fd(), self.surroundings.signals, ends)?;
        }
        let Some(received) = receive(socket).during("receive from init")? else { return Ok(None) };
        if let (Some(sender), Some(process)) = (received.sender, &self.process) {
            let first = self.intermediate.as_ref().unwrap_or(process).pid;
            if sender != first
                && !matches!(received.message, Message::LaunchFailed { .. } | Message::Listens { .. })
            {
                return Err(Error::new(format!(
                    "process {sender} of the container interferes with the start"
                )));
            }
        }
        if received.message == Message::Terminal {
            self.terminal = received.descriptor;
        }
        Ok(Some(received.message))
    }

    fn take(&mut self, message: Message) -> Result<()> {
        match message {
            Message::Reached(_) | Message::Terminal => Ok(()),
            Message::Ready => {
                self.ready = true;
                Ok(())
            }
            Message::Listens { .. } => {
                Err(Error::new("the launch image has a listener that the plan does not know"))
            }
            Message::Forked(number) => {
                let pid = Pid::from_raw(number).ok_or_else(|| Error::new("init forked into process 0"))?;
                let pidfd = rustix::process::pidfd_open(pid, PidfdFlags::empty())
                    .during(format_args!("pidfd_open {number}"))?;
                self.intermediate = self.process.replace(Process { pid, pidfd });
                Ok(())
            }
            Message::Done { index, nanoseconds } => {
                let took = Duration::from_nanos(nanoseconds);
                if let (Some(observe), Ok(index)) = (self.surroundings.observe, usize::try_from(index)) {
                    observe(Event { side: Side::Init, index, took: Some(took) });
                }
                Ok(())
            }
            Message::Failed { index, errno, step } => {
                Err(failure::of_init(self.plan, index, step.as_str(), Errno::from_raw_os_error(errno)))
            }
            Message::FileSystemFailed { index, failure } => {
                Err(failure::of_file_system(self.plan, index, &failure))
            }
            Message::LaunchFailed { tag, errno } => {
                Err(failure::of_launch(self.plan, tag, Errno::from_raw_os_error(errno)))
            }
        }
    }

    /// Says how init ended where it could not say so itself.
    fn silent_end(&self) -> Error {
        let status = self.process.as_ref().and_then(|process| {
            rustix::process::waitid(WaitId::PidFd(process.pidfd.as_fd()), WaitIdOptions::EXITED)
                .ok()
                .flatten()
        });
        let out_of_memory =
            || self.group.as_ref().and_then(|group| group.oom_count().ok()).is_some_and(|n| n > 0);
        match status.and_then(|status| status.terminating_signal()) {
            Some(_) if out_of_memory() => Error::new("init was killed for its memory before it was ready")
                .context("/linux/resources/memory/limit")
                .hint("the limit is too small"),
            Some(signal) => Error::new(format!("init was killed by signal {signal} before it was ready"))
                .hint("from outside, or for want of memory"),
            None => Error::new("init ended before it was ready"),
        }
    }

    /// Ends and removes what was made, for a start that failed.
    fn clean_up(&mut self) {
        // Where the way back fails there is nowhere to go.
        let _back = self.leave_cpus();
        // The container's network namespace would take what is not a piece of hardware with it.
        let _back = self.devices.take().map(|devices| devices.undo());
        for process in [self.intermediate.take(), self.process.take()].into_iter().flatten() {
            // Either it is gone already, or it dies now; both are what is wanted.
            if rustix::process::pidfd_send_signal(&process.pidfd, Signal::KILL).is_ok() {
                let _reaped = reap_killed(&process);
            }
        }
        let _removed = self.classes.remove();
        if let (true, Some(mut group)) = (self.made_group, self.group.take()) {
            // The first error is the one to tell.
            let _removed = group.unmake();
        }
        if let Some(scope) = self.scope.take() {
            let _removed = scope.remove();
        }
    }
}

/// Words what a launch image wrote to the FIFO of `start`.
pub(crate) fn program_failure(report: &[u8], arguments: &[String]) -> Error {
    let name = arguments.first().map(String::as_str).unwrap_or_default();
    let reported = |tag| crate::launch::reported(tag);
    match crate::init::decode(report) {
        Some(Message::LaunchFailed { tag, errno }) if reported(tag) == crate::launch::Reported::Program => {
            failure::program(name, 1, Errno::from_raw_os_error(errno)).context("/process/args")
        }
        Some(Message::LaunchFailed { errno, .. }) => {
            Error::call("the last step before the program", Errno::from_raw_os_error(errno))
        }
        _ => Error::new("the container's process failed before its program began"),
    }
}

fn no_process() -> Error {
    Error::new("the plan needs the process before it is cloned")
}

fn reap(process: &Process) -> Result<()> {
    let wait = || rustix::process::waitid(WaitId::PidFd(process.pidfd.as_fd()), WaitIdOptions::EXITED);
    match rustix::io::retry_on_intr(wait) {
        Ok(_) | Err(Errno::CHILD) => Ok(()),
        Err(errno) => Err(Error::call("waitid", errno)),
    }
}

/// Reaps a process that was killed. One that is frozen with its v1 group dies when that is thawed, for which nobody
/// waits.
fn reap_killed(process: &Process) -> Result<()> {
    if is_ready(process.pidfd.as_fd(), &DEATH)? { reap(process) } else { Ok(()) }
}

/// Waits for a message, for a signal that means to end, or for the end of a process.
fn wait_for_message(
    socket: BorrowedFd<'_>,
    signals: Option<BorrowedFd<'_>>,
    process: Option<BorrowedFd<'_>>,
) -> Result<()> {
    loop {
        // What is not there is asked for nothing.
        let watch = |descriptor: Option<BorrowedFd<'_>>| match descriptor {
            Some(_) => PollFlags::IN,
            None => PollFlags::empty(),
        };
        let mut fds = [
            PollFd::from_borrowed_fd(socket, PollFlags::IN),
            PollFd::from_borrowed_fd(signals.unwrap_or(socket), watch(signals)),
            PollFd::from_borrowed_fd(process.unwrap_or(socket), watch(process)),
        ];
        match rustix::event::poll(&mut fds, None) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(errno) => return Err(Error::call("poll", errno)),
        }
        let [message, signal, end] = fds.map(|fd| !fd.revents().is_empty());
        if message {
            return Ok(());
        }
        if end {
            // What it sent before it ended may have come after poll(2) looked at the socket and before it looked at this.
            if is_ready(socket, &AT_ONCE)? {
                return Ok(());
            }
            return Err(Error::new("the process ended before its program began")
                .hint("killed from outside or out of memory in the container's cgroup"));
        }
        if let Some(signals) = signals.filter(|_| signal) {
            heed(signals)?;
        }
    }
}

/// Waits until there is something to be read, or a process has ended; tells whether that was so in time.
fn is_ready(descriptor: BorrowedFd<'_>, limit: &Timespec) -> Result<bool> {
    let mut fds = [PollFd::from_borrowed_fd(descriptor, PollFlags::IN)];
    let ready = rustix::io::retry_on_intr(|| rustix::event::poll(&mut fds, Some(limit)));
    ready.during("poll").map(|count| count > 0)
}

/// Reads one signal, where there is one, and gives up the work where that means to end.
pub(crate) fn heed(signals: BorrowedFd<'_>) -> Result<()> {
    let Some(number) = palisade_sys::signal::next(signals).during("read signal")? else { return Ok(()) };
    let ends = [Signal::INT, Signal::TERM, Signal::HUP, Signal::QUIT];
    if ends.iter().any(|signal| signal.as_raw() == number) {
        return Err(Error::of(ErrorKind::Interrupted, format!("interrupted by signal {number}")));
    }
    Ok(())
}

fn limit_resources(pid: Pid, limits: &[ResourceLimit]) -> Result<()> {
    for limit in limits {
        let wanted = Rlimit { current: limit.soft, maximum: limit.hard };
        rustix::process::prlimit(Some(pid), limit.resource, wanted)
            .during(format_args!("prlimit {}", limit.name))
            .map_err(|error| error.hint("a hard limit above the present one needs CAP_SYS_RESOURCE"))?;
    }
    Ok(())
}

/// Opens a directory by which files are named from then on.
pub(crate) fn open_directory(path: &Path) -> Result<OwnedFd> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    rustix::fs::openat(CWD, path, flags, Mode::empty()).during(format_args!("open {}", path.display()))
}
