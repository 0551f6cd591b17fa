//! The `ioctl(2)` requests of namespace descriptors, `ioctl_nsfs(2)`.

use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};

use rustix::io::Errno;

const NS_GET_USERNS: u16 = 0xb701;
const NS_GET_PARENT: u16 = 0xb702;
const NS_GET_NSTYPE: u16 = 0xb703;
const NS_GET_OWNER_UID: u16 = 0xb704;

/// Tells the kind of namespace behind `fd`, as its `CLONE_NEW*` bit.
///
/// Fails with `ENOTTY` where `fd` is no namespace. See `ioctl_nsfs(2)`; Linux 4.11.
pub fn kind(fd: impl AsFd) -> Result<u32, Errno> {
    // SAFETY: the argument is zero, so that no driver behind a foreign descriptor is handed an address; `fd` is open because it is borrowed.
    let bits = unsafe { libc::ioctl(fd.as_fd().as_raw_fd(), libc::Ioctl::from(NS_GET_NSTYPE), 0) };
    u32::try_from(bits).map_err(|_| last_error())
}

/// Opens the user namespace that owns the namespace behind `fd`, close-on-exec.
///
/// Fails with `EPERM` where the owner is outside what the caller's user namespace can see. See `ioctl_nsfs(2)`;
/// Linux 4.9.
pub fn owner(fd: impl AsFd) -> Result<OwnedFd, Errno> {
    related(fd, NS_GET_USERNS)
}

/// Opens the parent of the pid or user namespace behind `fd`, close-on-exec.
///
/// Fails with `EPERM` where the parent is outside what the caller can see and with `EINVAL` where the kind has no
/// parents. See `ioctl_nsfs(2)`; Linux 4.9.
pub fn parent(fd: impl AsFd) -> Result<OwnedFd, Errno> {
    related(fd, NS_GET_PARENT)
}

/// Tells the user id that created the user namespace behind `fd`, as seen from the caller's user namespace.
///
/// Fails with `EINVAL` where `fd` is another kind of namespace. See `ioctl_nsfs(2)`; Linux 4.11.
pub fn owner_uid(fd: impl AsFd) -> Result<u32, Errno> {
    let mut uid: libc::uid_t = 0;
    // SAFETY: the request writes one uid_t to the pointer, which is valid and exclusive for the call; `fd` is borrowed.
    let done =
        unsafe { libc::ioctl(fd.as_fd().as_raw_fd(), libc::Ioctl::from(NS_GET_OWNER_UID), &raw mut uid) };
    if done < 0 { Err(last_error()) } else { Ok(uid) }
}

fn related(fd: impl AsFd, request: u16) -> Result<OwnedFd, Errno> {
    // SAFETY: the argument is zero, so that no driver behind a foreign descriptor is handed an address; `fd` is open because it is borrowed.
    let new = unsafe { libc::ioctl(fd.as_fd().as_raw_fd(), libc::Ioctl::from(request), 0) };
    if new < 0 {
        return Err(last_error());
    }
    // SAFETY: the kernel just made this descriptor for this process and nobody else knows its number.
    Ok(unsafe { OwnedFd::from_raw_fd(new) })
}

fn last_error() -> Errno {
    // SAFETY: reads the calling thread's errno.
    Errno::from_raw_os_error(unsafe { *libc::__errno_location() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::File;

    #[test]
    fn answers_about_the_own_namespaces() {
        let uts = File::open("/proc/self/ns/uts").unwrap();
        let user = File::open("/proc/self/ns/user").unwrap();
        assert_eq!(kind(&uts).unwrap(), 0x0400_0000);
        assert_eq!(kind(&user).unwrap(), 0x1000_0000);
        assert_eq!(kind(owner(&uts).unwrap()).unwrap(), 0x1000_0000);
        assert!(owner_uid(&user).is_ok());
        assert_eq!(owner_uid(&uts).unwrap_err(), Errno::INVAL);
        assert_eq!(parent(&uts).unwrap_err(), Errno::INVAL);
        assert_eq!(kind(File::open("/proc/self/status").unwrap()).unwrap_err(), Errno::NOTTY);
    }
}
