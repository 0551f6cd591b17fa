use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use palisade_sys::clone::setns;
use palisade_sys::nsfs;
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;

use crate::{Error, Kind, Target};

/// The file system type of namespace files, `NSFS_MAGIC` of `linux/magic.h`.
const NSFS_MAGIC: u64 = 0x6e73_6673;

/// What tells two namespaces apart: the device and inode of their files, as `stat(2)` gives them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Identity {
    /// The device of nsfs.
    pub device: u64,
    /// The number that `/proc/PID/ns/*` links show in brackets.
    pub inode: u64,
}

/// An open namespace, known to be one and to be of its kind; it keeps the namespace alive.
#[derive(Debug)]
pub struct Handle {
    kind: Kind,
    fd: OwnedFd,
}

/// Opens the namespace that `target` names and checks that it is of `kind`.
///
/// # Errors
/// What cannot be opened, is no namespace, or is one of another kind. The check needs Linux 4.11.
pub fn open(kind: Kind, target: &Target) -> Result<Handle, Error> {
    let path = target.path(kind);
    let what = || format!("open {} namespace {}", kind, path.display());
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOCTTY | OFlags::NONBLOCK;
    let fd = rustix::fs::open(&path, flags, Mode::empty())
        .map_err(|errno| hinted(Error::system(what(), errno), kind, target, errno))?;
    let found = kind_of(&fd).map_err(|errno| {
        let error = Error::system(what(), errno);
        if errno == Errno::NOTTY { error.hint("the file is not a namespace") } else { error }
    })?;
    if found == kind {
        Ok(Handle { kind, fd })
    } else {
        Err(Error::rule(what(), format!("it is a namespace of kind {found}")))
    }
}

impl Handle {
    /// Opens the namespace of `kind` that the calling thread is in.
    ///
    /// # Errors
    /// A `/proc` that is not mounted, a kernel without the kind.
    pub fn current(kind: Kind) -> Result<Self, Error> {
        open(kind, &Target::Path(format!("/proc/thread-self/ns/{}", kind.proc_name()).into()))
    }

    /// Takes a descriptor that came from elsewhere, over a socket or from a pidfd.
    ///
    /// # Errors
    /// A descriptor of something else than a namespace.
    pub fn from_fd(fd: OwnedFd) -> Result<Self, Error> {
        let kind = kind_of(&fd).map_err(|errno| Error::system("ioctl NS_GET_NSTYPE", errno))?;
        Ok(Self { kind, fd })
    }

    /// Returns the kind.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        self.kind
    }

    /// Gives the descriptor away, for a `setns(2)` in another process or thread.
    #[must_use]
    pub fn into_fd(self) -> OwnedFd {
        self.fd
    }

    /// Returns what tells this namespace apart.
    ///
    /// # Errors
    /// None that the kernel is known to answer with for an open namespace.
    pub fn identity(&self) -> Result<Identity, Error> {
        let stat = rustix::fs::fstat(&self.fd)
            .map_err(|errno| Error::system(format!("fstat {} namespace", self.kind), errno))?;
        Ok(Identity { device: stat.st_dev, inode: stat.st_ino })
    }

    /// Tells whether both are the same namespace.
    ///
    /// # Errors
    /// As [`Self::identity`].
    pub fn same(&self, other: &Self) -> Result<bool, Error> {
        Ok(self.identity()? == other.identity()?)
    }

    /// Opens the user namespace that owns this one; of a user namespace that is its parent.
    ///
    /// # Errors
    /// EPERM where the owner is not the caller's user namespace or one below it. Linux 4.9.
    pub fn owner(&self) -> Result<Self, Error> {
        self.related("NS_GET_USERNS", Kind::User, nsfs::owner(&self.fd))
    }

    /// Opens the parent of a pid or user namespace.
    ///
    /// # Errors
    /// EPERM where the parent is not visible to the caller, as it is not for the first one; EINVAL for kinds that
    /// have no parents. Linux 4.9.
    pub fn parent(&self) -> Result<Self, Error> {
        self.related("NS_GET_PARENT", self.kind, nsfs::parent(&self.fd))
    }

    /// Returns the user id that made this user namespace, in the caller's ids.
    ///
    /// # Errors
    /// EINVAL for the other kinds. Linux 4.11.
    pub fn owner_uid(&self) -> Result<u32, Error> {
        nsfs::owner_uid(&self.fd).map_err(|errno| {
            Error::system(format!("ioctl NS_GET_OWNER_UID of {} namespace", self.kind), errno)
        })
    }

    /// Moves the calling thread into the namespace, by `setns(2)`; a pid namespace takes the next children.
    ///
    /// # Errors
    /// EPERM without the rights over its owner, EINVAL in a process with threads for user and mount namespaces.
    pub fn enter(&self) -> Result<(), Error> {
        setns(self.fd.as_fd(), self.kind.flag()).map_err(|errno| {
            let error = Error::system(format!("setns {} namespace", self.kind), errno);
            if errno == Errno::PERM { error.hint(format!("needs {}", self.kind.needs())) } else { error }
        })
    }

    fn related(&self, request: &str, kind: Kind, answer: Result<OwnedFd, Errno>) -> Result<Self, Error> {
        let fd = answer.map_err(|errno| {
            let error = Error::system(format!("ioctl {request} of {} namespace", self.kind), errno);
            if errno == Errno::PERM {
                error.hint("it is outside what this user namespace can see")
            } else {
                error
            }
        })?;
        Ok(Self { kind, fd })
    }
}

impl AsFd for Handle {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

fn hinted(error: Error, kind: Kind, target: &Target, errno: Errno) -> Error {
    let (major, minor) = kind.since();
    match (target, errno) {
        (Target::Pid(pid), Errno::NOENT) if Path::new(&format!("/proc/{pid}")).exists() => {
            error.hint(format!("the kernel has no {kind} namespaces, Linux {major}.{minor} has"))
        }
        (Target::Pid(pid), Errno::NOENT) => error.hint(format!("no process {pid}")),
        (Target::Fd(number), Errno::NOENT) => error.hint(format!("descriptor {number} is not open")),
        (Target::Path(_), Errno::NOENT) => error.hint("no namespace has that name"),
        (_, Errno::ACCESS | Errno::PERM) => error.hint("needs the rights to trace a process that is in it"),
        _ => error,
    }
}

/// Asks nsfs for the kind; what is not of nsfs is never sent the request, as its number means other things elsewhere.
fn kind_of(fd: &OwnedFd) -> Result<Kind, Errno> {
    if magic(fd)? != NSFS_MAGIC {
        return Err(Errno::NOTTY);
    }
    Kind::from_flag(u64::from(nsfs::kind(fd)?)).ok_or(Errno::NOTTY)
}

/// Returns the type of the file system behind a descriptor, `fstatfs(2)`.
pub(crate) fn magic(fd: &OwnedFd) -> Result<u64, Errno> {
    // The field's type differs between architectures.
    #[allow(clippy::useless_conversion, clippy::unnecessary_fallible_conversions)]
    u64::try_from(rustix::fs::fstatfs(fd)?.f_type).map_err(|_| Errno::NOTTY)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process;

    #[test]
    fn own_namespaces_are_the_same_however_they_are_named() {
        for kind in Kind::ALL {
            let current = Handle::current(kind).unwrap();
            let by_pid = open(kind, &Target::Pid(process::id())).unwrap();
            assert!(current.same(&by_pid).unwrap(), "{kind}");
            assert_eq!(current.kind(), kind);
            assert_eq!(Handle::from_fd(by_pid.into_fd()).unwrap().kind(), kind);
        }
        let net = Handle::current(Kind::Net).unwrap();
        assert!(!net.same(&Handle::current(Kind::Uts).unwrap()).unwrap());
        let link = std::fs::read_link("/proc/self/ns/net").unwrap();
        assert_eq!(link.to_str().unwrap(), format!("net:[{}]", net.identity().unwrap().inode));
    }

    #[test]
    fn owners_and_parents() {
        let user = Handle::current(Kind::User).unwrap();
        assert!(Handle::current(Kind::Uts).unwrap().owner().unwrap().same(&user).unwrap());
        assert!(user.owner_uid().is_ok());
        let uts = Handle::current(Kind::Uts).unwrap();
        assert_eq!(uts.owner_uid().unwrap_err().errno(), Some(Errno::INVAL));
        assert_eq!(uts.parent().unwrap_err().to_string(), "ioctl NS_GET_PARENT of uts namespace: EINVAL");
    }

    #[test]
    fn what_is_not_the_namespace_asked_for_is_refused() {
        let bad = [
            (Kind::Net, Target::Path("/proc/self/ns/uts".into()), "it is a namespace of kind uts"),
            (Kind::Net, Target::Path("/proc/self/status".into()), "ENOTTY (the file is not a namespace)"),
            (Kind::Net, Target::Path("/proc/self/ns/no".into()), "ENOENT (no namespace has that name)"),
            (Kind::Net, Target::Pid(u32::MAX), "ENOENT (no process 4294967295)"),
            (Kind::Net, Target::Fd(987_654), "ENOENT (descriptor 987654 is not open)"),
        ];
        for (kind, target, expected) in bad {
            let error = open(kind, &target).unwrap_err().to_string();
            let path = target.path(kind);
            assert_eq!(error, format!("open {kind} namespace {}: {expected}", path.display()));
        }
    }
}
