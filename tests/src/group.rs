//! The cgroups of a process as the kernel shows them, found without the libraries under test.

use std::fs;
use std::path::{Path, PathBuf};

use rustix::fs::{Access, access};
use rustix::process::geteuid;

/// Finds the directory of a process's group for a controller, `v1` and `v2` alike; none where the controller has no
/// home on this machine.
///
/// # Panics
/// When /proc cannot be read.
#[must_use]
pub fn of(pid: i64, controller: &str) -> Option<PathBuf> {
    let table = fs::read_to_string(format!("/proc/{pid}/cgroup")).expect("read /proc/PID/cgroup");
    table.lines().find_map(|line| {
        let [number, controllers, path] = line.splitn(3, ':').collect::<Vec<_>>().try_into().ok()?;
        let has_it = match number {
            "0" => has_unified(controller),
            _ => controllers.split(',').any(|one| one == controller),
        };
        let (point, root) = mount_of(if number == "0" { None } else { Some(controllers) })?;
        let below = Path::new(path).strip_prefix(&root).unwrap_or(Path::new(path));
        has_it.then(|| point.join(below.strip_prefix("/").unwrap_or(below)))
    })
}

/// Tells whether a container of this user has a cgroup: root's has one, and that of a user whose own group in the v2
/// tree was delegated.
///
/// # Panics
/// When /proc cannot be read.
#[must_use]
pub fn can_make() -> bool {
    // The user's systemd makes it.
    if geteuid().is_root() || made_by_systemd() {
        return true;
    }
    let table = fs::read_to_string("/proc/self/cgroup").expect("read /proc/self/cgroup");
    let own = table.lines().find_map(|line| line.strip_prefix("0::/"));
    let own = own.zip(mount_of(None)).map(|(own, (point, _))| point.join(own));
    own.is_some_and(|own| access(&own, Access::WRITE_OK).is_ok())
}

/// Tells whether containers' groups are made by systemd here, as whoever started the tests says.
#[must_use]
pub fn made_by_systemd() -> bool {
    std::env::var_os("PALISADE_CGROUPS").is_some_and(|who| who == "systemd")
}

/// Tells whether a controller is in the v2 tree.
#[must_use]
pub fn has_unified(controller: &str) -> bool {
    let file = mount_of(None).map(|(point, _)| point.join("cgroup.controllers"));
    let controllers = file.and_then(|file| fs::read_to_string(file).ok()).unwrap_or_default();
    controllers.split_whitespace().any(|one| one == controller)
}

/// Tells whether there is a v2 tree.
#[must_use]
pub fn has_tree() -> bool {
    mount_of(None).is_some()
}

/// Reads a file of a process's group; none where the controller has no home.
///
/// # Panics
/// When the file cannot be read.
#[must_use]
pub fn read(pid: i64, controller: &str, file: &str) -> Option<String> {
    let path = of(pid, controller)?.join(file);
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("read {}: {error}", path.display()));
    Some(text.trim_end().to_owned())
}

/// Lists the groups of a process in the hierarchies that are mounted; one that was may live on for a while, and nobody
/// can make a group in it.
///
/// # Panics
/// When /proc cannot be read.
#[must_use]
pub fn paths(pid: i64) -> Vec<String> {
    let table = fs::read_to_string(format!("/proc/{pid}/cgroup")).expect("read /proc/PID/cgroup");
    let fields = table.lines().map(|line| line.splitn(3, ':').collect::<Vec<_>>());
    let mounted =
        fields.filter(|fields| mount_of(Some(fields[1]).filter(|names| !names.is_empty())).is_some());
    mounted.map(|fields| fields[2].to_owned()).collect()
}

/// Finds the mount of the hierarchy with these controllers, or of the v2 tree, and which part of it is mounted.
fn mount_of(controllers: Option<&str>) -> Option<(PathBuf, PathBuf)> {
    let table = fs::read_to_string("/proc/self/mountinfo").expect("read /proc/self/mountinfo");
    table.lines().find_map(|line| {
        let (left, right) = line.split_once(" - ")?;
        let left: Vec<&str> = left.split(' ').collect();
        let [kind, _, options] = right.splitn(3, ' ').collect::<Vec<_>>().try_into().ok()?;
        let fits = match controllers {
            None => kind == "cgroup2",
            Some(wanted) => {
                let has = |one: &str| options.split(',').any(|option| option == one);
                kind == "cgroup" && wanted.split(',').all(has)
            }
        };
        fits.then(|| (PathBuf::from(left[4]), PathBuf::from(left[3])))
    })
}
