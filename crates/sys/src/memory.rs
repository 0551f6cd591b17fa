//! One word in the memory of another process,
//! [process_vm_readv(2)](https://man7.org/linux/man-pages/man2/process_vm_readv.2.html).

use rustix::io::Errno;
use rustix::process::Pid;

/// Reads the word at an address of a process. Needs the right to trace it, `ptrace(2)`; Linux 3.2.
///
/// # Errors
/// EPERM without that right, EFAULT where nothing is mapped, ESRCH where there is no such process.
pub fn read_word(pid: Pid, address: u64) -> Result<u64, Errno> {
    let mut word = 0u64;
    let (local, remote) = vectors(&raw mut word, address)?;
    // SAFETY: `local` is a word of this function's that nothing else refers to; the other process's memory is only read.
    let moved = unsafe {
        libc::process_vm_readv(pid.as_raw_nonzero().get(), &raw const local, 1, &raw const remote, 1, 0)
    };
    result(moved).map(|()| word)
}

/// Writes the word at an address of a process. Needs the right to trace it, `ptrace(2)`; Linux 3.2.
///
/// # Errors
/// As [`read_word`].
pub fn write_word(pid: Pid, address: u64, mut word: u64) -> Result<(), Errno> {
    let (local, remote) = vectors(&raw mut word, address)?;
    // SAFETY: `local` is a word of this function's that is only read; the memory written is another process's, and the
    // kernel checks that the caller may.
    let moved = unsafe {
        libc::process_vm_writev(pid.as_raw_nonzero().get(), &raw const local, 1, &raw const remote, 1, 0)
    };
    result(moved)
}

fn vectors(local: *mut u64, remote: u64) -> Result<(libc::iovec, libc::iovec), Errno> {
    let address = usize::try_from(remote).map_err(|_| Errno::FAULT)?;
    let remote = std::ptr::without_provenance_mut(address);
    let size = size_of::<u64>();
    Ok((
        libc::iovec { iov_base: local.cast(), iov_len: size },
        libc::iovec { iov_base: remote, iov_len: size },
    ))
}

fn result(moved: isize) -> Result<(), Errno> {
    match usize::try_from(moved) {
        Ok(length) if length == size_of::<u64>() => Ok(()),
        Ok(_) => Err(Errno::FAULT),
        // SAFETY: the C library's errno belongs to this thread.
        Err(_) => Err(Errno::from_raw_os_error(unsafe { *libc::__errno_location() })),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_may_look_at_itself() {
        let mut word = 4711u64;
        let own = rustix::process::getpid();
        let address = (&raw mut word).addr() as u64;
        assert_eq!(read_word(own, address), Ok(4711));
        assert_eq!(write_word(own, address, 4712), Ok(()));
        assert_eq!(std::hint::black_box(&word), &4712);
        assert_eq!(read_word(own, 8), Err(Errno::FAULT));
    }
}
