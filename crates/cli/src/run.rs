//! `run`: from flags to a container in the foreground, in the background, or only shown.

use std::fs::File;
use std::io::Write;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use palisade_runtime::compile::{Affinity, Begin, Compiled, Driver, EnterRoot, Keyring, Loopback};
use palisade_runtime::{
    Bundle, Container, ContainerId, CreateRequest, Created, End, Error, Event, Explain, Force, Foreground,
    Host, Relay, Result, Store, ran_out_of_memory,
};
use palisade_sys::signal;
use serde::{Deserialize, Serialize};

use crate::arguments::RunArguments;
use crate::config::{self, Facts};
use crate::host_image::host_image;
use crate::image::Image;
use crate::machine::Machine;
use crate::output::{print, say};
use crate::user::Database;

/// All that is to be done, worked out from the flags: plain data, which a process in the background can be handed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Order {
    pub(crate) id: ContainerId,
    pub(crate) image: Image,
    pub(crate) hostname: String,
    /// The configuration as text.
    pub(crate) config: String,
    /// The limit of memory as it is told to a person.
    pub(crate) memory: Option<String>,
    pub(crate) input: Input,
    pub(crate) keep: Keep,
}

/// What the program reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Input {
    /// What the caller reads.
    Caller,
    /// Nothing.
    Nothing,
}

/// Whether what is known of a container stays when it has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Keep {
    Yes,
    No,
}

impl Order {
    /// Works out what is to be done.
    pub(crate) fn new(flags: &RunArguments, host: &Host, store: &Store) -> Result<Self> {
        check(flags)?;
        let image = Image::parse(&flags.image)?;
        let id = crate::name::choose(flags.name.as_deref(), store)?;
        let database = Database::read(image.directory())?;
        let account = database.find(flags.user.as_deref()).map_err(|error| error.context("--user"))?;
        let machine = Machine::read()?;
        // A name may be longer than the kernel takes one of a host.
        let of_name = || id.as_str().chars().take(HOST_NAME_MAX).collect();
        let hostname = flags.hostname.clone().unwrap_or_else(of_name);
        let facts = Facts {
            host,
            machine: &machine,
            controllers: config::controllers(host),
            name: id.as_str(),
            hostname: &hostname,
            image: &image,
            account: &account,
        };
        let config = config::build(flags, &facts)?.to_string();
        Ok(Self {
            hostname,
            id,
            image,
            config,
            memory: flags.limits.memory.map(|memory| memory.to_string()),
            input: if flags.interactive { Input::Caller } else { Input::Nothing },
            keep: if flags.detach && !flags.rm { Keep::Yes } else { Keep::No },
        })
    }

    /// The configuration in the form that the runtime takes.
    pub(crate) fn bundle(&self, store: &Store) -> Result<Bundle> {
        let text = self.config.clone().into_bytes();
        let spec = palisade_oci::parse("the configuration made of the flags", &text)?;
        Ok(Bundle { directory: store.root().join(self.id.as_str()), spec, text, notes: Vec::new() })
    }

    /// What the runtime is asked for, with nobody watching.
    pub(crate) fn request<'a>(
        &'a self,
        host: &Host,
        store: &'a Store,
        bundle: &'a Bundle,
    ) -> Result<CreateRequest<'a>> {
        let root = match &self.image {
            Image::Directory(_) => None,
            Image::Host => {
                let image = host_image(host.rights(), &bundle.directory, &self.hostname)?;
                if !image.read_only.is_empty() {
                    let list = image.read_only.join(" ");
                    say(format_args!(
                        "@host: {list} read-only, as mounts below or a kernel without overlay bar one for an ordinary user"
                    ));
                }
                Some(image.root)
            }
        };
        Ok(CreateRequest {
            state: store.root(),
            id: &self.id,
            bundle,
            begin: Begin::AtOnce,
            enter_root: EnterRoot::Pivot,
            preserve_fds: 0,
            root,
            loopback: Loopback::Up,
            keyring: Keyring::Own,
            affinity: Affinity::Callers,
            driver: Driver::FileSystem,
            says_ready: false,
            signals: None,
            stdio: None,
            observe: None,
        })
    }
}

/// Runs the verb.
pub(crate) fn run(flags: &RunArguments, store: &Store) -> Result<u8> {
    let host = Host::probe()?;
    let order = Order::new(flags, &host, store)?;
    if flags.dry_run {
        return show(flags, &order, &host, store);
    }
    if flags.detach {
        return crate::background::launch(&order, store);
    }
    foreground(flags, &order, &host, store)
}

/// Says what would be done, without doing it.
fn show(flags: &RunArguments, order: &Order, host: &Host, store: &Store) -> Result<u8> {
    let bundle = order.bundle(store)?;
    let compiled = compile(&order.request(host, store, &bundle)?, host)?;
    let steps = compiled.plan.steps();
    let mut text = format!(
        "would run {} in {} as {}, in {} steps",
        compiled.plan.program().unwrap_or_default(),
        order.image.name(),
        order.id,
        steps.len()
    );
    match &compiled.group {
        Some(group) => text.push_str(&format!(", in the cgroup {group}\n")),
        None => text.push_str(", without a cgroup\n"),
    }
    if flags.explain {
        for step in &steps {
            text.push_str(&format!("{}\n", step.line()));
            step.shell.iter().for_each(|command| text.push_str(&format!("      {command}\n")));
        }
    }
    print(&text)?;
    Ok(0)
}

/// Works out the plan; what is wrong is told by the flags that led to it.
pub(crate) fn compile(request: &CreateRequest<'_>, host: &Host) -> Result<Compiled> {
    let compiled = request.compile(host).map_err(|error| name_flags(&error))?;
    compiled.warnings.iter().for_each(say);
    Ok(compiled)
}

/// Places of the configuration with the flags that fill them.
const FLAGS: [(&str, &str); 13] = [
    ("/process/user", "--user"),
    ("/process/cwd", "--workdir"),
    ("/process/env", "--env"),
    ("/process/rlimits", "--ulimit"),
    ("/hostname", "--hostname"),
    ("/linux/sysctl", "--sysctl"),
    ("/linux/cgroupsPath", "--cgroup-parent"),
    ("/linux/resources/memory", "--memory"),
    ("/linux/resources/cpu", "--cpus"),
    ("/linux/resources/pids", "--pids-limit"),
    ("/linux/devices", "--device"),
    ("/linux/seccomp", "--security-opt seccomp"),
    ("/mounts", "-v or --tmpfs"),
];

/// Names the flag in front of an error about a place of the configuration.
pub(crate) fn name_flags(error: &Error) -> Error {
    let message = error.to_string();
    let message = message.strip_prefix("config.json: ").unwrap_or(&message);
    let message = message.strip_prefix("/process/args: ").unwrap_or(message);
    match FLAGS.iter().find(|(pointer, _)| message.starts_with(pointer)) {
        Some((_, flag)) => Error::of(error.kind(), format!("{flag}: {message}")),
        None => Error::of(error.kind(), message),
    }
}

/// Flags that contradict each other.
fn check(flags: &RunArguments) -> Result<()> {
    if flags.detach && flags.interactive {
        return Err(
            Error::new("-d and -i exclude each other").hint("a container of the background reads nothing")
        );
    }
    if flags.detach && flags.explain && !flags.dry_run {
        return Err(Error::new("-d and --explain exclude each other")
            .hint("there is nobody to tell, but with --dry-run"));
    }
    let allowed = |character: char| character.is_ascii_alphanumeric() || "-._".contains(character);
    match &flags.hostname {
        Some(name) if name.is_empty() || name.len() > HOST_NAME_MAX || !name.chars().all(allowed) => {
            Err(Error::new(format!("--hostname {name:?}: wanted at most 64 letters, digits and - . _")))
        }
        _ => Ok(()),
    }
}

/// The longest name that `sethostname(2)` takes.
const HOST_NAME_MAX: usize = 64;

/// How many times a person may ask in vain before the program is killed.
pub(crate) const PATIENCE: u32 = 2;

/// Relays a terminal, in both directions or its output alone.
pub(crate) fn relay(master: OwnedFd, interactive: bool) -> Result<Relay> {
    if interactive { Relay::begin(master) } else { Relay::begin_output(master) }
}

fn foreground(flags: &RunArguments, order: &Order, host: &Host, store: &Store) -> Result<u8> {
    let bundle = order.bundle(store)?;
    let _mask = signal::block_all();
    let signals = signal::descriptor().map_err(|errno| Error::call("signalfd", errno))?;
    let nothing = open_null()?;
    let mut request = order.request(host, store, &bundle)?;
    request.signals = Some(signals.as_fd());
    if order.input == Input::Nothing {
        request.stdio = Some([nothing.as_fd(), rustix::stdio::stdout(), rustix::stdio::stderr()]);
    }
    let compiled = compile(&request, host)?;
    let explain = flags.explain.then(|| Explain::new(&compiled.plan));
    let observe = |event: Event| {
        if let Some(text) = explain.as_ref().and_then(|explain| explain.text(event)) {
            // A reader that has gone away must not end the start half way.
            let _told = writeln!(std::io::stderr().lock(), "{text}");
        }
    };
    if flags.explain {
        request.observe = Some(&observe);
    }
    let mut created =
        Container::create_compiled(host, request, &compiled).map_err(|error| name_flags(&error))?;
    match attend(&mut created, signals.as_fd(), order) {
        Ok(end) => {
            let Created { container, group, .. } = created;
            if let Some(group) = &group
                && ran_out_of_memory(group)?
            {
                say(out_of_memory(order));
            }
            container.delete_ended(host, &bundle.spec, group)?.iter().for_each(say);
            Ok(end.code())
        }
        Err(error) => match created.container.delete(Force::Yes) {
            Ok(_) => Err(error),
            Err(also) => Err(error.hint(format_args!("and the container could not be removed: {also}"))),
        },
    }
}

/// Stays with the program until it ends.
fn attend(created: &mut Created, signals: BorrowedFd<'_>, order: &Order) -> Result<End> {
    let interactive = order.input == Input::Caller;
    let relay = created.terminal.take().map(|master| relay(master, interactive)).transpose()?;
    Foreground { process: &created.process, signals, relay, patience: Some(PATIENCE) }.wait()
}

/// Says that the kernel ended processes for want of memory.
pub(crate) fn out_of_memory(order: &Order) -> String {
    match &order.memory {
        Some(limit) => format!("out of memory, limit {limit}"),
        None => "out of memory".to_owned(),
    }
}

/// Opens `/dev/null` for reading.
pub(crate) fn open_null() -> Result<File> {
    let path = Path::new("/dev/null");
    File::open(path).map_err(|error| Error::new(format!("open {}: {error}", path.display())))
}
