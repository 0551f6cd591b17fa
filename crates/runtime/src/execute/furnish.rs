//! What the host puts into the container's new namespaces while init waits.

use rustix::io::Errno;
use rustix::process::Pid;

use crate::error::{Error, Result};

/// Sets the clocks of the time namespace that the process has made for its children, `time_namespaces(7)`. All lines
/// go into one write: after the first process is in the namespace the kernel takes none.
pub(super) fn offset_clocks(pid: Pid, lines: &str) -> Result<()> {
    let path = format!("/proc/{}/timens_offsets", pid.as_raw_nonzero());
    let shown = lines.trim_end().replace('\n', ", ");
    std::fs::write(&path, lines).map_err(|error| {
        let errno = Errno::from_io_error(&error).unwrap_or(Errno::IO);
        let error = Error::call(format_args!("write {shown} to {path}"), errno);
        match errno {
            Errno::RANGE => error.hint("a clock would be before 0 or too far ahead"),
            Errno::PERM | Errno::ACCESS => error.hint("needs CAP_SYS_TIME over the time namespace"),
            _ => error,
        }
    })
}
