//! Mounts of the host that are made for init, by somebody who may.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::path::Path;

use palisade_mount::{Failure, HostPath, Kind as PropagationKind, Propagation, Reach, SourceLink, Step};
use palisade_namespace as namespace;
use palisade_namespace::{IdMaps, Kind, MapMethod, Target};
use palisade_sys::{clone, descriptor};
use rustix::io::Errno;
use rustix::pipe::{PipeFlags, pipe_with};

use super::{Process, open_directory, reap};
use crate::error::{During, Error, Result};

/// Makes a user namespace with the given maps. Nobody is in it but a process that ends before this returns.
pub(super) fn make_user_namespace(maps: &IdMaps, method: &MapMethod) -> Result<OwnedFd> {
    let (ours, theirs) = pipe_with(PipeFlags::CLOEXEC).during("pipe2")?;
    let (reader, writer) = (ours.as_fd(), theirs.as_raw_fd().unsigned_abs());
    let spawned = clone::spawn(clone::CLONE_NEWUSER, None, &mut || {
        descriptor::close_one(writer);
        // It ends when this runtime hangs up or is gone.
        let _end = rustix::io::retry_on_intr(|| rustix::io::read(reader, &mut [0u8; 1]));
        0
    });
    let spawned = spawned.during("clone3 with a new user namespace")?;
    let process = Process { pid: spawned.pid, pidfd: spawned.pidfd };
    let made = write_and_open(&process, maps, method);
    drop(theirs);
    reap(&process)?;
    made
}

fn write_and_open(process: &Process, maps: &IdMaps, method: &MapMethod) -> Result<OwnedFd> {
    let pid = process.pid.as_raw_nonzero();
    namespace::write_maps(open_directory(Path::new("/proc"))?, pid.get().unsigned_abs(), maps, method)?;
    let target = Target::Path(format!("/proc/{pid}/ns/user").into());
    Ok(namespace::open(Kind::User, &target)?.into_fd())
}

/// Clones the tree of a bind's source and, where a user namespace and the mounts concerned are given, has it show other
/// owners.
pub(super) fn clone(
    source: &HostPath,
    reach: Reach,
    link: SourceLink,
    owners: Option<(BorrowedFd<'_>, Reach)>,
) -> Result<OwnedFd> {
    let kind = if owners.is_some() { "id-mapped bind" } else { "bind" };
    let worded = |failure: Failure| worded(kind, source, &failure);
    let tree = palisade_mount::clone_tree(source, reach, link).map_err(worded)?;
    if let Some((user_namespace, mapped)) = owners {
        palisade_mount::map_tree(tree.as_fd(), mapped, user_namespace).map_err(worded)?;
    }
    Ok(tree)
}

/// Refuses the mount namespace of the caller, in which a new root would take the place of the system's.
pub(super) fn refuse_own(joined: BorrowedFd<'_>, path: &str) -> Result<()> {
    let own = rustix::fs::stat("/proc/self/ns/mnt").during("stat /proc/self/ns/mnt")?;
    let joined = rustix::fs::fstat(joined).during(format_args!("stat {path}"))?;
    if (own.st_dev, own.st_ino) != (joined.st_dev, joined.st_ino) {
        return Ok(());
    }
    Err(Error::new(format!("{path} is the caller's own mount namespace, whose root would be replaced"))
        .hint("leave the entry out to share it"))
}

/// Attaches a clone of a root file system that has no peers, with all that is mounted below it.
pub(super) fn attach_root(source: &HostPath, place: BorrowedFd<'_>) -> Result<OwnedFd> {
    let tree = palisade_mount::clone_tree(source, Reach::Tree, SourceLink::Follow)
        .map_err(|failure| worded("clone", source, &failure))?;
    let private = Propagation { kind: PropagationKind::Private, reach: Reach::Tree };
    palisade_mount::attach_tree(tree.as_fd(), private, place)
        .map_err(|failure| worded("attaching", source, &failure))?;
    Ok(tree)
}

fn worded(kind: &str, source: &HostPath, failure: &Failure) -> Error {
    let error = Error::new(format!("{kind} of {source}: {failure}"));
    match (failure.step, failure.errno) {
        (Step::OpenTree, Errno::NOENT) => error.hint("the source does not exist"),
        (Step::OpenTree, Errno::INVAL) => error.hint("the source is unbindable"),
        (Step::MountSetattr, Errno::INVAL) => {
            error.hint("the file system, or with ridmap one mounted below, allows no id-mapped mounts")
        }
        (Step::MountSetattr, Errno::PERM) => error.hint(
            "needs CAP_SYS_ADMIN in the user namespace that the file system was mounted in, and no map on it yet",
        ),
        _ => error,
    }
}
