//! The system calls that a launch image knows how to make, each by its meaning.

use std::ffi::CStr;

use super::{After, Program, READY, REPORT_SIZE, Tolerated};

/// `TIOCSCTTY` of `asm-generic/ioctls.h`; C libraries disagree about its type.
const TIOCSCTTY: u64 = 0x540e;
const PR_SET_DUMPABLE: u64 = 4;
const PR_CAPBSET_DROP: u64 = 24;
const PR_SET_KEEPCAPS: u64 = 8;
const PR_CAP_AMBIENT: u64 = 47;
const PR_CAP_AMBIENT_RAISE: u64 = 2;
const PR_CAP_AMBIENT_CLEAR_ALL: u64 = 4;
const PR_SET_NO_NEW_PRIVS: u64 = 38;
const SECCOMP_SET_MODE_FILTER: u64 = 1;
const KEYCTL_JOIN_SESSION_KEYRING: u64 = 1;
const KEYCTL_SETPERM: u64 = 5;
/// Stands for the caller's session keyring; -3 as a 32-bit number.
const KEY_SPEC_SESSION_KEYRING: u64 = 0xffff_fffd;
/// What a new session keyring allows, and that processes of its owner may find it: all to whoever possesses it; view,
/// read, search and link to its owner.
const SESSION_KEYRING_PERMISSIONS: u64 = 0x3f1b_0000;

/// The numbers of the calls with which an image waits for `start`.
pub const START_CALLS: [i64; 3] = [libc::SYS_dup3, libc::SYS_read, libc::SYS_close];
/// The numbers of the calls with which an image goes on in a child that leads a session and waits.
pub const ENTER_CALLS: [i64; 5] =
    [libc::SYS_clone, libc::SYS_write, libc::SYS_setsid, libc::SYS_ioctl, libc::SYS_read];

/// The five sets of `capabilities(7)` but the bounding one, which only ever shrinks, as bit masks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CapabilityMasks {
    /// What is in force.
    pub effective: u64,
    /// What may be put in force.
    pub permitted: u64,
    /// What an executed file with inheritable capabilities keeps.
    pub inheritable: u64,
}

/// One instruction of classic BPF, `struct sock_filter` of `linux/filter.h`.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FilterInstruction {
    /// The operation.
    pub code: u16,
    /// How far to jump when a comparison holds.
    pub jt: u8,
    /// How far to jump when it does not.
    pub jf: u8,
    /// The operand.
    pub k: u32,
}

impl Program {
    fn report(&mut self, number: i64, arguments: &[u64], tag: u64) {
        self.call(number, arguments, tag, Tolerated::NONE);
    }

    /// Has a descriptor closed by the final exec.
    pub fn close_on_exec(&mut self, descriptor: u64, tag: u64) {
        let (set_flags, close_on_exec) = (libc::F_SETFD as u64, libc::FD_CLOEXEC as u64);
        self.report(libc::SYS_fcntl, &[descriptor, set_flags, close_on_exec], tag);
    }

    /// Closes a descriptor.
    pub fn close(&mut self, descriptor: u64, tag: u64) {
        self.report(libc::SYS_close, &[descriptor], tag);
    }

    /// Puts a copy of one descriptor in the place of another, closed by the final exec.
    pub fn replace(&mut self, source: u64, place: u64, tag: u64) {
        self.report(libc::SYS_dup3, &[source, place, libc::O_CLOEXEC as u64], tag);
    }

    /// Reports to a socket that all went well so far, which its end alone does not say: a process that is killed closes
    /// it, too.
    pub fn say_ready(&mut self, socket: u64, tag: u64) {
        let words = self.words(&[READY, 0]);
        self.report(libc::SYS_write, &[socket, words, REPORT_SIZE as u64], tag);
    }

    /// Waits for a byte. Where none can come any more, because all writers are gone, the process ends.
    pub fn await_byte(&mut self, descriptor: u64, tag: u64) {
        self.call_then(libc::SYS_read, &[descriptor, 0, 1], tag, Tolerated::NONE, After::Byte);
    }

    /// Goes on in a new process, a sibling: in the pid namespace that the process joined without being in it. This
    /// one reports its number and ends.
    pub fn fork(&mut self, tag: u64) {
        let clone_parent = libc::CLONE_PARENT as u64;
        self.call_then(libc::SYS_clone, &[clone_parent, 0, 0, 0, 0], tag, Tolerated::NONE, After::Fork);
    }

    /// Forbids that others trace the process or look into it, until the final exec.
    pub fn hide(&mut self, tag: u64) {
        self.report(libc::SYS_prctl, &[PR_SET_DUMPABLE, 0, 0, 0, 0], tag);
    }

    /// Starts a session.
    pub fn session(&mut self, tag: u64) {
        self.report(libc::SYS_setsid, &[], tag);
    }

    /// Makes the terminal on standard input the controlling one of the session.
    pub fn control_terminal(&mut self, tag: u64) {
        self.report(libc::SYS_ioctl, &[0, TIOCSCTTY, 0], tag);
    }

    /// Gives a signal its default disposition: ignored ones would stay ignored over the exec.
    pub fn default_signal(&mut self, signal: u64, tag: u64) {
        let action = self.words(&[0, 0, 0, 0]);
        self.report(libc::SYS_rt_sigaction, &[signal, action, 0, 8], tag);
    }

    /// Unblocks all signals.
    pub fn unblock_signals(&mut self, tag: u64) {
        let mask = self.words(&[0]);
        self.report(libc::SYS_rt_sigprocmask, &[libc::SIG_SETMASK as u64, mask, 0, 8], tag);
    }

    /// Takes a capability, by number, out of the bounding set. Needs CAP_SETPCAP. A number that the kernel does
    /// not know is no failure: it is in no set.
    pub fn drop_bounding(&mut self, capability: u64, tag: u64) {
        self.call(libc::SYS_prctl, &[PR_CAPBSET_DROP, capability, 0, 0, 0], tag, Tolerated::INVALID);
    }

    /// Keeps the permitted capabilities over the change from user 0 to another one.
    pub fn keep_capabilities(&mut self, tag: u64) {
        self.report(libc::SYS_prctl, &[PR_SET_KEEPCAPS, 1, 0, 0, 0], tag);
    }

    /// Sets the supplementary groups.
    pub fn set_groups(&mut self, groups: &[u32], tag: u64) {
        let bytes: Vec<u8> = groups.iter().flat_map(|group| group.to_le_bytes()).collect();
        let address = self.bytes(&bytes);
        self.report(libc::SYS_setgroups, &[groups.len() as u64, address], tag);
    }

    /// Sets the real, effective and saved group id.
    pub fn set_gid(&mut self, gid: u32, tag: u64) {
        let gid = u64::from(gid);
        self.report(libc::SYS_setresgid, &[gid, gid, gid], tag);
    }

    /// Sets the real, effective and saved user id.
    pub fn set_uid(&mut self, uid: u32, tag: u64) {
        let uid = u64::from(uid);
        self.report(libc::SYS_setresuid, &[uid, uid, uid], tag);
    }

    /// Sets the capability sets by `capset(2)`, version 3 (Linux 2.6.26).
    pub fn set_capabilities(&mut self, masks: CapabilityMasks, tag: u64) {
        const VERSION_3: u64 = 0x2008_0522;
        let header = self.words(&[VERSION_3]);
        let low = |mask: u64| mask & 0xffff_ffff;
        // Two blocks of three 32-bit words each, the low halves first.
        let data = self.words(&[
            low(masks.effective) | low(masks.permitted) << 32,
            low(masks.inheritable) | (masks.effective >> 32) << 32,
            (masks.permitted >> 32) | (masks.inheritable >> 32) << 32,
        ]);
        self.report(libc::SYS_capset, &[header, data], tag);
    }

    /// Empties the ambient set (Linux 4.3).
    pub fn clear_ambient(&mut self, tag: u64) {
        self.report(libc::SYS_prctl, &[PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0], tag);
    }

    /// Adds a capability, by number, to the ambient set (Linux 4.3). It must be permitted and inheritable.
    pub fn raise_ambient(&mut self, capability: u64, tag: u64) {
        self.report(libc::SYS_prctl, &[PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, capability, 0, 0], tag);
    }

    /// Forbids that an exec gives rights, for this process and all its descendants (Linux 3.5).
    pub fn no_new_privileges(&mut self, tag: u64) {
        self.report(libc::SYS_prctl, &[PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0], tag);
    }

    /// Loads a seccomp filter with `SECCOMP_FILTER_FLAG_*` bits. Needs no-new-privileges or CAP_SYS_ADMIN
    /// (Linux 3.17).
    ///
    /// With `SECCOMP_FILTER_FLAG_NEW_LISTENER` (Linux 5.0) the image reports the address of a word before that, puts the
    /// number of the listening descriptor and one into it, and waits without a call until somebody changes the word,
    /// which is done by [`crate::memory::write_word`]. The exec closes the descriptor.
    pub fn seccomp(&mut self, filter: &[FilterInstruction], flags: u64, tag: u64) {
        let mut bytes = Vec::with_capacity(filter.len() * 8);
        for instruction in filter {
            bytes.extend_from_slice(&instruction.code.to_le_bytes());
            bytes.extend_from_slice(&[instruction.jt, instruction.jf]);
            bytes.extend_from_slice(&instruction.k.to_le_bytes());
        }
        let instructions = self.bytes(&bytes);
        let program = self.words(&[filter.len() as u64, instructions]);
        let mut after = After::GoOn;
        if flags & libc::SECCOMP_FILTER_FLAG_NEW_LISTENER != 0 {
            self.call_then(libc::SYS_getpid, &[], tag, Tolerated::NONE, After::Announce);
            after = After::Listen;
        }
        let arguments = [SECCOMP_SET_MODE_FILTER, flags, program];
        self.call_then(libc::SYS_seccomp, &arguments, tag, Tolerated::NONE, after);
    }

    /// Writes a text, in one call, to a file below a directory and on the same mount as that; no magic link is
    /// followed (`openat2(2)`, Linux 5.6). The final exec closes the file.
    pub fn write_below(&mut self, directory: u64, path: &CStr, text: &CStr, tag: u64) {
        const RESOLVE_NO_XDEV: u64 = 0x01;
        const RESOLVE_NO_MAGICLINKS: u64 = 0x02;
        let path = self.string(path);
        let flags = (libc::O_WRONLY | libc::O_CLOEXEC) as u64;
        let how = self.words(&[flags, 0, RESOLVE_NO_XDEV | RESOLVE_NO_MAGICLINKS]);
        let none = Tolerated::NONE;
        self.call_then(libc::SYS_openat2, &[directory, path, how, 24], tag, none, After::Descriptor);
        let length = text.to_bytes().len() as u64;
        let text = self.string(text);
        self.report(libc::SYS_write, &[0, text, length], tag);
    }

    /// Leaves the session keyring for the one of this name, which is made where the user has none, or for a new one
    /// without a name. A kernel without keys is no failure (`keyctl(2)`, Linux 2.6.11).
    pub fn session_keyring(&mut self, name: Option<&CStr>, tag: u64) {
        let absent = Tolerated::ABSENT;
        let Some(name) = name else {
            return self.call(libc::SYS_keyctl, &[KEYCTL_JOIN_SESSION_KEYRING, 0], tag, absent);
        };
        let name = self.string(name);
        self.call(libc::SYS_keyctl, &[KEYCTL_JOIN_SESSION_KEYRING, name], tag, absent);
        // Otherwise nobody could join it by its name.
        let permit = [KEYCTL_SETPERM, KEY_SPEC_SESSION_KEYRING, SESSION_KEYRING_PERMISSIONS];
        self.call(libc::SYS_keyctl, &permit, tag, absent);
    }

    /// Sets the execution domain, `personality(2)`.
    pub fn personality(&mut self, persona: u64, tag: u64) {
        self.report(libc::SYS_personality, &[persona], tag);
    }

    /// Sets on which NUMA nodes memory is taken, `set_mempolicy(2)` (Linux 2.6.7): a mode with its flags, and a bit for
    /// each node.
    pub fn memory_policy(&mut self, mode: u64, nodes: &[u64], tag: u64) {
        let address = if nodes.is_empty() { 0 } else { self.words(nodes) };
        // The kernel reads one bit less than it is told.
        let bits = if nodes.is_empty() { 0 } else { nodes.len() as u64 * 64 + 1 };
        self.report(libc::SYS_set_mempolicy, &[mode, address, bits], tag);
    }

    /// Executes a file; the arrays come from [`Program::string_array`].
    pub fn execute(&mut self, path: &CStr, arguments: u64, environment: u64, tag: u64, tolerated: Tolerated) {
        let path = self.string(path);
        self.call(libc::SYS_execve, &[path, arguments, environment], tag, tolerated);
    }
}
