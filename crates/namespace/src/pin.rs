//! Namespaces kept alive under a name: bind mounts of their files, one file a kind in one directory a name.

use std::fs;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, CWD, FlockOperation, Mode, OFlags, StatxAttributes, StatxFlags};
use rustix::io::Errno;
use rustix::mount::{MountPropagationFlags, UnmountFlags, mount_bind, mount_change, unmount};

use crate::{Error, Kind, Kinds};

/// The directory of all names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pins {
    directory: PathBuf,
}

/// One thing that is done to keep namespaces, or to keep them no longer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PinOperation {
    /// Makes the directory of all names a private mount of its own: the kernel refuses to mount a mount namespace
    /// where the mount would be passed on.
    Prepare(PathBuf),
    /// Makes the directory of a name.
    MakeDirectory(PathBuf),
    /// Mounts the file of a namespace on a new file.
    Keep {
        /// The file in `/proc/PID/ns`.
        namespace: PathBuf,
        /// The new file.
        file: PathBuf,
    },
    /// Takes a mount and its file away; the namespace goes with the last one that keeps it.
    LetGo(PathBuf),
    /// Removes the directory of a name.
    RemoveDirectory(PathBuf),
    /// Takes the mount of [`Self::Prepare`] away when there is no name any more.
    Release(PathBuf),
}

/// Whoever holds it is alone in changing names.
#[derive(Debug)]
pub struct PinLock {
    _directory: OwnedFd,
}

impl Pins {
    /// Names the directory; it is made with the first name.
    #[must_use]
    pub fn new(directory: PathBuf) -> Self {
        Self { directory }
    }

    /// Waits until nobody else changes names.
    ///
    /// # Errors
    /// A directory that cannot be made or opened.
    pub fn lock(&self) -> Result<PinLock, Error> {
        let above = self.directory.parent().unwrap_or(&self.directory);
        fs::create_dir_all(above).map_err(|error| Error::io(format!("mkdir {}", above.display()), &error))?;
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let directory = rustix::fs::open(above, flags, Mode::empty())
            .map_err(|errno| Error::system(format!("open {}", above.display()), errno))?;
        rustix::fs::flock(&directory, FlockOperation::LockExclusive)
            .map_err(|errno| Error::system(format!("lock {}", above.display()), errno))?;
        Ok(PinLock { _directory: directory })
    }

    /// Finds the namespaces kept under a name.
    ///
    /// # Errors
    /// ENOENT where there is no such name.
    pub fn find(&self, name: &str) -> Result<Vec<(Kind, PathBuf)>, Error> {
        let directory = self.directory.join(name);
        let what = || format!("open {}", directory.display());
        if let Err(error) = fs::metadata(&directory) {
            let error = Error::io(what(), &error);
            return Err(error.hint("no namespaces are kept under that name"));
        }
        let files = Kind::ALL.map(|kind| (kind, directory.join(kind.proc_name())));
        Ok(files.into_iter().filter(|(_, file)| fs::symlink_metadata(file).is_ok()).collect())
    }

    /// Lists what is to be done to keep the namespaces of a process under a name.
    ///
    /// # Errors
    /// A name that is in use.
    pub fn keep(&self, name: &str, pid: u32, kinds: Kinds) -> Result<Vec<PinOperation>, Error> {
        let directory = self.directory.join(name);
        if directory.exists() {
            let error = Error::system(format!("mkdir {}", directory.display()), Errno::EXIST);
            return Err(error.hint("other namespaces are kept under that name"));
        }
        let mut operations = Vec::with_capacity(10);
        if !is_mount(&self.directory) {
            operations.push(PinOperation::Prepare(self.directory.clone()));
        }
        operations.push(PinOperation::MakeDirectory(directory.clone()));
        operations.extend(kinds.iter().map(|kind| PinOperation::Keep {
            namespace: format!("/proc/{pid}/ns/{}", kind.proc_name()).into(),
            file: directory.join(kind.proc_name()),
        }));
        Ok(operations)
    }

    /// Lists what is to be done to keep the namespaces of these names no longer.
    ///
    /// # Errors
    /// A name that is not there.
    pub fn let_go(&self, names: &[&str]) -> Result<Vec<PinOperation>, Error> {
        let mut operations = Vec::new();
        for name in names {
            let kept = self.find(name)?;
            operations.extend(kept.into_iter().map(|(_, file)| PinOperation::LetGo(file)));
            operations.push(PinOperation::RemoveDirectory(self.directory.join(name)));
        }
        let others = fs::read_dir(&self.directory).map_or(0, |entries| {
            entries.flatten().filter(|entry| !names.iter().any(|name| entry.file_name() == *name)).count()
        });
        if others == 0 && is_mount(&self.directory) {
            operations.push(PinOperation::Release(self.directory.clone()));
        }
        Ok(operations)
    }
}

impl PinOperation {
    /// Returns the shell commands that would do the same.
    #[must_use]
    pub fn shell(&self) -> Vec<String> {
        let show = |path: &Path| path.display().to_string();
        match self {
            Self::Prepare(path) => {
                let path = show(path);
                vec![
                    format!("mkdir -p {path}"),
                    format!("mount --bind {path} {path}"),
                    format!("mount --make-private {path}"),
                ]
            }
            Self::MakeDirectory(path) => vec![format!("mkdir {}", show(path))],
            Self::Keep { namespace, file } => {
                vec![
                    format!(": > {}", show(file)),
                    format!("mount --bind {} {}", show(namespace), show(file)),
                ]
            }
            Self::LetGo(path) => vec![format!("umount {}", show(path)), format!("rm {}", show(path))],
            Self::RemoveDirectory(path) => vec![format!("rmdir {}", show(path))],
            Self::Release(path) => vec![format!("umount {}", show(path)), format!("rmdir {}", show(path))],
        }
    }

    /// Does it.
    ///
    /// # Errors
    /// What the kernel refuses: EPERM without CAP_SYS_ADMIN over the mount namespace.
    pub fn perform(&self) -> Result<(), Error> {
        match self {
            Self::Prepare(path) => prepare(path),
            Self::MakeDirectory(path) => {
                fs::create_dir(path).map_err(|error| Error::io(format!("mkdir {}", path.display()), &error))
            }
            Self::Keep { namespace, file } => keep(namespace, file),
            Self::LetGo(path) => let_go(path),
            Self::RemoveDirectory(path) => {
                fs::remove_dir(path).map_err(|error| Error::io(format!("rmdir {}", path.display()), &error))
            }
            Self::Release(path) => release(path),
        }
    }

    /// Takes it back, as a later one failed. What was let go is gone.
    ///
    /// # Errors
    /// What the kernel refuses.
    pub fn undo(&self) -> Result<(), Error> {
        match self {
            Self::Prepare(path) => release(path),
            Self::MakeDirectory(path) => Self::RemoveDirectory(path.clone()).perform(),
            Self::Keep { file, .. } => let_go(file),
            Self::LetGo(_) | Self::RemoveDirectory(_) | Self::Release(_) => Ok(()),
        }
    }
}

fn is_mount(path: &Path) -> bool {
    rustix::fs::statx(CWD, path, AtFlags::SYMLINK_NOFOLLOW, StatxFlags::TYPE)
        .is_ok_and(|status| status.stx_attributes.contains(StatxAttributes::MOUNT_ROOT))
}

fn prepare(path: &Path) -> Result<(), Error> {
    fs::create_dir_all(path).map_err(|error| Error::io(format!("mkdir {}", path.display()), &error))?;
    let done = mount_bind(path, path).map_err(|errno| mount_error(path, path, errno)).and_then(|()| {
        mount_change(path, MountPropagationFlags::PRIVATE)
            .map_err(|errno| Error::system(format!("mount --make-private {}", path.display()), errno))
    });
    if done.is_err() {
        // It may be mounted or not; it is empty either way.
        let _taken_back = unmount(path, UnmountFlags::NOFOLLOW);
        let _taken_back = fs::remove_dir(path);
    }
    done
}

fn keep(namespace: &Path, file: &Path) -> Result<(), Error> {
    fs::File::create_new(file).map_err(|error| Error::io(format!("create {}", file.display()), &error))?;
    mount_bind(namespace, file).map_err(|errno| {
        let _taken_back = fs::remove_file(file);
        mount_error(namespace, file, errno)
    })
}

fn let_go(path: &Path) -> Result<(), Error> {
    match unmount(path, UnmountFlags::NOFOLLOW | UnmountFlags::DETACH) {
        // Somebody has unmounted it by hand; the file is left.
        Ok(()) | Err(Errno::INVAL) => {}
        Err(errno) => {
            let error = Error::system(format!("umount {}", path.display()), errno);
            let needs_root = errno == Errno::PERM;
            return Err(if needs_root { error.hint("needs CAP_SYS_ADMIN over these mounts") } else { error });
        }
    }
    fs::remove_file(path).map_err(|error| Error::io(format!("rm {}", path.display()), &error))
}

fn release(path: &Path) -> Result<(), Error> {
    unmount(path, UnmountFlags::NOFOLLOW)
        .map_err(|errno| Error::system(format!("umount {}", path.display()), errno))?;
    fs::remove_dir(path).map_err(|error| Error::io(format!("rmdir {}", path.display()), &error))
}

fn mount_error(from: &Path, to: &Path, errno: Errno) -> Error {
    let error = Error::system(format!("mount --bind {} {}", from.display(), to.display()), errno);
    match errno {
        Errno::PERM | Errno::ACCESS => error.hint(
            "names are mounts, which only root can make where others see them; an ordinary user keeps namespaces \
             by a process in them: enter its number",
        ),
        Errno::NOENT => error.hint("the process has ended, or the kernel has no such kind"),
        Errno::INVAL => error.hint(
            "a mount namespace is kept only from an older one, by the kernel's count: since that goes by CPU (6.18), \
             only from the machine's first one without fail",
        ),
        _ => error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operations_are_listed_and_told() {
        let directory = tempfile::tempdir().unwrap();
        let pins = Pins::new(directory.path().join("ns"));
        let operations = pins.keep("web", 7, Kinds::NONE.with(Kind::Net)).unwrap();
        let text: Vec<String> = operations.iter().flat_map(PinOperation::shell).collect();
        let at = directory.path().join("ns").display().to_string();
        let expected = [
            format!("mkdir -p {at}"),
            format!("mount --bind {at} {at}"),
            format!("mount --make-private {at}"),
            format!("mkdir {at}/web"),
            format!(": > {at}/web/net"),
            format!("mount --bind /proc/7/ns/net {at}/web/net"),
        ];
        assert_eq!(text, expected);
        let unknown = pins.let_go(&["web"]).unwrap_err().to_string();
        assert_eq!(unknown, format!("open {at}/web: ENOENT (no namespaces are kept under that name)"));
        fs::create_dir_all(directory.path().join("ns/web")).unwrap();
        assert!(pins.keep("web", 7, Kinds::NONE).is_err());
        assert_eq!(
            pins.let_go(&["web"]).unwrap(),
            [PinOperation::RemoveDirectory(format!("{at}/web").into())]
        );
    }
}
