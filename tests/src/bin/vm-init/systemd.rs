//! The machine whose first process is systemd: from the initramfs to Debian's disk, and the tests as a service of it.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::mount::{MountFlags, mount, mount_move};

use crate::port::Port;
use crate::root::{NEW_ROOT, move_entries};
use crate::trial::{TESTER, verdict};

/// The disk. Its driver looks for it beside all others.
const DISK: &str = "/dev/nvme0n1";

/// Where the programs go: systemd leaves a `/run` that is mounted as it is.
const PROGRAMS: &str = "/run/tests";

/// What every run and the shell find in their environment.
const ENVIRONMENT: &[(&str, &str)] = &[
    ("PATH", "/run/tests:/usr/bin:/usr/sbin"),
    ("LANG", "C.UTF-8"),
    ("PALISADE_BIN", "/run/tests/palisade"),
    ("PAL_BIN", "/run/tests/pal"),
    ("PALISADE_BUSYBOX", "/usr/bin/busybox"),
    ("PALISADE_CGROUPS", "systemd"),
];

/// Files that systemd finds in the machine, beside those of Debian: the tests, a user to whom all controllers are given,
/// and no login on the kernel's port.
const FILES: &[(&str, &str)] = &[
    (
        "run/systemd/system/palisade-tests.service",
        "[Unit]\nDescription=Tests of Palisade\nWants=user@1000.service\n\
         After=user@1000.service dbus.service systemd-logind.service\n\
         [Service]\nType=oneshot\nExecStart=/run/tests/init\n",
    ),
    ("run/systemd/system/user@.service.d/delegate.conf", "[Service]\nDelegate=cpu cpuset io memory pids\n"),
    ("run/systemd/system/serial-getty@ttyS0.service", ""),
    // The tests start their own.
    ("run/systemd/system/docker.service", ""),
    ("run/systemd/system/docker.socket", ""),
    ("run/systemd/system/containerd.service", ""),
    ("run/systemd/system/docker-registry.service", ""),
    ("run/systemd/system/podman.service", ""),
    ("run/systemd/system/podman.socket", ""),
    ("run/systemd/system/podman-restart.service", ""),
    ("run/systemd/system/podman-auto-update.service", ""),
    ("run/systemd/system/podman-auto-update.timer", ""),
    ("run/systemd/user/podman.service", ""),
    ("run/systemd/user/podman.socket", ""),
    ("run/systemd/user/podman-restart.service", ""),
    ("run/systemd/user/podman-auto-update.service", ""),
    ("run/systemd/user/podman-auto-update.timer", ""),
    ("var/lib/systemd/linger/tester", ""),
];

/// What is added to the tables of users.
const USERS: &[(&str, &str)] = &[
    ("etc/passwd", "tester:x:1000:1000:tester:/home/tester:/bin/sh\n"),
    ("etc/shadow", "tester:*:20000:0:99999:7:::\n"),
    ("etc/group", "tester:x:1000:\n"),
    ("etc/subuid", "tester:100000:65536\n"),
    ("etc/subgid", "tester:100000:65536\n"),
];

/// The tests of engines that run here: the life of a container and its limits, as the systemd of a usual machine has them.
const ENGINES: &[&str] = &[
    "podman::life::podman_runs_execs_and_ends_containers",
    "podman::inside::podman_limits_containers",
    "docker::life::docker_runs_execs_and_ends_containers",
    "docker::inside::docker_limits_containers",
    "containerd::containerd_moves_tasks_through_their_lives",
    "containerd::containerd_runs_containers_with_options",
];

/// The tests that run here: those of scopes, and some general ones, whose containers all are in scopes.
const SUBJECTS: &[&str] = &[
    "systemd::",
    "lifecycle::a_container_goes_from_created_to_deleted",
    "lifecycle::delete_with_force_ends_whatever_there_is",
    "lifecycle::kill_all_reaches_every_process",
    "lifecycle::pause_stops_all_progress_and_resume_lets_it_go_on",
    "limits::a_fork_over_the_limit_is_told_to_try_again",
    "limits::a_memory_hog_is_killed",
    "update::options_change_what_they_name",
];

/// Makes systemd of this process, which is the first.
pub(crate) fn hand_over() -> Result<()> {
    mount("devtmpfs", "/dev", "devtmpfs", MountFlags::NOSUID, None).context("mount devtmpfs on /dev")?;
    await_disk()?;
    mount(DISK, NEW_ROOT, "ext4", MountFlags::empty(), None)
        .with_context(|| format!("mount {DISK} on {NEW_ROOT}"))?;
    let run = format!("{NEW_ROOT}/run");
    mount("tmpfs", &run, "tmpfs", MountFlags::NOSUID | MountFlags::NODEV, Some(c"mode=755"))
        .with_context(|| format!("mount tmpfs on {run}"))?;
    let programs = format!("{NEW_ROOT}{PROGRAMS}");
    fs::create_dir(&programs).with_context(|| format!("create {programs}"))?;
    move_entries(Path::new("/palisade"), Path::new(&programs))?;
    fs::copy("/init", format!("{programs}/init")).context("copy /init")?;
    furnish(Path::new(NEW_ROOT))?;
    rustix::process::chdir(NEW_ROOT).context("chdir to the disk")?;
    mount_move(".", "/").context("move the disk to /")?;
    rustix::process::chroot(".").context("chroot to the disk")?;
    let error = Command::new("/sbin/init").env_clear().exec();
    Err(error).context("execute /sbin/init")
}

fn await_disk() -> Result<()> {
    let begin = Instant::now();
    while !Path::new(DISK).exists() {
        if begin.elapsed() > Duration::from_secs(60) {
            bail!("{DISK} has not come within a minute");
        }
        sleep(Duration::from_millis(10));
    }
    Ok(())
}

fn furnish(root: &Path) -> Result<()> {
    for (name, text) in FILES {
        let path = root.join(name);
        let parent = path.parent().unwrap_or(root);
        fs::create_dir_all(parent).with_context(|| format!("create {}", parent.display()))?;
        fs::write(&path, text).with_context(|| format!("write {}", path.display()))?;
    }
    let wanted = root.join("run/systemd/system/multi-user.target.wants");
    fs::create_dir(&wanted).context("create multi-user.target.wants")?;
    symlink("../palisade-tests.service", wanted.join("palisade-tests.service")).context("want the tests")?;
    for (name, line) in USERS {
        let path = root.join(name);
        let text = fs::read_to_string(&path).unwrap_or_default();
        fs::write(&path, text + line).with_context(|| format!("write {}", path.display()))?;
    }
    let home = root.join("home/tester");
    fs::create_dir_all(&home).context("create /home/tester")?;
    fs::set_permissions(&home, fs::Permissions::from_mode(0o700)).context("chmod /home/tester")?;
    chown(&home, Some(TESTER), Some(TESTER)).context("chown /home/tester")
}

/// Runs the tests as root and as an ordinary user, and tells the host how that went.
pub(crate) fn run_all(port: &mut Port) -> Result<()> {
    let mut root = command(&[], "e2e", SUBJECTS, port)?;
    root.env("PALISADE_TIER", "vm-systemd").env("HOME", "/root").env("PALISADE_SCRATCH", "/tmp");
    let status = root.status().context("execute the tests as root")?;
    port.say(&verdict("end to end as root", status));

    let mut user = command(&[], "e2e", SUBJECTS, port)?;
    user.uid(TESTER).gid(TESTER).env("PALISADE_TIER", "vm-systemd-user");
    user.env("HOME", "/home/tester").env("PALISADE_SCRATCH", "/home/tester");
    // As after a login. The tests are not below the group that was given to the user, as little as a login is.
    user.env("XDG_RUNTIME_DIR", format!("/run/user/{TESTER}"));
    let status = user.status().context("execute the tests as a user")?;
    port.say(&verdict("end to end as an ordinary user", status));

    // As on the other machine: what engines mount and build of networks goes away with these.
    let place = ["unshare", "--mount", "--net", "--propagation=private", "--"];
    let mut engines = command(&place, "engines", ENGINES, port)?;
    engines.env("PALISADE_TIER", "engines").env("HOME", "/root").env("PALISADE_SCRATCH", "/var/tmp");
    let status = engines.status().context("execute the tests of engines")?;
    port.say(&verdict("engines", status));
    port.say("done");
    port.drain()
}

/// The call of one of the test programs by way of another.
fn command(way: &[&str], program: &str, subjects: &[&str], port: &Port) -> Result<Command> {
    let program = format!("{PROGRAMS}/{program}");
    let words = [way, &[&program]].concat();
    let mut command = Command::new(words[0]);
    command
        .args(&words[1..])
        .args(["--test-threads=1", "--color=never"])
        .args(filters(&program, subjects)?)
        .env_clear()
        .envs(ENVIRONMENT.iter().copied())
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(port.try_clone().context("duplicate the serial port")?)
        .stderr(port.try_clone().context("duplicate the serial port")?);
    Ok(command)
}

/// What was asked for, or else the usual subjects, each of which there must be.
fn filters(program: &str, subjects: &[&str]) -> Result<Vec<String>> {
    let arguments = fs::read_to_string(format!("{PROGRAMS}/arguments")).context("read arguments")?;
    if !arguments.is_empty() {
        return Ok(arguments.lines().map(str::to_owned).collect());
    }
    let list = Command::new(program).arg("--list").output().context("list the tests")?;
    let list = String::from_utf8_lossy(&list.stdout);
    match subjects.iter().find(|subject| !list.lines().any(|line| line.starts_with(**subject))) {
        Some(subject) => bail!("there are no tests of {subject}"),
        None => Ok(subjects.iter().map(|subject| (*subject).to_owned()).collect()),
    }
}

/// Opens a shell for a person.
pub(crate) fn open_shell() -> Result<()> {
    let port = Port::terminal()?;
    let mut shell = Command::new("/usr/bin/setsid");
    shell.args(["-c", "/bin/sh", "-l"]).env_clear().envs(ENVIRONMENT.iter().copied());
    shell.env("TERM", "linux").env("HOME", "/root").current_dir("/root");
    shell.stdin(port.try_clone()?).stdout(port.try_clone()?).stderr(port);
    shell.status().context("execute a shell")?;
    Ok(())
}
