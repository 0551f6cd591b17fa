//! Descriptors by their numbers: `close_range(2)`, `dup2(2)`.

use std::os::fd::{AsRawFd, BorrowedFd};

use rustix::io::Errno;

/// Closes all descriptors from `first` on but those in `keep`, by
/// [close_range(2)](https://man7.org/linux/man-pages/man2/close_range.2.html).
///
/// This is for a process that [`crate::clone::spawn`] made and that goes on to another program: whatever in its
/// copy of the memory owns a descriptor is never dropped there.
///
/// # Errors
/// ENOSYS before Linux 5.9.
pub fn close_all_but(first: u32, keep: &[u32]) -> Result<(), Errno> {
    let mut from = first;
    loop {
        let next = keep.iter().copied().filter(|kept| *kept >= from).min();
        match next {
            Some(kept) => {
                if kept > from {
                    close_range(from, kept - 1)?;
                }
                from = kept + 1;
            }
            None => return close_range(from, u32::MAX),
        }
    }
}

fn close_range(first: u32, last: u32) -> Result<(), Errno> {
    // SAFETY: takes no pointer. That no owner of a closed descriptor is used afterwards is the caller's word, given
    // by calling this in a process that is about to be replaced.
    if unsafe { libc::syscall(libc::SYS_close_range, first, last, 0) } == 0 {
        Ok(())
    } else {
        // SAFETY: reads the calling thread's errno.
        Err(Errno::from_raw_os_error(unsafe { *libc::__errno_location() }))
    }
}

/// Closes one descriptor by its number, under the same terms as [`close_all_but`].
pub fn close_one(number: u32) {
    if let Ok(number) = libc::c_int::try_from(number) {
        // SAFETY: as in `close_range`.
        unsafe { libc::close(number) };
    }
}

/// Makes `place` a copy of `source`, so that whoever uses `place` by its number meets the other file. Close-on-exec
/// is off for it.
///
/// # Errors
/// Those of [dup2(2)](https://man7.org/linux/man-pages/man2/dup.2.html).
pub fn replace(source: BorrowedFd<'_>, place: BorrowedFd<'_>) -> Result<(), Errno> {
    // SAFETY: both numbers are open descriptors; `place` stays open and owned by whoever owns it.
    if unsafe { libc::dup2(source.as_raw_fd(), place.as_raw_fd()) } >= 0 {
        Ok(())
    } else {
        // SAFETY: reads the calling thread's errno.
        Err(Errno::from_raw_os_error(unsafe { *libc::__errno_location() }))
    }
}
