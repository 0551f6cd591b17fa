//! Readiness of a service, `sd_notify(3)`: what a container's program tells a socket of its own is passed on to the one
//! that NOTIFY_SOCKET names. systemd would not hear the program itself, which is in another cgroup than the unit.

use std::os::fd::{AsFd, OwnedFd};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::path::Path;

use palisade_oci::{Mount, Spec};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{AtFlags, CWD, Mode, OFlags};
use rustix::io::Errno;
use rustix::process::Pid;

use crate::error::{During, Error, Result};
use crate::init::send_descriptor;

const VARIABLE: &str = "NOTIFY_SOCKET";
/// The directory of the socket in a container's state directory.
const FOLDER: &str = "notify";
const SOCKET: &str = "notify.sock";
/// Where the container has that directory, as with runc.
const PLACE: &str = "/run/notify";
/// What systemd reads of a message.
const MESSAGE: usize = 4096;
/// How long systemd may take to see to a message.
const PATIENCE: Timespec = Timespec { tv_sec: 5, tv_nsec: 0 };

/// Who is told that a container is ready.
#[derive(Debug, Clone)]
pub struct Notified(SocketAddr);

impl Notified {
    /// Reads whom the environment names.
    ///
    /// # Errors
    /// An address that is neither a path nor abstract, `unix(7)`.
    pub fn find() -> Result<Option<Self>> {
        let Some(value) = std::env::var_os(VARIABLE).filter(|value| !value.is_empty()) else {
            return Ok(None);
        };
        let address = match value.as_encoded_bytes() {
            [b'@', name @ ..] => SocketAddr::from_abstract_name(name),
            [b'/', ..] => SocketAddr::from_pathname(&value),
            _ => return Err(Error::new(format!("{VARIABLE}={}: neither a path nor @NAME", value.display()))),
        };
        let address =
            address.map_err(|error| Error::io(format_args!("{VARIABLE}={}", value.display()), &error))?;
        Ok(Some(Self(address)))
    }

    /// Gives a container a place for its socket, and its program the name of it. `state` is the container's own state
    /// directory, in which [`make_folder`] is to make that place.
    pub fn configure(spec: &mut Spec, state: &Path) {
        spec.mounts.push(Mount {
            destination: PLACE.to_owned(),
            kind: "bind".to_owned(),
            source: state.join(FOLDER).display().to_string(),
            options: ["bind", "ro", "nosuid", "nodev", "noexec"].map(str::to_owned).into(),
            uid_mappings: Vec::new(),
            gid_mappings: Vec::new(),
        });
        if let Some(process) = &mut spec.process {
            process.env.push(format!("{VARIABLE}={PLACE}/{SOCKET}"));
        }
    }

    /// Listens to a container that was made with a place for that; none where it was not. Its program does not run yet.
    ///
    /// # Errors
    /// The socket cannot be made.
    pub fn listen(self, state: &Path) -> Result<Option<Readiness>> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let folder = match rustix::fs::openat(CWD, state.join(FOLDER), flags, Mode::empty()) {
            Ok(folder) => folder,
            Err(Errno::NOENT) => return Ok(None),
            Err(errno) => {
                return Err(Error::call(format_args!("open {}", state.join(FOLDER).display()), errno));
            }
        };
        match rustix::fs::unlinkat(&folder, SOCKET, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => {}
            Err(errno) => return Err(Error::call(format_args!("unlink {SOCKET}"), errno)),
        }
        // The address of a socket is short, and a state directory may be deep.
        let path = format!("/proc/self/fd/{}/{SOCKET}", std::os::fd::AsRawFd::as_raw_fd(&folder));
        let socket = UnixDatagram::bind(&path).during(format_args!("bind {SOCKET}"))?;
        rustix::fs::chmod(&path, Mode::from_raw_mode(0o777)).during(format_args!("chmod {SOCKET}"))?;
        Ok(Some(Readiness { socket, notified: self.0 }))
    }
}

/// Makes the place for the socket in a container's state directory.
pub(crate) fn make_folder(directory: impl AsFd) -> Result<()> {
    let mode = Mode::from_raw_mode(0o755);
    rustix::fs::mkdirat(&directory, FOLDER, mode).during(format_args!("mkdir {FOLDER}"))?;
    // Whatever the umask is: the container's users may be others.
    rustix::fs::chmodat(&directory, FOLDER, mode, AtFlags::empty()).during(format_args!("chmod {FOLDER}"))
}

/// The socket of a container, and who is told of what comes there.
#[derive(Debug)]
pub struct Readiness {
    socket: UnixDatagram,
    notified: SocketAddr,
}

impl Readiness {
    /// Waits until the program is ready or its process has ended, and in the first case says so, with the number of the
    /// process that the service is to be watched by. Nothing else that the program says is passed on.
    ///
    /// # Errors
    /// The one to tell cannot be told.
    pub fn pass_on(&self, pidfd: impl AsFd, main: Pid) -> Result<()> {
        let mut message = [0; MESSAGE];
        loop {
            let mut fds = [
                PollFd::new(&self.socket, PollFlags::IN),
                PollFd::from_borrowed_fd(pidfd.as_fd(), PollFlags::IN),
            ];
            rustix::io::retry_on_intr(|| poll(&mut fds, None)).during("poll")?;
            let [said, ended] = fds.map(|fd| !fd.revents().is_empty());
            if said {
                let length = self.socket.recv(&mut message).during(format_args!("receive from {SOCKET}"))?;
                if says_ready(message.get(..length).unwrap_or_default()) {
                    return self.tell(main);
                }
            } else if ended {
                return Ok(());
            }
        }
    }

    fn tell(&self, main: Pid) -> Result<()> {
        let told = UnixDatagram::unbound().during("socket")?;
        told.connect_addr(&self.notified).during(format_args!("connect to {VARIABLE}"))?;
        let message = format!("READY=1\nMAINPID={}\n", main.as_raw_nonzero());
        told.send(message.as_bytes()).during(format_args!("send to {VARIABLE}"))?;
        // A message whose sender has ended may be nobody's for systemd, sd_notify_barrier(3).
        let (seen, barrier) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC).during("pipe2")?;
        send_descriptor(told.as_fd(), b"BARRIER=1", barrier.as_fd())
            .during(format_args!("send to {VARIABLE}"))?;
        drop(barrier);
        await_hang_up(&seen)
    }
}

fn await_hang_up(pipe: &OwnedFd) -> Result<()> {
    let mut fds = [PollFd::new(pipe, PollFlags::IN)];
    // One that knows no barrier keeps the other end for as long as it likes.
    rustix::io::retry_on_intr(|| poll(&mut fds, Some(&PATIENCE))).map(drop).during("poll")
}

fn says_ready(message: &[u8]) -> bool {
    message.split(|byte| *byte == b'\n').any(|line| line == b"READY=1")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readiness_is_a_line_of_its_own() {
        assert!(says_ready(b"READY=1"));
        assert!(says_ready(b"STATUS=up\nREADY=1\n"));
        assert!(!says_ready(b"READY=10"));
        assert!(!says_ready(b"STATUS=READY=1"));
        assert!(!says_ready(b""));
    }
}
