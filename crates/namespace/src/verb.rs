//! The three calls that make and enter namespaces, with hints where the kernel refuses.

use std::os::fd::AsFd;

use palisade_sys::clone as sys;
use rustix::io::Errno;

use crate::{Error, Kind, Kinds};

pub use palisade_sys::clone::Spawned;

/// Makes a child process in new namespaces of these kinds that runs `child` and exits with the status it returns.
///
/// The child is a copy of the caller without its other threads: in a process that has any, `child` must not allocate,
/// lock or panic. What the child's user namespace needs before an id in it means anything, [`crate::write_maps`] writes.
///
/// ```
/// use palisade_namespace::{Kind, Kinds, clone, unshare};
///
/// // As anybody: a user namespace of the child's own, and in it the right to make the others.
/// let mut child = || match unshare(Kinds::NONE.with(Kind::Uts)) {
///     Ok(()) => u8::from(rustix::system::sethostname(b"inside").is_err()),
///     Err(_) => 2,
/// };
/// let spawned = clone(Kinds::NONE.with(Kind::User), &mut child)?;
/// let end = rustix::process::waitpid(Some(spawned.pid), rustix::process::WaitOptions::empty());
/// assert_eq!(end.ok().flatten().and_then(|(_, status)| status.exit_status()), Some(0));
/// # Ok::<(), palisade_namespace::Error>(())
/// ```
///
/// # Errors
/// EPERM without CAP_SYS_ADMIN for a kind other than user, ENOSPC past the depth of nesting or a limit of
/// `/proc/sys/user`. See [clone(2)](https://man7.org/linux/man-pages/man2/clone.2.html); Linux 5.3.
pub fn clone(kinds: Kinds, child: &mut dyn FnMut() -> u8) -> Result<Spawned, Error> {
    sys::spawn(kinds.flags(), None, child).map_err(|errno| refused("clone3", kinds, errno))
}

/// Leaves the caller's namespaces of these kinds for new ones; of the pid and time kinds for its children alone.
///
/// # Errors
/// As [`clone`], and EINVAL for the user kind in a process with threads. See
/// [unshare(2)](https://man7.org/linux/man-pages/man2/unshare.2.html).
pub fn unshare(kinds: Kinds) -> Result<(), Error> {
    sys::unshare(kinds.flags()).map_err(|errno| refused("unshare", kinds, errno))
}

/// Enters namespaces of these kinds: all of them at once those of the process of a pidfd (Linux 5.8), or the one
/// of a namespace's own descriptor. A pid namespace is entered by the caller's next children.
///
/// ```no_run
/// use palisade_namespace::{Kind, Kinds, setns};
/// use rustix::process::{Pid, PidfdFlags, pidfd_open};
///
/// let pidfd = pidfd_open(Pid::from_raw(1234).ok_or("no number")?, PidfdFlags::empty())?;
/// setns(&pidfd, Kinds::NONE.with(Kind::Net).with(Kind::Uts))?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// ESRCH for a process that has ended, EPERM without rights over the namespaces, EINVAL for the user namespace that
/// the caller is in already. See [setns(2)](https://man7.org/linux/man-pages/man2/setns.2.html).
pub fn setns(target: impl AsFd, kinds: Kinds) -> Result<(), Error> {
    sys::setns(target.as_fd(), kinds.flags()).map_err(|errno| {
        let error = Error::system(format!("setns {kinds}"), errno);
        match errno {
            Errno::SRCH => error.hint("the process has ended"),
            Errno::INVAL if kinds.contains(Kind::User) => {
                error.hint("the user namespace is the one that this process is in already")
            }
            Errno::PERM => error.hint("needs CAP_SYS_ADMIN in the user namespaces that own them"),
            Errno::NOMEM if kinds.contains(Kind::Pid) => error.hint(DEAD_PID),
            _ => error,
        }
    })
}

/// What ENOMEM means of a process that is to be made in a pid namespace.
pub(crate) const DEAD_PID: &str =
    "the first process of the pid namespace has ended, and nobody enters it any more";

/// Explains why new namespaces were refused, by a look at the machine.
fn refused(call: &str, kinds: Kinds, errno: Errno) -> Error {
    let error = Error::system(format!("{call} {kinds}"), errno);
    match errno {
        Errno::PERM if kinds == Kinds::NONE.with(Kind::User) => error
            .hint("this system lets ordinary users make no user namespaces, or the caller is in a chroot"),
        Errno::PERM => error.hint("needs CAP_SYS_ADMIN, which a new user namespace gives"),
        // EUSERS before Linux 4.9.
        Errno::NOSPC | Errno::USERS => match full(kinds) {
            Some(hint) => error.hint(hint),
            None => error,
        },
        Errno::NOMEM if kinds.contains(Kind::Pid) || kinds.is_empty() => error.hint(DEAD_PID),
        Errno::INVAL => match kinds.iter().find(|kind| !is_known(*kind)) {
            Some(kind) => error.hint(format!("this kernel has no {kind} namespaces")),
            None => error,
        },
        _ => error,
    }
}

fn is_known(kind: Kind) -> bool {
    std::path::Path::new("/proc/self/ns").join(kind.proc_name()).symlink_metadata().is_ok()
}

/// How deep pid and user namespaces nest below the first one, `MAX_PID_NS_LEVEL` of the kernel.
const DEEPEST: usize = 32;

/// Says which of the limits is reached.
fn full(kinds: Kinds) -> Option<String> {
    if kinds.contains(Kind::Pid) && own_depth() >= DEEPEST {
        return Some(format!("pid namespaces nest {DEEPEST} deep, and this process is in the last one"));
    }
    let limit = |kind: Kind| {
        let path = format!("/proc/sys/user/max_{}_namespaces", kind.proc_name());
        let limit: u64 = std::fs::read_to_string(&path).ok()?.trim().parse().ok()?;
        Some((path, limit))
    };
    if let Some((path, _)) = kinds.iter().filter_map(limit).find(|(_, limit)| *limit == 0) {
        return Some(format!("{path} is 0, so none may be made here"));
    }
    let nests = kinds.contains(Kind::Pid) || kinds.contains(Kind::User);
    let depth =
        if nests { format!("pid and user namespaces nest {DEEPEST} deep; or ") } else { String::new() };
    Some(format!("{depth}the limit of one kind in /proc/sys/user/max_*_namespaces is reached"))
}

/// Tells how many pid namespaces are above this process's own, as far as `/proc` shows.
fn own_depth() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let numbers = status.lines().find_map(|line| line.strip_prefix("NSpid:"));
    numbers.map_or(0, |numbers| numbers.split_whitespace().count().saturating_sub(1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::process::{WaitOptions, getpid, waitpid};

    fn status_of(kinds: Kinds, child: &mut dyn FnMut() -> u8) -> Option<i32> {
        let spawned = clone(kinds, child).unwrap();
        waitpid(Some(spawned.pid), WaitOptions::empty()).unwrap().and_then(|(_, status)| status.exit_status())
    }

    #[test]
    fn a_first_process_is_number_1() {
        let kinds = Kinds::NONE.with(Kind::User).with(Kind::Pid);
        assert_eq!(status_of(kinds, &mut || u8::from(!getpid().is_init())), Some(0));
    }

    #[test]
    fn a_process_enters_what_another_one_made() {
        let (read, write) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC).unwrap();
        let mut write = Some(write);
        let mut wait = || u8::from(rustix::io::read(&read, &mut [0_u8; 1]).is_err());
        let kinds = Kinds::NONE.with(Kind::User).with(Kind::Uts);
        // The child's copy of the writing end would keep it waiting, so it goes by the byte.
        let first = clone(kinds, &mut wait).unwrap();
        let mut enter = || u8::from(setns(&first.pidfd, kinds).is_err());
        assert_eq!(status_of(Kinds::NONE, &mut enter), Some(0));
        assert_eq!(rustix::io::write(write.take().unwrap(), b"x"), Ok(1));
        waitpid(Some(first.pid), WaitOptions::empty()).unwrap();
        let gone = setns(&first.pidfd, kinds).unwrap_err();
        assert_eq!(gone.to_string(), "setns uts,user: ESRCH (the process has ended)");
    }
}
