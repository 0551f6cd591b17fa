//! `clone3(2)`: a new process, in new namespaces and inside a cgroup from its first instruction.

use std::mem::size_of;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use rustix::io::Errno;
use rustix::process::Pid;

/// The namespace kinds that `clone3(2)`, `unshare(2)` and `setns(2)` take, as their flag bits.
pub type NamespaceFlags = u64;

/// A new time namespace for the children (Linux 5.6); only `unshare(2)` and `clone3(2)` take it.
pub const CLONE_NEWTIME: NamespaceFlags = 0x80;
/// A new mount namespace (Linux 2.4.19).
pub const CLONE_NEWNS: NamespaceFlags = 0x0002_0000;
/// A new cgroup namespace (Linux 4.6).
pub const CLONE_NEWCGROUP: NamespaceFlags = 0x0200_0000;
/// A new UTS namespace (Linux 2.6.19).
pub const CLONE_NEWUTS: NamespaceFlags = 0x0400_0000;
/// A new IPC namespace (Linux 2.6.19).
pub const CLONE_NEWIPC: NamespaceFlags = 0x0800_0000;
/// A new user namespace (Linux 3.8).
pub const CLONE_NEWUSER: NamespaceFlags = 0x1000_0000;
/// A new pid namespace (Linux 2.6.24).
pub const CLONE_NEWPID: NamespaceFlags = 0x2000_0000;
/// A new network namespace (Linux 2.6.29).
pub const CLONE_NEWNET: NamespaceFlags = 0x4000_0000;

const CLONE_PIDFD: u64 = 0x1000;
const CLONE_PARENT: u64 = 0x8000;
const CLONE_CLEAR_SIGHAND: u64 = 0x1_0000_0000;
const CLONE_INTO_CGROUP: u64 = 0x2_0000_0000;

/// The size of `struct clone_args` in its first form, `CLONE_ARGS_SIZE_VER0`.
const FIRST_SIZE: usize = 64;

/// `struct clone_args` of `linux/sched.h`, as of Linux 5.7.
#[repr(C, align(8))]
#[derive(Default)]
struct CloneArgs {
    flags: u64,
    pidfd: u64,
    child_tid: u64,
    parent_tid: u64,
    exit_signal: u64,
    stack: u64,
    stack_size: u64,
    tls: u64,
    set_tid: u64,
    set_tid_size: u64,
    cgroup: u64,
}

/// A process that [`spawn`] made: the number is valid until it is reaped, the descriptor as long as it is held.
#[derive(Debug)]
pub struct Spawned {
    /// The process id in the caller's pid namespace.
    pub pid: Pid,
    /// The pidfd, close-on-exec.
    pub pidfd: OwnedFd,
}

/// Makes a child process that runs `child` and then exits with the status it returns.
///
/// `namespaces` are the kinds that the child gets new; with `cgroup`, the directory of a v2 group, the child
/// starts as its member (Linux 5.7). Signal handlers of the caller are reset in the child; ignored signals and
/// the signal mask are inherited. The child is reported by SIGCHLD.
///
/// The child is a copy of a process whose other threads are gone, so `child` must not allocate, lock or panic:
/// doing so can hang it. Nothing of the caller is shared with it but open file descriptions.
///
/// # Errors
/// Those of [clone3(2)](https://man7.org/linux/man-pages/man2/clone.2.html): EPERM without CAP_SYS_ADMIN for a
/// kind other than user, ENOSPC past a namespace limit, EBUSY and EOPNOTSUPP for the cgroup. Since Linux 5.3.
pub fn spawn(
    namespaces: NamespaceFlags,
    cgroup: Option<BorrowedFd<'_>>,
    child: &mut dyn FnMut() -> u8,
) -> Result<Spawned, Errno> {
    let mut pidfd: libc::c_int = -1;
    let mut args = CloneArgs {
        flags: namespaces | CLONE_PIDFD | CLONE_CLEAR_SIGHAND,
        pidfd: std::ptr::addr_of_mut!(pidfd) as u64,
        exit_signal: libc::SIGCHLD as u64,
        ..CloneArgs::default()
    };
    if let Some(directory) = cgroup {
        args.flags |= CLONE_INTO_CGROUP;
        args.cgroup = u64::from(directory.as_raw_fd().unsigned_abs());
    }
    let pid = clone(&mut args, child)?;
    // SAFETY: the kernel stored a new descriptor there because CLONE_PIDFD was set; nobody else owns it.
    let pidfd = unsafe { OwnedFd::from_raw_fd(pidfd) };
    Ok(Spawned { pid, pidfd })
}

/// Makes a sibling: a child of the caller's own parent, which alone can reap it. The caller is itself a child
/// that [`spawn`] made; it uses this to enter a pid namespace that it joined or to make one inside a user
/// namespace that it joined. The same rules hold for `child`.
///
/// # Errors
/// Those of clone3(2). Since Linux 5.3.
pub fn spawn_sibling(namespaces: NamespaceFlags, child: &mut dyn FnMut() -> u8) -> Result<Pid, Errno> {
    // With CLONE_PARENT the exit signal is that of the caller and must be zero here.
    let mut args = CloneArgs { flags: namespaces | CLONE_PARENT, ..CloneArgs::default() };
    clone(&mut args, child)
}

fn clone(args: &mut CloneArgs, child: &mut dyn FnMut() -> u8) -> Result<Pid, Errno> {
    // A kernel without CLONE_INTO_CGROUP knows a shorter form, and that flag is out of a filter's sight but for the size.
    let size = if args.flags & CLONE_INTO_CGROUP == 0 { FIRST_SIZE } else { size_of::<CloneArgs>() };
    // SAFETY: `args` is a valid clone_args of the size given. Without CLONE_VM the child has its own copy of the
    // memory and goes on here on its own copy of the stack; it leaves by exit_group and so never returns into
    // the frames of the caller, whose destructors therefore run once.
    let result = unsafe { libc::syscall(libc::SYS_clone3, std::ptr::from_mut(args), size) };
    match result {
        0 => {
            let status = child();
            // SAFETY: ends this process at once; no memory is touched afterwards.
            unsafe { libc::_exit(i32::from(status)) }
        }
        pid if pid > 0 => {
            let pid = i32::try_from(pid).unwrap_or(0);
            Pid::from_raw(pid).ok_or(Errno::OVERFLOW)
        }
        // SAFETY: reads the calling thread's errno.
        _ => Err(Errno::from_raw_os_error(unsafe { *libc::__errno_location() })),
    }
}

/// Leaves the namespaces of the given kinds for new ones, in the calling thread.
///
/// # Errors
/// Those of [unshare(2)](https://man7.org/linux/man-pages/man2/unshare.2.html). Since Linux 2.6.16.
pub fn unshare(namespaces: NamespaceFlags) -> Result<(), Errno> {
    let only_namespaces = CLONE_NEWTIME
        | CLONE_NEWNS
        | CLONE_NEWCGROUP
        | CLONE_NEWUTS
        | CLONE_NEWIPC
        | CLONE_NEWUSER
        | CLONE_NEWPID
        | CLONE_NEWNET;
    if namespaces & !only_namespaces != 0 {
        return Err(Errno::INVAL);
    }
    let flags = libc::c_int::try_from(namespaces).map_err(|_| Errno::INVAL)?;
    // SAFETY: takes no pointer. CLONE_FILES and CLONE_FS, which could break what other threads rely on, were
    // refused above; CLONE_NEWNS implies CLONE_FS for this thread alone.
    if unsafe { libc::unshare(flags) } == 0 {
        Ok(())
    } else {
        // SAFETY: reads the calling thread's errno.
        Err(Errno::from_raw_os_error(unsafe { *libc::__errno_location() }))
    }
}

/// Enters the namespaces of the given kinds that `target` stands for: a pidfd with any set of kinds (Linux 5.8)
/// or a namespace file with its one kind or 0 (Linux 3.0).
///
/// # Errors
/// Those of [setns(2)](https://man7.org/linux/man-pages/man2/setns.2.html).
pub fn setns(target: BorrowedFd<'_>, namespaces: NamespaceFlags) -> Result<(), Errno> {
    let flags = libc::c_int::try_from(namespaces).map_err(|_| Errno::INVAL)?;
    // SAFETY: takes a descriptor that is open for the length of the borrow and no pointer.
    if unsafe { libc::setns(target.as_raw_fd(), flags) } == 0 {
        Ok(())
    } else {
        // SAFETY: reads the calling thread's errno.
        Err(Errno::from_raw_os_error(unsafe { *libc::__errno_location() }))
    }
}
