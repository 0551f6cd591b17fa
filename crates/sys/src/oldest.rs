//! Which kernel has a system call first.

use rustix::io::Errno;

/// The calls that came with Linux 5.1 or later and that Palisade makes. docs/kernel-features.md says the same.
const CALLS: [(&str, &str); 13] = [
    ("clone3", "needs Linux 5.3"),
    ("close_range", "needs Linux 5.9"),
    ("fsconfig", "needs Linux 5.2"),
    ("fsmount", "needs Linux 5.2"),
    ("fsopen", "needs Linux 5.2"),
    ("fspick", "needs Linux 5.2"),
    ("mount_setattr", "needs Linux 5.12"),
    ("move_mount", "needs Linux 5.2"),
    ("open_tree", "needs Linux 5.2"),
    ("openat2", "needs Linux 5.6"),
    ("pidfd_getfd", "needs Linux 5.6"),
    ("pidfd_open", "needs Linux 5.3"),
    ("pidfd_send_signal", "needs Linux 5.1"),
];

/// Says which kernel is needed where an operation failed because a call that it names does not exist. The call may
/// exist and be hidden by a seccomp filter of whoever started Palisade.
#[must_use]
pub fn needed(operation: &str, errno: Errno) -> Option<&'static str> {
    if errno != Errno::NOSYS {
        return None;
    }
    let words = operation.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    words.rev().find_map(|word| CALLS.iter().find(|(call, _)| *call == word)).map(|(_, needs)| *needs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_call_is_found_in_what_failed() {
        assert_eq!(needed("clone3 with new namespaces pid", Errno::NOSYS), Some("needs Linux 5.3"));
        assert_eq!(needed("tmpfs on /openat2: fsconfig create", Errno::NOSYS), Some("needs Linux 5.2"));
        assert_eq!(needed("clone3", Errno::PERM), None);
        assert_eq!(needed("mkdir", Errno::NOSYS), None);
    }
}
