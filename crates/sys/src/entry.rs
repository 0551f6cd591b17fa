//! The entry of a program that does without the standard library's preparations: those read `/proc/self/maps` to find the
//! stack's end and take a dozen system calls to tell an overflow of it in words.

use std::ffi::{CStr, OsStr, OsString, c_char};
use std::os::fd::IntoRawFd;
use std::os::unix::ffi::OsStrExt;
use std::ptr;
use std::sync::atomic::{AtomicPtr, Ordering};

use rustix::fs::{CWD, Mode, OFlags};
use rustix::io::Errno;

/// Makes a function without arguments that gives an exit code the program's `main`; the crate has `#![no_main]`.
#[macro_export]
macro_rules! entry {
    ($main:path) => {
        // SAFETY: a crate with `#![no_main]` has no other `main`, and this one has C's type of it.
        #[unsafe(no_mangle)]
        extern "C" fn main(_count: i32, words: *mut *const std::ffi::c_char) -> i32 {
            // SAFETY: these are the words of the command line, which the C library gives to `main` alone.
            unsafe { $crate::entry::prepare(words) };
            // Unlike a return it writes out what the standard streams still hold.
            std::process::exit(i32::from($main()))
        }
    };
}

/// The words of the command line. C libraries other than GNU's tell the standard library nothing of them.
static WORDS: AtomicPtr<*const c_char> = AtomicPtr::new(ptr::null_mut());

/// Gives the words of the command line, the program's name first.
pub fn words() -> Vec<OsString> {
    let first = WORDS.load(Ordering::Relaxed);
    if first.is_null() {
        return std::env::args_os().collect();
    }
    let word = |index| {
        // SAFETY: whoever called `prepare` vouched for an array that a null pointer ends, and this goes no further.
        let word = unsafe { *first.add(index) };
        // SAFETY: as above, each is a string of C's that stays as it is.
        (!word.is_null()).then(|| OsStr::from_bytes(unsafe { CStr::from_ptr(word) }.to_bytes()).to_owned())
    };
    (0..).map_while(word).collect()
}

/// Does of the standard library's preparations what is needed: no file that is opened later takes the place of a standard
/// stream that is closed, and to write to a pipe that nobody reads is an error and not the end.
///
/// # Safety
/// `words` is the array that C's `main` got, which stays for as long as the process lives.
pub unsafe fn prepare(words: *mut *const c_char) {
    WORDS.store(words, Ordering::Relaxed);
    for stream in [rustix::stdio::stdin(), rustix::stdio::stdout(), rustix::stdio::stderr()] {
        if rustix::io::fcntl_getfd(stream) == Err(Errno::BADF) {
            // The lowest free number is taken, so it is this stream's.
            match rustix::fs::openat(CWD, "/dev/null", OFlags::RDWR, Mode::empty()) {
                Ok(null) => drop(null.into_raw_fd()),
                Err(_) => std::process::abort(),
            }
        }
    }
    // SAFETY: no handler is installed and no other thread runs yet.
    unsafe {
        libc::signal(libc::SIGPIPE, libc::SIG_IGN);
        // Whose caller ignores that one has no children to wait for, waitpid(2).
        libc::signal(libc::SIGCHLD, libc::SIG_DFL);
    }
}
