//! Groups on the hierarchies that this machine has, as root. Every test removes what it makes.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod life;
mod limits;
mod making;

use palisade_cgroup::device::{DevicePattern, DevicePolicy, Verdict};
use palisade_cgroup::limits::{Cpu, Hugetlb};
use palisade_cgroup::stats::Resource;
use palisade_cgroup::{
    Controller, Entrance, ErrorKind, Event, FreezerState, Group, GroupPath, Home, Knob, Layout, Limit,
    Limits, Notice, PressureLevel, Recipe, Version, Watch,
};
use rustix::fd::AsFd;
use rustix::fs::{Mode, OFlags};
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

/// A child in the group that does nothing for a minute.
fn sleeper(group: &Group) -> Shell {
    let shell = Shell(Command::new("sleep").arg("60").spawn().unwrap());
    group.attach(shell.pid()).unwrap();
    shell
}
