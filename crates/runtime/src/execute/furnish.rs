//! What the host does for the new process that is neither its group nor its record: where it begins, and what it finds in
//! its new namespaces.

use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::io::Errno;
use rustix::process::Pid;
use rustix::thread::CpuSet;

use super::open_directory;
use crate::error::{During, Error, Result};

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

/// Opens `/proc` by which labels are written, and checks that it is the root of a procfs.
pub(super) fn open_procfs() -> Result<OwnedFd> {
    /// `PROC_SUPER_MAGIC` and `PROC_ROOT_INO` of the kernel.
    const MAGIC: u64 = 0x9fa0;
    const ROOT: u64 = 1;
    let procfs = open_directory(Path::new("/proc"))?;
    let magic = rustix::fs::fstatfs(&procfs).during("fstatfs /proc")?.f_type;
    let inode = rustix::fs::fstat(&procfs).during("fstat /proc")?.st_ino;
    if u64::try_from(magic) == Ok(MAGIC) && inode == ROOT {
        return Ok(procfs);
    }
    Err(Error::new("/proc is not the root of a procfs").hint("a label written there could be lost"))
}

/// Has the calling thread run on some CPUs and gives those that it had.
pub(super) fn run_on(cpus: &[u64]) -> Result<CpuSet> {
    let before = rustix::thread::sched_getaffinity(None).during("sched_getaffinity")?;
    rustix::thread::sched_setaffinity(None, &cpu_set(cpus)).during("sched_setaffinity").map_err(|error| {
        error.hint("none of the CPUs is there, or the runtime's own cgroup has none of them")
    })?;
    Ok(before)
}

/// Makes the kernel's set of the bits of CPUs. Nothing is allocated.
pub(crate) fn cpu_set(cpus: &[u64]) -> CpuSet {
    let mut set = CpuSet::new();
    let is_listed = |number: &usize| cpus.get(number / 64).is_some_and(|word| word & 1 << (number % 64) != 0);
    for number in (0..CpuSet::MAX_CPU).filter(is_listed) {
        set.set(number);
    }
    set
}
