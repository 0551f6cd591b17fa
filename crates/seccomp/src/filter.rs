//! The compiled filter.

pub use palisade_sys::launch::FilterInstruction as Instruction;

/// The most instructions that the kernel takes in one filter (`BPF_MAXINSNS`).
pub const MAX_INSTRUCTIONS: usize = 4096;

/// Holds a compiled profile; it displays as a listing of its program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filter {
    /// The program for `seccomp(2)`.
    pub instructions: Vec<Instruction>,
    /// The `SECCOMP_FILTER_FLAG_*` to load it with.
    pub flags: u32,
    /// The names in the profile that no architecture has a system call for; they have no effect.
    pub unknown: Vec<String>,
}

/// `SECCOMP_FILTER_FLAG_NEW_LISTENER`
pub(crate) const NEW_LISTENER: u32 = 1 << 3;

impl Filter {
    /// Tells whether `seccomp(2)` returns a descriptor at which an agent answers for the kernel (Linux 5.0).
    pub fn has_listener(&self) -> bool {
        self.flags & NEW_LISTENER != 0
    }
}

/// `BPF_LD | BPF_W | BPF_ABS`: loads a word of `struct seccomp_data`.
pub(crate) const LOAD: u16 = 0x20;
/// `BPF_ALU | BPF_AND | BPF_K`.
pub(crate) const AND: u16 = 0x54;
/// `BPF_JMP | BPF_JA`.
pub(crate) const JUMP: u16 = 0x05;
/// `BPF_JMP | BPF_JEQ | BPF_K`.
pub(crate) const JUMP_IF_EQUAL: u16 = 0x15;
/// `BPF_JMP | BPF_JGT | BPF_K`.
pub(crate) const JUMP_IF_GREATER: u16 = 0x25;
/// `BPF_JMP | BPF_JGE | BPF_K`.
pub(crate) const JUMP_IF_AT_LEAST: u16 = 0x35;
/// `BPF_RET | BPF_K`.
pub(crate) const RETURN: u16 = 0x06;

/// Where `struct seccomp_data` has the number of the system call.
pub(crate) const NUMBER: u32 = 0;
/// Where it has the architecture.
pub(crate) const ARCH: u32 = 4;
/// Where its arguments begin.
pub(crate) const ARGUMENTS: u32 = 16;

/// `SECCOMP_RET_KILL_PROCESS`
pub(crate) const KILL_PROCESS: u32 = 0x8000_0000;
/// `SECCOMP_RET_KILL_THREAD`
pub(crate) const KILL_THREAD: u32 = 0;
/// `SECCOMP_RET_TRAP`
pub(crate) const TRAP: u32 = 0x0003_0000;
/// `SECCOMP_RET_ERRNO`; the errno is in its lower half.
pub(crate) const ERRNO: u32 = 0x0005_0000;
/// `SECCOMP_RET_USER_NOTIF`
pub(crate) const NOTIFY: u32 = 0x7fc0_0000;
/// `SECCOMP_RET_TRACE`; the message is in its lower half.
pub(crate) const TRACE: u32 = 0x7ff0_0000;
/// `SECCOMP_RET_LOG`
pub(crate) const LOG: u32 = 0x7ffc_0000;
/// `SECCOMP_RET_ALLOW`
pub(crate) const ALLOW: u32 = 0x7fff_0000;
