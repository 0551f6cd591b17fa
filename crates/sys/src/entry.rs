//! The entry of a program that does without the standard library's preparations: those read `/proc/self/maps` to find the
//! stack's end and take a dozen system calls to tell an overflow of it in words.

use std::os::fd::IntoRawFd;

use rustix::fs::{CWD, Mode, OFlags};
use rustix::io::Errno;

/// Makes a function without arguments that gives an exit code the program's `main`; the crate has `#![no_main]`.
#[macro_export]
macro_rules! entry {
    ($main:path) => {
        // SAFETY: a crate with `#![no_main]` has no other `main`, and this one has C's type of it; the arguments are
        // not looked at.
        #[unsafe(no_mangle)]
        extern "C" fn main(_count: i32, _words: *const *const u8) -> i32 {
            $crate::entry::prepare();
            // Unlike a return it writes out what the standard streams still hold.
            std::process::exit(i32::from($main()))
        }
    };
}

/// Does of the standard library's preparations what is needed: no file that is opened later takes the place of a standard
/// stream that is closed, and to write to a pipe that nobody reads is an error and not the end.
pub fn prepare() {
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
    }
}
