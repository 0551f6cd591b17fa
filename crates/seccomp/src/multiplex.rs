//! The two i386 system calls that stand for many others.

/// A call that i386 programs may make through another one.
pub(crate) struct Subcall {
    /// The system call that carries it.
    pub(crate) carrier: &'static str,
    /// The first argument that selects it there.
    pub(crate) selector: u64,
}

const SOCKETCALL: [&str; 20] = [
    "socket",
    "bind",
    "connect",
    "listen",
    "accept",
    "getsockname",
    "getpeername",
    "socketpair",
    "send",
    "recv",
    "sendto",
    "recvfrom",
    "shutdown",
    "setsockopt",
    "getsockopt",
    "sendmsg",
    "recvmsg",
    "accept4",
    "recvmmsg",
    "sendmmsg",
];

const IPC: [(&str, u64); 12] = [
    ("semop", 1),
    ("semget", 2),
    ("semctl", 3),
    ("semtimedop", 4),
    ("msgsnd", 11),
    ("msgrcv", 12),
    ("msgget", 13),
    ("msgctl", 14),
    ("shmat", 21),
    ("shmdt", 22),
    ("shmget", 23),
    ("shmctl", 24),
];

/// Finds how i386 programs may make the call `name` through
/// [socketcall(2)](https://man7.org/linux/man-pages/man2/socketcall.2.html) or
/// [ipc(2)](https://man7.org/linux/man-pages/man2/ipc.2.html).
pub(crate) fn subcall(name: &str) -> Option<Subcall> {
    if let Some(selector) = (1u64..).zip(SOCKETCALL).find(|(_, call)| *call == name) {
        return Some(Subcall { carrier: "socketcall", selector: selector.0 });
    }
    IPC.iter()
        .find(|(call, _)| *call == name)
        .map(|(_, selector)| Subcall { carrier: "ipc", selector: *selector })
}
