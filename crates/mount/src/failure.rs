//! What the interpreter reports: which system call failed, with which error number.

use std::fmt;

use palisade_sys::errno;
use rustix::io::Errno;

macro_rules! steps {
    ($($(#[$doc:meta])* $variant:ident => $name:literal,)*) => {
        /// The system call, or the check, that an operation ended at.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(u8)]
        pub enum Step {
            $($(#[$doc])* $variant,)*
        }

        impl Step {
            const ALL: &[Self] = &[$(Self::$variant),*];

            /// Names it, `mount_setattr`.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }
        }
    };
}

steps! {
    /// `mount(2)`.
    Mount => "mount",
    /// `mount_setattr(2)`.
    MountSetattr => "mount_setattr",
    /// `open_tree(2)`.
    OpenTree => "open_tree",
    /// `move_mount(2)`.
    MoveMount => "move_mount",
    /// `fsopen(2)`.
    FsOpen => "fsopen",
    /// `fsconfig(2)` of one parameter.
    FsConfig => "fsconfig",
    /// `fsconfig(2)` that creates the superblock.
    FsCreate => "fsconfig create",
    /// `fsconfig(2)` that changes a superblock.
    FsReconfigure => "fsconfig reconfigure",
    /// `fsmount(2)`.
    FsMount => "fsmount",
    /// `fspick(2)`.
    FsPick => "fspick",
    /// `openat2(2)` below the root.
    OpenAt2 => "openat2",
    /// `openat(2)`.
    OpenAt => "openat",
    /// `mkdirat(2)`.
    MkdirAt => "mkdirat",
    /// `mknodat(2)`.
    MknodAt => "mknodat",
    /// `symlinkat(2)`.
    SymlinkAt => "symlinkat",
    /// `readlinkat(2)`.
    ReadlinkAt => "readlinkat",
    /// `unlinkat(2)`.
    UnlinkAt => "unlinkat",
    /// `write(2)`.
    Write => "write",
    /// `fstat(2)`.
    Fstat => "fstat",
    /// `fstatfs(2)`.
    Fstatfs => "fstatfs",
    /// `fchownat(2)`.
    FchownAt => "fchownat",
    /// `fchmodat(2)`.
    FchmodAt => "fchmodat",
    /// `utimensat(2)`.
    UtimensAt => "utimensat",
    /// `fsetxattr(2)`.
    SetXattr => "fsetxattr",
    /// `getdents64(2)`.
    Getdents => "getdents64",
    /// `sendfile(2)`.
    Sendfile => "sendfile",
    /// `fcntl(2)`.
    Duplicate => "fcntl F_DUPFD_CLOEXEC",
    /// `fchdir(2)`.
    Fchdir => "fchdir",
    /// `chdir(2)`.
    Chdir => "chdir",
    /// `chroot(2)`.
    Chroot => "chroot",
    /// `pivot_root(2)`.
    PivotRoot => "pivot_root",
    /// `setns(2)`.
    Setns => "setns",
    /// `umount2(2)`.
    Umount => "umount2",
    /// The look at the path itself: its length and its last component.
    CheckPath => "check of the path",
    /// The look at a special file's kind and device number.
    CheckDevice => "check of the device number",
    /// The look at whether a bind mount may cover this file of procfs.
    CheckProc => "check of the target in procfs",
    /// The look at the order of operations: a root that is not open, a host path after the root was entered.
    CheckOrder => "check of the order",
}

/// The number of bytes of the kernel's own message that a report keeps.
const MESSAGE: usize = 120;

/// Why an operation failed, in a form that a cloned child can send: no pointer, no heap.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Failure {
    /// What failed.
    pub step: Step,
    /// The error number.
    pub errno: Errno,
    length: u8,
    message: [u8; MESSAGE],
}

impl Failure {
    /// The size of the wire form.
    pub const SIZE: usize = MESSAGE + 6;

    pub(crate) const fn new(step: Step, errno: Errno) -> Self {
        Self { step, errno, length: 0, message: [0; MESSAGE] }
    }

    /// Adds what the kernel had to say, cut to what fits.
    pub(crate) fn with_message(mut self, message: &[u8]) -> Self {
        for (to, from) in self.message.iter_mut().zip(message) {
            *to = *from;
        }
        self.length = u8::try_from(message.len().min(MESSAGE)).unwrap_or(0);
        self
    }

    /// Gives the kernel's own message, empty where there is none.
    #[must_use]
    pub fn message(&self) -> String {
        let kept = self.message.get(..usize::from(self.length)).unwrap_or_default();
        String::from_utf8_lossy(kept).into_owned()
    }

    /// Writes the report down for a socket or a pipe.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; Self::SIZE] {
        let [e0, e1, e2, e3] = self.errno.raw_os_error().to_le_bytes();
        let head = [self.step as u8, self.length, e0, e1, e2, e3];
        let mut bytes = [0; Self::SIZE];
        for (to, from) in bytes.iter_mut().zip(head.iter().chain(&self.message)) {
            *to = *from;
        }
        bytes
    }

    /// Reads what [`Failure::to_bytes`] wrote; `None` for anything else.
    #[must_use]
    pub fn from_bytes(bytes: &[u8; Self::SIZE]) -> Option<Self> {
        let [step, length, e0, e1, e2, e3, message @ ..] = *bytes;
        let step = *Step::ALL.get(usize::from(step))?;
        let errno = Errno::from_raw_os_error(i32::from_le_bytes([e0, e1, e2, e3]));
        (usize::from(length) <= MESSAGE).then_some(Self { step, errno, length, message })
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.step.name(), errno::name(self.errno))?;
        let message = self.message();
        if message.is_empty() { Ok(()) } else { write!(f, ": {message}") }
    }
}

impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Ties a system call's error to the step that it was made for.
pub(crate) trait At<T> {
    fn at(self, step: Step) -> Result<T, Failure>;
}

impl<T> At<T> for Result<T, Errno> {
    fn at(self, step: Step) -> Result<T, Failure> {
        self.map_err(|errno| Failure::new(step, errno))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn survives_the_wire() {
        for step in Step::ALL {
            let failure = Failure::new(*step, Errno::PERM).with_message(b"tmpfs: Bad value for 'size'");
            let read = Failure::from_bytes(&failure.to_bytes()).unwrap();
            assert_eq!(read, failure);
            assert_eq!(read.to_string(), format!("{}: EPERM: tmpfs: Bad value for 'size'", step.name()));
        }
        let long = Failure::new(Step::Sendfile, Errno::IO).with_message(&[b'x'; 500]);
        assert_eq!(Failure::from_bytes(&long.to_bytes()).unwrap().message().len(), MESSAGE);
        let mut bytes = long.to_bytes();
        bytes[0] = 255;
        assert!(Failure::from_bytes(&bytes).is_none());
        bytes[0] = 0;
        bytes[1] = 255;
        assert!(Failure::from_bytes(&bytes).is_none());
    }
}
