//! `sched_setattr(2)` and `ioprio_set(2)` for the calling thread.

use rustix::io::Errno;
use rustix::process::Pid;

/// `struct sched_attr` of `linux/sched/types.h` in its second form (Linux 5.3).
#[repr(C)]
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Attributes {
    /// The size of this structure.
    size: u32,
    /// `SCHED_OTHER` and so on.
    pub policy: u32,
    /// `SCHED_FLAG_*` bits.
    pub flags: u64,
    /// The nice value, for `SCHED_OTHER` and `SCHED_BATCH`.
    pub nice: i32,
    /// The priority, for `SCHED_FIFO` and `SCHED_RR`.
    pub priority: u32,
    /// Nanoseconds, for `SCHED_DEADLINE`.
    pub runtime: u64,
    /// Nanoseconds, for `SCHED_DEADLINE`.
    pub deadline: u64,
    /// Nanoseconds, for `SCHED_DEADLINE`.
    pub period: u64,
    /// The least utilisation, of 1024, with its flag.
    pub clamp_min: u32,
    /// The most utilisation, of 1024, with its flag.
    pub clamp_max: u32,
}

/// Sets policy and priority of the calling thread, by
/// [sched_setattr(2)](https://man7.org/linux/man-pages/man2/sched_setattr.2.html).
///
/// # Errors
/// EPERM without CAP_SYS_NICE, EINVAL, EBUSY. Since Linux 3.14.
pub fn set(attributes: &Attributes) -> Result<(), Errno> {
    set_number(0, attributes)
}

/// Sets policy and priority of a process with one thread, as [`set`] does for the caller.
///
/// # Errors
/// Those of [`set`], and ESRCH.
pub fn set_of(process: Pid, attributes: &Attributes) -> Result<(), Errno> {
    set_number(process.as_raw_nonzero().get(), attributes)
}

fn set_number(pid: libc::pid_t, attributes: &Attributes) -> Result<(), Errno> {
    let size = u32::try_from(size_of::<Attributes>()).map_err(|_| Errno::INVAL)?;
    let attributes = Attributes { size, ..*attributes };
    // SAFETY: the structure is valid and of the size that it names.
    let result = unsafe { libc::syscall(libc::SYS_sched_setattr, pid, &raw const attributes, 0) };
    outcome(result)
}

/// Sets class and priority of the calling thread's I/O, by
/// [ioprio_set(2)](https://man7.org/linux/man-pages/man2/ioprio_set.2.html). `value` is the class shifted left by
/// 13, with the priority.
///
/// # Errors
/// EPERM, EINVAL. Since Linux 2.6.13.
pub fn set_io_priority(value: u32) -> Result<(), Errno> {
    const IOPRIO_WHO_PROCESS: libc::c_int = 1;
    // SAFETY: takes no pointer.
    outcome(unsafe { libc::syscall(libc::SYS_ioprio_set, IOPRIO_WHO_PROCESS, 0, value) })
}

fn outcome(result: libc::c_long) -> Result<(), Errno> {
    if result >= 0 {
        Ok(())
    } else {
        // SAFETY: reads the calling thread's errno.
        Err(Errno::from_raw_os_error(unsafe { *libc::__errno_location() }))
    }
}
