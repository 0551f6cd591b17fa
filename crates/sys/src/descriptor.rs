//! `close_range(2)`.

use rustix::io::Errno;

/// Marks all descriptors from `first` on as close-on-exec, by
/// [close_range(2)](https://man7.org/linux/man-pages/man2/close_range.2.html).
///
/// # Errors
/// ENOSYS before Linux 5.9, EINVAL before 5.11.
pub fn close_on_exec_from(first: u32) -> Result<(), Errno> {
    const CLOSE_RANGE_CLOEXEC: libc::c_uint = 4;
    // SAFETY: takes no pointer and closes nothing, so no owned descriptor is invalidated.
    let result = unsafe { libc::syscall(libc::SYS_close_range, first, u32::MAX, CLOSE_RANGE_CLOEXEC) };
    if result == 0 {
        Ok(())
    } else {
        // SAFETY: reads the calling thread's errno.
        Err(Errno::from_raw_os_error(unsafe { *libc::__errno_location() }))
    }
}
