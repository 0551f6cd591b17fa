//! Hearing of writes anywhere in a file system: `fanotify(7)`.

use std::ffi::CString;
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use rustix::io::Errno;

/// How many records one read takes.
const RECORDS: usize = 64;

/// Opens a descriptor that becomes readable when any file of the file system at `path` was written to, through whatever
/// mount, by [fanotify_init(2)](https://man7.org/linux/man-pages/man2/fanotify_init.2.html) and
/// [fanotify_mark(2)](https://man7.org/linux/man-pages/man2/fanotify_mark.2.html). Close-on-exec, non-blocking.
///
/// # Errors
/// EPERM without CAP_SYS_ADMIN, EINVAL before Linux 4.20, ENOSYS in a kernel without fanotify.
pub fn writes_below(path: &Path) -> Result<OwnedFd, Errno> {
    let path = CString::new(path.as_os_str().as_bytes()).map_err(|_| Errno::INVAL)?;
    let flags = libc::FAN_CLASS_NOTIF | libc::FAN_CLOEXEC | libc::FAN_NONBLOCK;
    // The flags of the files that come with the records: of O_ kind, small and positive.
    let opened = (libc::O_RDONLY | libc::O_CLOEXEC).cast_unsigned();
    // SAFETY: takes no pointer; a result that is not negative is a new descriptor that we own.
    let marked = unsafe {
        let number = libc::fanotify_init(flags, opened);
        if number < 0 {
            return Err(last());
        }
        OwnedFd::from_raw_fd(number)
    };
    let what = libc::FAN_MARK_ADD | libc::FAN_MARK_FILESYSTEM;
    // SAFETY: `path` ends in a NUL and lives as long as the call.
    let result = unsafe {
        libc::fanotify_mark(marked.as_raw_fd(), what, libc::FAN_MODIFY, libc::AT_FDCWD, path.as_ptr())
    };
    if result == 0 { Ok(marked) } else { Err(last()) }
}

/// Takes all records from a descriptor of [`writes_below`] and tells whether there were any.
///
/// # Errors
/// Those of read(2) but EAGAIN.
pub fn take(marked: BorrowedFd<'_>) -> Result<bool, Errno> {
    let mut any = false;
    loop {
        let mut records = [const { MaybeUninit::<libc::fanotify_event_metadata>::uninit() }; RECORDS];
        // SAFETY: the buffer is of the size given; the kernel writes whole records only.
        let read =
            unsafe { libc::read(marked.as_raw_fd(), records.as_mut_ptr().cast(), size_of_val(&records)) };
        let length = match usize::try_from(read) {
            Ok(0) => return Ok(any),
            Ok(length) => length,
            Err(_) => match last() {
                Errno::AGAIN => return Ok(any),
                Errno::INTR => continue,
                // The file of the next record is gone, and with this answer the record.
                Errno::NODEV | Errno::NOENT | Errno::STALE => {
                    any = true;
                    continue;
                }
                errno => return Err(errno),
            },
        };
        any = true;
        // Without FAN_REPORT_ flags each record is of this size and nothing more.
        let count = length / size_of::<libc::fanotify_event_metadata>();
        for record in &records[..count] {
            // SAFETY: the read filled this many records.
            let number = unsafe { record.assume_init_ref() }.fd;
            if number >= 0 {
                // SAFETY: the kernel has opened the file for this reader, and nobody else knows the number.
                drop(unsafe { OwnedFd::from_raw_fd(number) });
            }
        }
    }
}

fn last() -> Errno {
    // SAFETY: reads the calling thread's errno.
    Errno::from_raw_os_error(unsafe { *libc::__errno_location() })
}
