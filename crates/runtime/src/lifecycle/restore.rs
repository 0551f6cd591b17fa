//! `restore`: the container's processes are made again from files.

use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use palisade_cgroup::Group;
use palisade_oci::state::Status;
use palisade_sys::clone;
use rustix::fs::{CWD, Mode, OFlags};
use rustix::mount::{MountPropagationFlags, mount_bind_recursive, mount_change};
use rustix::process::{Pid, PidfdFlags, Signal};

use super::create::{record, state, undo};
use super::{Container, CreateRequest, Created};
use crate::compile::Compiled;
use crate::criu::{self, Directories, ImageOptions, Kind, Notice, Restore, RestoreLabels, Session};
use crate::error::{During, Error, Result};
use crate::execute::{Process, Started, open_directory};
use crate::hooks;
use crate::host::Host;
use crate::plan::{HookKind, HostOp};
use crate::record::{Draft, ProcessRecord, Record};
use crate::scope::Unit;

impl Container {
    /// Makes a container whose processes criu makes from files, and which runs when this returns.
    ///
    /// # Errors
    /// Whatever failed first; then nothing is left of it.
    pub fn restore(
        host: &Host,
        request: &CreateRequest<'_>,
        images: &ImageOptions,
        labels: RestoreLabels<'_>,
    ) -> Result<Created> {
        criu::check_rights(host)?;
        let compiled = request.compile(host)?;
        let record = record(host, request, &compiled);
        let draft = Draft::begin(request.state, &record, &request.bundle.text)?;
        let mut work =
            Work { host, request, compiled: &compiled, record: &record, draft: &draft, terminal: None };
        match work.run(images, labels) {
            Ok((process, group)) => {
                let started = Started { process, terminal: work.terminal.take(), group };
                Created::new(draft, record, started, &compiled)
            }
            Err(error) => Err(undo(host, &request.bundle.spec, &record, &draft, error)),
        }
    }
}

struct Work<'a> {
    host: &'a Host,
    request: &'a CreateRequest<'a>,
    compiled: &'a Compiled,
    record: &'a Record,
    draft: &'a Draft,
    terminal: Option<OwnedFd>,
}

impl Work<'_> {
    fn run(&mut self, images: &ImageOptions, labels: RestoreLabels<'_>) -> Result<(Process, Option<Group>)> {
        let wanted = Restore {
            spec: &self.request.bundle.spec,
            plan: &self.compiled.plan,
            root: &self.compiled.root,
            group: self.compiled.plan.group.as_ref().map(|recipe| &recipe.path),
            labels,
        };
        // criu can mount nothing below directories that are not of its own mount namespace.
        let (session, options, directories) = begin_with_root(&self.compiled.root, || {
            let directories = Directories::open(images, "restore.log")?;
            let prepared = wanted.prepare(&directories, images)?;
            Ok((Session::begin(&prepared.descriptors())?, prepared.options, directories))
        })?;
        // criu's children are born where it is, whatever the images say.
        let group = Place::enter(self.compiled, session.pid()?)?;
        let restored = session
            .work(Kind::Restore, options, directories.log(), &mut |notice| self.heed(notice))
            .and_then(|pid| {
                open_process(pid.ok_or_else(|| Error::new("criu did not say which process it made"))?)
            });
        match restored {
            Ok(process) => Ok((process, group.keep())),
            Err(error) => {
                group.remove();
                Err(error)
            }
        }
    }

    /// Does what belongs to a moment of the restore.
    fn heed(&mut self, notice: Notice) -> Result<()> {
        match (notice.moment.as_str(), notice.pid) {
            ("setup-namespaces", Some(pid)) => {
                let pidfd = rustix::process::pidfd_open(pid, PidfdFlags::empty())
                    .during("pidfd_open of criu's process")?;
                self.run_hooks(&Process { pid, pidfd })
            }
            // Before the processes go on: from then on the container is found by other commands.
            ("post-restore", Some(pid)) => self.draft.add_process(ProcessRecord::of(pid)?),
            ("orphan-pts-master", _) => {
                self.terminal = notice.descriptor;
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn run_hooks(&self, process: &Process) -> Result<()> {
        let state = state(self.record, Status::Creating, Some(process));
        for kind in [HookKind::Prestart, HookKind::CreateRuntime] {
            hooks::run(self.host, &self.request.bundle.spec, kind, &state, None, None)?;
        }
        Ok(())
    }
}

fn open_process(pid: Pid) -> Result<Process> {
    let pidfd = rustix::process::pidfd_open(pid, PidfdFlags::empty())
        .during(format_args!("pidfd_open {}", pid.as_raw_nonzero()))?;
    Ok(Process { pid, pidfd })
}

/// The container's group, by whoever makes it.
#[derive(Default)]
struct Place {
    group: Option<Group>,
    unit: Option<Unit>,
}

impl Place {
    /// Makes the group with its limits and moves a process in.
    fn enter(compiled: &Compiled, pid: Pid) -> Result<Self> {
        let mut place = Self::default();
        match place.fill(compiled, pid) {
            Ok(()) => Ok(place),
            Err(error) => {
                place.remove();
                Err(error)
            }
        }
    }

    fn fill(&mut self, compiled: &Compiled, pid: Pid) -> Result<()> {
        let Some(recipe) = &compiled.plan.group else { return Ok(()) };
        let scope = compiled.plan.beside.iter().find_map(|step| match &step.op {
            HostOp::StartScope(scope) => Some(scope),
            _ => None,
        });
        if let Some(scope) = scope {
            scope.start(&mut scope.unit.of.connect()?, pid)?;
            self.unit = Some(scope.unit.clone());
            let group = self.group.insert(recipe.claim()?);
            group.adopt(recipe, pid)?;
            Ok(group.apply_limits(recipe)?)
        } else {
            Ok(self.group.insert(recipe.make()?).attach(pid)?)
        }
    }

    fn keep(self) -> Option<Group> {
        self.group
    }

    /// Ends and removes what a restore that failed has left; its error is the one to tell.
    fn remove(self) {
        if let Some(mut group) = self.group {
            let _killed = group.kill(Signal::KILL);
            let _removed = group.unmake();
        }
        if let Some(unit) = self.unit
            && let Ok(mut manager) = unit.of.connect()
        {
            let _removed = unit.remove(&mut manager);
        }
    }
}

/// Starts criu in a mount namespace where the root file system is a mount, which it has to be; on the host nothing is
/// mounted.
fn begin_with_root<T>(root: &Path, begin: impl FnOnce() -> Result<T>) -> Result<T> {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC;
    let outside = rustix::fs::openat(CWD, "/proc/thread-self/ns/mnt", flags, Mode::empty())
        .during("open /proc/thread-self/ns/mnt")?;
    // Entering a mount namespace leads to its root.
    let directory = open_directory(Path::new("."))?;
    clone::unshare(clone::CLONE_NEWNS).during("unshare a mount namespace for criu")?;
    let recursive = MountPropagationFlags::DOWNSTREAM | MountPropagationFlags::REC;
    let session = mount_change("/", recursive)
        .during("make / a slave mount for criu")
        .and_then(|()| mount_bind_recursive(root, root).during(format_args!("bind {}", root.display())))
        .and_then(|()| begin());
    clone::setns(outside.as_fd(), clone::CLONE_NEWNS).during("setns back into the mount namespace")?;
    rustix::process::fchdir(&directory).during("fchdir")?;
    session
}
