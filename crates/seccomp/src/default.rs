//! The profile of containers that are not given one.

mod calls;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use crate::{Action, Arch, Argument, Operator, Profile, Syscall};

const EPERM: u32 = 1;
const ENOSYS: u32 = 38;

/// The `CLONE_NEW*` flags of `linux/sched.h` that `clone(2)` takes: cgroup, IPC, mount, network, PID,
/// user and UTS.
const NEW_NAMESPACES: u64 = 0x7e02_0000;

/// The values that personality(2) may set: Linux, Linux with a 32-bit `uname`, each with UNAME26, and
/// "tell me what is set". What switches protection of memory off is not among them.
const PERSONALITIES: [u64; 5] = [0, 0x8, 0x20000, 0x20008, 0xffff_ffff];

/// `AF_ALG` of `linux/socket.h`: the kernel's cryptography.
const AF_ALG: u64 = 38;
/// The address families above `AF_ALG` but for `AF_VSOCK` (40), which no network namespace confines:
/// NFC, KCM, QIPCRTR, SMC, XDP, MCTP.
const HIGH_FAMILIES: [u64; 6] = [39, 41, 42, 43, 44, 45];

/// Names the version of the running kernel, `(major, minor)`.
pub type KernelVersion = (u32, u32);

/// Makes the default profile: a list of allowed calls, in the style of Docker's default, for a container
/// with some capabilities (`CAP_SYS_ADMIN` and so on) on some kernel.
///
/// What is not listed fails with EPERM. The native architecture and its 32-bit ones are let in.
pub fn default_profile(capabilities: &BTreeSet<String>, kernel: KernelVersion) -> Profile {
    let mut syscalls = vec![allow(calls::ALWAYS.iter().flat_map(|text| words(text)))];
    if kernel >= (4, 8) {
        syscalls.push(allow(words(calls::SINCE_TRACERS_ARE_FILTERED)));
    }
    for (capability, names) in calls::WITH_CAPABILITY {
        if capabilities.contains(*capability) {
            syscalls.push(allow(words(names)));
        }
    }
    if !capabilities.contains("CAP_SYS_ADMIN") {
        syscalls.push(allow_if("clone", Operator::MaskedEqual, NEW_NAMESPACES));
        // Its flags are in memory, out of sight. ENOSYS makes the C libraries fall back to clone.
        syscalls.push(Syscall { action: Action::Errno, errno_ret: Some(ENOSYS), ..allow(words("clone3")) });
    }
    for value in PERSONALITIES {
        syscalls.push(allow_if("personality", Operator::Equal, value));
    }
    // The kernel looks at the low half of the family only: "not AF_VSOCK" would let AF_VSOCK with a bit
    // set in the high half through, so the families are listed.
    syscalls.push(allow_if("socket", Operator::Less, AF_ALG));
    for family in HIGH_FAMILIES {
        syscalls.push(allow_if("socket", Operator::Equal, family));
    }
    let native = Arch::native();
    Profile {
        default_action: Action::Errno,
        default_errno_ret: Some(EPERM),
        architectures: native
            .into_iter()
            .chain(native.map_or(&[][..], Arch::subarches).iter().copied())
            .collect(),
        flags: None,
        listener_path: None,
        listener_metadata: None,
        syscalls,
    }
}

fn words(text: &'static str) -> impl Iterator<Item = &'static str> {
    text.split_ascii_whitespace()
}

fn allow(names: impl Iterator<Item = &'static str>) -> Syscall {
    Syscall {
        names: names.map(str::to_owned).collect(),
        action: Action::Allow,
        errno_ret: None,
        args: Vec::new(),
    }
}

/// Allows a call whose first argument compares so with `value`, or is 0 under that mask.
fn allow_if(name: &'static str, op: Operator, value: u64) -> Syscall {
    Syscall { args: vec![Argument { index: 0, value, value_two: 0, op }], ..allow(words(name)) }
}
