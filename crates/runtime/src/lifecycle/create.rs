//! `create` and the first half of `run`.

use std::os::fd::{BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use palisade_cgroup::Group;
use palisade_mount::OpenRoot;
use palisade_oci::state::{State, Status};
use palisade_oci::{Fault, Loaded, Spec, Timestamp};

use super::{Container, absolute, home};
use crate::compile::{self, Affinity, Begin, Compiled, Driver, EnterRoot, Keyring, Loopback, Request};
use crate::error::{During, Error, Result};
use crate::execute::{Event, Process, Started, Surroundings, execute};
use crate::filters::Key;
use crate::hooks;
use crate::host::Host;
use crate::id::ContainerId;
use crate::labels::SecurityModules;
use crate::listener;
use crate::plan::HookKind;
use crate::record::{Draft, ProcessRecord, Record};
use crate::resctrl;

/// A configuration with the directory that its relative paths are of.
#[derive(Debug, Clone)]
pub struct Bundle {
    /// The directory.
    pub directory: PathBuf,
    /// The configuration.
    pub spec: Spec,
    /// Its text, which is kept for the later verbs.
    pub text: Vec<u8>,
    /// What was left out of it when it was read, for the user to know.
    pub notes: Vec<Fault>,
}

impl Bundle {
    /// Reads `config.json` of a bundle.
    ///
    /// # Errors
    /// A file that is missing or not a configuration.
    pub fn load(directory: &Path) -> Result<Self> {
        Self::load_with(directory, &directory.join("config.json"))
    }

    /// Reads a bundle with a configuration of another name, or elsewhere.
    ///
    /// # Errors
    /// As [`Self::load`].
    pub fn load_with(directory: &Path, config: &Path) -> Result<Self> {
        let directory = absolute(directory)?;
        let path = absolute(config)?;
        let text = std::fs::read(&path).during(format_args!("read {}", path.display())).map_err(|error| {
            error.hint(
                "a bundle is a directory with config.json and a root file system; palisade spec writes one",
            )
        })?;
        let Loaded { spec, notes } = palisade_oci::parse_noting(&path.display().to_string(), &text)?;
        Ok(Self { directory, spec, text, notes })
    }
}

/// How a container is to be made.
pub struct CreateRequest<'a> {
    /// The state directory.
    pub state: &'a Path,
    /// Its id.
    pub id: &'a ContainerId,
    /// What it is.
    pub bundle: &'a Bundle,
    /// When its program begins.
    pub begin: Begin,
    /// How the root is entered.
    pub enter_root: EnterRoot,
    /// How many descriptors after stderr its program gets.
    pub preserve_fds: u32,
    /// A root file system in place of the configuration's.
    pub root: Option<OpenRoot>,
    /// What happens to the loopback interface of a new network namespace.
    pub loopback: Loopback,
    /// Which session keyring its program gets.
    pub keyring: Keyring,
    /// On which CPUs it begins.
    pub affinity: Affinity,
    /// Who makes its cgroup.
    pub driver: Driver,
    /// Whether its program can say that it is ready, by a configuration of [`crate::Notified`].
    pub says_ready: bool,
    /// A signal descriptor that is heeded meanwhile.
    pub signals: Option<BorrowedFd<'a>>,
    /// The standard descriptors where they are not the caller's own.
    pub stdio: Option<[BorrowedFd<'a>; 3]>,
    /// Is told each step that was done.
    pub observe: Option<&'a dyn Fn(Event)>,
}

/// A container that was made.
#[derive(Debug)]
pub struct Created {
    /// It.
    pub container: Container,
    /// Its first process.
    pub process: Process,
    /// The master of its terminal.
    pub terminal: Option<OwnedFd>,
    /// Its cgroup.
    pub group: Option<Group>,
    /// Things that a user should know though they are no errors.
    pub warnings: Vec<String>,
}

impl<'a> CreateRequest<'a> {
    /// Asks for a container of a bundle, and for nothing beside.
    #[must_use]
    pub fn plain(state: &'a Path, id: &'a ContainerId, bundle: &'a Bundle, begin: Begin) -> Self {
        Self {
            state,
            id,
            bundle,
            begin,
            enter_root: EnterRoot::Pivot,
            preserve_fds: 0,
            root: None,
            loopback: Loopback::Up,
            keyring: Keyring::Callers,
            affinity: Affinity::Callers,
            driver: Driver::FileSystem,
            says_ready: false,
            signals: None,
            stdio: None,
            observe: None,
        }
    }

    /// Works out the plan, without doing anything.
    ///
    /// # Errors
    /// All that is wrong with the configuration.
    pub fn compile(&self, host: &Host) -> Result<Compiled> {
        let spec = &self.bundle.spec;
        let section = spec.linux.seccomp.as_ref();
        let receiver = compile::receiver(&spec.annotations);
        let key = section.and_then(|section| Key::of(self.state, section, receiver));
        let filter = key.as_ref().and_then(Key::find);
        let request = Request {
            id: self.id,
            bundle: &self.bundle.directory,
            begin: self.begin,
            enter_root: self.enter_root,
            home: home::find_in_root(spec, &self.bundle.directory),
            preserve_fds: self.preserve_fds,
            root: self.root.clone(),
            loopback: self.loopback,
            keyring: self.keyring,
            affinity: self.affinity,
            driver: self.driver,
            resctrl: spec.linux.intel_rdt.as_ref().and_then(|_| resctrl::find()),
            modules: SecurityModules::of_container(spec),
            filter: filter.as_ref(),
        };
        let mut compiled = compile::container(spec, host, &request)?;
        compiled.new_filter = key.filter(|_| filter.is_none());
        let notes = self.bundle.notes.iter().map(|note| format!("{note}; it is left out"));
        compiled.warnings.splice(..0, notes);
        Ok(compiled)
    }
}

impl Created {
    /// Puts a container together whose process runs or waits for `start`.
    pub(super) fn new(draft: Draft, record: Record, started: Started, compiled: &Compiled) -> Result<Self> {
        let Started { process, terminal, group } = started;
        let container = Container {
            process: Some(ProcessRecord::of(process.pid)?),
            directory: draft.directory,
            record,
            being_made: false,
        };
        Ok(Self { container, process, terminal, group, warnings: compiled.warnings.clone() })
    }
}

impl Container {
    /// Makes a container. With [`Begin::AtOnce`] its program runs when this returns, otherwise it waits for
    /// [`Container::start`].
    ///
    /// # Errors
    /// Whatever failed first; then nothing is left of it.
    pub fn create(host: &Host, request: CreateRequest<'_>) -> Result<Created> {
        let compiled = request.compile(host)?;
        Self::create_compiled(host, request, &compiled)
    }

    /// Makes a container of a plan that was worked out before.
    ///
    /// # Errors
    /// As [`Self::create`].
    pub fn create_compiled(host: &Host, request: CreateRequest<'_>, compiled: &Compiled) -> Result<Created> {
        check_root(&request, compiled)?;
        check_agent(&request)?;
        let record = record(host, &request, compiled);
        let draft = Draft::begin(request.state, &record, &request.bundle.text)?;
        let spec = &request.bundle.spec;
        match make(host, request, compiled, &record, &draft) {
            Ok(started) => {
                if let Some(key) = &compiled.new_filter {
                    key.keep(&compiled.plan);
                }
                Created::new(draft, record, started, compiled)
            }
            Err(error) => Err(undo(host, spec, &record, &draft, error)),
        }
    }
}

/// Removes what is on record of a container that was not made. Its poststop hooks undo what its other hooks may have
/// done.
pub(super) fn undo(host: &Host, spec: &Spec, record: &Record, draft: &Draft, error: Error) -> Error {
    let mut also: Vec<String> = draft.directory.remove().err().iter().map(Error::to_string).collect();
    also.extend(hooks::run_poststop(host, spec, &state(record, Status::Stopped, None)));
    match also.as_slice() {
        [] => error,
        also => error.hint(format_args!("and {}", also.join("; "))),
    }
}

/// What hooks are told of a container that is being made.
pub(super) fn state(record: &Record, status: Status, process: Option<&Process>) -> State {
    State {
        oci_version: record.oci_version.clone(),
        id: record.id.to_string(),
        status,
        pid: process.and_then(|process| u32::try_from(process.pid.as_raw_nonzero().get()).ok()),
        bundle: record.bundle.clone(),
        annotations: record.annotations.clone(),
    }
}

fn make(
    host: &Host,
    request: CreateRequest<'_>,
    compiled: &Compiled,
    record: &Record,
    draft: &Draft,
) -> Result<Started> {
    let spec = &request.bundle.spec;
    if request.says_ready {
        crate::notify::make_folder(draft.directory.descriptor())?;
    }
    let add = |process: &Process| draft.add_process(ProcessRecord::of(process.pid)?);
    let run_hooks = |kind: HookKind, process: &Process| {
        // These belong to the start, which finds a container that is created.
        let status = if kind == HookKind::StartContainer { Status::Created } else { Status::Creating };
        let state = state(record, status, Some(process));
        hooks::run(host, spec, kind, &state, Some((process, record.kinds())), request.signals)
    };
    let surroundings = Surroundings {
        record: &add,
        state: Some(&|process| state(record, Status::Creating, Some(process))),
        hooks: &run_hooks,
        observe: request.observe,
        signals: request.signals,
        directory: Some(draft.directory.descriptor()),
        group: None,
        stdio: request.stdio,
    };
    execute(&compiled.plan, surroundings)
}

/// A missing root file system is the most usual mistake, and init would word it less well.
fn check_root(request: &CreateRequest<'_>, compiled: &Compiled) -> Result<()> {
    if request.root.is_some() {
        return Ok(());
    }
    let root = &compiled.root;
    match rustix::fs::statat(rustix::fs::CWD, root, rustix::fs::AtFlags::empty()) {
        Ok(status) if rustix::fs::FileType::from_raw_mode(status.st_mode).is_dir() => Ok(()),
        Ok(_) => Err(Error::new(format!("/root/path: {} is not a directory", root.display()))),
        Err(errno) => Err(Error::call(format_args!("/root/path: open {}", root.display()), errno)
            .hint("the directory with the container's file system")),
    }
}

/// An agent is only told at the start, when the filter is loaded; that there is none is to be known by then.
fn check_agent(request: &CreateRequest<'_>) -> Result<()> {
    match compile::agent(&request.bundle.spec) {
        Some(agent) if request.begin == Begin::OnStart => {
            listener::check(&agent).map_err(|error| error.context("/linux/seccomp/listenerPath"))
        }
        _ => Ok(()),
    }
}

pub(super) fn record(host: &Host, request: &CreateRequest<'_>, compiled: &Compiled) -> Record {
    let spec = &request.bundle.spec;
    let namespaces = spec.linux.namespaces.iter();
    let mut names: Vec<String> = namespaces.map(|namespace| namespace.kind.word().to_owned()).collect();
    names.sort();
    Record {
        oci_version: spec.version.clone(),
        id: request.id.clone(),
        bundle: request.bundle.directory.clone(),
        rootfs: compiled.root.clone(),
        created: Timestamp::now(),
        annotations: spec.annotations.clone(),
        cgroup: compiled.group.clone(),
        unit: compiled.unit.clone(),
        namespaces: names,
        owner: host.uid,
        keyring: request.keyring,
        resctrl: compiled.plan.owned_classes(),
        ending: super::delete::ending(spec),
    }
}
