//! A group for a test to play in, made with `pal`.

use std::fs;
use std::path::PathBuf;

use palisade_tests::invocation::{Finished, Invocation, Running};
use palisade_tests::{Case, group};
use rustix::process::{Signal, geteuid};

/// A group, with all that is below it; removed at the end.
pub(crate) struct Ground<'a> {
    case: &'a Case,
    name: String,
    controllers: String,
}

impl<'a> Ground<'a> {
    /// Makes a group with these controllers; none where this user may make none.
    pub(crate) fn new(case: &'a Case, controllers: &[&str]) -> Option<Self> {
        if !group::can_make() {
            return None;
        }
        let ground = Self { case, name: case.id("group"), controllers: controllers.join(",") };
        ground.pal("create").args(["-c", &ground.controllers, &ground.name]).run().succeeded();
        Some(ground)
    }

    /// The group as `pal` knows it.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Makes a group below.
    pub(crate) fn below(&self, name: &str) -> String {
        let below = format!("{}/{name}", self.name);
        self.pal("create").args(["-c", &self.controllers, &below]).run().succeeded();
        below
    }

    /// Prepares `pal cgroup VERB`.
    pub(crate) fn pal(&self, verb: &str) -> Invocation<'a> {
        self.case.pal().args(["cgroup", verb])
    }

    /// Sets properties of the group.
    pub(crate) fn set(&self, settings: &[&str]) -> Finished {
        self.pal("set").arg(&self.name).args(settings).run()
    }

    /// Reads a property of the group.
    pub(crate) fn get(&self, name: &str) -> String {
        let said = self.pal("get").args(["-v", &self.name, name]).run().succeeded();
        said.stdout.trim_end().to_owned()
    }

    /// The group's directory where this controller is.
    pub(crate) fn directory(&self, controller: &str) -> PathBuf {
        directory(controller).expect("a hierarchy").join(&self.name)
    }

    /// Reads a file of the group without `pal`.
    pub(crate) fn read(&self, controller: &str, file: &str) -> String {
        let path = self.directory(controller).join(file);
        let text =
            fs::read_to_string(&path).unwrap_or_else(|error| panic!("read {}: {error}", path.display()));
        text.trim_end().to_owned()
    }

    /// Prepares a script whose shell is in the group from its first command on.
    pub(crate) fn script(&self, script: &str) -> Invocation<'a> {
        self.script_in(&self.name, script)
    }

    /// As [`Self::script`], in a group below.
    pub(crate) fn script_in(&self, group: &str, script: &str) -> Invocation<'a> {
        let mut places: Vec<PathBuf> = self.controllers.split(',').filter_map(directory).collect();
        places.sort();
        places.dedup();
        let enter: String = places
            .iter()
            .map(|place| format!("echo 0 > {}/cgroup.procs\n", place.join(group).display()))
            .collect();
        self.case.program("/bin/sh").args(["-c", &format!("{enter}{script}")])
    }
}

impl Drop for Ground<'_> {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.pal("rm").args(["-r", &self.name]).run().succeeded();
        }
    }
}

/// The directory that groups of this user are made in, in the hierarchy of a controller; in the v2 tree for one that
/// every group there has.
pub(crate) fn directory(controller: &str) -> Option<PathBuf> {
    let pid = i64::from(std::process::id());
    let own = group::of(pid, controller).or_else(own_unified)?;
    if !geteuid().is_root() {
        // What was given to the user is the group round that of the session.
        return own.parent().map(PathBuf::from);
    }
    points().filter(|point| own.starts_with(point)).max_by_key(|point| point.as_os_str().len())
}

fn points() -> impl Iterator<Item = PathBuf> {
    let table = fs::read_to_string("/proc/self/mounts").expect("read /proc/self/mounts");
    let points = |line: &str| {
        let fields: Vec<&str> = line.split(' ').collect();
        fields[2].starts_with("cgroup").then(|| PathBuf::from(fields[1]))
    };
    table.lines().filter_map(points).collect::<Vec<_>>().into_iter()
}

fn own_unified() -> Option<PathBuf> {
    let table = fs::read_to_string("/proc/self/mounts").expect("read /proc/self/mounts");
    let point = table.lines().find_map(|line| {
        let fields: Vec<&str> = line.split(' ').collect();
        (fields[2] == "cgroup2").then(|| PathBuf::from(fields[1]))
    });
    let own = fs::read_to_string("/proc/self/cgroup").expect("read /proc/self/cgroup");
    let own = own.lines().find_map(|line| line.strip_prefix("0::/"))?.to_owned();
    point.map(|point| point.join(own))
}

/// Kills a program that would not end by itself.
pub(crate) fn end(running: Running) {
    running.signal(Signal::KILL);
    assert!(!running.wait().status.success(), "it was killed");
}

/// Tells whether a controller is on v2.
pub(crate) fn on_v2(controller: &str) -> bool {
    group::has_unified(controller)
}

/// Controllers that the v2 tree of this machine has; none where it has none.
pub(crate) fn unified() -> Option<&'static [&'static str]> {
    if on_v2("pids") && on_v2("memory") {
        return Some(&["memory", "pids"]);
    }
    on_v2("hugetlb").then_some(&["hugetlb"])
}

/// A v1 hierarchy that is mounted for a test where the machine has not mounted it.
pub(crate) struct Mounted(Option<PathBuf>);

impl Mounted {
    /// Mounts the hierarchy of a controller; none where the kernel has none.
    pub(crate) fn new(case: &Case, controller: &str) -> Option<Self> {
        let known = fs::read_to_string("/proc/cgroups").expect("read /proc/cgroups");
        known.lines().find(|line| line.split_whitespace().next() == Some(controller))?;
        if group::of(i64::from(std::process::id()), controller).is_some() {
            return Some(Self(None));
        }
        let point = case.scratch().join(controller);
        fs::create_dir(&point).expect("make a mount point");
        let options = std::ffi::CString::new(controller).expect("a name");
        let flags = rustix::mount::MountFlags::empty();
        rustix::mount::mount("none", &point, "cgroup", flags, options.as_c_str()).expect("mount a hierarchy");
        Some(Self(Some(point)))
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        if let Some(point) = &self.0 {
            // It waits for the hierarchy's end, without which every process would be in it for ever.
            let pal = std::env::var_os("PAL_BIN").expect("PAL_BIN");
            let umount = std::process::Command::new(pal).args(["cgroup", "umount"]).arg(point).status();
            assert!(umount.expect("execute pal").success(), "umount {}", point.display());
        }
    }
}
