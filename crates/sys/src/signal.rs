//! Signal masks and `signalfd(2)`, which rustix leaves to the C library.

use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use rustix::io::Errno;

/// The signal mask of a thread, to be put back.
#[derive(Clone, Copy)]
pub struct Mask(libc::sigset_t);

impl std::fmt::Debug for Mask {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Mask")
    }
}

/// Blocks all signals in the calling thread and returns the mask that was in force. Children inherit it.
#[must_use]
pub fn block_all() -> Mask {
    let mut all = MaybeUninit::uninit();
    let mut before = MaybeUninit::uninit();
    // SAFETY: sigfillset initialises the set that it is given, and pthread_sigmask the old one; with SIG_SETMASK
    // and valid pointers it cannot fail.
    unsafe {
        libc::sigfillset(all.as_mut_ptr());
        libc::pthread_sigmask(libc::SIG_SETMASK, all.as_ptr(), before.as_mut_ptr());
        Mask(before.assume_init())
    }
}

/// Puts a signal mask back into force in the calling thread.
pub fn restore(mask: Mask) {
    // SAFETY: the set was initialised by `block_all`.
    unsafe {
        libc::pthread_sigmask(libc::SIG_SETMASK, &raw const mask.0, std::ptr::null_mut());
    }
}

/// Gives all signals but SIGPIPE their default dispositions: what the caller ignores would be ignored after an exec, too.
/// Takes no lock, as the C library's own function does for SIGABRT.
///
/// Follows [rt_sigaction(2)](https://man7.org/linux/man-pages/man2/rt_sigaction.2.html), since Linux 2.2.
pub fn default_all_but_pipe() {
    /// SIG_DFL without flags, restorer and mask, as the kernel has it.
    const DEFAULT: [libc::c_ulong; 4] = [0; 4];
    const SIZE_OF_SET: libc::c_long = 8;
    for number in (1..=64).filter(|number| *number != libc::SIGPIPE) {
        // SAFETY: the kernel reads the disposition, which is as large as the kernel's type, and writes nowhere. SIGKILL
        // and SIGSTOP are refused.
        unsafe {
            libc::syscall(
                libc::SYS_rt_sigaction,
                libc::c_long::from(number),
                DEFAULT.as_ptr(),
                std::ptr::null_mut::<libc::c_ulong>(),
                SIZE_OF_SET,
            );
        }
    }
}

/// Opens a descriptor that becomes readable when any blocked signal is pending, by
/// [signalfd(2)](https://man7.org/linux/man-pages/man2/signalfd.2.html). Close-on-exec, non-blocking.
///
/// # Errors
/// EMFILE, ENFILE, ENOMEM. Since Linux 2.6.27.
pub fn descriptor() -> Result<OwnedFd, Errno> {
    let mut all = MaybeUninit::uninit();
    // SAFETY: sigfillset initialises the set; signalfd reads it and returns a new descriptor that we own.
    unsafe {
        libc::sigfillset(all.as_mut_ptr());
        let number = libc::signalfd(-1, all.as_ptr(), libc::SFD_CLOEXEC | libc::SFD_NONBLOCK);
        if number < 0 {
            return Err(Errno::from_raw_os_error(*libc::__errno_location()));
        }
        Ok(OwnedFd::from_raw_fd(number))
    }
}

/// Who sent a signal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sender {
    /// The kernel of itself, as the terminal does to its whole foreground group.
    Kernel,
    /// A process, or an event that a process brought about.
    Process,
}

/// Takes the next pending signal's number from a descriptor of [`descriptor`]; none when nothing is pending.
///
/// # Errors
/// Those of read(2) but EAGAIN.
pub fn next(descriptor: BorrowedFd<'_>) -> Result<Option<i32>, Errno> {
    Ok(next_with_sender(descriptor)?.map(|(number, _)| number))
}

/// Takes the next pending signal's number, and tells who sent it; as [`next`].
///
/// # Errors
/// Those of read(2) but EAGAIN.
pub fn next_with_sender(descriptor: BorrowedFd<'_>) -> Result<Option<(i32, Sender)>, Errno> {
    let mut info = MaybeUninit::<libc::signalfd_siginfo>::uninit();
    let size = size_of::<libc::signalfd_siginfo>();
    // SAFETY: the buffer is of the size given; the kernel writes whole records only.
    let read = unsafe { libc::read(descriptor.as_raw_fd(), info.as_mut_ptr().cast(), size) };
    if read < 0 {
        // SAFETY: reads the calling thread's errno.
        let errno = Errno::from_raw_os_error(unsafe { *libc::__errno_location() });
        return if errno == Errno::AGAIN { Ok(None) } else { Err(errno) };
    }
    // SAFETY: a successful read filled the record.
    let info = unsafe { info.assume_init() };
    let sender = if info.ssi_code == libc::SI_KERNEL { Sender::Kernel } else { Sender::Process };
    Ok(i32::try_from(info.ssi_signo).ok().map(|number| (number, sender)))
}

/// Makes a signal of its number, real-time signals among them, which have no constants of their own; none for what is
/// not between 1 and 64.
#[must_use]
pub fn from_number(number: i32) -> Option<rustix::process::Signal> {
    if !(1..=64).contains(&number) {
        return None;
    }
    // SAFETY: the kernel has all numbers from 1 to 64, and rustix passes them on as they are; those that the C
    // library reserves for itself (32, 33) matter only to handlers in this process, of which there are none.
    Some(unsafe { rustix::process::Signal::from_raw_unchecked(number) })
}
