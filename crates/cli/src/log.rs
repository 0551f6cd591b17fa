//! The output of a container of the background: files beside its record, and `pal logs`.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use palisade_runtime::{Container, Error, Result};
use rustix::fs::FlockOperation;
use rustix::io::Errno;

use crate::output::print_bytes;

const FILE: &str = "log";
const OLDER: &str = "log.1";
/// Held while the container's monitor is there.
const LOCK: &str = "monitor";
/// How much one file holds. With the older one a container keeps at most twice that.
const MOST: u64 = 8 << 20;
/// How often a reader that follows looks again.
const PAUSE: Duration = Duration::from_millis(100);
/// How long a monitor may take to finish after its container's end.
const PATIENCE: Duration = Duration::from_secs(10);

/// The log as the monitor writes it.
#[derive(Debug)]
pub(crate) struct Log {
    directory: PathBuf,
    file: File,
    length: u64,
    /// Locked as long as this lives.
    _lock: File,
}

impl Log {
    /// Begins the log of a container.
    pub(crate) fn create(directory: &Path) -> Result<Self> {
        let lock = open_new(&directory.join(LOCK))?;
        rustix::fs::flock(&lock, FlockOperation::NonBlockingLockExclusive)
            .map_err(|errno| Error::call("flock of the monitor's file", errno))?;
        let file = open_new(&directory.join(FILE))?;
        Ok(Self { directory: directory.to_owned(), file, length: 0, _lock: lock })
    }

    /// Copies output until its last writer is gone, and gives the log back. A full disk loses output; it does not
    /// stop the container.
    pub(crate) fn fill(mut self, output: &OwnedFd) -> Self {
        let mut buffer = [0u8; 16 * 1024];
        loop {
            match rustix::io::read(output, &mut buffer) {
                Ok(length @ 1..) => self.append(buffer.get(..length).unwrap_or_default()),
                Err(Errno::INTR) => {}
                // EIO: nobody has the terminal's other side open any more.
                Ok(0) | Err(_) => return self,
            }
        }
    }

    fn append(&mut self, bytes: &[u8]) {
        if self.length >= MOST {
            let (file, older) = (self.directory.join(FILE), self.directory.join(OLDER));
            if std::fs::rename(&file, older).is_ok()
                && let Ok(new) = open_new(&file)
            {
                self.file = new;
                self.length = 0;
            }
        }
        if self.file.write_all(bytes).is_ok() {
            self.length += u64::try_from(bytes.len()).unwrap_or(0);
        }
    }
}

fn open_new(path: &Path) -> Result<File> {
    let mut options = File::options();
    options.write(true).create_new(true).mode(0o600);
    options.open(path).map_err(|error| Error::new(format!("create {}: {error}", path.display())))
}

/// Whether more may be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Monitor {
    Present,
    Gone,
}

/// Looks whether a container's monitor is still there.
pub(crate) fn monitor_of(directory: &Path) -> Monitor {
    let Ok(lock) = File::open(directory.join(LOCK)) else { return Monitor::Gone };
    match rustix::fs::flock(&lock, FlockOperation::NonBlockingLockShared) {
        Err(Errno::WOULDBLOCK) => Monitor::Present,
        _ => Monitor::Gone,
    }
}

/// Waits until a monitor has noted its container's end.
pub(crate) fn await_monitor(directory: &Path) -> Result<()> {
    let begin = Instant::now();
    while monitor_of(directory) == Monitor::Present {
        if begin.elapsed() > PATIENCE {
            return Err(Error::new("the container has ended, and its monitor does not"));
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    Ok(())
}

/// Whether `pal logs` waits for more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Follow {
    Yes,
    No,
}

/// Prints what a container has written.
pub(crate) fn show(container: &Container, follow: Follow) -> Result<()> {
    let directory = container.state_directory();
    let mut file = File::open(directory.join(FILE)).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => Error::new(format!("container {} has no log", container.record().id))
            .hint("only what runs in the background, pal run -d, has one"),
        _ => Error::new(format!("open {}: {error}", directory.join(FILE).display())),
    })?;
    if let Ok(mut older) = File::open(directory.join(OLDER)) {
        copy(&mut older)?;
    }
    loop {
        // Looked at before reading: what is written until then is read in this round.
        let monitor = monitor_of(directory);
        if copy(&mut file)? == Reader::Gone {
            return Ok(());
        }
        if let Some(next) = next_file(&file, directory) {
            copy(&mut file)?;
            file = next;
            continue;
        }
        if follow == Follow::No || monitor == Monitor::Gone {
            return Ok(());
        }
        std::thread::sleep(PAUSE);
    }
}

/// The file that has taken the place of a full one.
fn next_file(file: &File, directory: &Path) -> Option<File> {
    let next = File::open(directory.join(FILE)).ok()?;
    let same = next.metadata().ok()?.ino() == file.metadata().ok()?.ino();
    (!same).then_some(next)
}

/// Whether anybody still reads what is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reader {
    Present,
    Gone,
}

fn copy(file: &mut File) -> Result<Reader> {
    let mut buffer = vec![0u8; 64 * 1024];
    loop {
        let length = file.read(&mut buffer).map_err(|error| Error::new(format!("read the log: {error}")))?;
        if length == 0 {
            return Ok(Reader::Present);
        }
        if print_bytes(buffer.get(..length).unwrap_or_default())? == Reader::Gone {
            return Ok(Reader::Gone);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_turns_over_when_it_is_full() {
        let directory = tempfile::tempdir().unwrap();
        let mut log = Log::create(directory.path()).unwrap();
        assert_eq!(monitor_of(directory.path()), Monitor::Present);
        log.append(b"old");
        log.length = MOST;
        log.append(b"new");
        drop(log);
        assert_eq!(std::fs::read(directory.path().join(OLDER)).unwrap(), b"old");
        assert_eq!(std::fs::read(directory.path().join(FILE)).unwrap(), b"new");
        await_monitor(directory.path()).unwrap();
        assert_eq!(monitor_of(directory.path()), Monitor::Gone);
    }
}
