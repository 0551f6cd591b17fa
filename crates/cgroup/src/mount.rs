//! Mounting hierarchies.

use crate::{
    Census, Controller, Error, ErrorKind, Hierarchy, Home, Layout, Membership, Operation, Place, Version,
    file,
};
use rustix::fs::CWD;
use rustix::io::Errno;
use rustix::mount::{MountFlags, UnmountFlags};
use std::ffi::CString;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Says which hierarchy to mount.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wish {
    /// A v1 hierarchy with these controllers.
    Controllers(Vec<Controller>),
    /// A v1 hierarchy with all controllers.
    All,
    /// A v1 hierarchy without controllers; it has to have a name.
    Named,
    /// The v2 tree.
    Unified,
}

/// Describes a hierarchy to mount.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mounting {
    /// What to mount.
    pub wish: Wish,
    /// The name of the v1 hierarchy, see cgroups(7).
    pub name: Option<String>,
    /// The program that the kernel runs when a v1 group with `notify_on_release` becomes empty.
    pub release_agent: Option<String>,
    /// Further options, `noprefix` or `nsdelegate`, as mount(8) takes them.
    pub options: Vec<String>,
    /// Where.
    pub point: PathBuf,
}

impl Operation {
    /// Works out how to mount a hierarchy; a mount point that is not there is made.
    ///
    /// # Errors
    /// [`ErrorKind::Refused`] for options that do not go together.
    pub fn mount(mounting: &Mounting) -> Result<Vec<Self>, Error> {
        let Mounting { wish, name, release_agent, options, point } = mounting;
        let refuse = |why: &str| Err(Error::text("mount on", point, why, ErrorKind::Refused));
        if *wish == Wish::Unified && (name.is_some() || release_agent.is_some()) {
            return refuse("the v2 tree has neither a name nor a release agent");
        }
        if name.as_deref().is_some_and(|name| name.is_empty() || name.contains(['/', ',', ' '])) {
            return refuse("the name of a hierarchy is a word without / and comma");
        }
        if release_agent.as_deref().is_some_and(|agent| !agent.starts_with('/') || agent.contains(',')) {
            return refuse("the release agent is an absolute path without a comma");
        }
        let mut words = match wish {
            Wish::Controllers(list) => list.iter().map(|c| c.name(Version::V1).to_owned()).collect(),
            Wish::All => vec!["all".to_owned()],
            Wish::Named if name.is_none() => return refuse("a hierarchy without controllers needs a name"),
            Wish::Named => vec!["none".to_owned()],
            Wish::Unified => Vec::new(),
        };
        words.extend(name.iter().map(|name| format!("name={name}")));
        words.extend(release_agent.iter().map(|agent| format!("release_agent={agent}")));
        words.extend(options.iter().cloned());
        let kind = if *wish == Wish::Unified { "cgroup2" } else { "cgroup" };
        let mount = Self::Mount { kind, options: words.join(","), point: point.clone() };
        let missing = rustix::fs::access(point, rustix::fs::Access::EXISTS).is_err();
        Ok(missing.then(|| Self::MakeMountPoint(point.clone())).into_iter().chain([mount]).collect())
    }
}

pub(crate) fn mount(kind: &str, options: &str, point: &Path) -> Result<(), Error> {
    let operation = match options {
        "" => format!("mount {kind} on"),
        options => format!("mount {kind} with {options} on"),
    };
    let fail = |errno| {
        let error = Error::call(operation.clone(), point, errno);
        match explain(options, errno) {
            Some(hint) => error.with_hint(hint),
            None => error,
        }
    };
    let data = CString::new(options).map_err(|_| fail(Errno::INVAL))?;
    let flags = MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC;
    rustix::mount::mount("none", point, kind, flags, data.as_c_str()).map_err(fail)
}

/// Takes a mount of cgroups away, and nobody else's.
pub(crate) fn unmount(point: &Path) -> Result<(), Error> {
    let kind = rustix::fs::statfs(point).map(|found| found.f_type);
    match kind {
        Err(errno) => return Err(Error::call("umount", point, errno)),
        Ok(kind) if ![CGROUP, CGROUP2].contains(&u64::try_from(kind).unwrap_or_default()) => {
            let cause = "it is no mount of cgroups";
            return Err(Error::text("umount", point, cause, ErrorKind::Refused));
        }
        Ok(_) => {}
    }
    let hierarchy = Layout::detect().ok().and_then(|layout| {
        layout.hierarchies.into_iter().find(|one| one.version == Version::V1 && one.mount == point)
    });
    rustix::mount::unmount(point, UnmountFlags::NOFOLLOW).map_err(|errno| {
        let error = Error::call("umount", point, errno);
        match errno {
            Errno::INVAL => error.with_hint("it is a group and not the mount point of its hierarchy"),
            Errno::BUSY => error.with_hint("a process works in it, or another file system is mounted below"),
            Errno::PERM => error.with_hint("it takes CAP_SYS_ADMIN"),
            _ => error,
        }
    })?;
    if let Some(hierarchy) = hierarchy {
        end(&hierarchy);
    }
    Ok(())
}

/// The pauses before the end of a hierarchy is tried again, each twice the one before: five seconds at most, on a
/// machine that is busy.
const TRIES: u32 = 8;
const FIRST_PAUSE: Duration = Duration::from_millis(20);

/// Lets a v1 hierarchy end that has no groups any more.
///
/// The kernel ends one with its last mount, but not while a group that was removed is not quite gone; then nothing ends
/// it, until it is mounted once more and that mount goes.
fn end(hierarchy: &Hierarchy) {
    let mut options: Vec<String> =
        hierarchy.controllers.iter().map(|controller| controller.name(Version::V1).to_owned()).collect();
    if let Some(name) = &hierarchy.name {
        options.extend(options.is_empty().then(|| "none".to_owned()));
        options.push(format!("name={name}"));
    }
    let Ok(data) = CString::new(options.join(",")) else { return };
    let point = &hierarchy.mount;
    for round in 0..TRIES {
        // Ending takes a moment: to mount what is about to end would only make it anew.
        if round > 0 || lives_on(hierarchy) {
            std::thread::sleep(FIRST_PAUSE * (1 << round));
        }
        if !lives_on(hierarchy) {
            return;
        }
        if rustix::mount::mount("none", point, "cgroup", MountFlags::empty(), data.as_c_str()).is_err() {
            return;
        }
        let has_groups = file::directories(CWD, point).map_or(true, |names| !names.is_empty());
        if rustix::mount::unmount(point, UnmountFlags::NOFOLLOW).is_err() || has_groups {
            return;
        }
    }
}

/// Tells whether the kernel still has a hierarchy although nothing in sight has it mounted.
fn lives_on(hierarchy: &Hierarchy) -> bool {
    let is_same = |other: &Hierarchy| {
        other.version == Version::V1
            && other.controllers == hierarchy.controllers
            && other.name == hierarchy.name
    };
    if Layout::detect().is_ok_and(|layout| layout.hierarchies.iter().any(is_same)) {
        return false;
    }
    match hierarchy.controllers.first() {
        Some(first) => {
            Census::take().is_ok_and(|census| census.of(*first).is_some_and(|count| count.hierarchy != 0))
        }
        None => Membership::of(rustix::process::getpid())
            .is_ok_and(|homes| homes.iter().any(|home| home.name.is_some() && home.name == hierarchy.name)),
    }
}

/// `CGROUP_SUPER_MAGIC` and `CGROUP2_SUPER_MAGIC` of linux/magic.h.
const CGROUP: u64 = 0x0027_e0eb;
const CGROUP2: u64 = 0x6367_7270;

/// Finds out why the kernel did not mount a hierarchy.
fn explain(options: &str, errno: Errno) -> Option<String> {
    match errno {
        Errno::PERM => return Some("it takes CAP_SYS_ADMIN".to_owned()),
        Errno::NOTDIR => return Some("the mount point is no directory".to_owned()),
        Errno::NODEV => return Some("this kernel was built without it".to_owned()),
        Errno::BUSY | Errno::INVAL | Errno::NOENT => {}
        _ => return None,
    }
    let layout = Layout::detect().ok()?;
    let census = Census::take().unwrap_or_default();
    let wanted: Vec<Controller> = match options.split(',').any(|word| word == "all") {
        true => Controller::ALL.to_vec(),
        false => options.split(',').filter_map(Controller::from_name).collect(),
    };
    let reasons: Vec<String> =
        wanted.iter().filter_map(|controller| holder(*controller, &wanted, &layout, &census)).collect();
    match reasons.is_empty() {
        true if errno == Errno::BUSY => {
            Some("a hierarchy of that name is there, with other controllers".to_owned())
        }
        true => None,
        false => Some(reasons.join("; ")),
    }
}

/// Says who has a controller so that a new hierarchy cannot have it.
fn holder(controller: Controller, wanted: &[Controller], layout: &Layout, census: &Census) -> Option<String> {
    let name = controller.name(Version::V1);
    let count = census.of(controller);
    match layout.home(controller) {
        Home::Disabled => return Some(format!("{name} is disabled by cgroup_disable= at boot")),
        Home::Absent if count.is_none() => return Some(format!("this kernel has no {name} for v1")),
        _ => {}
    }
    let number = count.map_or(0, |count| count.hierarchy);
    if number != 0 {
        let others = census.of_hierarchy(number);
        if others == wanted {
            return None;
        }
        let list: Vec<&str> = others.iter().map(|other| other.name(Version::V1)).collect();
        let place = match layout.hierarchy(controller).filter(|home| home.version == Version::V1) {
            Some(home) => format!("mounted on {}", home.mount.display()),
            None => "mounted out of sight, or kept by groups that it still has".to_owned(),
        };
        return Some(format!("{name} is in hierarchy {number} with {}, {place}", list.join(",")));
    }
    let unified = layout.unified()?;
    let top = Place::new(unified, &crate::GroupPath::root());
    let enabled = top.read_raw("cgroup.subtree_control").unwrap_or_default();
    enabled.split_whitespace().any(|word| word == controller.name(Version::V2)).then(|| {
        format!(
            "{name} is in use in the v2 tree: cgroup.subtree_control of {} enables it",
            unified.mount.display()
        )
    })
}
