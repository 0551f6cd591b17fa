//! The cgroup hierarchies of the machine.

use std::ffi::CString;
use std::fs;
use std::os::unix::fs::{chown, symlink};

use anyhow::{Context, Result};
use rustix::mount::MountFlags;

/// Which hierarchies the machine has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cgroups {
    /// v2 alone.
    V2,
    /// v1 alone.
    V1,
    /// v1, but hugetlb in a v2 tree beside it.
    Hybrid,
}

/// Where all hierarchies are.
const TOP: &str = "/sys/fs/cgroup";

/// Controllers that share a hierarchy of v1, as distributions have them.
const TOGETHER: &[&str] = &["cpu,cpuacct", "net_cls,net_prio"];

/// The v2 group that an ordinary user owns, and the one below it where the user's session is.
const DELEGATED: &str = "/sys/fs/cgroup/tester";

const FLAGS: MountFlags = MountFlags::NOSUID.union(MountFlags::NODEV).union(MountFlags::NOEXEC);

/// Mounts the hierarchies.
pub(crate) fn mount_all(cgroups: Cgroups) -> Result<()> {
    if cgroups == Cgroups::V2 {
        return mount_one("cgroup2", TOP, "");
    }
    rustix::mount::mount("tmpfs", TOP, "tmpfs", FLAGS, Some(c"mode=755"))
        .with_context(|| format!("mount tmpfs on {TOP}"))?;
    if cgroups == Cgroups::Hybrid {
        mount_one("cgroup2", &format!("{TOP}/unified"), "")?;
    }
    for controllers in hierarchies(cgroups)? {
        mount_one("cgroup", &format!("{TOP}/{controllers}"), &controllers)?;
        for alone in controllers.split(',').filter(|alone| *alone != controllers) {
            symlink(&controllers, format!("{TOP}/{alone}")).with_context(|| format!("link {TOP}/{alone}"))?;
        }
    }
    mount_one("cgroup", &format!("{TOP}/systemd"), "none,name=systemd")
}

/// Lists what goes together into one hierarchy of v1 each.
fn hierarchies(cgroups: Cgroups) -> Result<Vec<String>> {
    let table = fs::read_to_string("/proc/cgroups").context("read /proc/cgroups")?;
    let enabled = table.lines().filter(|line| !line.starts_with('#') && line.ends_with('1'));
    let names = enabled.filter_map(|line| line.split_whitespace().next());
    let mut hierarchies: Vec<String> = Vec::new();
    for name in names.filter(|name| cgroups == Cgroups::V1 || *name != "hugetlb") {
        let shared = TOGETHER.iter().find(|shared| shared.split(',').any(|one| one == name));
        let hierarchy = shared.map_or(name, |shared| shared);
        if !hierarchies.iter().any(|known| known == hierarchy) {
            hierarchies.push(hierarchy.to_owned());
        }
    }
    Ok(hierarchies)
}

fn mount_one(kind: &str, target: &str, options: &str) -> Result<()> {
    fs::create_dir_all(target).with_context(|| format!("create {target}"))?;
    let data = CString::new(options).context("options of a mount")?;
    rustix::mount::mount(kind, target, kind, FLAGS, Some(data.as_c_str()))
        .with_context(|| format!("mount {kind} on {target} with options {options:?}"))
}

/// Gives the ordinary user a v2 group with every controller, as a login under systemd would.
pub(crate) fn delegate(uid: u32, gid: u32) -> Result<()> {
    let controllers = fs::read_to_string(format!("{TOP}/cgroup.controllers"))?;
    let enable: Vec<String> = controllers.split_whitespace().map(|name| format!("+{name}")).collect();
    let file = format!("{TOP}/cgroup.subtree_control");
    fs::write(&file, enable.join(" ")).with_context(|| format!("write {} to {file}", enable.join(" ")))?;
    for group in [DELEGATED.to_owned(), format!("{DELEGATED}/session")] {
        fs::create_dir(&group).with_context(|| format!("create {group}"))?;
        for name in ["", "cgroup.procs", "cgroup.subtree_control", "cgroup.threads"] {
            let path = format!("{group}/{name}");
            chown(&path, Some(uid), Some(gid)).with_context(|| format!("chown {path}"))?;
        }
    }
    Ok(())
}

/// Moves this process into the session of the ordinary user; what it starts is born there.
pub(crate) fn enter_session() -> Result<()> {
    join(&format!("{DELEGATED}/session"))
}

/// Moves this process back to the top.
pub(crate) fn leave_session() -> Result<()> {
    join(TOP)
}

/// Removes the ordinary user's groups.
pub(crate) fn withdraw() -> Result<()> {
    for group in [format!("{DELEGATED}/session"), DELEGATED.to_owned()] {
        fs::remove_dir(&group).with_context(|| format!("remove {group}"))?;
    }
    Ok(())
}

fn join(group: &str) -> Result<()> {
    let file = format!("{group}/cgroup.procs");
    fs::write(&file, "0").with_context(|| format!("write 0 to {file}"))
}
