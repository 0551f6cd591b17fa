//! Groups on the hierarchies that this machine has, as root. Every test removes what it makes.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use palisade_cgroup::device::{DevicePattern, DevicePolicy, Verdict};
use palisade_cgroup::limits::Cpu;
use palisade_cgroup::{
    Controller, ErrorKind, Event, FreezerState, Group, GroupPath, Home, Knob, Layout, Limit, Limits, Notice,
    Recipe, Version,
};
use rustix::process::{Pid, Signal};
use std::io::Write;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A path that no other test run uses.
fn path(name: &str) -> GroupPath {
    GroupPath::new(&format!("/palisade-test-{}-{name}", std::process::id())).unwrap()
}

/// Reads the layout; `None`, with a line that says why, where groups cannot be made.
fn layout(test: &str) -> Option<Layout> {
    if !rustix::process::geteuid().is_root() {
        eprintln!("SKIP {test}: needs root");
        return None;
    }
    let layout = Layout::detect().unwrap();
    let probe = Recipe::new(&layout, &path(&format!("{test}-probe")), &Limits::default()).unwrap();
    match probe.make_directories() {
        Ok(group) => {
            group.remove().unwrap();
            Some(layout)
        }
        Err(error) if error.kind() == ErrorKind::Denied => {
            eprintln!("SKIP {test}: {error}");
            None
        }
        Err(error) => panic!("{error}"),
    }
}

fn has(layout: &Layout, test: &str, controller: Controller) -> bool {
    let there = layout.hierarchy(controller).is_some();
    if !there {
        eprintln!("SKIP {test}: no {controller} controller here");
    }
    there
}

/// A group that is removed when the test ends, however it ends.
struct Guard(Group);

impl Drop for Guard {
    fn drop(&mut self) {
        self.0.remove().unwrap();
    }
}

fn make(layout: &Layout, name: &str, limits: &Limits) -> Guard {
    Guard(Recipe::new(layout, &path(name), limits).unwrap().make().unwrap())
}

/// A shell that does what it reads once it is in the group.
struct Shell(Child);

impl Shell {
    fn enter(group: &Group) -> Self {
        let child =
            Command::new("sh").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn();
        let shell = Self(child.unwrap());
        group.attach(shell.pid()).unwrap();
        shell
    }

    fn pid(&self) -> Pid {
        Pid::from_child(&self.0)
    }

    fn run(mut self, script: &str) -> String {
        self.0.stdin.take().unwrap().write_all(script.as_bytes()).unwrap();
        let mut output = String::new();
        std::io::Read::read_to_string(self.0.stdout.as_mut().unwrap(), &mut output).unwrap();
        output
    }
}

impl Drop for Shell {
    fn drop(&mut self) {
        drop(self.0.kill());
        self.0.wait().unwrap();
    }
}

#[test]
fn a_group_is_made_in_every_hierarchy_and_removed() {
    let Some(layout) = layout("made") else { return };
    let path = path("made").join("below/deep").unwrap();
    let group = Recipe::new(&layout, &path, &Limits::default()).unwrap().make().unwrap();
    let directories: Vec<_> = layout.hierarchies.iter().map(|h| h.mount.join(path.relative())).collect();
    assert!(directories.iter().all(|directory| directory.is_dir()), "{directories:?}");
    assert_eq!(group.procs().unwrap(), []);
    let top = Group::open(&layout, &path.parent().unwrap().parent().unwrap()).unwrap();
    top.remove().unwrap();
    assert!(!directories.iter().any(|directory| directory.exists()));
    top.remove().expect("what is gone is fine");
    assert_eq!(Group::open(&layout, &path).unwrap_err().kind(), ErrorKind::NotFound);
}

#[test]
fn an_occupied_group_is_refused_and_left_alone() {
    let Some(layout) = layout("occupied") else { return };
    let guard = make(&layout, "occupied", &Limits::default());
    let shell = Shell::enter(&guard.0);
    let error = Recipe::new(&layout, guard.0.path(), &Limits::default()).unwrap().make().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Occupied);
    assert!(error.to_string().contains("holds 1 processes"), "{error}");
    assert_eq!(guard.0.procs().unwrap(), [shell.pid()]);
    let busy = Group::open(&layout, guard.0.path()).unwrap().remove().unwrap_err();
    assert!(busy[0].to_string().contains("EBUSY (it holds 1 processes"), "{}", busy[0]);
}

#[test]
fn a_refused_limit_leaves_nothing() {
    let Some(layout) = layout("refused") else { return };
    if !has(&layout, "refused", Controller::Cpuset) {
        return;
    }
    let mut limits = Limits::default();
    limits.cpuset.cpus = Some("4000-4095".to_owned());
    let path = path("refused");
    let error = Recipe::new(&layout, &path, &limits).unwrap().make().unwrap_err();
    assert!(error.to_string().starts_with("write 4000-4095 to /sys/fs/cgroup/"), "{error}");
    assert!(error.hint().is_some(), "{error}");
    assert_eq!(Group::open(&layout, &path).unwrap_err().kind(), ErrorKind::NotFound);
}

#[test]
fn limits_read_back() {
    let Some(layout) = layout("limits") else { return };
    if !has(&layout, "limits", Controller::Memory) || !has(&layout, "limits", Controller::Cpu) {
        return;
    }
    let mut limits = Limits { pids: Some(Limit::Value(7)), ..Limits::default() };
    limits.memory.limit = Some(Limit::Value(64 << 20));
    limits.memory.swap = Some(Limit::Value(64 << 20));
    limits.cpu = Cpu {
        shares: Some(1024),
        quota: Some(Limit::Value(50_000)),
        period: Some(100_000),
        burst: Some(10_000),
        ..Cpu::default()
    };
    limits.cpuset.cpus = Some("0".to_owned());
    let guard = make(&layout, "limits", &limits);
    let v1 = |controller| layout.hierarchy(controller).unwrap().version == Version::V1;
    let get = |controller, file: &str| guard.0.get(controller, file).unwrap().trim().to_owned();
    let memory = if v1(Controller::Memory) { "memory.limit_in_bytes" } else { "memory.max" };
    assert_eq!(get(Controller::Memory, memory), "67108864");
    if v1(Controller::Cpu) {
        assert_eq!(get(Controller::Cpu, "cpu.cfs_quota_us"), "50000");
        assert_eq!(get(Controller::Cpu, "cpu.cfs_burst_us"), "10000");
    } else {
        assert_eq!(get(Controller::Cpu, "cpu.max"), "50000 100000");
        assert_eq!(get(Controller::Cpu, "cpu.weight"), "100");
    }
    assert_eq!(get(Controller::Cpuset, "cpuset.cpus"), "0");
    assert_eq!(get(Controller::Pids, "pids.max"), "7");

    // Both up and down, so that neither order of the two memory files will do for both.
    for size in [256 << 20, 16 << 20] {
        let mut update = Limits::default();
        update.memory.limit = Some(Limit::Value(size));
        update.memory.swap = Some(Limit::Value(size));
        guard.0.apply(&layout, &update).unwrap();
        assert_eq!(get(Controller::Memory, memory), size.to_string());
    }
    assert_eq!(get(Controller::Pids, "pids.max"), "7", "an update leaves what it does not name");
}

#[test]
fn a_child_enters_by_its_tasks_files_and_clone() {
    let Some(layout) = layout("enter") else { return };
    let guard = make(&layout, "enter", &Limits::default());
    let mut script = String::new();
    for file in guard.0.tasks_files().unwrap() {
        let mount = layout.anchor();
        script.push_str(&format!("echo 0 > {}/{};", mount.display(), file.path.to_str().unwrap()));
    }
    script.push_str("cat /proc/self/cgroup");
    let output = Command::new("sh").arg("-c").arg(&script).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{text}");
    let entered = text.lines().filter(|line| line.ends_with(guard.0.path().as_str())).count();
    assert_eq!(entered, guard.0.tasks_files().unwrap().len(), "{text}");
    let unified = guard.0.v2_directory().unwrap();
    assert_eq!(unified.is_some(), layout.unified().is_some());
}

#[test]
fn a_fork_bomb_stays_in_its_group() {
    let Some(layout) = layout("bomb") else { return };
    if !has(&layout, "bomb", Controller::Pids) {
        return;
    }
    let guard = make(&layout, "bomb", &Limits { pids: Some(Limit::Value(4)), ..Limits::default() });
    let text = Shell::enter(&guard.0).run("for i in 1 2 3 4 5 6; do sleep 0.2 & done; wait; echo end\n");
    assert!(!text.contains("end"), "the shell could start six processes: {text}");
}

#[test]
fn denied_devices_are_denied_on_either_version() {
    let Some(layout) = layout("devices") else { return };
    if !has(&layout, "devices", Controller::Devices) {
        return;
    }
    let rule = |verdict, text: &str| text.parse::<DevicePattern>().unwrap().rule(verdict);
    let rules = vec![
        rule(Verdict::Allow, "c 1:5 rwm"),
        rule(Verdict::Allow, "c 1:3 rw"),
        rule(Verdict::Deny, "c 1:3 w"),
    ];
    let limits =
        Limits { devices: Some(DevicePolicy { default: Verdict::Deny, rules }), ..Limits::default() };
    for layout in [layout.clone(), devices_on_v2(&layout)] {
        let guard = make(&layout, "devices", &limits);
        let script = "cat /dev/null && echo read; head -c1 /dev/zero >/dev/zero && echo zero\n\
                      (echo x > /dev/null) || echo denied; (cat /dev/full) || echo full\n";
        assert_eq!(Shell::enter(&guard.0).run(script), "read\nzero\ndenied\nfull\n");
        let all = DevicePolicy { default: Verdict::Allow, rules: Vec::new() };
        guard.0.apply(&layout, &Limits { devices: Some(all), ..Limits::default() }).unwrap();
        assert_eq!(Shell::enter(&guard.0).run("echo x > /dev/null && echo wrote\n"), "wrote\n");
    }
}

/// Says of a hybrid machine that devices are decided on in the v2 tree, where that is possible too.
fn devices_on_v2(layout: &Layout) -> Layout {
    let mut layout = layout.clone();
    if let Some(index) = layout.hierarchies.iter().position(|h| h.version == Version::V2) {
        layout.homes.insert(Controller::Devices, Home::Hierarchy(index));
    }
    layout
}

#[test]
fn a_controller_that_is_not_here_is_named() {
    let Some(layout) = layout("nowhere") else { return };
    if layout.hierarchy(Controller::NetCls).is_some() {
        eprintln!("SKIP nowhere: net_cls is mounted here");
        return;
    }
    let refusals = Recipe::new(&layout, &path("nowhere"), &Limits { net_cls: Some(1), ..Limits::default() })
        .unwrap_err();
    assert_eq!(refusals.len(), 1);
    assert_eq!(refusals[0].knob, Knob::NetCls);
}

/// A child in the group that does nothing for a minute.
fn sleeper(group: &Group) -> Shell {
    let shell = Shell(Command::new("sleep").arg("60").spawn().unwrap());
    group.attach(shell.pid()).unwrap();
    shell
}

/// Reads the CPU time of a process in ticks, fields 14 and 15 of proc_pid_stat(5).
fn ticks(pid: Pid) -> u64 {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero())).unwrap();
    let fields = stat.rsplit_once(')').unwrap().1.split_whitespace().skip(11).take(2);
    fields.map(|field| field.parse::<u64>().unwrap()).sum()
}

#[test]
fn a_frozen_process_makes_no_progress_and_can_be_killed() {
    let Some(layout) = layout("freeze") else { return };
    for layout in [layout.clone(), without_v1_freezer(&layout)] {
        let guard = make(&layout, "freeze", &Limits::default());
        let script = "while :; do :; done";
        let mut busy = Shell(Command::new("sh").arg("-c").arg(script).spawn().unwrap());
        guard.0.attach(busy.pid()).unwrap();
        guard.0.freeze().unwrap();
        assert_eq!(guard.0.freezer_state().unwrap(), FreezerState::Frozen);
        let before = ticks(busy.pid());
        std::thread::sleep(Duration::from_millis(150));
        assert_eq!(ticks(busy.pid()), before);
        guard.0.thaw().unwrap();
        let deadline = Instant::now() + Duration::from_secs(10);
        while ticks(busy.pid()) == before {
            assert!(Instant::now() < deadline, "the thawed process stands still");
            std::thread::sleep(Duration::from_millis(10));
        }
        assert_eq!(guard.0.freezer_state().unwrap(), FreezerState::Thawed);

        guard.0.freeze().unwrap();
        guard.0.kill(Signal::KILL).unwrap();
        assert_eq!(busy.0.wait().unwrap().signal(), Some(9));
        assert_eq!(guard.0.procs().unwrap(), []);
    }
}

/// Leaves the freezer to the v2 tree, where there is one.
fn without_v1_freezer(layout: &Layout) -> Layout {
    let mut layout = layout.clone();
    if let Some(index) = layout.hierarchies.iter().position(|h| h.version == Version::V2) {
        layout.homes.insert(Controller::Freezer, Home::Hierarchy(index));
    }
    layout
}

/// Takes the v2 tree out of a hybrid layout.
fn without_v2(layout: &Layout) -> Option<Layout> {
    let index = layout.hierarchies.iter().position(|h| h.version == Version::V2)?;
    let mut layout = layout.clone();
    if layout.hierarchies.len() == 1 || index + 1 != layout.hierarchies.len() {
        return None;
    }
    layout.hierarchies.pop();
    layout.homes.retain(|_, home| *home != Home::Hierarchy(index));
    Some(layout)
}

#[test]
fn kill_reaches_groups_below_on_v1_alone() {
    let Some(layout) = layout("kill").as_ref().and_then(without_v2) else {
        eprintln!("SKIP kill: v1 hierarchies are needed");
        return;
    };
    let guard = make(&layout, "kill", &Limits::default());
    let below = Recipe::new(&layout, &guard.0.path().join("below").unwrap(), &Limits::default()).unwrap();
    let below = below.make().unwrap();
    let mut sleepers = [sleeper(&guard.0), sleeper(&below)];
    guard.0.kill(Signal::TERM).unwrap();
    for shell in &mut sleepers {
        assert_eq!(shell.0.wait().unwrap().signal(), Some(15));
    }
    let mut sleepers = [sleeper(&guard.0), sleeper(&below)];
    guard.0.kill(Signal::KILL).unwrap();
    for shell in &mut sleepers {
        assert_eq!(shell.0.wait().unwrap().signal(), Some(9));
    }
}

#[test]
fn watching_tells_of_coming_going_and_removal() {
    let Some(layout) = layout("watch") else { return };
    for layout in [Some(layout.clone()), without_v2(&layout)].into_iter().flatten() {
        let guard = make(&layout, "watch", &Limits::default());
        let mut watch = guard.0.watch(&[Notice::Populated]).unwrap();
        assert_eq!(watch.next(Some(Duration::ZERO)).unwrap(), None);
        let shell = sleeper(&guard.0);
        let wait = Some(Duration::from_secs(5));
        assert_eq!(watch.next(wait).unwrap(), Some(Event::Populated));
        drop(shell);
        assert_eq!(watch.next(wait).unwrap(), Some(Event::Empty));
        guard.0.remove().unwrap();
        assert_eq!(watch.next(wait).unwrap(), Some(Event::Removed));
        assert_eq!(watch.next(wait).unwrap(), None);
    }
}

#[test]
fn a_memory_hog_is_killed_and_told_of() {
    let Some(layout) = layout("hog") else { return };
    if !has(&layout, "hog", Controller::Memory) {
        return;
    }
    let mut limits = Limits::default();
    limits.memory.limit = Some(Limit::Value(16 << 20));
    limits.memory.swap = Some(Limit::Value(16 << 20));
    let guard = make(&layout, "hog", &limits);
    let mut watch = guard.0.watch(&[Notice::Oom]).unwrap();
    let text = Shell::enter(&guard.0).run("exec tail /dev/zero\n");
    assert_eq!(text, "");
    let Some(Event::Oom { killed }) = watch.next(Some(Duration::from_secs(5))).unwrap() else {
        panic!("nothing was told of the kill");
    };
    assert!(killed >= 1);
    assert!(guard.0.oom_count().unwrap() >= 1);
    let stats = guard.0.stats().unwrap().memory.unwrap();
    assert_eq!(stats.limit, Some(Limit::Value(16 << 20)));
    assert!(stats.oom_kills >= 1, "{stats:?}");
}

#[test]
fn a_burner_gets_its_quota_and_is_counted() {
    let Some(layout) = layout("burner") else { return };
    if !has(&layout, "burner", Controller::Cpu) {
        return;
    }
    let mut limits = Limits { pids: Some(Limit::Value(50)), ..Limits::default() };
    limits.cpu.quota = Some(Limit::Value(20_000));
    limits.cpu.period = Some(100_000);
    let guard = make(&layout, "burner", &limits);
    let burner = Shell(Command::new("sh").arg("-c").arg("while :; do :; done").spawn().unwrap());
    guard.0.attach(burner.pid()).unwrap();
    std::thread::sleep(Duration::from_millis(600));
    let stats = guard.0.stats().unwrap();
    let cpu = stats.cpu.unwrap();
    assert!(cpu.throttled_periods >= 2 && cpu.throttled > 0, "{cpu:?}");
    assert!((40_000_000..400_000_000).contains(&cpu.usage), "a fifth of 0.6 s was due: {cpu:?}");
    let pids = stats.pids.unwrap();
    assert_eq!((pids.current, pids.limit), (1, Some(Limit::Value(50))));
}
