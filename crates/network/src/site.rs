use std::cell::OnceCell;
use std::fmt;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::PathBuf;

use palisade_namespace::{Handle, Kind, Target};
use palisade_sys::clone;
use palisade_sys::shell::quote;
use rustix::io::Errno;
use rustix::process::Pid;

use crate::error::{During, Error, Result};
use crate::name::Name;
use crate::netlink::Socket;

/// Which network namespace is meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// That of the calling thread.
    Own,
    /// One with a name.
    Name(Name),
    /// That of a process.
    Process(Pid),
}

/// A network namespace that is worked in; it is opened when it is needed first, and kept alive from then on.
#[derive(Debug)]
pub struct Site {
    place: Place,
    handle: OnceCell<Handle>,
    socket: OnceCell<Socket>,
}

impl Site {
    /// Names a namespace; whether it is there shows when it is used.
    #[must_use]
    pub const fn new(place: Place) -> Self {
        Self { place, handle: OnceCell::new(), socket: OnceCell::new() }
    }

    /// Returns which one it is.
    #[must_use]
    pub const fn place(&self) -> &Place {
        &self.place
    }

    /// Tells whether it is there to be opened.
    #[must_use]
    pub fn exists(&self) -> bool {
        self.handle().is_ok()
    }

    /// Returns the namespace, opened.
    ///
    /// # Errors
    /// A name that is not there or is no network namespace's, a process that has ended.
    pub fn handle(&self) -> Result<&Handle> {
        if let Some(handle) = self.handle.get() {
            return Ok(handle);
        }
        let handle = open(&self.place)?;
        Ok(self.handle.get_or_init(|| handle))
    }

    /// Returns a socket to the kernel about the namespace.
    ///
    /// # Errors
    /// As [`Self::handle`], and EPERM without CAP_SYS_ADMIN over the namespace and over the caller's own.
    pub fn socket(&self) -> Result<&Socket> {
        if let Some(socket) = self.socket.get() {
            return Ok(socket);
        }
        let socket = match &self.place {
            Place::Own => Socket::open(),
            _ => within(self.handle()?, Socket::open)?,
        };
        let socket = socket.during("socket of rtnetlink")?;
        Ok(self.socket.get_or_init(|| socket))
    }

    /// Returns the words that a shell command about the namespace begins with.
    pub(crate) fn ip(&self) -> String {
        match &self.place {
            Place::Own => "ip".to_owned(),
            Place::Name(name) => format!("ip -n {}", quote(name.as_str())),
            Place::Process(pid) => format!("nsenter --net=/proc/{}/ns/net ip", pid.as_raw_nonzero()),
        }
    }

    /// Returns the word by which `ip link` is told where a device goes.
    pub(crate) fn word(&self) -> String {
        match &self.place {
            Place::Own => "$$".to_owned(),
            Place::Name(name) => quote(name.as_str()),
            Place::Process(pid) => pid.as_raw_nonzero().to_string(),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Own => f.write_str("the own network namespace"),
            Self::Name(name) => write!(f, "network namespace {name}"),
            Self::Process(pid) => write!(f, "the network namespace of process {}", pid.as_raw_nonzero()),
        }
    }
}

/// Finds a process that is in the machine's first network namespace: process 1, and where the caller may not look at
/// that, the kernel's own thread.
///
/// In a pid namespace of a container's it is the container's first process.
#[must_use]
pub fn host() -> Pid {
    let kernel = Pid::from_raw(2).filter(|_| !is_open_to_us(Pid::INIT) && is_kernel_thread());
    kernel.unwrap_or(Pid::INIT)
}

fn is_open_to_us(pid: Pid) -> bool {
    rustix::fs::stat(format!("/proc/{}/ns/net", pid.as_raw_nonzero())).is_ok()
}

/// Tells whether process 2 is the thread that all others of the kernel come from, and so never leaves its namespaces.
fn is_kernel_thread() -> bool {
    /// `PF_KTHREAD` of `linux/sched.h`.
    const KERNEL: u64 = 0x20_0000;
    // What is behind the name: state, parent, group, session, terminal and its group, flags.
    let text = std::fs::read_to_string("/proc/2/stat").unwrap_or_default();
    let flags = text.rsplit_once(") ").and_then(|(_, rest)| rest.split(' ').nth(6)?.parse().ok());
    flags.is_some_and(|flags: u64| flags & KERNEL != 0)
}

/// Opens a network namespace, known to be one.
fn open(place: &Place) -> Result<Handle> {
    let path = match place {
        Place::Own => PathBuf::from("/proc/thread-self/ns/net"),
        Place::Name(name) => name.path(),
        Place::Process(pid) => PathBuf::from(format!("/proc/{}/ns/net", pid.as_raw_nonzero())),
    };
    palisade_namespace::open(Kind::Net, &Target::Path(path.clone())).map_err(|error| {
        let what = format!("open {}", path.display());
        match (error.errno(), place) {
            (Some(errno), place) => explained(what, errno, place),
            (None, _) => Error::rule(what, "it is a namespace of another kind"),
        }
    })
}

/// Says why a namespace cannot be opened or entered.
pub(crate) fn explained(what: String, errno: Errno, place: &Place) -> Error {
    let error = Error::call(what, errno);
    match (errno, place) {
        (Errno::NOENT, Place::Name(_)) => {
            error.hint("no network namespace has that name, see pal netns list")
        }
        (Errno::NOENT, Place::Process(pid)) => {
            error.hint(format_args!("no process {}", pid.as_raw_nonzero()))
        }
        (Errno::NOTTY | Errno::INVAL, _) => error
            .hint("the file is no network namespace; after a reboot or a crash it may be a name's remains"),
        (Errno::ACCESS | Errno::PERM, Place::Process(_)) => {
            error.hint("needs the rights to trace the process: its user's, or CAP_SYS_PTRACE")
        }
        (Errno::PERM, _) => error.hint(RIGHTS),
        _ => error,
    }
}

/// What entering takes, and the way out.
pub(crate) const RIGHTS: &str = "needs CAP_SYS_ADMIN in the user namespace that owns it and in the own one; for a network of your own: pal ns new \
     --user --net";

/// Does something in a network namespace, and comes back.
fn within<T>(target: &Handle, work: impl FnOnce() -> T) -> Result<T> {
    let home = open(&Place::Own)?;
    let enter = |handle: &Handle| enter(handle.as_fd());
    enter(target).map_err(|errno| Error::call("setns into the network namespace", errno).hint(RIGHTS))?;
    let result = work();
    enter(&home).during("setns back to the own network namespace")?;
    Ok(result)
}

pub(crate) fn enter(namespace: BorrowedFd<'_>) -> std::result::Result<(), Errno> {
    clone::setns(namespace, clone::CLONE_NEWNET)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_own_namespace_is_opened_without_rights() {
        let site = Site::new(Place::Own);
        assert!(site.handle().unwrap().same(&Handle::current(Kind::Net).unwrap()).unwrap());
        assert!(site.socket().is_ok() && site.exists());
        assert_eq!((site.ip().as_str(), site.word().as_str()), ("ip", "$$"));
    }

    #[test]
    fn what_is_not_there_is_named() {
        let process = Site::new(Place::Process(Pid::from_raw(i32::MAX).unwrap()));
        let line = "open /proc/2147483647/ns/net: ENOENT (no such file or directory; no process 2147483647)";
        assert_eq!(process.handle().unwrap_err().to_string(), line);
        let name = Site::new(Place::Name(Name::new("no such name").unwrap()));
        assert!(!name.exists());
        assert_eq!(name.ip(), "ip -n 'no such name'");
    }
}
