use std::os::fd::{AsFd, AsRawFd};
use std::path::Path;

use palisade_namespace::{Handle, Kind};
use palisade_sys::clone;
use rustix::fs::{FlockOperation, Mode, OFlags};
use rustix::io::Errno;
use rustix::mount::{MountPropagationFlags, UnmountFlags};

use crate::error::{During, Error, Result};
use crate::name::{DIRECTORY, Name};
use crate::netlink::Socket;
use crate::nsid;
use crate::site::{Place, RIGHTS, Site, enter, explained};

/// A name that is there.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Named {
    /// The name; what is no text is shown with replacements.
    pub name: String,
    /// The number that the namespace has in the caller's one, where it was given one.
    pub nsid: Option<i32>,
}

/// Lists the names, in the order of their bytes.
///
/// Where no namespace has a number in the caller's, none of them is opened.
///
/// # Errors
/// A directory that cannot be read; one that is not there holds no names.
pub fn list() -> Result<Vec<Named>> {
    let mut all: Vec<Named> = entries()?.into_iter().map(|name| Named { name, nsid: None }).collect();
    if all.is_empty() {
        return Ok(all);
    }
    let socket = Socket::open().during("socket of rtnetlink")?;
    if !nsid::ids(&socket).during("ask for the numbers of namespaces")?.is_empty() {
        for named in &mut all {
            // A name without a number, as its file is not a namespace or not the caller's to open, is a name all the same.
            let name = Name::new(named.name.as_str()).ok();
            let site = name.map(|name| Site::new(Place::Name(name)));
            let handle = site.as_ref().and_then(|site| site.handle().ok());
            named.nsid = handle.and_then(|handle| nsid::id(&socket, handle.as_fd()).ok().flatten());
        }
    }
    all.sort();
    Ok(all)
}

/// Lists the files in the directory of the names.
pub(crate) fn entries() -> Result<Vec<String>> {
    let what = || format!("list {DIRECTORY}");
    match std::fs::read_dir(DIRECTORY) {
        Ok(entries) => entries
            .map(|entry| entry.map(|entry| entry.file_name().to_string_lossy().into_owned()))
            .collect::<std::io::Result<_>>()
            .map_err(|error| Error::io(what(), &error)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(Error::io(what(), &error)),
    }
}

/// Makes a network namespace and gives it a name.
///
/// # Errors
/// EEXIST for a name in use, EACCES and EPERM without CAP_SYS_ADMIN. Nothing is left then.
pub fn add(name: &Name) -> Result<()> {
    let home = Handle::current(Kind::Net).map_err(|error| Error::rule("the own network namespace", error))?;
    occupy(name, || {
        clone::unshare(clone::CLONE_NEWNET)
            .map_err(|errno| Error::call("unshare the network namespace", errno).hint(RIGHTS))?;
        let bound = bind(Path::new("/proc/thread-self/ns/net"), name);
        enter(home.as_fd()).during("setns back to the own network namespace")?;
        bound
    })
}

/// Gives the network namespace of a site a name.
///
/// # Errors
/// As [`add`]; and what [`Site::handle`] refuses.
pub fn attach(name: &Name, site: &Site) -> Result<()> {
    let namespace = format!("/proc/thread-self/fd/{}", site.handle()?.as_fd().as_raw_fd());
    occupy(name, || bind(Path::new(&namespace), name))
}

/// Takes a name away. The namespace ends with it where no process, no other name and no descriptor keeps it; physical
/// devices in it go to the first namespace then, and all others end.
///
/// The remains of a name, a file that nothing is mounted on, are removed as well.
///
/// # Errors
/// ENOENT for a name that is not there, EPERM without CAP_SYS_ADMIN.
pub fn remove(name: &Name) -> Result<()> {
    let path = name.path();
    match rustix::mount::unmount(&path, UnmountFlags::DETACH | UnmountFlags::NOFOLLOW) {
        Ok(()) | Err(Errno::INVAL) => {}
        Err(errno @ Errno::PERM) => {
            return Err(
                Error::call(format_args!("umount {}", path.display()), errno).hint("needs CAP_SYS_ADMIN")
            );
        }
        Err(errno) => {
            return Err(explained(format!("umount {}", path.display()), errno, &Place::Name(name.clone())));
        }
    }
    rustix::fs::unlink(&path).during(format_args!("remove {}", path.display()))
}

/// Makes the file of a name, and removes it where the rest fails.
fn occupy(name: &Name, fill: impl FnOnce() -> Result<()>) -> Result<()> {
    prepare()?;
    let path = name.path();
    let flags = OFlags::RDONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
    rustix::fs::open(&path, flags, Mode::empty()).map(drop).map_err(|errno| {
        let error = Error::call(format_args!("create {}", path.display()), errno);
        if errno == Errno::EXIST { error.hint("the name is in use") } else { error }
    })?;
    fill().inspect_err(|_| {
        // The reason why it is not needed is the one to tell.
        let _removed = rustix::fs::unlink(&path);
    })
}

fn bind(namespace: &Path, name: &Name) -> Result<()> {
    let path = name.path();
    rustix::mount::mount_bind(namespace, &path).map_err(|errno| {
        Error::call(format_args!("bind a network namespace on {}", path.display()), errno).hint(RIGHTS)
    })
}

/// Makes the directory of the names a mount that is shared, as iproute2 does: so a name that is made in one mount
/// namespace is there in the others, and one that is removed goes from all.
fn prepare() -> Result<()> {
    let made = match rustix::fs::mkdir(DIRECTORY, Mode::from_raw_mode(0o755)) {
        Ok(()) => true,
        Err(Errno::EXIST) => false,
        Err(errno) => return Err(Error::call(format_args!("mkdir {DIRECTORY}"), errno).hint(RIGHTS)),
    };
    let shared = share();
    if made && shared.is_err() {
        let _removed = rustix::fs::rmdir(DIRECTORY);
    }
    shared
}

fn share() -> Result<()> {
    // Of two at a time one would find the directory no mount yet, and mount it twice.
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let directory =
        rustix::fs::open(DIRECTORY, flags, Mode::empty()).during(format_args!("open {DIRECTORY}"))?;
    rustix::fs::flock(&directory, FlockOperation::LockExclusive).during(format_args!("lock {DIRECTORY}"))?;
    let share =
        || rustix::mount::mount_change(DIRECTORY, MountPropagationFlags::REC | MountPropagationFlags::SHARED);
    let refused = |errno| Error::call(format_args!("make {DIRECTORY} a shared mount"), errno).hint(RIGHTS);
    match share() {
        Err(Errno::INVAL) => {
            rustix::mount::mount_bind_recursive(DIRECTORY, DIRECTORY).map_err(refused)?;
            share().map_err(refused)
        }
        outcome => outcome.map_err(refused),
    }
}
