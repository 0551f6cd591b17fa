//! Which namespaces are entered.

use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use palisade_namespace::{Handle, Kind, Kinds, Pins};
use palisade_runtime::{Error, Result, Store};
use rustix::fs::{Mode, OFlags};
use rustix::process::{Pid, PidfdFlags, pidfd_open};

use crate::arguments::ns::Enter;
use crate::flags::NamespaceTarget;
use crate::ns::keep::directory;
use crate::ns::kinds::{differing, gone};

/// Namespaces that are entered.
pub(super) enum Destination {
    /// Those of a process, by one call.
    Process { pid: u32, pidfd: OwnedFd, kinds: Kinds },
    /// Those behind files, one by one.
    Files(Vec<(Kind, PathBuf)>),
}

impl Destination {
    pub(super) fn kinds(&self) -> Kinds {
        match self {
            Self::Process { kinds, .. } => *kinds,
            Self::Files(files) => files.iter().map(|(kind, _)| *kind).collect(),
        }
    }
}

/// Finds what the command line names.
pub(super) fn find(verb: &Enter, store: &Store) -> Result<Destination> {
    let named = verb.kinds.kinds();
    match &verb.target {
        NamespaceTarget::Process(process) => by_process(process.pid(store)?, named),
        NamespaceTarget::Pin(name) => {
            let mut files = Pins::new(directory(store)).find(&name.0)?;
            if named != Kinds::NONE {
                if let Some(missing) = named.iter().find(|kind| !files.iter().any(|(kept, _)| kept == kind)) {
                    return Err(Error::new(format!("no {missing} namespace is kept under {}", name.0)));
                }
                files.retain(|(kind, _)| named.contains(*kind));
            }
            Ok(Destination::Files(files))
        }
        NamespaceTarget::File(path) => by_file(path.as_ref(), named),
    }
}

/// The descriptor comes first: from then on the number cannot mean another process unnoticed.
fn by_process(process: Pid, named: Kinds) -> Result<Destination> {
    let pid = process.as_raw_nonzero().get().unsigned_abs();
    let pidfd = pidfd_open(process, PidfdFlags::empty()).map_err(|errno| match errno {
        rustix::io::Errno::SRCH => Error::call(format_args!("find process {pid}"), errno)
            .hint("it has ended, or there never was one of that number"),
        // The number of a thread.
        _ => Error::call(format_args!("pidfd_open {pid}"), errno),
    })?;
    let kinds = match named {
        Kinds::NONE => differing(pid)?,
        named => without_own_user(pid, named)?,
    };
    Ok(Destination::Process { pid, pidfd, kinds })
}

/// The kernel refuses to enter the user namespace that one is in; of all kinds it is left out.
fn without_own_user(pid: u32, named: Kinds) -> Result<Kinds> {
    if named != crate::ns::kinds::every() {
        return Ok(named);
    }
    let number = |pid| palisade_namespace::number_of(pid, "user");
    let is_own = number(pid).map_err(|error| gone(pid, error))? == number(std::process::id())?;
    Ok(if is_own { named.without(Kind::User) } else { named })
}

fn by_file(path: &Path, named: Kinds) -> Result<Destination> {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOCTTY | OFlags::NONBLOCK;
    let file = rustix::fs::open(path, flags, Mode::empty())
        .map_err(|errno| Error::call(format_args!("open {}", path.display()), errno))?;
    let kind = Handle::from_fd(file)
        .map_err(|error| Error::from(error).context(format_args!("{} is no namespace", path.display())))?
        .kind();
    if named != Kinds::NONE && named != Kinds::NONE.with(kind) {
        return Err(Error::new(format!("{} is a namespace of kind {kind} alone", path.display())));
    }
    Ok(Destination::Files(vec![(kind, path.to_owned())]))
}
