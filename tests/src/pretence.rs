//! A kernel that pretends to be older than it is: a seccomp filter answers some calls as if they did not exist.
//!
//! It is loaded by a launch image in place of the program, which is executed under it. So the filter holds for the
//! program and all below it, containers included.

use std::ffi::{CString, OsStr};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::process::Command;

use palisade_seccomp::{Action, Argument, Filter, Operator, Profile, Syscall};
use palisade_sys::launch::{Program, Tolerated};
use rustix::io::Errno;
use rustix::process::geteuid;

/// The flag of `memfd_create(2)` that came with Linux 6.3.
const MFD_EXEC: u64 = 0x10;
/// The size of `struct clone_args` with the field of CLONE_INTO_CGROUP.
const WITH_CGROUP: u64 = 88;

/// Puts the call of a program into an image that executes it without some system calls: each by its name, and
/// `CLONE_INTO_CGROUP` and `MFD_EXEC` as the flags that they are.
///
/// # Panics
/// When the image cannot be made.
#[must_use]
pub fn image(command: &Command, without: &[String]) -> OwnedFd {
    let text = |text: &OsStr| CString::new(text.as_bytes()).expect("no NUL byte");
    let arguments: Vec<CString> =
        std::iter::once(command.get_program()).chain(command.get_args()).map(text).collect();
    let mut environment: std::collections::BTreeMap<_, _> = std::env::vars_os().collect();
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => environment.insert(name.to_owned(), value.to_owned()),
            None => environment.remove(name),
        };
    }
    let environment: Vec<CString> =
        environment.iter().map(|(name, value)| text(&joined(name, value))).collect();
    let mut image = Program::new();
    if !geteuid().is_root() {
        image.no_new_privileges(0);
    }
    image.seccomp(&filter(without).instructions, 0, 1);
    let (arguments_at, environment_at) = (image.string_array(&arguments), image.string_array(&environment));
    image.execute(&arguments[0], arguments_at, environment_at, 2, Tolerated::NONE);
    image.seal(2).expect("make a launch image")
}

fn filter(without: &[String]) -> Filter {
    let answer = |names: &[&str], errno: Errno, args: Vec<Argument>| Syscall {
        names: names.iter().map(|name| (*name).to_owned()).collect(),
        action: Action::Errno,
        errno_ret: Some(errno.raw_os_error().unsigned_abs()),
        args,
    };
    let is = |index, value, op| vec![Argument { index, value, value_two: value, op }];
    let syscalls = without.iter().map(|call| match call.as_str() {
        "CLONE_INTO_CGROUP" => {
            answer(&["clone3"], Errno::TOOBIG, is(1, WITH_CGROUP, Operator::GreaterOrEqual))
        }
        "MFD_EXEC" => answer(&["memfd_create"], Errno::INVAL, is(1, MFD_EXEC, Operator::MaskedEqual)),
        call => answer(&[call], Errno::NOSYS, Vec::new()),
    });
    let profile = Profile {
        default_action: Action::Allow,
        default_errno_ret: None,
        architectures: Vec::new(),
        flags: None,
        listener_path: None,
        listener_metadata: None,
        syscalls: syscalls.collect(),
    };
    let filter = palisade_seccomp::compile(&profile).expect("a filter");
    assert_eq!(filter.unknown, Vec::<String>::new(), "no such system calls");
    filter
}

fn joined(name: &OsStr, value: &OsStr) -> std::ffi::OsString {
    let mut entry = name.to_owned();
    entry.push("=");
    entry.push(value);
    entry
}
