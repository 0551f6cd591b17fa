//! The place where the engines run: namespaces of their own, so that nothing of them is on the machine.

use std::fs;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::Duration;

use palisade_tests::container::wait_until;
use palisade_tests::group;
use rustix::fs::{CWD, FileType, Mode, makedev, mknodat};
use rustix::io::Errno;
use rustix::mount::{
    MountFlags, MountPropagationFlags, UnmountFlags, mount, mount_bind, mount_change, unmount,
};

/// Begins a test case in the place.
macro_rules! scene {
    () => {{
        $crate::place::prepare();
        ::palisade_tests::case!()
    }};
}
pub(crate) use scene;

/// What engines are told of who makes the groups, in their common words.
pub(crate) fn cgroup_manager() -> &'static str {
    if group::made_by_systemd() { "systemd" } else { "cgroupfs" }
}

/// Prints a container's limits from where this machine has them: memory, time on processors, processes, which processors,
/// and their share. What `--cpu-shares=100` is as a weight is 4 to some and, since that is too little, 17 to others.
pub(crate) fn show_limits() -> &'static str {
    match group::made_by_systemd() {
        true => {
            "cd /sys/fs/cgroup; cat memory.max; cut -d' ' -f1 cpu.max; cat pids.max cpuset.cpus; sed -E 's/^(4|17)$/100/' cpu.weight"
        }
        false => {
            "cd /sys/fs/cgroup; cat memory/memory.limit_in_bytes cpu/cpu.cfs_quota_us pids/pids.max cpuset/cpuset.cpus cpu/cpu.shares"
        }
    }
}

/// An ordinary user with ranges of subordinate ids.
#[derive(Debug)]
pub(crate) struct User {
    pub(crate) name: String,
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    /// What a login would have set XDG_RUNTIME_DIR to.
    pub(crate) runtime: PathBuf,
}

/// Makes the namespaces into a machine that engines find usual; once.
pub(crate) fn prepare() {
    static PREPARED: OnceLock<()> = OnceLock::new();
    PREPARED.get_or_init(|| {
        let routes = fs::read_to_string("/proc/self/net/route").expect("read the routes");
        assert!(
            routes.lines().count() <= 1,
            "this is the machine's network: run the tests with `cargo xtask test`"
        );
        // As an init system does; it is shared with none of the machine's mounts.
        let shared = MountPropagationFlags::SHARED | MountPropagationFlags::REC;
        mount_change("/", shared).expect("make the mounts shared");
        let status =
            Command::new(palisade_tests::bundle::busybox()).args(["ip", "link", "set", "lo", "up"]).status();
        assert!(status.expect("execute busybox").success(), "ip link set lo up");
        // A virtual machine has nothing that is to be kept; and systemd is asked for by sockets in /run.
        if !group::made_by_systemd() {
            hide_unified_beside_v1();
            replace_run();
        }
        open_tun();
    });
}

/// The ordinary user whom `cargo xtask test` made; none where it had no rights to.
pub(crate) fn user() -> Option<&'static User> {
    static USER: OnceLock<Option<User>> = OnceLock::new();
    let read = || {
        let name = std::env::var("PALISADE_USER").ok()?;
        let passwd = fs::read_to_string("/etc/passwd").expect("read /etc/passwd");
        let entry = passwd.lines().find_map(|line| line.strip_prefix(&format!("{name}:"))).expect("the user");
        let mut ids = entry.split(':').skip(1).map(|id| id.parse().expect("an id"));
        let (uid, gid) = ids.next().zip(ids.next()).expect("a user has two ids");
        Some(User { name, uid, gid, runtime: PathBuf::from(format!("/run/user/{uid}")) })
    };
    USER.get_or_init(read).as_ref()
}

/// Gives a directory to the ordinary user.
pub(crate) fn give(path: &Path, user: &User) {
    chown(path, Some(user.uid), Some(user.gid))
        .unwrap_or_else(|error| panic!("chown {}: {error}", path.display()));
}

/// Takes the v2 tree away where there are v1 hierarchies: crun refuses a machine that has controllers in both.
fn hide_unified_beside_v1() {
    let table = fs::read_to_string("/proc/self/mountinfo").expect("read the mounts");
    let of_kind = |kind: &str| {
        let lines = table.lines().filter(move |line| line.contains(&format!(" - {kind} ")));
        lines.filter_map(|line| line.split(' ').nth(4)).map(str::to_owned).collect::<Vec<_>>()
    };
    if of_kind("cgroup").is_empty() {
        return;
    }
    for point in of_kind("cgroup2") {
        unmount(&point, UnmountFlags::DETACH).unwrap_or_else(|error| panic!("umount {point}: {error}"));
    }
}

/// Mounts an empty /run and /dev/shm: engines keep sockets, locks and state there in places that no option names.
fn replace_run() {
    mount("tmpfs", "/run", "tmpfs", MountFlags::NOSUID, c"mode=755").expect("mount a tmpfs on /run");
    mount("tmpfs", "/dev/shm", "tmpfs", MountFlags::NOSUID, c"mode=1777").expect("mount a tmpfs on /dev/shm");
    for directory in ["/run/lock", "/run/user"] {
        fs::create_dir(directory).unwrap_or_else(|error| panic!("create {directory}: {error}"));
    }
    if let Some(user) = user() {
        fs::DirBuilder::new().mode(0o700).create(&user.runtime).expect("create XDG_RUNTIME_DIR");
        give(&user.runtime, user);
    }
}

/// Lets everybody open /dev/net/tun, as most systems do: a user's network goes through it.
fn open_tun() {
    let tun = Path::new("/dev/net/tun");
    if tun.exists() {
        let node = Path::new("/run/tun");
        mknodat(CWD, node, FileType::CharacterDevice, Mode::from_raw_mode(0o666), makedev(10, 200))
            .expect("mknod");
        fs::set_permissions(node, fs::Permissions::from_mode(0o666)).expect("chmod");
        mount_bind(node, tun).expect("bind a node");
    }
}

/// Removes a group that an engine keeps for its containers, in all hierarchies; it has to be empty but for `owned` below.
pub(crate) fn remove_groups(name: &str, owned: fn(&str) -> bool) {
    let table = fs::read_to_string("/proc/self/mountinfo").expect("read the mounts");
    let hierarchies =
        table.lines().filter(|line| line.contains(" - cgroup")).filter_map(|line| line.split(' ').nth(4));
    for group in hierarchies.map(|point| Path::new(point).join(name)) {
        let entries = fs::read_dir(&group).into_iter().flatten().flatten();
        let owned =
            entries.filter(|entry| entry.file_name().to_str().is_some_and(owned)).map(|entry| entry.path());
        for group in owned.chain([group.clone()]).filter(|group| group.is_dir()) {
            remove_group(&group);
        }
    }
}

/// Removes one group, whose last process may be about to end.
fn remove_group(group: &Path) {
    let busy = |end: &std::io::Error| end.kind() == std::io::ErrorKind::ResourceBusy;
    for _ in 0..100 {
        match fs::remove_dir(group) {
            Err(error) if busy(&error) => std::thread::sleep(Duration::from_millis(20)),
            // One that is not empty shows in what the test leaves behind.
            _ => return,
        }
    }
}

/// Makes a directory that is a mount of its own and not shared. What podman maps to other ids by a mount is empty
/// where it is shared.
pub(crate) fn mount_private(point: &Path) {
    fs::create_dir(point).expect("create a directory");
    mount_bind(point, point).expect("bind a directory to itself");
    mount_change(point, MountPropagationFlags::PRIVATE).expect("make a mount private");
}

/// Unmounts what an engine keeps mounted for itself, as often as it is mounted. Processes that clean up after a container
/// when nobody waits for them any more may still have files of it open.
pub(crate) fn unmount_own(point: &Path) {
    wait_until("an engine's own mount is not used", || match unmount(point, UnmountFlags::empty()) {
        Ok(()) | Err(Errno::BUSY) => false,
        // It is mounted no more, or never was.
        Err(Errno::INVAL | Errno::NOENT) => true,
        Err(error) => panic!("umount {}: {error}", point.display()),
    });
}

/// Demands that Palisade keeps no state of any container in the places that it takes by itself; compiled filters are for
/// the next one.
pub(crate) fn expect_no_state() {
    let users = user().map(|user| user.runtime.join("palisade"));
    for place in [Some(PathBuf::from("/run/palisade")), users].into_iter().flatten() {
        let Ok(entries) = fs::read_dir(&place) else { continue };
        let entries = entries.flatten().map(|entry| entry.path());
        let left: Vec<_> = entries.filter(|path| !path.ends_with("@filters")).collect();
        assert!(left.is_empty(), "state is left: {left:?}");
    }
}
