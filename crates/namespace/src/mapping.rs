use std::ffi::OsStr;
use std::fmt;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use rustix::fs::{Access, Mode, OFlags};
use rustix::io::Errno;

use crate::{Error, IdKind, IdMap, IdMaps, SubIdRange};

/// The file system type of procfs, `PROC_SUPER_MAGIC` of `linux/magic.h`.
const PROC_MAGIC: u64 = 0x9fa0;

/// Where the two set-id programs of the `uidmap` package are, `newuidmap(1)` and `newgidmap(1)`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Helpers {
    /// The program that writes uid maps.
    pub newuidmap: PathBuf,
    /// The program that writes gid maps.
    pub newgidmap: PathBuf,
}

/// Looks for both programs in the absolute directories of a `PATH`.
#[must_use]
pub fn find_helpers(path: &OsStr) -> Option<Helpers> {
    let find = |name: &str| {
        std::env::split_paths(path)
            .filter(|directory| directory.is_absolute())
            .map(|directory| directory.join(name))
            .find(|file| file.is_file() && rustix::fs::access(file, Access::EXEC_OK).is_ok())
    };
    Some(Helpers { newuidmap: find("newuidmap")?, newgidmap: find("newgidmap")? })
}

/// What the choice of a method depends on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MapFacts {
    /// The effective user id.
    pub euid: u32,
    /// The effective group id.
    pub egid: u32,
    /// Whether CAP_SETUID and CAP_SETGID are held in the present user namespace.
    pub may_set_ids: bool,
    /// The user's ranges of `/etc/subuid`.
    pub subuid: Vec<SubIdRange>,
    /// The user's ranges of `/etc/subgid`.
    pub subgid: Vec<SubIdRange>,
    /// The set-id programs where they are installed.
    pub helpers: Option<Helpers>,
}

/// How the maps get written, `user_namespaces(7)`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MapMethod {
    /// The files are written by this process, which has CAP_SETUID and CAP_SETGID in the parent user namespace.
    Direct,
    /// Two set-id programs write them within the ranges that the administrator gave the user.
    Helpers(Helpers),
    /// This process maps its own user id and group id and nothing else, which needs no rights but denies
    /// `setgroups(2)` inside for good (Linux 3.19).
    Single,
}

impl fmt::Display for MapMethod {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Direct => "direct",
            Self::Helpers(_) => "newuidmap and newgidmap",
            Self::Single => "own id only, setgroups denied",
        })
    }
}

/// Chooses the method with the fewest needs that can write `maps`.
///
/// # Errors
/// No method can: a range that the user was not given, or the set-id programs are not installed.
pub fn choose_method(facts: &MapFacts, maps: &IdMaps) -> Result<MapMethod, Error> {
    if facts.may_set_ids {
        return Ok(MapMethod::Direct);
    }
    if is_own_id(&maps.uid, facts.euid) && is_own_id(&maps.gid, facts.egid) {
        return Ok(MapMethod::Single);
    }
    check_given(IdKind::Uid, &maps.uid, facts.euid, &facts.subuid)?;
    check_given(IdKind::Gid, &maps.gid, facts.egid, &facts.subgid)?;
    facts.helpers.clone().map(MapMethod::Helpers).ok_or_else(|| {
        Error::rule("id maps of more than the own id", "newuidmap and newgidmap are not in PATH")
            .hint("Debian and Ubuntu have them in the package uidmap, others in shadow-utils")
    })
}

fn is_own_id(maps: &[IdMap], own: u32) -> bool {
    matches!(maps, [map] if map.outside == own && map.size == 1)
}

/// Checks each range as newuidmap does: it is the own id alone, or within one of the user's ranges.
fn check_given(kind: IdKind, maps: &[IdMap], own: u32, given: &[SubIdRange]) -> Result<(), Error> {
    let file = match kind {
        IdKind::Uid => "/etc/subuid",
        IdKind::Gid => "/etc/subgid",
    };
    let is_given =
        |map: &IdMap| map.outside == own && map.size == 1 || given.iter().any(|range| within(map, range));
    match maps.iter().find(|map| !is_given(map)) {
        None => Ok(()),
        Some(map) => Err(Error::rule(
            format!("{} {map}", kind.map_file()),
            format!("{file} gives the user no range that holds these ids"),
        )
        .hint("a line there is user:first:count; usermod --add-subuids and --add-subgids write it")),
    }
}

fn within(map: &IdMap, range: &SubIdRange) -> bool {
    map.outside
        .checked_sub(range.first)
        .is_some_and(|offset| u64::from(offset) + u64::from(map.size) <= u64::from(range.count))
}

/// Writes both maps of the user namespace that the process `pid` is in.
///
/// `proc` is a descriptor of the root of a procfs that shows `pid`; the process must be a child that was not yet
/// reaped, so that its number cannot have a new owner. A namespace takes its maps once.
///
/// # Errors
/// What the kernel refused, with the file and the text; what a set-id program said.
pub fn write_maps(proc: impl AsFd, pid: u32, maps: &IdMaps, method: &MapMethod) -> Result<(), Error> {
    let directory = Directory::open(proc, pid)?;
    match method {
        MapMethod::Direct => {
            directory.write_map(IdKind::Uid, maps)?;
            directory.write_map(IdKind::Gid, maps)
        }
        MapMethod::Single => {
            directory.write_map(IdKind::Uid, maps)?;
            directory.write("setgroups", "deny")?;
            directory.write_map(IdKind::Gid, maps)
        }
        MapMethod::Helpers(helpers) => {
            run_helper(&helpers.newuidmap, pid, &maps.uid)?;
            run_helper(&helpers.newgidmap, pid, &maps.gid)
        }
    }
}

/// The directory of one process in a procfs that was checked to be one.
struct Directory {
    fd: rustix::fd::OwnedFd,
    pid: u32,
}

impl Directory {
    fn open(proc: impl AsFd, pid: u32) -> Result<Self, Error> {
        let what = || format!("open /proc/{pid}");
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let fd = rustix::fs::openat(proc, pid.to_string(), flags, Mode::empty())
            .map_err(|errno| Error::system(what(), errno))?;
        let file_system = crate::handle::magic(&fd)
            .map_err(|errno| Error::system(format!("fstatfs /proc/{pid}"), errno))?;
        if file_system == PROC_MAGIC {
            Ok(Self { fd, pid })
        } else {
            Err(Error::rule(what(), "it is not in a procfs"))
        }
    }

    fn write_map(&self, kind: IdKind, maps: &IdMaps) -> Result<(), Error> {
        self.write(kind.map_file(), &maps.text(kind))
    }

    /// Writes in one `write(2)`: the kernel takes a map whole or not at all.
    fn write(&self, file: &str, text: &str) -> Result<(), Error> {
        let flags = OFlags::WRONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let path = format!("/proc/{}/{file}", self.pid);
        let fd = rustix::fs::openat(&self.fd, file, flags, Mode::empty())
            .map_err(|errno| Error::system(format!("open {path}"), errno))?;
        rustix::io::write(&fd, text.as_bytes()).map(drop).map_err(|errno| {
            let shown = text.trim_end().replace('\n', ", ");
            hinted(Error::system(format!("write {shown} to {path}"), errno), errno)
        })
    }
}

fn hinted(error: Error, errno: Errno) -> Error {
    match errno {
        Errno::PERM => error.hint(
            "maps are written once; ids other than the own need CAP_SETUID and CAP_SETGID in the parent user \
             namespace, and mapping its id 0 CAP_SETFCAP",
        ),
        Errno::INVAL => {
            error.hint("an id has no mapping in the parent user namespace, or the text is too long")
        }
        _ => error,
    }
}

fn run_helper(program: &Path, pid: u32, maps: &[IdMap]) -> Result<(), Error> {
    let mut command = Command::new(program);
    command.arg(pid.to_string());
    for map in maps {
        command.args([map.inside, map.outside, map.size].map(|number| number.to_string()));
    }
    let what = || {
        let ranges: Vec<String> = maps.iter().map(IdMap::to_string).collect();
        format!("{} {pid} {}", program.display(), ranges.join(" "))
    };
    let output = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .output()
        .map_err(|error| Error::io(format!("exec {}", what()), &error))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let said: Vec<&str> = said.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let error = Error::rule(what(), output.status.to_string());
    Err(if said.is_empty() { error } else { error.hint(said.join("; ")) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{default_rootless_maps, open};
    use palisade_sys::clone::{CLONE_NEWUSER, spawn};
    use rustix::process::{WaitIdOptions, WaitIdStatus};
    use std::fs::{self, File};
    use std::os::fd::OwnedFd;
    use std::os::unix::fs::PermissionsExt;

    fn map(inside: u32, outside: u32, size: u32) -> IdMap {
        IdMap { inside, outside, size }
    }

    fn facts() -> MapFacts {
        MapFacts {
            euid: 1000,
            egid: 100,
            may_set_ids: false,
            subuid: vec![SubIdRange { first: 100_000, count: 65536 }],
            subgid: vec![SubIdRange { first: 100_000, count: 65536 }],
            helpers: Some(Helpers {
                newuidmap: "/usr/bin/newuidmap".into(),
                newgidmap: "/usr/bin/newgidmap".into(),
            }),
        }
    }

    #[test]
    fn the_method_follows_from_facts() {
        let facts = facts();
        let helpers = MapMethod::Helpers(facts.helpers.clone().unwrap());
        let wide = default_rootless_maps(1000, 100, &facts.subuid, &facts.subgid);
        let own = default_rootless_maps(1000, 100, &[], &[]);
        assert_eq!(choose_method(&facts, &wide).unwrap(), helpers);
        assert_eq!(choose_method(&facts, &own).unwrap(), MapMethod::Single);
        let root = MapFacts { may_set_ids: true, helpers: None, ..facts.clone() };
        assert_eq!(choose_method(&root, &wide).unwrap(), MapMethod::Direct);

        let bare = MapFacts { helpers: None, ..facts.clone() };
        let error = choose_method(&bare, &wide).unwrap_err().to_string();
        assert!(
            error.starts_with("id maps of more than the own id: newuidmap and newgidmap are not in PATH"),
            "{error}"
        );
        for outside in [map(0, 0, 1), map(0, 1000, 2), map(0, 99_999, 2), map(0, 165_535, 2)] {
            let maps = IdMaps::new(vec![outside], vec![map(0, 100, 1)]).unwrap();
            let error = choose_method(&facts, &maps).unwrap_err().to_string();
            let expected =
                format!("uid_map {outside}: /etc/subuid gives the user no range that holds these ids");
            assert!(error.starts_with(&expected), "{error}");
        }
    }

    /// A child in a user namespace of its own; it ends when a byte comes.
    struct Child {
        pid: u32,
        pidfd: OwnedFd,
        wake: OwnedFd,
    }

    impl Child {
        fn new() -> Self {
            let (read, write) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC).unwrap();
            let mut wait = || u8::from(rustix::io::read(&read, &mut [0_u8; 1]) != Ok(1));
            let spawned = spawn(CLONE_NEWUSER, None, &mut wait).unwrap();
            let pid = spawned.pid.as_raw_nonzero().get().unsigned_abs();
            Self { pid, pidfd: spawned.pidfd, wake: write }
        }

        fn read(&self, file: &str) -> String {
            let text = fs::read_to_string(format!("/proc/{}/{file}", self.pid)).unwrap();
            text.split_whitespace().collect::<Vec<_>>().join(" ")
        }
    }

    impl Drop for Child {
        fn drop(&mut self) {
            let woken = rustix::io::write(&self.wake, b"x");
            let status = rustix::process::waitid(
                rustix::process::WaitId::PidFd(self.pidfd.as_fd()),
                WaitIdOptions::EXITED,
            );
            assert_eq!(woken, Ok(1));
            assert_eq!(status.unwrap().and_then(|status: WaitIdStatus| status.exit_status()), Some(0));
        }
    }

    #[test]
    fn own_ids_are_mapped_without_rights() {
        let (uid, gid) = (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw());
        let child = Child::new();
        let maps = default_rootless_maps(uid, gid, &[], &[]);
        write_maps(File::open("/proc").unwrap(), child.pid, &maps, &MapMethod::Single).unwrap();
        assert_eq!(child.read("uid_map"), format!("0 {uid} 1"));
        assert_eq!(child.read("gid_map"), format!("0 {gid} 1"));
        assert_eq!(child.read("setgroups"), "deny");
        let user = open(crate::Kind::User, &crate::Target::Pid(child.pid)).unwrap();
        assert_eq!(user.owner_uid().unwrap(), uid);
        let again =
            write_maps(File::open("/proc").unwrap(), child.pid, &maps, &MapMethod::Single).unwrap_err();
        let expected =
            format!("write 0 {uid} 1 to /proc/{}/uid_map: EPERM (maps are written once", child.pid);
        assert!(again.to_string().starts_with(&expected), "{again}");
    }

    #[test]
    fn root_maps_what_it_likes() {
        if !rustix::process::geteuid().is_root() {
            eprintln!("SKIPPED root_maps_what_it_likes: needs root");
            return;
        }
        let child = Child::new();
        let ranges = vec![map(0, 100_000, 10), map(10, 5000, 1)];
        let maps = IdMaps::new(ranges.clone(), ranges).unwrap();
        write_maps(File::open("/proc").unwrap(), child.pid, &maps, &MapMethod::Direct).unwrap();
        assert_eq!(child.read("uid_map"), "0 100000 10 10 5000 1");
        assert_eq!(child.read("gid_map"), "0 100000 10 10 5000 1");
        assert_eq!(child.read("setgroups"), "allow");
    }

    fn script(directory: &Path, name: &str, body: &str) -> PathBuf {
        let path = directory.join(name);
        fs::write(&path, format!("#!/bin/sh\n{body}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        path
    }

    #[test]
    fn programs_get_their_arguments_and_are_quoted_when_they_fail() {
        let directory = tempfile::tempdir().unwrap();
        let log = directory.path().join("log");
        script(directory.path(), "newuidmap", &format!("echo \"$@\" > {}", log.display()));
        script(directory.path(), "newgidmap", "echo 'gid range not allowed' >&2; exit 1");
        let helpers = find_helpers(directory.path().as_os_str()).unwrap();
        let maps = IdMaps::new(vec![map(0, 1000, 1), map(1, 100_000, 9)], vec![map(0, 100, 1)]).unwrap();
        let pid = std::process::id();
        let program = helpers.newgidmap.display().to_string();
        let error =
            write_maps(File::open("/proc").unwrap(), pid, &maps, &MapMethod::Helpers(helpers)).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("{program} {pid} 0 100 1: exit status: 1 (gid range not allowed)")
        );
        assert_eq!(fs::read_to_string(log).unwrap(), format!("{pid} 0 1000 1 1 100000 9\n"));
        assert_eq!(find_helpers(OsStr::new("relative:/nonexistent")), None);
    }

    #[test]
    fn a_false_proc_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        fs::create_dir(directory.path().join("1")).unwrap();
        let maps = default_rootless_maps(0, 0, &[], &[]);
        let proc = File::open(directory.path()).unwrap();
        let error = write_maps(proc, 1, &maps, &MapMethod::Direct).unwrap_err();
        assert_eq!(error.to_string(), "open /proc/1: it is not in a procfs");
        let error =
            write_maps(File::open("/proc").unwrap(), u32::MAX, &maps, &MapMethod::Direct).unwrap_err();
        assert_eq!(error.to_string(), "open /proc/4294967295: ENOENT");
    }
}
