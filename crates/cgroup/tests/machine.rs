//! Groups on the hierarchies that this machine has, as root. Every test removes what it makes.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use palisade_cgroup::device::{DevicePattern, DevicePolicy, Verdict};
use palisade_cgroup::limits::Cpu;
use palisade_cgroup::{
    Controller, ErrorKind, Group, GroupPath, Home, Knob, Layout, Limit, Limits, Recipe, Version,
};
use rustix::process::Pid;
use std::io::Write;
use std::process::{Child, Command, Stdio};

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
