//! Where a systemd listens.

use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType};

use crate::message::Peer;
use crate::{Error, ErrorKind};

/// Whose systemd.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Instance {
    /// The machine's, process 1.
    System,
    /// The user's own, `user@.service(5)`.
    User,
}

/// A socket, and who listens there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Address {
    pub(crate) name: Name,
    pub(crate) peer: Peer,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Name {
    File(PathBuf),
    /// A name that no file stands for, `unix(7)`.
    Abstract(String),
}

/// What the addresses depend on.
#[derive(Debug, Clone, Default)]
pub(crate) struct Environment {
    pub(crate) system_bus: Option<String>,
    pub(crate) session_bus: Option<String>,
    pub(crate) runtime_directory: Option<PathBuf>,
    pub(crate) uid: u32,
}

impl Environment {
    pub(crate) fn of_this_process() -> Self {
        let text = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        Self {
            system_bus: text("DBUS_SYSTEM_BUS_ADDRESS"),
            session_bus: text("DBUS_SESSION_BUS_ADDRESS"),
            runtime_directory: text("XDG_RUNTIME_DIR").map(PathBuf::from),
            uid: rustix::process::geteuid().as_raw(),
        }
    }
}

/// Lists where to try, the bus first and then systemd's own socket, which also listens where there is no bus.
pub(crate) fn candidates(instance: Instance, environment: &Environment) -> Vec<Address> {
    let file = |path: &Path, peer| Address { name: Name::File(path.to_owned()), peer };
    let (named, usual, private) = match instance {
        Instance::System => {
            let private = PathBuf::from("/run/systemd/private");
            (&environment.system_bus, PathBuf::from("/run/dbus/system_bus_socket"), private)
        }
        Instance::User => {
            let fall_back = || PathBuf::from(format!("/run/user/{}", environment.uid));
            let directory = environment.runtime_directory.clone().unwrap_or_else(fall_back);
            (&environment.session_bus, directory.join("bus"), directory.join("systemd/private"))
        }
    };
    let bus = match named {
        Some(list) => parse(list),
        None => vec![file(&usual, Peer::Bus)],
    };
    bus.into_iter().chain([file(&private, Peer::Systemd)]).collect()
}

/// Reads a list of addresses; those of other transports than Unix sockets are passed over.
fn parse(list: &str) -> Vec<Address> {
    let name = |address: &str| {
        let pairs = address.strip_prefix("unix:")?;
        pairs.split(',').find_map(|pair| match pair.split_once('=')? {
            ("path", path) => Some(Name::File(PathBuf::from(unescape(path)))),
            ("abstract", name) => Some(Name::Abstract(unescape(name))),
            _ => None,
        })
    };
    list.split(';').filter_map(name).map(|name| Address { name, peer: Peer::Bus }).collect()
}

/// Reads `%20` and the like.
fn unescape(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, tail)) = rest.split_first() {
        let digits = tail.get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
        let byte = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()).filter(|_| *first == b'%');
        out.push(byte.unwrap_or(*first));
        rest = if byte.is_some() { tail.get(2..).unwrap_or_default() } else { tail };
    }
    String::from_utf8_lossy(&out).into_owned()
}

impl Address {
    /// Connects, without waiting for longer than until `deadline`.
    pub(crate) fn connect(&self, deadline: Instant) -> Result<OwnedFd, Error> {
        /// Between two tries where the queue of the listener is full.
        const PAUSE: Duration = Duration::from_millis(20);
        let address = match &self.name {
            Name::File(path) => SocketAddrUnix::new(path.as_path()),
            Name::Abstract(name) => SocketAddrUnix::new_abstract_name(name.as_bytes()),
        };
        let failed = |errno| Error::call(format_args!("connect to {self}"), errno);
        let address = address.map_err(failed)?;
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let socket = rustix::net::socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)
            .map_err(|errno| Error::call("socket", errno))?;
        loop {
            match rustix::net::connect(&socket, &address) {
                Ok(()) => return Ok(socket),
                Err(Errno::AGAIN) if Instant::now() < deadline => std::thread::sleep(PAUSE),
                Err(Errno::INTR) => {}
                Err(Errno::NOENT | Errno::CONNREFUSED) => {
                    return Err(Error::new(ErrorKind::Absent, format!("nobody listens at {self}")));
                }
                Err(errno) => return Err(failed(errno)),
            }
        }
    }
}

impl std::fmt::Display for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.name {
            Name::File(path) => path.display().fmt(f),
            Name::Abstract(name) => write!(f, "@{name}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(instance: Instance, environment: &Environment) -> Vec<String> {
        candidates(instance, environment).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn the_usual_places() {
        let environment = Environment { uid: 1000, ..Environment::default() };
        assert_eq!(
            names(Instance::System, &environment),
            ["/run/dbus/system_bus_socket", "/run/systemd/private"]
        );
        assert_eq!(
            names(Instance::User, &environment),
            ["/run/user/1000/bus", "/run/user/1000/systemd/private"]
        );
    }

    #[test]
    fn the_environment_goes_first() {
        let environment = Environment {
            session_bus: Some("tcp:host=x;unix:guid=1,path=/run/a%20b;unix:abstract=name,guid=2".to_owned()),
            runtime_directory: Some("/run/me".into()),
            ..Environment::default()
        };
        assert_eq!(names(Instance::User, &environment), ["/run/a b", "@name", "/run/me/systemd/private"]);
    }
}
