//! The container's terminal, opened inside it.

use std::os::fd::OwnedFd;

use palisade_mount::State as FileSystem;
use rustix::fs::{CWD, Mode, OFlags};
use rustix::pty::OpenptFlags;
use rustix::termios::Winsize;

use super::{Failure, named};
use crate::plan::Control;

/// Opens a pseudo-terminal of the container's own devpts, makes its slave the three standard descriptors and, where
/// this is the time for it, the controlling terminal, and gives the master. The slave is had from the master by `TIOCGPTPEER` (Linux 4.13) and
/// not by its path, which the container could have replaced (CVE-2025-52565).
pub(super) fn open(
    size: Option<(u16, u16)>,
    control: Control,
    file_system: &mut FileSystem<'_>,
) -> Result<OwnedFd, Failure> {
    let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC | OFlags::NOFOLLOW;
    let master = rustix::fs::openat(CWD, c"/dev/pts/ptmx", flags, Mode::empty())
        .map_err(named("open /dev/pts/ptmx"))?;
    rustix::pty::unlockpt(&master).map_err(named("ioctl TIOCSPTLCK"))?;
    let peer = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
    let slave = rustix::pty::ioctl_tiocgptpeer(&master, peer).map_err(named("ioctl TIOCGPTPEER"))?;
    if let Some((rows, columns)) = size {
        let size = Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
        rustix::termios::tcsetwinsize(&master, size).map_err(named("ioctl TIOCSWINSZ"))?;
    }
    if control == Control::AtOnce {
        rustix::process::ioctl_tiocsctty(&slave).map_err(named("ioctl TIOCSCTTY"))?;
    }
    rustix::stdio::dup2_stdin(&slave).map_err(named("dup2"))?;
    rustix::stdio::dup2_stdout(&slave).map_err(named("dup2"))?;
    rustix::stdio::dup2_stderr(&slave).map_err(named("dup2"))?;
    file_system.set_console(slave);
    Ok(master)
}
