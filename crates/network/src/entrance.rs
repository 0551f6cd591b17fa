use std::os::fd::AsFd;
use std::path::PathBuf;

use palisade_sys::clone;
use palisade_sys::shell::quote;
use rustix::fs::{Mode, OFlags, StatVfsMountFlags};
use rustix::io::Errno;
use rustix::mount::{MountFlags, MountPropagationFlags};

use crate::error::{During, Error, Result};
use crate::name::Name;
use crate::site::{Place, RIGHTS, enter, explained};

const SYS: &str = "/sys";
const ETC: &str = "/etc";

/// Moves the calling thread into a namespace, and into a new mount namespace where /sys shows the devices of that one
/// and the files of `/etc/netns/NAME` cover those of /etc. There is no way back.
///
/// Returns what of these files could not be put in place, as iproute2 says that and goes on.
///
/// # Errors
/// A name that is not there or is no network namespace's; EPERM without CAP_SYS_ADMIN.
pub fn enter_named(name: &Name) -> Result<Vec<Error>> {
    let path = name.path();
    let place = || Place::Name(name.clone());
    let namespace =
        rustix::fs::open(&path, OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK, Mode::empty())
            .map_err(|errno| explained(format!("open {}", path.display()), errno, &place()))?;
    // The kernel checks that it is of the kind.
    enter(namespace.as_fd())
        .map_err(|errno| explained(format!("setns into {}", path.display()), errno, &place()))?;
    clone::unshare(clone::CLONE_NEWNS)
        .map_err(|errno| Error::call("unshare the mount namespace", errno).hint(RIGHTS))?;
    // What is mounted here must not show up outside; what is mounted outside shows up here.
    rustix::mount::mount_change("/", MountPropagationFlags::REC | MountPropagationFlags::DOWNSTREAM)
        .during("make all mounts slaves")?;
    mount_sys(name)?;
    Ok(covers(name)?.into_iter().filter_map(|(source, target)| cover(&source, &target).err()).collect())
}

/// Mounts the sysfs of the namespace over the one that is there, read-only where that is.
fn mount_sys(name: &Name) -> Result<()> {
    let read_only = rustix::fs::statvfs(SYS).is_ok_and(|sys| sys.f_flag.contains(StatVfsMountFlags::RDONLY));
    let flags = if read_only { MountFlags::RDONLY } else { MountFlags::empty() };
    rustix::mount::mount(name.as_str(), SYS, "sysfs", flags, None).map_err(|errno| {
        let error = Error::call("mount sysfs on /sys", errno);
        if errno == Errno::PERM {
            error.hint("needs CAP_SYS_ADMIN in the user namespace that owns the network namespace")
        } else {
            error
        }
    })
}

/// Lists what covers what in /etc.
fn covers(name: &Name) -> Result<Vec<(PathBuf, PathBuf)>> {
    let directory = name.covers();
    let entries = match std::fs::read_dir(&directory) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(Error::io(format_args!("list {}", directory.display()), &error)),
    };
    let mut all = entries
        .map(|entry| {
            entry.map(|entry| (entry.path(), [ETC.as_ref(), entry.file_name().as_os_str()].iter().collect()))
        })
        .collect::<std::io::Result<Vec<_>>>()
        .map_err(|error| Error::io(format_args!("list {}", directory.display()), &error))?;
    all.sort();
    Ok(all)
}

fn cover(source: &PathBuf, target: &PathBuf) -> Result<()> {
    rustix::mount::mount_bind(source, target).map_err(|errno| {
        let error = Error::call(format_args!("bind {} on {}", source.display(), target.display()), errno);
        match errno {
            Errno::NOENT => error.hint("there is nothing of that name to cover"),
            Errno::NOTDIR => error.hint("a file covers a file, a directory a directory"),
            _ => error,
        }
    })
}

/// Writes the shell command that runs a program in a namespace the same way.
///
/// # Errors
/// A directory of files for /etc that cannot be read.
pub fn shell(name: &Name, command: &[String]) -> Result<String> {
    let mut steps = vec![format!("mount -t sysfs {} {SYS}", quote(name.as_str()))];
    steps.extend(covers(name)?.iter().map(|(source, target)| {
        let words = [source, target].map(|path| quote(&path.to_string_lossy()));
        format!("mount --bind {}", words.join(" "))
    }));
    steps.push("exec \"$@\"".to_owned());
    let words: Vec<String> = command.iter().map(|word| quote(word)).collect();
    let namespace = quote(&name.path().to_string_lossy());
    let inside = quote(&steps.join(" && "));
    let words = words.join(" ");
    Ok(format!("nsenter --net={namespace} unshare --mount --propagation slave sh -c {inside} sh {words}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shell_command_is_one_line_that_keeps_its_words() {
        let name = Name::new("no such").unwrap();
        let line = shell(&name, &["echo".to_owned(), "it's".to_owned()]).unwrap();
        let expected = "nsenter --net='/run/netns/no such' unshare --mount --propagation slave sh -c \
                        'mount -t sysfs '\\''no such'\\'' /sys && exec \"$@\"' sh echo 'it'\\''s'";
        assert_eq!(line, expected);
    }
}
