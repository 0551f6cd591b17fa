use palisade_namespace::Identity;
use rustix::io::Errno;
use rustix::process::Pid;

use crate::error::{Error, Result};
use crate::name::{DIRECTORY, Name};
use crate::names::entries;
use crate::site::{Place, Site, explained};

/// The processes of a network namespace.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Processes {
    /// Their numbers, in order.
    pub pids: Vec<u32>,
    /// How many processes of the machine the caller may not look at.
    pub hidden: usize,
}

/// Lists the names that the network namespace of a process has.
///
/// # Errors
/// A process that has ended; EACCES and EPERM without the rights to trace it.
pub fn names_of(pid: Pid) -> Result<Vec<String>> {
    let path = format!("/proc/{}/ns/net", pid.as_raw_nonzero());
    let own =
        identity(&path).map_err(|errno| explained(format!("stat {path}"), errno, &Place::Process(pid)))?;
    let mut names = entries()?;
    // One that was removed meanwhile is none of them.
    names.retain(|name| identity(&format!("{DIRECTORY}/{name}")) == Ok(own));
    names.sort();
    Ok(names)
}

/// Finds the processes of a namespace with a name.
///
/// # Errors
/// A name that is not there or is no network namespace's, a `/proc` that cannot be read.
pub fn processes_in(name: &Name) -> Result<Processes> {
    let site = Site::new(Place::Name(name.clone()));
    let wanted = site.handle()?.identity().map_err(|error| Error::rule(site.place(), error))?;
    let entries = std::fs::read_dir("/proc").map_err(|error| Error::io("list /proc", &error))?;
    let mut found = Processes::default();
    for pid in entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok()) {
        match identity(&format!("/proc/{pid}/ns/net")) {
            Ok(own) if own == wanted => found.pids.push(pid),
            Err(Errno::ACCESS | Errno::PERM) => found.hidden += 1,
            // It is in another one, or has ended.
            Ok(_) | Err(_) => {}
        }
    }
    found.pids.sort_unstable();
    Ok(found)
}

fn identity(path: &str) -> std::result::Result<Identity, Errno> {
    rustix::fs::stat(path).map(|stat| Identity { device: stat.st_dev, inode: stat.st_ino })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_that_has_ended_has_no_names() {
        let line = names_of(Pid::from_raw(i32::MAX).unwrap()).unwrap_err().to_string();
        assert!(line.ends_with("no process 2147483647)"), "{line}");
        assert!(names_of(rustix::process::getpid()).is_ok());
    }
}
