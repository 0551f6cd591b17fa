//! `exec`: one more process in a running container.

use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;

use palisade_cgroup::{FreezerState, Group, GroupPath, SubGroup, Version};
use palisade_oci::state::Status;
use palisade_oci::{Process as ProcessSpec, Spec};
use palisade_seccomp::Filter;

use super::{Container, home};
use crate::compile::{self, Affinity, ExecRequest, Groups, Violations};
use crate::error::{During, Error, ErrorKind, Result};
use crate::execute::{Event, Process, Started, Surroundings, execute, open_directory};
use crate::filters::Key;
use crate::host::Host;
use crate::labels::SecurityModules;
use crate::scope::Unit;

/// How a process is to be started.
pub struct ExecOptions<'a> {
    /// The process.
    pub process: &'a ProcessSpec,
    /// How many descriptors after stderr it gets.
    pub preserve_fds: u32,
    /// On which CPUs it begins, where its configuration does not say.
    pub affinity: Affinity,
    /// The groups below the container's that it joins in place of that.
    pub groups: &'a [SubGroup],
    /// What to do with a container that is paused.
    pub paused: Paused,
    /// Is told the process before its program begins.
    pub record: &'a dyn Fn(&Process) -> Result<()>,
    /// Is told each step that was done.
    pub observe: Option<&'a dyn Fn(Event)>,
    /// A signal descriptor that is heeded meanwhile.
    pub signals: Option<BorrowedFd<'a>>,
    /// The standard descriptors where they are not the caller's own.
    pub stdio: Option<[BorrowedFd<'a>; 3]>,
}

/// What to do with a container that is paused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Paused {
    /// Refuse it.
    Refuse,
    /// Start the process all the same: it begins when the container is resumed.
    Join,
}

/// A process that was started in a container.
#[derive(Debug)]
pub struct Executed {
    /// It.
    pub started: Started,
    /// Things that a user should know though they are no errors.
    pub warnings: Vec<String>,
}

impl Container {
    /// Starts a process in the container's namespaces and cgroup.
    ///
    /// # Errors
    /// A container that does not run or is paused; whatever of the start failed, and then no process is left.
    pub fn exec(&self, host: &Host, options: ExecOptions<'_>) -> Result<Executed> {
        match self.status()? {
            Status::Running | Status::Created => {}
            Status::Paused if options.paused == Paused::Join => {}
            Status::Paused => return Err(self.paused()),
            status => {
                let message = format!("cannot exec in container {}: it is {status}", self.record.id);
                return Err(Error::of(ErrorKind::NotRunning, message));
            }
        }
        let spec = self.directory.config()?;
        let init = self.open_process()?;
        let pid = init.pid.as_raw_nonzero().get();
        let home = home::needs_home(options.process).then(|| find_home(pid, options.process)).flatten();
        let group = self.joined(pid, &options)?;
        let attach = group.as_ref().and_then(|group| self.unit_out_of_reach(host, group));
        let group = group.filter(|_| attach.is_none());
        let rdt = spec.linux.intel_rdt.as_ref().map(|rdt| (rdt, crate::resctrl::find()));
        let receiver = compile::receiver(&spec.annotations);
        let (filter, new_filter) = self.filter(&spec, receiver);
        let request = ExecRequest {
            id: &self.record.id,
            personality: spec.linux.personality.as_ref(),
            memory_policy: spec.linux.memory_policy.as_ref(),
            keyring: self.record.keyring,
            affinity: options.affinity,
            modules: SecurityModules::of(options.process),
            intel_rdt: rdt.as_ref().map(|(rdt, root)| (*rdt, root.as_deref())),
            process: options.process,
            seccomp: spec.linux.seccomp.as_ref(),
            filter: filter.as_ref(),
            receiver,
            pid,
            kinds: self.record.kinds(),
            in_group: group.as_ref().is_some_and(|group| group.tasks().next().is_some()),
            attach: attach.as_ref().map(|(unit, below)| (*unit, below.as_str())),
            groups: groups(pid).heeding(&self.record.annotations),
            home: home.as_deref(),
            preserve_fds: options.preserve_fds,
        };
        let (plan, warnings) = compile::exec(host, &request).map_err(Violations::without_file)?;
        let state = |_: &_| self.state(Status::Running);
        let surroundings = |group| Surroundings {
            record: options.record,
            state: Some(&state),
            hooks: &|_, _| Ok(()),
            observe: options.observe,
            signals: options.signals,
            directory: None,
            group,
            stdio: options.stdio,
        };
        let started = match execute(&plan, surroundings(group)) {
            // A container that has made groups below its own, for controllers, can have no process in its own.
            Err(error) if error.kind() == ErrorKind::GroupBusy && options.groups.is_empty() => {
                match self.group_of_first(pid)? {
                    Some(group) => execute(&plan, surroundings(Some(group)))?,
                    None => return Err(error),
                }
            }
            started => started?,
        };
        if let Some(key) = new_filter {
            key.keep(&plan);
        }
        Ok(Executed { started, warnings })
    }

    /// The compiled filter, or what to keep it under.
    fn filter(&self, spec: &Spec, receiver: Option<&str>) -> (Option<Filter>, Option<Key>) {
        let state = self.directory.path().parent();
        let section = spec.linux.seccomp.as_ref();
        let key = state.zip(section).and_then(|(state, section)| Key::of(state, section, receiver));
        match key.as_ref().and_then(Key::find) {
            None => (None, key),
            found => (found, None),
        }
    }

    fn paused(&self) -> Error {
        let message = format!("cannot exec in container {}: it is paused", self.record.id);
        Error::of(ErrorKind::Paused, message)
            .hint("resume it first; with --ignore-paused the process begins when that is done")
    }

    /// The group that the process joins.
    fn joined(&self, pid: i32, options: &ExecOptions<'_>) -> Result<Option<Group>> {
        let group = match self.group()? {
            // What was delegated to the container's processes is theirs to divide, as long as none is outside.
            group if options.groups.is_empty() && self.record.annotations.contains_key(compile::DELEGATE) => {
                return Ok(self.group_of_first(pid)?.or(group));
            }
            group if options.groups.is_empty() => return Ok(group),
            Some(group) => group.below(options.groups)?,
            None => {
                let message = format!("container {} has no cgroup", self.record.id);
                return Err(Error::new(message).hint("so there is none below it"));
            }
        };
        if options.paused == Paused::Refuse && group.freezer_state()? != FreezerState::Thawed {
            return Err(self.paused());
        }
        Ok(Some(group))
    }

    /// The group below the container's that its first process is in; none where it is in no such v2 group.
    fn group_of_first(&self, pid: i32) -> Result<Option<Group>> {
        let (Some(own), Some(group)) = (&self.record.cgroup, self.group()?) else { return Ok(None) };
        let path = format!("/proc/{pid}/cgroup");
        let table = std::fs::read_to_string(&path).during(format_args!("read {path}"))?;
        let now = table.lines().find_map(|line| line.strip_prefix("0::"));
        let below = now.and_then(|now| now.strip_prefix(own.as_str())).filter(|below| below.starts_with('/'));
        let Some(path) = below.and_then(|below| GroupPath::new(below).ok()) else { return Ok(None) };
        Ok(Some(group.below(&[SubGroup { controllers: Vec::new(), path }])?))
    }

    /// The unit, and the group below its own, where a process of this user's cannot be born in that group.
    fn unit_out_of_reach(&self, host: &Host, group: &Group) -> Option<(&Unit, String)> {
        let unit = self.record.unit.as_ref()?;
        // The user's systemd has v2 alone.
        let place = group.directories().find(|place| place.version == Version::V2)?;
        let path = place.path.get(place.base.len()..)?.trim_start_matches('/');
        let below = path.strip_prefix(unit.group.relative()).unwrap_or_default().to_owned();
        (!unit.is_in_reach(&host.cgroups)).then_some((unit, below))
    }

    /// The process section of the container's configuration, as the pattern of one for `exec`.
    ///
    /// # Errors
    /// The kept configuration cannot be read.
    pub fn process_pattern(&self) -> Result<ProcessSpec> {
        let spec = self.directory.config()?;
        spec.process.ok_or_else(|| Error::new("the container's configuration has no process"))
    }
}

/// Reads whether the user namespace of a process allows `setgroups(2)`, `user_namespaces(7)`.
fn groups(pid: i32) -> Groups {
    match std::fs::read_to_string(format!("/proc/{pid}/setgroups")) {
        Ok(word) if word.trim() != "deny" => Groups::Configured,
        // A process that has gone meanwhile is told of where it is joined.
        _ => Groups::Forbidden,
    }
}

fn find_home(pid: i32, process: &ProcessSpec) -> Option<String> {
    let root = open_directory(Path::new(&format!("/proc/{pid}/root"))).ok()?;
    Some(home::find(root.as_fd(), process.user.uid))
}
