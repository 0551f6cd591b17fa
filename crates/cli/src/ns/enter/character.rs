//! As whom, where and with what the program runs in there.

use std::fs::File;
use std::io::Write;
use std::os::fd::OwnedFd;
use std::path::PathBuf;

use palisade_cgroup::{Layout, Membership, Place, Version, quote};
use palisade_namespace::{Kind, Kinds};
use palisade_runtime::{Error, Result};
use rustix::fs::{Mode, OFlags};
use rustix::process::{Pid, chdir, chroot, fchdir};
use rustix::thread::{
    Gid, Uid, set_keep_capabilities, set_thread_groups, set_thread_res_gid, set_thread_res_uid,
};

use super::capabilities::Capabilities;
use super::destination::Destination;
use crate::arguments::ns::Enter;
use crate::ns::kinds::gone;
use crate::ns::told::Teller;

/// All that is taken over from the process, found while its files are in sight.
pub(super) struct Character {
    pub(super) environment: Option<Vec<(String, String)>>,
    groups: Vec<(Place, File)>,
    root: Option<OwnedFd>,
    directory: Option<Directory>,
    person: Person,
    /// What the options are called that stand for the process's own.
    pid: u32,
}

enum Directory {
    Of(OwnedFd),
    Named(PathBuf),
}

/// As whom the program runs.
enum Person {
    /// As whoever calls.
    Caller,
    /// As root of the user namespace that is entered, where it has a root.
    Root,
    /// By numbers.
    Ids { uid: u32, gid: u32, groups: Vec<u32>, capabilities: Option<Capabilities> },
}

impl Character {
    /// Finds all that the command line asks for.
    pub(super) fn of(verb: &Enter, destination: &Destination) -> Result<Self> {
        let pid = match destination {
            Destination::Process { pid, .. } => Some(*pid),
            Destination::Files(_) => None,
        };
        let of_process = |is_wanted: bool, option: &str| match pid {
            _ if !is_wanted => Ok(None),
            Some(pid) => Ok(Some(pid)),
            None => Err(Error::new(format!("{option}: the namespaces are not those of a process"))),
        };
        let person = match (of_process(verb.credentials, "--credentials")?, verb.run_as) {
            (Some(pid), _) => credentials(pid)?,
            (None, Some(ids)) => {
                Person::Ids { uid: ids.uid, gid: ids.gid, groups: Vec::new(), capabilities: None }
            }
            (None, None) if destination.kinds().contains(Kind::User) => Person::Root,
            (None, None) => Person::Caller,
        };
        let directory = match (of_process(verb.cwd, "--cwd")?, &verb.workdir) {
            (Some(pid), _) => Some(Directory::Of(open_directory(pid, "cwd")?)),
            (None, named) => named.clone().map(Directory::Named),
        };
        Ok(Self {
            environment: of_process(verb.env, "--env")?.map(environment).transpose()?,
            groups: of_process(verb.join_cgroup, "--join-cgroup")?.map_or_else(|| Ok(Vec::new()), groups)?,
            root: of_process(verb.chroot, "--chroot")?.map(|pid| open_directory(pid, "root")).transpose()?,
            directory,
            person,
            pid: pid.unwrap_or_default(),
        })
    }

    /// Takes it over, in the namespaces; the rights to do so go last.
    pub(super) fn take(&self, teller: Teller) -> Result<()> {
        for (place, file) in &self.groups {
            let path = file_of(place);
            let told = || format!("echo 0 > {path}");
            teller.step(told, || {
                let mut file = file;
                file.write_all(b"0").map_err(|error| Error::io(format_args!("write 0 to {path}"), &error))
            })?;
        }
        if let Some(root) = &self.root {
            teller.step(
                || format!("chroot /proc/{}/root ...", self.pid),
                || fchdir(root).and_then(|()| chroot(".")).map_err(|errno| Error::call("chroot", errno)),
            )?;
        }
        match &self.directory {
            Some(Directory::Of(directory)) => teller.step(
                || format!("cd /proc/{}/cwd", self.pid),
                || fchdir(directory).map_err(|errno| Error::call("fchdir", errno)),
            )?,
            Some(Directory::Named(path)) => teller.step(
                || format!("cd {}", quote(&path.display().to_string())),
                || chdir(path).map_err(|errno| Error::call(format_args!("chdir {}", path.display()), errno)),
            )?,
            None => {}
        }
        self.person.take(teller)
    }

    /// What a shell does before it enters.
    pub(super) fn before(&self) -> String {
        self.groups.iter().map(|(place, _)| format!("echo $$ > {}\n", file_of(place))).collect()
    }

    /// The options of nsenter, and the programs before the program.
    pub(super) fn options(&self, kinds: Kinds) -> String {
        let mut text = String::new();
        if self.root.is_some() {
            text.push_str("--root ");
        }
        match &self.directory {
            Some(Directory::Of(_)) => text.push_str("--wd "),
            Some(Directory::Named(path)) => {
                text.push_str(&format!("env -C {} ", quote(&path.display().to_string())));
            }
            None => {}
        }
        match &self.person {
            Person::Ids { .. } => text.push_str(&format!("{} ", self.person.command())),
            // It does so by itself.
            Person::Root | Person::Caller => {
                debug_assert!(kinds.contains(Kind::User) || !matches!(self.person, Person::Root))
            }
        }
        if let Some(variables) = &self.environment {
            text.push_str("env -i ");
            for (name, value) in variables {
                text.push_str(&quote(&format!("{name}={value}")));
                text.push(' ');
            }
        }
        text
    }
}

impl Person {
    fn take(&self, teller: Teller) -> Result<()> {
        let fail = |what: String| move |errno| Error::call(what, errno);
        match self {
            Self::Caller => Ok(()),
            Self::Root => teller.step(
                || format!("{} ...", self.command()),
                || {
                    // A user namespace may have no root, and may deny setgroups(2): its caller stays who he is.
                    let _groups = set_thread_groups(&[]);
                    let _group = set_thread_res_gid(Gid::ROOT, Gid::ROOT, Gid::ROOT);
                    let _user = set_thread_res_uid(Uid::ROOT, Uid::ROOT, Uid::ROOT);
                    Ok(())
                },
            ),
            Self::Ids { uid, gid, groups, capabilities } => {
                let told = || format!("{} ...", self.command());
                teller.step(told, || {
                    if let Some(capabilities) = capabilities {
                        capabilities.bound()?;
                        set_keep_capabilities(true).map_err(fail("prctl PR_SET_KEEPCAPS".to_owned()))?;
                    }
                    let groups: Vec<Gid> = groups.iter().map(|gid| Gid::from_raw(*gid)).collect();
                    set_thread_groups(&groups).map_err(fail("setgroups".to_owned()))?;
                    let (user, group) = (Uid::from_raw(*uid), Gid::from_raw(*gid));
                    set_thread_res_gid(group, group, group).map_err(fail(format!("setresgid {gid}")))?;
                    set_thread_res_uid(user, user, user).map_err(fail(format!("setresuid {uid}")))?;
                    capabilities.as_ref().map_or(Ok(()), Capabilities::hand_on)
                })
            }
        }
    }

    /// The call of setpriv(1) that does the same; empty for the caller.
    fn command(&self) -> String {
        let (uid, gid, groups, capabilities) = match self {
            Self::Caller => return String::new(),
            Self::Root => return "setpriv --reuid 0 --regid 0 --clear-groups".to_owned(),
            Self::Ids { uid, gid, groups, capabilities } => (uid, gid, groups, capabilities),
        };
        let groups = match groups.as_slice() {
            [] => "--clear-groups".to_owned(),
            groups => format!("--groups {}", groups.iter().map(u32::to_string).collect::<Vec<_>>().join(",")),
        };
        let capabilities = capabilities.as_ref().map(Capabilities::options).unwrap_or_default();
        format!("setpriv --reuid {uid} --regid {gid} {groups}{capabilities}")
    }
}

fn read(pid: u32, file: &str) -> Result<String> {
    let path = format!("/proc/{pid}/{file}");
    let bytes = std::fs::read(&path).map_err(|error| Error::io(format_args!("read {path}"), &error))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn environment(pid: u32) -> Result<Vec<(String, String)>> {
    let text = read(pid, "environ")?;
    let entries = text.split('\0').filter_map(|entry| entry.split_once('='));
    Ok(entries
        .filter(|(name, _)| !name.is_empty())
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect())
}

/// Reads as whom a process runs, by the ids of this process's own user namespace and so before that is left: the
/// numbers of the process's own user namespace come from a look through its maps.
fn credentials(pid: u32) -> Result<Person> {
    let status = read(pid, "status")?;
    let numbers = |field: &str| -> Vec<u32> {
        let line = status.lines().find_map(|line| line.strip_prefix(field)).unwrap_or_default();
        line.split_whitespace().filter_map(|number| number.parse().ok()).collect()
    };
    let inside = |file: &str| -> Result<Vec<(u32, u32, u32)>> {
        let text = read(pid, file)?;
        let lines = text.lines().filter_map(|line| {
            let mut numbers = line.split_whitespace().map(str::parse);
            Some((numbers.next()?.ok()?, numbers.next()?.ok()?, numbers.next()?.ok()?))
        });
        Ok(lines.collect())
    };
    let is_other = palisade_namespace::number_of(pid, "user").map_err(|error| gone(pid, error))?
        != palisade_namespace::number_of(std::process::id(), "user")?;
    let (users, groups) =
        if is_other { (inside("uid_map")?, inside("gid_map")?) } else { (Vec::new(), Vec::new()) };
    let within = |maps: &[(u32, u32, u32)], id: u32| {
        let found = maps
            .iter()
            .find(|(_, outer, count)| id >= *outer && u64::from(id) < u64::from(*outer) + u64::from(*count));
        if is_other { found.map(|(inner, outer, _)| inner + (id - outer)) } else { Some(id) }
    };
    let unknown = || {
        Error::new(format!("--credentials: the user of process {pid} has no number in its user namespace"))
    };
    let id = |field: &str, maps: &[(u32, u32, u32)]| {
        numbers(field).get(1).copied().and_then(|id| within(maps, id)).ok_or_else(unknown)
    };
    Ok(Person::Ids {
        uid: id("Uid:", &users)?,
        gid: id("Gid:", &groups)?,
        groups: numbers("Groups:").into_iter().filter_map(|gid| within(&groups, gid)).collect(),
        capabilities: Some(Capabilities::of(&status)),
    })
}

fn open_directory(pid: u32, link: &str) -> Result<OwnedFd> {
    let path = format!("/proc/{pid}/{link}");
    rustix::fs::open(path.as_str(), OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())
        .map_err(|errno| Error::call(format_args!("open {path}"), errno))
}

/// Opens the files that a process writes 0 to when it enters the groups: their paths mean nothing inside.
fn groups(pid: u32) -> Result<Vec<(Place, File)>> {
    let layout = Layout::detect()?;
    let number = i32::try_from(pid).ok().and_then(Pid::from_raw);
    let Some(number) = number else { return Err(Error::new(format!("{pid} is no number of a process"))) };
    let mut files = Vec::new();
    let own = Membership::of(rustix::process::getpid())?;
    for membership in Membership::of(number)? {
        let Some(place) = membership.place(&layout) else { continue };
        // Where this process is already it need not go, and often may not.
        if own.contains(&membership) {
            continue;
        }
        let path = file_of(&place);
        let file = File::options().write(true).open(&path);
        files.push((place, file.map_err(|error| Error::io(format_args!("open {path}"), &error))?));
    }
    Ok(files)
}

/// A thread alone goes quicker on v1.
fn file_of(place: &Place) -> String {
    let name = if place.version == Version::V1 { "tasks" } else { "cgroup.procs" };
    place.file(name).display().to_string()
}
