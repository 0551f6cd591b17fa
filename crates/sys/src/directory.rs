//! `getcwd(2)` without an allocation.

use rustix::io::Errno;

/// Checks that the working directory lies below the root, by
/// [getcwd(2)](https://man7.org/linux/man-pages/man2/getcwd.2.html) into the given space.
///
/// # Errors
/// ENOENT when it does not or was removed, ERANGE when the space is too small.
pub fn current(space: &mut [u8]) -> Result<(), Errno> {
    // SAFETY: the kernel writes at most the length given.
    let length = unsafe { libc::syscall(libc::SYS_getcwd, space.as_mut_ptr(), space.len()) };
    if length < 0 {
        // SAFETY: reads the calling thread's errno.
        return Err(Errno::from_raw_os_error(unsafe { *libc::__errno_location() }));
    }
    // The kernel puts "(unreachable)" before a path that is not below the root.
    if space.first() == Some(&b'/') { Ok(()) } else { Err(Errno::NOENT) }
}
